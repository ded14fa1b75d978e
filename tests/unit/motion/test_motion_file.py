from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fom_core.errors import FomError, UsageError, WriteError
from fom_core.files.paths import write_tensors
from fom_core.motion import hull_area, is_motion, load_motion, save_motion
from fom_core.pipeline import animate
from fom_core.types import Keypoints, Motion


@pytest.fixture
def motion():
    points = torch.randn(5, 4, 2)
    return Motion(Keypoints(points, torch.randn(5, 4, 2, 2)), 29.97, "tiny", (64, 64), {"licence": "MIT"})


def test_a_motion_survives_its_file(motion, tmp_path):
    save_motion(motion, tmp_path / "wave.safetensors")
    loaded = load_motion(tmp_path / "wave.safetensors")
    assert torch.equal(loaded.keypoints.value, motion.keypoints.value)
    assert loaded.keypoints.jacobian is not None
    assert torch.equal(loaded.keypoints.jacobian, motion.keypoints.jacobian)
    assert (loaded.fps, loaded.model, loaded.image_size, loaded.metadata) == (
        29.97,
        "tiny",
        (64, 64),
        {"licence": "MIT"},
    )
    assert [path.name for path in tmp_path.iterdir()] == ["wave.safetensors"]


@pytest.mark.parametrize("seen", [None, (False, True, True, True, False)])
def test_where_the_driver_is_seen_survives_the_file(motion, tmp_path, seen):
    save_motion(replace(motion, seen=seen), tmp_path / "wave.safetensors")
    assert load_motion(tmp_path / "wave.safetensors").seen == seen


@pytest.mark.parametrize("content", [b"", b"not a motion", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_another_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "wave.safetensors"
    path.write_bytes(content)
    with pytest.raises(FomError) as error:
        load_motion(path)
    assert "wave.safetensors" in str(error.value) and "\n" not in str(error.value)


def test_a_video_in_the_place_of_a_motion_file_is_told_as_one(sound_clip):
    with pytest.raises(FomError, match=r"is a video and not a motion file\. Give it as --driving_video"):
        load_motion(sound_clip)


def test_a_motion_that_is_cut_off_is_told_as_such(motion, tmp_path):
    path = tmp_path / "wave.safetensors"
    save_motion(motion, path)
    whole = path.read_bytes()
    for length in (100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(FomError, match=f"^wave.safetensors breaks off after {length:,} bytes: its copy did not"):
            load_motion(path)


def test_a_motion_file_is_told_from_others(motion, tmp_path):
    save_motion(motion, tmp_path / "wave.safetensors")
    (tmp_path / "text.safetensors").write_text("not a motion")
    write_tensors(tmp_path / "other.safetensors", {"value": torch.zeros(5, 4, 2)}, {"format": "pt"})
    assert [is_motion(tmp_path / f"{name}.safetensors") for name in ("wave", "text", "other", "missing")] == [
        True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"fps": 0.0},
        {"fps": 0.001},  # beside a driver of 60 it would become 60,000 times as long
        {"fps": float("nan")},
        {"keypoints": Keypoints(torch.zeros(5, 4))},
        {"keypoints": Keypoints(torch.zeros(0, 4, 2))},
        {"keypoints": Keypoints(torch.full((5, 4, 2), float("nan")))},
        {"keypoints": Keypoints(torch.zeros(5, 4, 2), torch.zeros(4, 4, 2, 2))},
    ],
)
def test_a_motion_without_sense_is_refused(motion, tmp_path, change):
    save_motion(replace(motion, **change), tmp_path / "wave.safetensors")
    with pytest.raises(FomError, match=r"wave\.safetensors is damaged"):
        load_motion(tmp_path / "wave.safetensors")


def test_a_file_with_marks_for_other_frames_is_refused(motion, tmp_path):
    path = tmp_path / "wave.safetensors"
    save_motion(replace(motion, seen=(True,) * 5), path)
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
    save_file({**load_file(path), "seen": torch.ones(6, dtype=torch.bool)}, path, about)
    with pytest.raises(FomError, match=r"wave\.safetensors is damaged.*\(6,\) marks for 5 frames"):
        load_motion(path)


def test_a_missing_motion_file_says_how_to_make_one(tmp_path):
    with pytest.raises(FomError, match="fom motion"):
        load_motion(tmp_path / "wave.safetensors")


def test_an_unwritable_place_leaves_nothing_behind(motion, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"Cannot write .*wave\.safetensors"):
        save_motion(motion, tmp_path / "file" / "wave.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_motion_of_another_model_is_refused(tiny_model, motion):
    face = np.zeros((64, 64, 3), np.uint8)
    other = Motion(motion.keypoints, motion.fps, "vox-256", motion.image_size)
    with pytest.raises(UsageError, match="vox-256"):
        list(animate(tiny_model, [face], other))


def test_hull_area_ignores_points_inside():
    square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [0.0, 2.0], [0.5, 1.0]])
    assert hull_area(square) == pytest.approx(2.0)


def test_a_motion_saved_twice_is_the_same_file(motion, tmp_path):
    contents = set()
    for _ in range(8):
        save_motion(motion, tmp_path / "a.safetensors")
        contents.add((tmp_path / "a.safetensors").read_bytes())
    assert len(contents) == 1
    assert load_motion(tmp_path / "a.safetensors").model == motion.model


def test_the_pose_at_rest_survives_the_file(motion, tmp_path):
    save_motion(replace(motion, neutral=motion.keypoints[2:3]), tmp_path / "wave.safetensors")
    rest = load_motion(tmp_path / "wave.safetensors").neutral
    assert rest is not None
    assert torch.equal(rest.value, motion.keypoints.value[2:3])
    assert rest.jacobian is not None and motion.keypoints.jacobian is not None
    assert torch.equal(rest.jacobian, motion.keypoints.jacobian[2:3])


def test_a_pose_at_rest_of_other_keypoints_is_damage(motion, tmp_path):
    other = Keypoints(torch.zeros(1, 3, 2), torch.zeros(1, 3, 2, 2))
    save_motion(replace(motion, neutral=other), tmp_path / "wave.safetensors")
    with pytest.raises(FomError, match="damaged"):
        load_motion(tmp_path / "wave.safetensors")


@pytest.mark.parametrize("known", [None, (0.25, -0.5, 0.125, 1.0)])
def test_the_fingerprint_of_the_model_survives_the_file(motion, tmp_path, known):
    save_motion(replace(motion, fingerprint=known), tmp_path / "wave.safetensors")
    assert load_motion(tmp_path / "wave.safetensors").fingerprint == known


@pytest.mark.parametrize("known", [("x",), 3, (float("inf"),), {"a": 1}, ([1],)])
def test_a_fingerprint_that_is_none_is_refused(motion, tmp_path, known):
    save_motion(replace(motion, fingerprint=known), tmp_path / "wave.safetensors")
    with pytest.raises(FomError, match=r"wave\.safetensors is damaged"):
        load_motion(tmp_path / "wave.safetensors")


def test_a_motion_is_shown_in_a_line(motion):
    assert repr(motion) == "Motion(5 frames, 29.97 frames/s, 4 keypoints with jacobians, model='tiny')"
