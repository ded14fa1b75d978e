"""The pose at rest, from which all movement counts, and motions brought to that of another."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..errors import UsageError
from ..types import InitialFrame, Keypoints, Motion, MotionTransfer
from .initial import initial_pose
from .timing import held
from .transfer import transfer_motion


def rested(motion: Motion, initial: InitialFrame = "medoid") -> Motion:
    """The same motion with its pose at rest: its own, or that of its initial frame.

    What is "best" is up to a source, so that the frame is taken from which no other is far.
    """
    if motion.neutral is not None:
        return motion
    rest = initial_pose(
        motion.keypoints, motion, MotionTransfer(initial_frame="medoid" if initial == "best" else initial)
    )
    return replace(held(motion), neutral=rest, seen=None)


def anchored(motion: Motion, rest: Keypoints, share: float = 1.0) -> Keypoints:
    """Where ``rest`` (1, K) goes when it moves like the motion, in its own size; ``share`` 0.5 is half as much."""
    neutral = rested(motion).neutral
    assert neutral is not None
    return transfer_motion(rest, held(motion).keypoints, neutral, MotionTransfer(gain=share))


def same_model(motions: list[Motion]) -> None:
    """Raise UsageError for motions of several models: their keypoints have nothing to do with one another."""
    kinds = {(motion.model, motion.keypoints.value.shape[1], motion.keypoints.jacobian is None) for motion in motions}
    if len(kinds) > 1:
        names = " and ".join(sorted({f"'{model}' ({points} keypoints)" for model, points, _ in kinds}))
        raise UsageError(
            f"Motions that are put together have to be read by one model, found {names}. Read the videos with one."
        )


def apart(points: Tensor, other: Tensor) -> Tensor:
    """The largest distance between keypoints (..., K, 2) of two poses."""
    return (points - other).norm(dim=-1).amax(dim=-1)


def blended(before: Keypoints, after: Keypoints, share: Tensor) -> Keypoints:
    """Between two sequences of one length, ``share`` (T,) of the second, each frame for itself."""
    value = torch.lerp(before.value, after.value, share[:, None, None].to(before.value))
    if before.jacobian is None or after.jacobian is None:
        return Keypoints(value)
    weight = share[:, None, None, None].to(before.jacobian)
    return Keypoints(value, torch.lerp(before.jacobian, after.jacobian, weight))
