"""A driver's motion on a face that moves by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fom_core.errors import UsageError
from fom_core.motion import transfer_motion, transfer_onto
from fom_core.types import Keypoints, Motion, MotionTransfer

LENGTH = 60
KEEPING = MotionTransfer(head_gain=0.0)


def face(seed: int = 0) -> Keypoints:
    generator = torch.Generator().manual_seed(seed)
    value = torch.rand(1, 10, 2, generator=generator) - 0.5
    jacobian = torch.eye(2) + 0.1 * torch.randn(1, 10, 2, 2, generator=generator)
    return Keypoints(value, jacobian)


def motion(value: torch.Tensor, jacobian: torch.Tensor, seen: list[bool] | None = None) -> Motion:
    return Motion(Keypoints(value, jacobian), 25.0, "tiny", (64, 64), seen=None if seen is None else tuple(seen))


def standing(seed: int = 0) -> Motion:
    still = face(seed)
    assert still.jacobian is not None
    return motion(still.value.repeat(LENGTH, 1, 1), still.jacobian.repeat(LENGTH, 1, 1, 1))


def turning(seed: int = 0, degrees: float = 20.0) -> Motion:
    """A head that rolls, shifts and grows, and does nothing else."""
    still, t = face(seed), torch.linspace(0, 1, LENGTH)
    assert still.jacobian is not None
    angle = torch.deg2rad(degrees * torch.sin(6 * t))
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).view(-1, 1, 2, 2)
    turn = turn * (1 + 0.1 * t).view(-1, 1, 1, 1)
    value = (turn @ still.value[..., None])[..., 0] + torch.stack([0.2 * t, -0.1 * t], -1)[:, None]
    return motion(value, turn @ still.jacobian)


def talking(base: Motion, reach: float = 0.05) -> Motion:
    """The same with two points that move quickly."""
    value = base.keypoints.value.clone()
    value[:, 3:5, 1] += reach * torch.sin(torch.arange(LENGTH) * 1.6)[:, None]
    return replace(base, keypoints=Keypoints(value, base.keypoints.jacobian))


def test_a_driver_who_stands_still_leaves_the_face_as_it_moves():
    own = talking(turning())
    moved = transfer_onto(own, standing(1), KEEPING)
    torch.testing.assert_close(moved.value, own.keypoints.value, rtol=0, atol=1e-6)
    torch.testing.assert_close(moved.jacobian, own.keypoints.jacobian, rtol=0, atol=1e-5)


def test_the_head_of_the_driver_moves_nothing_while_heads_are_kept():
    own = talking(turning())
    moved = transfer_onto(own, turning(1, 15.0), KEEPING)
    torch.testing.assert_close(moved.value, own.keypoints.value, rtol=0, atol=1e-4)
    free = transfer_onto(own, turning(1, 15.0), MotionTransfer())
    assert (free.value - own.keypoints.value).abs().max() > 0.05


def test_the_drivers_expression_comes_on_top_of_the_own_one():
    own, driving = talking(standing()), talking(standing(1), 0.08)
    moved = transfer_onto(own, driving, replace(KEEPING, adapt_movement_scale=False))
    alone = transfer_motion(
        own.keypoints[:1], driving.keypoints, driving.keypoints[:1], replace(KEEPING, adapt_movement_scale=False)
    )
    added = alone.value - own.keypoints.value[:1]
    assert added.abs().max() > 0.05
    torch.testing.assert_close(moved.value, own.keypoints.value + added, rtol=0, atol=2e-3)


def test_the_expression_turns_with_the_head():
    still = transfer_onto(standing(), talking(standing(1)), KEEPING)
    turned = transfer_onto(turning(degrees=90.0), talking(standing(1)), KEEPING)
    added = still.value - standing().keypoints.value
    there = turned.value - turning(degrees=90.0).keypoints.value
    torch.testing.assert_close(there.norm(dim=-1), added.norm(dim=-1), rtol=0.15, atol=1e-3)
    assert (there - added).abs().max() > 0.03


def test_in_its_place_means_without_the_own_quick_movements():
    own = talking(turning())
    moved = transfer_onto(own, standing(1), KEEPING, "replace")
    quick = (own.keypoints.value - turning().keypoints.value)[10:-10].abs().max()
    left = (moved.value - turning().keypoints.value)[10:-10].abs().max()
    assert left < 0.25 * quick


def test_frames_that_do_not_show_the_face_stay_as_they_are():
    seen = [True] * 20 + [False] * 20 + [True] * 20
    own = replace(talking(standing()), seen=tuple(seen))
    moved = transfer_onto(own, talking(standing(1)), KEEPING)
    assert torch.equal(moved.value[20:40], own.keypoints.value[20:40])
    assert (moved.value[:20] - own.keypoints.value[:20]).abs().max() > 0.01


def test_motion_comes_through_as_far_as_the_face_is_shown():
    own, driving, shown = talking(standing()), talking(standing(1)), torch.ones(LENGTH)
    shown[:30] = 0
    moved, whole = (transfer_onto(own, driving, KEEPING, shown=each) for each in (shown, None))
    assert torch.equal(moved.value[:30], own.keypoints.value[:30])
    torch.testing.assert_close(moved.value[30:], whole.value[30:])


@pytest.mark.parametrize(
    ("driver", "transfer", "how", "words"),
    [
        (standing(1), MotionTransfer(relative_motion=False), "add", "relative motion"),
        (standing(1).pick(range(10)), KEEPING, "add", "10 frames for 60"),
        (standing(1), KEEPING, "mix", "add, replace"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(driver, transfer, how, words):
    with pytest.raises(UsageError, match=words):
        transfer_onto(standing(), driver, transfer, how)
