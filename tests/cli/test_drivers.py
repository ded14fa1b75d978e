"""What drives `fom animate`: several drivers, and how their motion is given to the faces."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fom_core.media import read_picture
from fom_core.motion import save_motion
from fom_core.types import Keypoints, Motion


@pytest.fixture
def two_drivers(whole_picture, sound_clip, ffmpeg, tmp_path, two_faces):
    """A command that moves the left face by one second at 10 frames/s, the other by two seconds at 29.97 with sound."""
    short = tmp_path / "short.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x64:rate=10:duration=1", "-pix_fmt", "yuv420p", short)
    words = ["face" if word == "none" else word for word in whole_picture]
    place = words.index(sound_clip)
    return [*words[:place], short, sound_clip, *words[place + 1 :]]


def frames(pattern, *indices):
    return [read_picture(str(pattern).replace(".png", f"_{index:06}.png")) for index in indices]


def test_each_face_moves_with_its_own_driver(fom, two_drivers, tmp_path):
    outcome = fom(*two_drivers, "--output", tmp_path / "frames.png")

    middle, last = frames(tmp_path / "frames.png", 9, 19)
    assert outcome.messages[-2].startswith("2 faces, 20 frames, 10 frames/s")
    np.testing.assert_array_equal(middle[22:30, 6:14], last[22:30, 6:14])  # holds its last frame
    assert (middle[20:45, 45:70] != last[20:45, 45:70]).any()


@pytest.mark.parametrize(("length", "expected"), [("hold", 20), ("loop", 20), ("shortest", 10)])
def test_the_length_of_several_drivers_is_as_asked(fom, two_drivers, tmp_path, length, expected):
    outcome = fom(*two_drivers, "--length", length, "--output", tmp_path / "result.mp4")

    assert f"{expected} frames, 10 frames/s, with sound" in outcome.messages[-1]


def test_more_drivers_than_faces_are_refused(fom, whole_picture, tmp_path, sound_clip):
    place = whole_picture.index(sound_clip)

    outcome = fom(*whole_picture[:place], sound_clip, *whole_picture[place:], "--output", tmp_path / "out")

    assert outcome.status == 2
    assert "2 drivers for 1 face" in outcome.messages[-1]
    assert not (tmp_path / "out").exists()


@pytest.fixture
def shaking(whole_picture, tmp_path):
    """A command in which a motion that trembles drives the picture."""
    generator = torch.Generator().manual_seed(0)
    points = torch.tensor([[-0.4, -0.4], [0.4, -0.4], [-0.4, 0.4], [0.4, 0.4]])
    points = points + 0.1 * torch.randn(30, 4, 2, generator=generator)
    trembling = Motion(Keypoints(points, torch.eye(2).expand(30, 4, 2, 2).contiguous()), 25.0, "tiny", (64, 64))
    save_motion(trembling, tmp_path / "trembling.safetensors")
    place = whole_picture.index("--driving_video")
    return [*whole_picture[:place], "--motion", tmp_path / "trembling.safetensors", *whole_picture[place + 2 :]]


def test_no_gain_freezes_the_face_and_smoothing_calms_it(fom, shaking, tmp_path):
    for name, options in {"plain": [], "calm": ["--smoothing", 1], "frozen": ["--gain", 0]}.items():
        assert fom(*shaking, *options, "--output", tmp_path / f"{name}.png").status == 0

    def unrest(name):
        taken = np.stack(frames(tmp_path / f"{name}.png", *range(30))).astype(int)
        return np.abs(np.diff(taken, axis=0)).mean()

    assert unrest("frozen") == 0 < 2 * unrest("calm") < unrest("plain")


def test_a_medoid_begins_with_the_picture_and_other_initial_frames_elsewhere(
    fom, whole_picture, picture_file, tmp_path
):
    for choice in ("first", "medoid", "7"):
        assert fom(*whole_picture, "--initial_frame", choice, "--output", tmp_path / f"{choice}.png").status == 0
    still = fom(*whole_picture, "--gain", 0, "--output", tmp_path / "still.png")

    assert still.status == 0
    first, medoid, seventh, still = (
        frames(tmp_path / f"{name}.png", 0, 7) for name in ("first", "medoid", "7", "still")
    )
    np.testing.assert_allclose(medoid[0], still[0], atol=1)
    np.testing.assert_allclose(seventh[1], still[1], atol=1)
    assert (seventh[0] != still[0]).any()
    assert (first[1] != medoid[1]).any()


def test_a_head_gain_of_its_own_changes_the_result(fom, whole_picture, tmp_path):
    for gain in (1, 0.3):
        assert fom(*whole_picture, "--head_gain", gain, "--output", tmp_path / f"{gain}.png").status == 0

    assert (frames(tmp_path / "1.png", 30)[0] != frames(tmp_path / "0.3.png", 30)[0]).any()


def test_no_expression_while_the_head_moves_is_refused_before_the_work(fom, whole_picture, tmp_path):
    outcome = fom(*whole_picture, "--expression_gain", 0, "--output", tmp_path / "out")

    assert outcome.status == 2
    assert "folds" in outcome.messages[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "option",
    [
        ["--gain", -1],
        ["--gain", "nan"],
        ["--head_gain", -1],
        ["--initial_frame", "last"],
        ["--initial_frame", -3],
        ["--smoothing", 1.5],
        ["--length", "long"],
    ],
)
def test_settings_out_of_range_are_bad_usage(fom, whole_picture, tmp_path, option):
    outcome = fom(*whole_picture, *option, "--output", tmp_path / "out")

    assert outcome.status == 2
    assert option[0] in outcome.messages[-1]


def test_a_saved_motion_in_the_place_of_a_video_is_told_its_option(fom, picture_file, tmp_path):
    motion = tmp_path / "m.safetensors"
    motion.write_bytes(b"any")

    outcome = fom("animate", "-s", picture_file, "-d", motion, "--output", tmp_path / "out")

    assert outcome.status == 1
    assert outcome.messages == [f"fom: {motion} is no video; saved motions end so. Give it by --motion {motion}."]
