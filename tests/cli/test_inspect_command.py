"""``fom inspect``: what becomes of a picture and a driver, before they are animated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.media import VideoReader, read_picture
from fom_core.motion import save_motion
from fom_core.types import Keypoints, Motion


@pytest.fixture
def pair(picture_file, clip_file, tiny_weights) -> list[object]:
    """A picture that is looked at as a whole, and a driver."""
    crops = ["--source_crop", "none", "--driving_crop", "none"]
    return ["inspect", "-s", picture_file, "-d", clip_file, "--model", tiny_weights, *crops, "--cpu"]


@pytest.fixture
def faces(pair, two_faces) -> list[object]:
    """The same with a small face and a large one."""
    return ["face" if word == "none" else word for word in pair]


def test_the_verdict_goes_to_stdout_sentence_by_sentence(fom, pair):
    outcome = fom(*pair)

    assert outcome.status == 0
    assert outcome.results and all(line[:2] in ("! ", "- ") and line.endswith(".") for line in outcome.results)


def test_the_sheet_is_written_and_says_that_it_is_synthetic(fom, pair, tmp_path):
    outcome = fom(*pair, "--output", tmp_path / "sheet.png")

    assert outcome.status == 0
    assert read_picture(tmp_path / "sheet.png").shape[1] == 1600
    assert b"Synthetic" in (tmp_path / "sheet.png").read_bytes()


def test_json_takes_the_place_of_words_or_goes_into_a_file(fom, pair, tmp_path):
    on_stdout = json.loads("\n".join(fom(*pair, "--json").results))
    words = fom(*pair, "--json", tmp_path / "verdict.json").results

    assert json.loads((tmp_path / "verdict.json").read_text()) == on_stdout
    assert [line[2:] for line in words] == [finding["text"] for finding in on_stdout["verdict"]]
    assert on_stdout["initial_frame"] in range(12)
    assert on_stdout["frames"] == list(range(12)) and len(on_stdout["folded"]) == len(on_stdout["turned"]) == 12
    assert set(on_stdout["face"]) == {"id", "box", "crop", "score", "roll"}


def test_the_face_that_is_taken_is_named(fom, faces):
    most_prominent, first = fom(*faces), fom(*faces, "--faces", 1)

    assert any(
        "2 faces to choose from; this is about number 2 from the left" in line for line in most_prominent.results
    )
    assert any("2 faces to choose from; this is about number 1 from the left" in line for line in first.results)
    assert any("12 pixels" in line for line in first.results)  # that face is small
    assert any("The driver shows 2 faces" in line for line in first.results)


def test_one_face_is_looked_at_a_time(fom, faces, pair):
    several, whole = fom(*faces, "--faces", "1-2"), fom(*pair, "--faces", 1)

    assert several.status == whole.status == 2
    assert "names 2. Give one number" in several.messages[-1]
    assert "Add --source_crop face" in whole.messages[-1]


def test_a_saved_motion_is_looked_at_without_its_pictures(fom, pair, tmp_path):
    points = 0.2 * np.random.default_rng(0).standard_normal((6, 4, 2))
    keypoints = Keypoints(torch.tensor(points, dtype=torch.float32), torch.eye(2).expand(6, 4, 2, 2).contiguous())
    save_motion(Motion(keypoints, 25.0, "tiny", (64, 64)), tmp_path / "m.safetensors")
    place = pair.index("-d")

    outcome = fom(*pair[:place], "--motion", tmp_path / "m.safetensors", *pair[place + 2 :], "--json")

    assert json.loads("\n".join(outcome.results))["frames"] == list(range(6))


def test_a_pose_alone_is_looked_at_as_the_motion_that_it_makes(fom, picture_file, tmp_path):
    pose, words = ["--pose", "0:yaw=0;0.5:yaw=-12"], ["inspect", "-s", picture_file, "--source_crop", "none", "--cpu"]
    fom("motion", *pose, "--output", tmp_path / "left.safetensors")

    alone = json.loads("\n".join(fom(*words, *pose, "--json").results))
    saved = json.loads("\n".join(fom(*words, "--motion", tmp_path / "left.safetensors", "--json").results))

    assert alone["driver"] is None and alone["frames"] == list(range(25)) and max(alone["turned"]) > 0
    assert alone == {**saved, "driver": None}


def test_the_verdict_is_of_the_motion_with_its_pose_and_not_of_that_motion_alone(fom, picture_file):
    still = ["inspect", "-s", picture_file, "--source_crop", "none", "--motion", "nod", "--amplitude", 0, "--cpu"]

    at_rest, posed = (
        json.loads("\n".join(fom(*still, *more, "--json").results)) for more in ([], ["--pose", "yaw=18"])
    )

    assert [each["text"] for each in at_rest["verdict"]] == [
        "All frames of the driver are its pose at rest, so nothing moves."
    ]
    assert at_rest["initial_frame"] is None and posed["initial_frame"] is None
    assert max(at_rest["turned"]) < 1e-5 and at_rest["gain"] is None
    assert not any(each["name"] == "driver_still" and each["warns"] for each in posed["verdict"])
    assert max(posed["turned"]) > 1e-3 and "gain" in {each["name"] for each in posed["verdict"]}


def test_what_drives_is_asked_for_in_one_line(fom, picture_file):
    outcome = fom("inspect", "-s", picture_file)

    assert outcome.status == 2 and outcome.results == []
    assert outcome.messages == ["fom: What drives the picture is needed: give --driving_video, --motion or --pose."]


def test_what_is_told_of_the_files_stands_in_the_verdict(fom, pair, clip_file, ffmpeg, tmp_path):
    video = tmp_path / "hdr.mp4"
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x64:rate=10:duration=1", "-vf", f"format=yuv420p,{tags}", video)

    outcome = fom(*[video if word is clip_file else word for word in pair], "--json")

    told = [each for each in json.loads("\n".join(outcome.results))["verdict"] if each["name"] == "told"]
    assert [each["text"] for each in told] == [
        f"{video} is HDR (PQ): its frames are read without tone mapping, so colours look flat."
    ]
    assert not any(each["name"] == "told" for each in json.loads("\n".join(fom(*pair, "--json").results))["verdict"])


def test_a_variable_frame_rate_is_told(fom, pair, clip_file, ffmpeg, tmp_path):
    video = tmp_path / "varying.mkv"
    varying = "select='not(eq(mod(n,5),1))'"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x64:rate=10:duration=2", "-vf", varying, "-fps_mode", "vfr", video)

    varied = fom(*[video if word is clip_file else word for word in pair]).results

    assert any(f"frame rate varies: it is read at {VideoReader(video).fps:g} frames" in line for line in varied)
    assert not any("varies" in line for line in fom(*pair).results)


@pytest.mark.parametrize(
    ("edit", "pictures"),
    [
        ([], True),
        (["--amplitude", 1.5], True),
        (["--speed", 2], False),
        (["--play", "ping-pong"], False),
        (["--mirror"], False),
    ],
)
def test_the_sheet_shows_the_driver_only_where_its_pictures_are_of_the_same_moments(
    fom, pair, monkeypatch, edit, pictures
):
    captions = []
    monkeypatch.setattr("fom_core.inspection.sheet.captioned", lambda tile, text: (captions.append(text), tile)[1])

    assert fom(*pair, *edit).status == 0
    drivers = [caption for caption in captions if caption.startswith(("driver", "motion"))]
    assert drivers and all(caption.startswith("driver,") == pictures for caption in drivers)


def test_nothing_is_written_over_an_input(fom, pair, picture_file):
    before = Path(picture_file).read_bytes()

    outcome = fom(*pair, "--output", picture_file)

    assert outcome.status != 0 and Path(picture_file).read_bytes() == before
