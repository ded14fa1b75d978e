"""The demo's picture, and the whole way on embedded material."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from fom_core.cli import demo
from fom_core.cli.animate import write_animation
from fom_core.demo import SIZE, demo_picture
from fom_core.faces.detect import detect_faces
from fom_core.media import VideoReader


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    pytest.importorskip("skimage", reason="the demo's photograph comes with scikit-image")
    return demo_picture()


def test_the_picture_is_the_same_each_time(picture):
    assert picture.shape == (*SIZE, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, demo_picture())


def test_the_embedded_detector_finds_all_three_faces(picture):
    faces = detect_faces(picture, "embedded")

    middles = [(face.box_px[0] + face.box_px[2]) / 2 for face in faces]
    assert len(faces) == 3
    assert np.allclose(middles, [212, 638, 1064], atol=40)


def test_the_demo_writes_a_moving_result(fom, picture, tmp_path, monkeypatch):
    motion = demo.embedded_motion()
    short = replace(motion, keypoints=motion.keypoints[:10])
    monkeypatch.setattr(demo, "embedded_motion", lambda: short)
    sizes = []

    def write(writer, model, *args, **options):
        sizes.append(model.config.image_size)
        write_animation(writer, model, *args, **options)

    monkeypatch.setattr(demo, "write_animation", write)
    outcome = fom("demo", "--output", tmp_path)

    result = VideoReader(tmp_path / "result.mp4")
    frames = list(result)
    assert outcome.results == [str(tmp_path / "result.mp4")]
    assert sizes == [(128, 128)]
    assert (len(frames), result.size) == (10, SIZE)
    assert result.fps == pytest.approx(motion.fps)
    assert np.abs(frames[9].astype(int) - frames[0]).max() > 40


def test_without_scikit_image_the_demo_says_what_to_install(fom, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)

    outcome = fom("demo", "--output", tmp_path)

    assert outcome.status == 1
    assert outcome.messages[-1].endswith("Run: pip install scikit-image")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_takes_a_file_and_writes_nothing_beside_it(fom, picture, tmp_path, monkeypatch):
    motion = demo.embedded_motion()
    monkeypatch.setattr(demo, "embedded_motion", lambda: replace(motion, keypoints=motion.keypoints[:2]))

    outcome = fom("demo", "--output", tmp_path / "new" / "x.mp4")

    assert outcome.results == [str(tmp_path / "new" / "x.mp4")]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x.mp4"]


@pytest.mark.parametrize(("name", "said"), [("x.jpg", "names one picture"), ("x.json", "ends like a file")])
def test_files_that_the_demo_does_not_write_are_refused(fom, tmp_path, name, said):
    outcome = fom("demo", "--output", tmp_path / name)

    assert outcome.status == 2
    assert said in outcome.messages[-1]
