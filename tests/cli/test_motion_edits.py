"""Motions by name, edited, spread over faces and made by hand, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.backends import MANIFEST
from fom_core.cli import edits
from fom_core.files.paths import ASSETS
from fom_core.motion import EMBEDDED_MOTIONS, load_motion, pose_motion, save_motion
from fom_core.types import Keypoints, Motion


@pytest.fixture
def ramp_file(tmp_path):
    """The tiny model's keypoints, that go to the right for a second."""
    rest = torch.tensor([[-0.4, -0.4], [0.4, -0.4], [-0.4, 0.4], [0.4, 0.4]])
    points = rest + torch.linspace(0, 0.2, 10)[:, None, None] * torch.tensor([1.0, 0.0])
    motion = Motion(Keypoints(points, torch.eye(2).expand(10, 4, 2, 2).contiguous()), 10.0, "tiny", (64, 64))
    save_motion(motion, tmp_path / "ramp.safetensors")
    return tmp_path / "ramp.safetensors"


@pytest.fixture
def with_ramp(whole_picture, sound_clip, ramp_file):
    """A command that animates a picture by that motion; add ``--output``."""
    words = ["--motion" if word == "--driving_video" else word for word in whole_picture]
    return [ramp_file if word == sound_clip else word for word in words]


def test_the_list_tells_name_length_and_origin_of_every_motion(fom):
    outcome = fom("motion", "list")
    rows = [line.split(" | ") for line in outcome.results[2:]]
    assert outcome.status == 0
    assert [row[0].strip("| ") for row in rows] == list(EMBEDDED_MOTIONS)
    assert all(float(row[1].removesuffix(" s")) > 1 and len(row[3]) > 10 for row in rows)


def test_previews_move_and_are_small(fom, tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setattr("fom_core.cli.motion.embedded_names", lambda: ["nod"])
    outcome = fom("motion", "list", "--output", tmp_path / "previews")
    assert outcome.results[-1] == str(tmp_path / "previews" / "nod.webp")
    with Image.open(outcome.results[-1]) as picture:
        assert picture.n_frames > 15  # type: ignore[attr-defined]
    assert (tmp_path / "previews" / "nod.webp").stat().st_size < 60_000


def test_a_motion_by_name_is_edited_and_saved(fom, tmp_path):
    words = ["--speed", 2, "--play", "ping-pong", "--seconds", 3, "--mirror", "--amplitude", 0.5, "--mix", "smile=0.5"]
    outcome = fom("motion", "nod", *words, "--then", "shake", "--output", tmp_path / "mine.safetensors")
    motion = load_motion(tmp_path / "mine.safetensors")
    assert (outcome.status, outcome.results) == (0, [str(tmp_path / "mine.safetensors")])
    assert (len(motion), motion.fps, motion.model) == (75, 25.0, "mini")


def test_a_pose_alone_is_a_motion(fom, tmp_path):
    outcome = fom("motion", "--pose", "0:yaw=0;1:yaw=-10", "--output", tmp_path / "left.safetensors")
    made = load_motion(tmp_path / "left.safetensors")
    assert outcome.status == 0
    torch.testing.assert_close(made.keypoints.value, pose_motion("0:yaw=0;1:yaw=-10").keypoints.value)


def test_a_key_frame_behind_the_end_of_the_motion_is_told(fom, tmp_path):
    outcome = fom("motion", "nod", "--pose", "0:yaw=0;9:yaw=10", "--output", tmp_path / "turned.safetensors")
    assert any("key frame is at 9 s, and the motion ends at" in line for line in outcome.messages)


def test_a_pose_that_bends_a_face_further_with_its_motion_is_told(fom, tmp_path):
    words = ["--output", tmp_path / "wide.safetensors"]
    surprise = ["motion", "surprise", "--amplitude", 1.6]
    plain, wide = (fom(*surprise, *more, *words) for more in ([], ["--pose", "mouth_open=1"]))
    told = [any("as far as is known to hold" in line for line in outcome.messages) for outcome in (plain, wide)]
    assert told == [False, True]


def test_a_loop_without_a_length_is_told_to_be_one_round(fom, tmp_path):
    outcome = fom("motion", "nod", "--play", "loop", "--output", tmp_path / "nod.safetensors")
    assert any(line.startswith("--play loop is a single round") for line in outcome.messages)


def test_a_pose_comes_on_top_of_a_motion(fom, tmp_path):
    fom("motion", "nod", "--output", tmp_path / "plain.safetensors")
    fom("motion", "nod", "--pose", "shift_x=0.2", "--output", tmp_path / "moved.safetensors")
    plain, moved = (load_motion(tmp_path / f"{name}.safetensors") for name in ("plain", "moved"))
    beside = (moved.keypoints.value - plain.keypoints.value).mean(dim=(0, 1))
    assert beside[0] > 0.15
    assert abs(beside[1]) < 0.01


def test_a_pose_is_found_by_what_a_file_and_an_export_of_the_model_are_called(fom, exported, tmp_path):
    folder, copy = tmp_path / "onnx", tmp_path / "copy.safetensors"
    folder.mkdir()
    (folder / MANIFEST).write_text(json.dumps({**json.loads((exported / MANIFEST).read_text()), "name": "mini"}))
    copy.write_bytes((ASSETS / "mini.safetensors").read_bytes())
    for model in (folder, copy):
        outcome = fom("motion", "--pose", "yaw=5", "--model", model, "--output", tmp_path / "made.safetensors")
        assert outcome.status == 0, outcome.messages
        assert load_motion(tmp_path / "made.safetensors").model == "mini"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pose", "yaw=99"], "yaw goes from -20 to 20"),
        (["--pose", "yaw"], "such as"),
        (["--motion", "juggle"], "talk, sing, nod"),
        (["--motion", "nod", "--speed", 99], "0.1 to 10"),
        (["--motion", "nod", "--mix", "smile=5"], "the share of smile must be from 0 to 3, got 5"),
        (["--motion", "nod", "--mix", "smile=abc"], "the share of smile must be a number, got 'abc'"),
        (["--pose", "0:yaw=10;1:"], "got '1:'"),
    ],
)
def test_what_cannot_be_done_is_told_before_any_work(fom, picture_file, tmp_path, words, message):
    outcome = fom("animate", "--source_image", picture_file, *words, "--output", tmp_path / "a.mp4")
    assert outcome.status in (1, 2)
    assert message in outcome.messages[-1]
    assert not (tmp_path / "a.mp4").exists()


