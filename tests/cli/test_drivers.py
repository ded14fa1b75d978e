"""What drives `fom animate`: several drivers, and how their motion is given to the faces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fom_core.media import read_picture


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
    assert outcome.messages[-1].startswith("2 face(s), 20 frames, 10 frames/s")
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


def test_no_gain_freezes_the_face_and_smoothing_calms_it(fom, whole_picture, tmp_path):
    for name, options in {"plain": [], "calm": ["--smoothing", 1], "frozen": ["--gain", 0]}.items():
        assert fom(*whole_picture, *options, "--output", tmp_path / f"{name}.png").status == 0

    def unrest(name):
        pairs = itertools.pairwise(frames(tmp_path / f"{name}.png", *range(0, 60, 10)))
        return sum(np.abs(one.astype(int) - other).mean() for one, other in pairs)

    assert unrest("frozen") == 0 < unrest("calm") < unrest("plain")


@pytest.mark.parametrize("option", [["--gain", -1], ["--gain", "nan"], ["--smoothing", 1.5], ["--length", "long"]])
def test_settings_out_of_range_are_bad_usage(fom, whole_picture, tmp_path, option):
    outcome = fom(*whole_picture, *option, "--output", tmp_path / "out")

    assert outcome.status == 2
    assert option[0] in outcome.messages[-1]
