"""Faces moved by hand, with the embedded model's poses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fom_core.errors import FomError, UsageError
from fom_core.files.paths import ASSETS
from fom_core.motion import (
    PoseKey,
    load_directions,
    parse_pose,
    pose_motion,
    posed_models,
    read_directions,
    save_directions,
    transfer_motion,
)
from fom_core.motion.pose import text_of_keys
from fom_core.types import MotionTransfer

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def directions():
    return load_directions("mini")


def shift(motion, frame=-1):
    """How the keypoints lie beside their rest."""
    return motion.keypoints.value[frame] - motion.neutral.value[0]


def test_a_text_without_moments_is_one_pose():
    assert parse_pose("yaw=10, smile=0.5") == (PoseKey(0.0, {"yaw": 10.0, "smile": 0.5}),)


def test_a_text_with_moments_is_key_frames_in_lines_or_after_semicolons():
    keys = (PoseKey(0.0, {"yaw": 0.0}), PoseKey(1.5, {"yaw": -10.0, "mouth_open": 1.0}))
    assert parse_pose("0:yaw=0;1.5:yaw=-10,mouth-open=1") == keys
    assert parse_pose("0:yaw=0\n1.5:yaw=-10,mouth_open=1\n") == keys


@pytest.mark.parametrize(
    "text", ["", ";", "yaw", "yaw=", "yaw=far", "=3", "-1:yaw=3", "x:yaw=3", "1e9:yaw=1", "yaw=nan"]
)
def test_a_text_that_is_none_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match=r"such as|from 0 to 3600"):
        parse_pose(text)


@pytest.mark.parametrize("name", ["yaw", "pitch", "roll", "shift_x", "shift_y", "zoom", "mouth_open", "smile"])
def test_every_control_moves_keypoints_and_nothing_else_than_rest_leaves_them(directions, name):
    high = directions.limits[name][1]
    assert shift(pose_motion({name: high})).norm(dim=-1).max() > 0.02
    rest = 1.0 if name == "zoom" else 0.0
    torch.testing.assert_close(shift(pose_motion({name: rest})), torch.zeros(16, 2), rtol=0, atol=1e-6)


def test_the_head_turns_to_the_right_looks_up_and_leans_clockwise():
    nose, brow, chin = 2, 15, 6
    assert shift(pose_motion("yaw=15"))[nose, 0] > 0.08
    assert shift(pose_motion("pitch=10"))[nose, 1] < -0.05
    leaning = shift(pose_motion("roll=20"))
    assert leaning[brow, 0] > 0.05 > -0.05 > leaning[chin, 0]


def test_a_wide_mouth_lowers_the_chin_and_leaves_the_eyes():
    moved = shift(pose_motion("mouth_open=1"))
    assert moved[6, 1] > 0.1
    assert moved[:2].norm(dim=-1).max() < 0.03


def test_shifts_are_counted_in_faces_and_zoom_in_sizes(directions):
    across = shift(pose_motion("shift_x=0.1"))
    torch.testing.assert_close(across, torch.tensor([0.1 * directions.face, 0.0]).expand(16, 2), rtol=0, atol=1e-6)
    larger = pose_motion("zoom=1.2")
    spread = (larger.keypoints.value[0] - larger.keypoints.value[0].mean(dim=0)).norm()
    assert float(spread / (directions.neutral.value[0] - directions.neutral.value[0].mean(dim=0)).norm()) == (
        pytest.approx(1.2, abs=1e-4)
    )


def test_between_key_frames_a_control_eases_and_after_the_last_it_stays():
    motion = pose_motion("0:yaw=0;1:yaw=10;3:smile=0.5")
    across = [float(shift(motion, frame)[2, 0]) for frame in (0, 12, 13, 25, 50)]
    assert len(motion) == 88
    assert across[0] == pytest.approx(0, abs=1e-6)
    assert across[1] < across[3] / 2 < across[2]
    assert across[4] == pytest.approx(across[3], abs=0.01)


def test_a_control_that_is_first_named_later_comes_from_rest():
    motion = pose_motion("2:zoom=1.2")
    assert shift(motion, 0).norm(dim=-1).max() < 1e-6 < shift(motion, 25).norm(dim=-1).max()


def test_a_held_pose_moves_a_face_though_it_stands_still(directions):
    motion = pose_motion("yaw=15", seconds=0.2)
    assert motion.neutral is not None
    source = directions.neutral
    moved = transfer_motion(source, motion.keypoints, motion.neutral, MotionTransfer())
    assert (moved.value - source.value).norm(dim=-1).max() > 0.08


REST = {"zoom": 1.0}


def nearer(values, share):
    """Controls of which so much is left."""
    return {name: REST.get(name, 0.0) + share * (value - REST.get(name, 0.0)) for name, value in values.items()}


@pytest.mark.parametrize("end", [0, 1])
def test_all_controls_at_their_ends_go_as_far_together_as_one_alone(directions, caplog, end):
    values = {name: limits[end] for name, limits in directions.limits.items() if limits[end]}

    ours = pose_motion(values)

    share = len(values) ** -0.5
    expected = pose_motion(nearer(values, share))
    torch.testing.assert_close(ours.keypoints.value, expected.keypoints.value, rtol=0, atol=1e-5)
    assert [f"{100 * share:.0f} % is left" in record.getMessage() for record in caplog.records] == [True]


def test_a_control_alone_reaches_its_end_and_nothing_is_told(directions, caplog):
    for name, (low, high) in directions.limits.items():
        for value in (low, high):
            ours = pose_motion({name: value}).keypoints.value
            exact = directions.keypoints({name: torch.full((len(ours),), float(value))})
            assert torch.equal(ours, exact.value)
    assert not caplog.records


def test_a_control_that_is_held_stays_held_while_another_one_moves(caplog):
    motion = pose_motion("0:yaw=20,mouth_open=0;1:mouth_open=1;2:mouth_open=0")

    begin, middle, end = (shift(motion, frame) for frame in (0, 25, 50))
    turned = 20 / 2**0.5
    for found in (begin, end):
        torch.testing.assert_close(found, shift(pose_motion({"yaw": turned})), rtol=0, atol=1e-5)
    both = shift(pose_motion({"yaw": turned, "mouth_open": 2**-0.5}))
    torch.testing.assert_close(middle, both, rtol=0, atol=1e-5)
    assert "of all controls, 71 % is left" in caplog.text


@pytest.mark.parametrize(("mouth_open", "told"), [(0.118, False), (0.3, False), (0.4, True)])
def test_only_what_is_seen_to_be_less_is_told(caplog, mouth_open, told):
    pose_motion({"yaw": 19.9, "mouth_open": mouth_open})
    assert bool(caplog.records) == told


@pytest.mark.parametrize(
    ("pose", "told"),
    [
        ("yaw=50", "yaw goes from -20 to 20 with the model 'mini'; got 50"),
        ("blink=1", r"no control 'blink' for the model 'mini'\. It has yaw, pitch"),
        ("mouth=1", r"no control 'mouth'.*Did you mean mouth_open\?"),
        ("jaw=1", r"no control 'jaw'.*Did you mean mouth_open\?"),
    ],
)
def test_what_the_model_cannot_do_is_refused(pose, told):
    with pytest.raises(UsageError, match=told):
        pose_motion(pose)


def test_a_model_without_poses_is_named_with_those_that_have_some():
    with pytest.raises(UsageError, match=r"'vox-256'.*Choose the model mini"):
        pose_motion("yaw=1", "vox-256")


@pytest.mark.parametrize("model", ["../mini", "", "mini\0", "a/b"])
def test_no_name_leads_out_of_the_folder(model):
    with pytest.raises(UsageError, match="No poses are known"):
        load_directions(model)


def test_directions_survive_their_file_which_is_small(directions, tmp_path):
    path = tmp_path / "again_pose.safetensors"
    save_directions(directions, path)
    again = read_directions(path)
    assert torch.equal(again.neutral.value, directions.neutral.value)
    assert again.limits == directions.limits
    assert {name: direction.value.tolist() for name, direction in again.learnt.items()} == {
        name: direction.value.tolist() for name, direction in directions.learnt.items()
    }
    assert path.stat().st_size < 50_000


def test_another_file_is_no_file_of_poses(tmp_path):
    (tmp_path / "x_pose.safetensors").write_bytes(b"nothing of the kind")
    for path in (tmp_path / "x_pose.safetensors", ASSETS / "motion_talk.safetensors"):
        with pytest.raises(FomError, match="no file of poses"):
            read_directions(path)


def test_the_embedded_model_comes_first_among_those_that_can_be_posed(tmp_path, monkeypatch, directions):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path))
    save_directions(directions, tmp_path / "another_pose.safetensors")
    assert posed_models() == ["mini", "another"]


def test_after_its_last_key_frame_a_pose_stays_for_half_a_second():
    motion = pose_motion("0:yaw=0;1:yaw=10", fps=20)
    arrived = motion.keypoints.value[20:]
    assert len(motion) == 30
    torch.testing.assert_close(arrived, arrived[:1].expand(10, -1, -1))


def test_a_text_is_read_again_from_the_key_frames_that_it_gave():
    keys = parse_pose("yaw=10,smile=0.25;1.5:yaw=-3")
    assert parse_pose(text_of_keys(keys)) == keys


def test_an_empty_key_frame_is_shown_as_it_was_typed():
    with pytest.raises(UsageError, match="got '1:'"):
        parse_pose("0:yaw=10;1:")


def test_a_pose_is_the_same_to_the_last_bit_in_every_process():
    code = (
        "import hashlib; from fom_core.motion.pose import pose_motion;"
        "points = pose_motion('0:yaw=0;0.4:yaw=10,pitch=3,smile=0.5,mouth_open=0.2').keypoints;"
        "print(hashlib.sha256(points.value.numpy().tobytes() + points.jacobian.numpy().tobytes()).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "02"
    }  # fmt: skip
    assert len(said) == 1
