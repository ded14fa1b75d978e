"""The demo's picture, and the whole way on embedded material."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from fom_core.cli import demo
from fom_core.cli.animate import write_animation
from fom_core.demo import SIZE, demo_motion, demo_picture
from fom_core.faces.detect import detect_faces
from fom_core.media import VideoReader, write_picture
from fom_core.motion import embedded_motion


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
    sizes = []

    def write(writer, model, *args, **options):
        sizes.append(model.config.image_size)
        write_animation(writer, model, *args, **options)

    monkeypatch.setattr(demo, "write_animation", write)
    outcome = fom("demo", "--output", tmp_path, "--frames", 10)

    result = VideoReader(tmp_path / "result.mp4")
    frames = list(result)
    assert outcome.results == [str(tmp_path / "result.mp4")]
    assert sizes == [(128, 128)]
    assert (len(frames), result.size) == (10, SIZE)
    assert result.fps == pytest.approx(demo_motion().fps)
    assert np.abs(frames[9].astype(int) - frames[0]).max() > 40


def test_the_demo_looks_around_and_talks():
    motion, look_around = demo_motion(), embedded_motion("look around")

    assert len(motion) == len(look_around)
    assert not np.allclose(motion.keypoints.value, look_around.keypoints.value)


def test_a_picture_of_ones_own_is_shrunk_and_moved_by_the_motion_that_is_named(fom, picture, tmp_path):
    write_picture(tmp_path / "mine.png", picture[101:619, 432:848])

    outcome = fom(
        "demo", "--source", tmp_path / "mine.png", "--motion", "nod", "--frames", 3, "--size", 260,
        "--output", tmp_path / "out",
    )  # fmt: skip

    assert outcome.messages[-1].startswith("1 face, 3 frames")
    assert VideoReader(tmp_path / "out" / "result.mp4").size == (260, 208)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result.mp4"]


def test_a_picture_of_ones_own_needs_no_scikit_image(fom, picture, tmp_path, monkeypatch):
    write_picture(tmp_path / "mine.png", picture[101:619, 432:848])
    monkeypatch.setitem(sys.modules, "skimage", None)

    outcome = fom("demo", "-s", tmp_path / "mine.png", "--frames", 1, "--output", tmp_path / "x.mp4")

    assert outcome.status == 0


def test_more_frames_than_the_motion_has_are_all_of_them(fom, picture, tmp_path, monkeypatch):
    motion = demo_motion()
    short = replace(motion, keypoints=motion.keypoints[:2])
    monkeypatch.setattr(demo, "demo_motion", lambda: short)

    fom("demo", "--frames", 500, "--size", 640, "--output", tmp_path)

    assert VideoReader(tmp_path / "result.mp4").frame_count == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--motion", "dance"], "no motion 'dance'"),
        (["--source", "missing.png"], "missing.png"),
        (["--source", "wall.png"], "no face in wall.png. Choose a picture with a visible face."),
        (["--size", 40], "at --size 40. Choose a picture with a visible face, or a larger --size."),
        (["--source", "wall.png", "--output", "wall.png"], "would replace the input wall.png"),
    ],
)
def test_what_the_demo_cannot_show_is_told_in_a_line(fom, picture, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "wall.png", picture[:90])

    outcome = fom("demo", *options)

    assert outcome.status in (1, 2)
    assert said in outcome.messages[-1]
    assert not (tmp_path / "output").exists() or list((tmp_path / "output").iterdir()) == []


def test_without_scikit_image_the_demo_says_what_to_install(fom, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)

    outcome = fom("demo", "--output", tmp_path)

    assert outcome.status == 1
    assert outcome.messages[-1].endswith("Run: pip install scikit-image")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_takes_a_file_and_writes_nothing_beside_it(fom, picture, tmp_path):
    outcome = fom("demo", "--frames", 2, "--output", tmp_path / "new" / "x.mp4")

    assert outcome.results == [str(tmp_path / "new" / "x.mp4")]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x.mp4"]


@pytest.mark.parametrize(("name", "said"), [("x.jpg", "names one picture"), ("x.json", "ends like a file")])
def test_files_that_the_demo_does_not_write_are_refused(fom, tmp_path, name, said):
    outcome = fom("demo", "--output", tmp_path / name)

    assert outcome.status == 2
    assert said in outcome.messages[-1]