def test_an_animation_is_as_long_as_its_motion_is_played(fom, with_ramp, tmp_path):
    outcome = fom(*with_ramp, "--play", "loop", "--seconds", 2.5, "--output", tmp_path / "a.mp4")
    assert "25 frames, 10 frames/s" in outcome.messages[-1]


def test_sound_is_left_out_where_the_motion_is_played_at_other_moments(fom, whole_picture, tmp_path):
    outcome = fom(*whole_picture, "--speed", 2, "--output", tmp_path / "a.mp4")
    assert "30 frames" in outcome.messages[-1]
    assert "without sound" in outcome.messages[-1]


def test_a_driver_beside_a_result_of_other_moments_is_refused(fom, whole_picture, tmp_path):
    outcome = fom(*whole_picture, "--play", "loop", "--side_by_side", "--output", tmp_path / "a.mp4")
    assert (outcome.status, "--side_by_side shows the driving video as it is" in outcome.messages[-1]) == (2, True)


def test_with_a_phase_the_second_face_is_ahead(fom, with_ramp, two_faces, tmp_path):
    from fom_core.media import read_picture

    words = [*("face" if word == "none" else word for word in with_ramp), "--multi_person", "--mask", "soft"]
    fom(*words, "--output", tmp_path / "a.png")
    fom(*words, "--phase", 0.3, "--output", tmp_path / "b.png")
    together, apart = (read_picture(tmp_path / f"{name}_000005.png") for name in ("a", "b"))
    assert (together[20:45, 45:70] != apart[20:45, 45:70]).any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("smile", ("smile", 1.0)), ("smile=0.5", ("smile", 0.5)), ("a=b.safetensors", ("a=b.safetensors", 1.0))],
)
def test_a_share_stands_behind_the_motion(text, expected):
    assert edits.share_of_motion(text) == expected


def test_frames_of_a_held_pose_differ_from_the_picture(fom, tmp_path):
    from fom_core.demo import demo_picture
    from fom_core.media import read_picture, write_picture

    write_picture(tmp_path / "in.png", demo_picture()[100:640, 430:850])
    fom(
        "animate", "-s", tmp_path / "in.png", "--pose", "yaw=15", "--seconds", 0.5, "--face_detector", "embedded",
        "--output", tmp_path / "f.png",
    )  # fmt: skip
    first, last = (read_picture(tmp_path / f"f_{number:06}.png").astype(int) for number in (0, 11))
    assert np.abs(first - read_picture(tmp_path / "in.png")).max() == 0
    assert np.abs(last - first).max() > 50


def test_the_list_and_the_page_say_the_same_of_each_motion(fom):
    page = (Path(__file__).resolve().parents[2] / "docs" / "motions.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in fom("motion", "list").results[2:]]
    for name, length, does, origin in rows:
        assert f"| {name} | {length} | {does} |" in page
        assert (origin == "made by hand") == (f"| {name} | {length} | {does} | made by hand |" in page)
