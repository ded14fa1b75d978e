"""Giving the driver's motion to a source: relative motion, its size, head and expression apart."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry import inverse_2x2
from ..types import Keypoints, Motion, MotionTransfer
from .initial import initial_pose
from .similarity import common_turn, fit_similarity, matrix, power
from .size import movement_scale
from .timing import held

FADE_IN_S = 0.3  # suits a motion that does not begin in the source's pose, as with a medoid


def transfer_sequence(source: Keypoints, driving: Motion, transfer: MotionTransfer) -> Keypoints:
    """Where the (1, K) keypoints of a still face go during a whole video.

    It counts from the driver's pose at rest or its initial frame; its start is faded in, for which a single picture has
    no time. Before the driver is first seen and after the last time, the face stands still. Raises UsageError for an
    initial frame beyond the video's end.
    """
    initial = initial_pose(source, driving, transfer)
    moved = transfer_motion(source, held(driving).keypoints, initial, transfer)
    if len(driving) > 1:
        moved = fade_in(source, moved, transfer.fade_in_s * driving.fps)
    return fade_out(source, moved, transfer.fade_out_s * driving.fps)


def transfer_motion(
    source: Keypoints,
    driving: Keypoints,
    initial: Keypoints,
    transfer: MotionTransfer,
    *,
    measure: Keypoints | None = None,
) -> Keypoints:
    """Where the source's keypoints go when it moves like the driver (section 3.3 of the paper).

    x = source + s·(driving - initial), J = J_driving · J_initial⁻¹ · J_source, with s of :func:`movement_scale`.

    source:  (1, K) keypoints of the still face, or (B, K) of one that moves by itself.
    driving: (B, K) keypoints of the frames to copy.
    initial: (1, K) keypoints of the driving frame that corresponds to the source; unused in absolute mode.
    measure: (1, K) keypoints that tell the size of the source, in place of its first ones.
    """
    if not transfer.relative_motion:
        return driving
    scale = movement_scale(measure or source, initial) if transfer.adapt_movement_scale else 1.0
    if transfer.head_gain != 1 or transfer.expression_gain != 1:
        return _apart(source, driving, initial, transfer, scale)
    # x = source + s·(driving - initial),  J = J_driving · J_initial⁻¹ · J_source
    value = (driving.value - initial.value) * (scale * transfer.gain) + source.value
    if driving.jacobian is None or initial.jacobian is None or source.jacobian is None:
        return Keypoints(value)
    if not transfer.relative_jacobian:
        return Keypoints(value, driving.jacobian)
    change = driving.jacobian @ inverse_2x2(initial.jacobian)
    if transfer.gain != 1:
        change = torch.lerp(torch.eye(2).to(change), change, transfer.gain)
    return Keypoints(value, change @ source.jacobian)


def fade_in(source: Keypoints, moved: Keypoints, frames: float) -> Keypoints:
    """Let a motion begin in the source's own keypoints, and come in smoothly over so many frames."""
    return moved if frames <= 0 else eased(source, moved, torch.arange(len(moved)) / frames)


def fade_out(source: Keypoints, moved: Keypoints, frames: float) -> Keypoints:
    """Let a motion go home to the source's own keypoints, smoothly over its last so many frames."""
    return moved if frames <= 0 else eased(source, moved, torch.arange(len(moved)).flip(0) / frames)


def eased(source: Keypoints, moved: Keypoints, share: Tensor) -> Keypoints:
    """Between (1, K) keypoints, where ``share`` (T,) is 0, and (T, K) ones from 1 on; without a jerk at either end."""
    share = share.clamp(max=1).to(moved.value)
    share = (share.square() * (3 - 2 * share))[:, None, None]
    value = torch.lerp(source.value.expand_as(moved.value), moved.value, share)
    if moved.jacobian is None or source.jacobian is None:
        return Keypoints(value, moved.jacobian)
    return Keypoints(value, torch.lerp(source.jacobian.expand_as(moved.jacobian), moved.jacobian, share[..., None]))


def _apart(
    source: Keypoints, driving: Keypoints, initial: Keypoints, transfer: MotionTransfer, scale: float
) -> Keypoints:
    """:func:`transfer_motion` with gains of their own for the head as a whole and for what its parts do besides.

    The head's movement S is a similarity; to the power of its gain it moves the source's own points. The rest is seen
    from the head: turned back by S, scaled, and turned again with the source. Jacobians have an S of their own, their
    mean change: they tell a turn less than points do, and faces fold where the two are mixed.
    """
    head_gain, expression_gain = transfer.gain * transfer.head_gain, transfer.gain * transfer.expression_gain
    head = fit_similarity(initial.value, driving.value)
    moves = head.power(head_gain).moved_to(source.value.mean(dim=1), scale)
    # x = S^h(source + e·s·(S⁻¹(driving) - initial))
    value = moves(source.value + (head.undo(driving.value) - initial.value) * (scale * expression_gain))
    if driving.jacobian is None or initial.jacobian is None or source.jacobian is None:
        return Keypoints(value)
    if not transfer.relative_jacobian:
        return Keypoints(value, driving.jacobian)
    # J = S^h · (1 + e·(S⁻¹ · J_driving · J_initial⁻¹ - 1)) · J_source
    change = driving.jacobian @ inverse_2x2(initial.jacobian)
    turn = common_turn(change)
    rest = matrix(power(turn, -1))[:, None] @ change
    rest = torch.lerp(torch.eye(2).to(rest), rest, expression_gain)
    return Keypoints(value, matrix(power(turn, head_gain))[:, None] @ rest @ source.jacobian)
