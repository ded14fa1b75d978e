"""People's own files, kept because commands once failed with them, give what is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fom_core.faces.detect import detect_faces, load_detector
from fom_core.files.paths import ASSETS
from fom_core.media import VideoReader, VideoWriter, read_picture

TALK = ASSETS / "motion_talk.safetensors"


@pytest.fixture
def kept(shared):
    """The path of a kept file; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        path = shared / "cases" / name
        if not path.is_file():
            pytest.skip(f"{path} is not there")
        return path

    return find


@pytest.fixture
def animated(fom, tmp_path):
    """What ``fom animate`` makes of a picture: the frames before encoding, and its messages."""

    def run(picture: Path, *words: object) -> tuple[np.ndarray, list[str]]:
        folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        outcome = fom("animate", "-s", picture, *words, "--cpu", "--output", folder / "f_%03d.png")
        assert outcome.status == 0, outcome.messages
        return np.stack([read_picture(path) for path in sorted(folder.glob("f_*.png"))]), outcome.messages

    return run


def test_a_still_driver_says_that_nothing_moves_and_its_pose_can_be_taken(kept, animated):
    words = ["--driving_video", kept("d30.jpg"), "--model", "mini"]

    still, told = animated(kept("lady.jpg"), *words)
    posed, _ = animated(kept("lady.jpg"), *words, "--no_relative")

    assert sum("still picture" in line and "--no_relative" in line for line in told) == 1
    x0, y0, x1, y1 = 62, 76, 230, 320
    assert len(still) == len(posed) == 1
    assert np.abs(posed[0].astype(int) - still[0])[y0:y1, x0:x1].mean() > 3


def test_a_lying_portrait_moves_like_the_upright_one(kept, animated):
    words = ["--motion", TALK, "--model", "mini", "--start", 1, "--duration", 0.12]

    upright, _ = animated(kept("lady.jpg"), *words)
    lying, _ = animated(kept("f_90.png"), *words)

    turned = np.rot90(lying, -1, axes=(1, 2)).astype(int)
    assert turned.shape == upright.shape
    x0, y0, x1, y1 = 62, 76, 230, 320
    assert np.abs(turned - upright)[:, y0:y1, x0:x1].mean() < 4


def test_a_photograph_of_twelve_megapixels_is_warned_of_with_a_size_that_plays(kept, tmp_path, caplog):
    whole = read_picture(kept("mp12.jpg"))
    with VideoWriter(tmp_path / "whole.mp4", 25) as writer:
        writer.write(whole[None])
    (told,) = [record.getMessage() for record in caplog.records]
    assert "4032x3024" in told and "--max_size" in told
    caplog.clear()

    size = int(told.rpartition(" ")[2].rstrip("."))
    smaller = read_picture(kept("mp12.jpg"), max_size=size)
    with VideoWriter(tmp_path / "smaller.mp4", 25) as writer:
        writer.write(smaller[None])
    assert not caplog.records
    assert max(VideoReader(tmp_path / "smaller.mp4").size) == max(smaller.shape) == size


@pytest.mark.parametrize(("name", "ratio", "tolerance"), [("base.mp4", 1.35, 0.05), ("anamorphic.mp4", 1.36, 0.05)])
def test_faces_of_a_clip_have_their_height(shared, kept, name, ratio, tolerance):
    frame = next(iter(VideoReader(kept(name))))

    (face,) = detect_faces(frame, load_detector("yunet", weights=shared / "data/weights/yunet_n_640_640.onnx"))

    x0, y0, x1, y1 = face.box_px
    assert (y1 - y0) / (x1 - x0) == pytest.approx(ratio, abs=tolerance)


@pytest.mark.parametrize("name", ["npscalar.pth.tar", "statedict.pth"])
def test_checkpoints_of_other_programs_animate_like_their_plain_form(
    kept, fom, animated, picture_file, sound_clip, tmp_path, name
):
    plain = tmp_path / "plain.safetensors"
    assert fom("weights", "info", kept(name)).status == 0
    assert fom("weights", "convert", kept(name), plain).status == 0
    words = ["--driving_video", sound_clip, "--source_crop", "none", "--driving_crop", "none", "--duration", 0.1]

    theirs, ours = (animated(picture_file, *words, "--model", model)[0] for model in (kept(name), plain))

    assert len(theirs) == 3 and theirs.std() > 0
    np.testing.assert_array_equal(theirs, ours)
