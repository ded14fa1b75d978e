"""``fom crop_video``."""

from __future__ import annotations

import json
import shlex

import pytest

from fom_core.media import VideoReader

pytestmark = pytest.mark.usefixtures("two_faces")


def test_every_person_gets_a_line_for_ffmpeg(fom, sound_clip, tmp_path):
    outcome = fom("crop-video", "--inp", sound_clip, "--json", tmp_path / "a.json")

    about = json.loads((tmp_path / "a.json").read_text())
    height, width = VideoReader(sound_clip).size
    assert outcome.status == 0
    assert (len(outcome.results), len(about["people"])) == (2, 2)
    for line, person in zip(outcome.results, about["people"], strict=True):
        x0, y0, x1, y1 = person["crop"]
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height and x1 - x0 == y1 - y0
        words = shlex.split(line)
        assert words[words.index("-vf") + 1] == f"crop={x1 - x0}:{y1 - y0}:{x0}:{y0},scale=256:256"
        assert words[words.index("-i") + 1] == str(sound_clip)


def test_people_are_cut_at_once(fom, sound_clip, tmp_path):
    outcome = fom("crop_video", sound_clip, "--cut", "--output", tmp_path / "cut", "--image_shape", "64,64")

    assert outcome.results == [str(tmp_path / "cut" / f"{sound_clip.stem}_{number}.mp4") for number in (1, 2)]
    for result in outcome.results:
        assert VideoReader(result).size == (64, 64)
        assert VideoReader(result).frame_count >= 50


def test_nobody_and_nothing_are_told(fom, sound_clip):
    assert "No face stays in" in fom("crop_video", sound_clip, "--min_frames", 1000).messages[-1]
    outcome = fom("crop_video")
    assert (outcome.status, outcome.messages) == (2, ["fom: A video is needed: fom crop_video VIDEO."])
