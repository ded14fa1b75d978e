"""Giving the driver's motion to a face that moves by itself: on top of its own, or in place of its expression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import UsageError
from ..geometry import inverse_2x2
from ..types import Keypoints, Motion, MotionTransfer
from .initial import find_medoid, initial_pose
from .similarity import Similarity, common_turn, fit_similarity, matrix, power
from .timing import held, smooth
from .transfer import fade_in, fade_out, transfer_motion

SourceMotion = Literal["add", "replace"]
"""What becomes of a moving source's own expression: the driver's comes on top of it, or in its place."""

CALMED = 1.0  # strength of the smoothing that takes an expression out: over 1.4 s lips and lids are gone, turns are not


def transfer_onto(
    source: Motion,
    driving: Motion,
    transfer: MotionTransfer,
    source_motion: SourceMotion = "add",
    *,
    shown: Tensor | None = None,
) -> Keypoints:
    """Where the T keypoints of a moving face go when it also moves like the driver, T frames as well.

    source:        of each frame, ``seen`` where the face is in it; the rest stays as it is.
    source_motion: the driver's movement counts from the source's own in that frame ("add"); or from the source as it
                   would be without quick movements of its parts ("replace"): its head as a whole moves as it does, and
                   so does what is slow, for a head that turns away is an expression to keypoints.
    shown:         (T,) how much of the movement comes through, from 0 to 1.
    Raises UsageError for absolute motion, which knows nothing of the source's pose, and for unequal lengths.
    """
    _check(source, driving, transfer, source_motion)
    runs = _runs(source)
    if not runs:
        return source.keypoints
    there = torch.cat([torch.arange(run.start, run.stop) for run in runs])
    seen = source.keypoints.pick(there)
    usual = seen[slice(at := find_medoid(seen), at + 1)]
    initial = initial_pose(usual, driving, transfer)
    sequence = held(driving).keypoints
    moved = []
    for run in runs:
        rest = _Rest.of(source.keypoints[run], usual)
        if source_motion == "replace":
            rest = replace(rest, parts=smooth(rest.parts, CALMED, source.fps))
        moved.append(rest.turned(transfer_motion(rest.parts, sequence[run], initial, transfer, measure=usual)))
    result = _put(source.keypoints, Keypoints.cat(moved), there)
    result = fade_in(source.keypoints, result, transfer.fade_in_s * source.fps)
    result = fade_out(source.keypoints, result, transfer.fade_out_s * source.fps)
    return result if shown is None else _between(source.keypoints, result, shown)


def _check(source: Motion, driving: Motion, transfer: MotionTransfer, source_motion: str) -> None:
    if source_motion not in get_args(SourceMotion):
        raise UsageError(f"The source's motion is one of {', '.join(get_args(SourceMotion))}; got {source_motion!r}.")
    if not transfer.relative_motion:
        raise UsageError(
            "The faces of a video move by relative motion: absolute motion would copy the driver's pose over theirs. "
            "Switch relative motion on, or take a picture as the source."
        )
    if len(source) != len(driving):
        raise UsageError(
            f"The driver has {len(driving)} frames for {len(source)} of the source. Bring them to one length with "
            "fom_core.motion.fit_length."
        )


@dataclass(frozen=True)
class _Rest:
    """A run of frames of a face without the movement of its head as a whole, and that movement.

    turn: (T, 2) what the jacobians turn and grow by; None without jacobians.
    """

    parts: Keypoints
    head: Similarity
    turn: Tensor | None

    @classmethod
    def of(cls, own: Keypoints, usual: Keypoints) -> _Rest:
        """Keypoints (T, K) of a face as they are seen from its head, which as a rule is as in ``usual`` (1, K)."""
        head = fit_similarity(usual.value, own.value)
        value = head.undo(own.value)
        if own.jacobian is None or usual.jacobian is None:
            return cls(Keypoints(value), head, None)
        turn = common_turn(own.jacobian @ inverse_2x2(usual.jacobian))
        return cls(Keypoints(value, matrix(power(turn, -1))[:, None] @ own.jacobian), head, turn)

    def turned(self, parts: Keypoints) -> Keypoints:
        """Other parts on the same head."""
        value = self.head(parts.value)
        if parts.jacobian is None or self.turn is None:
            return Keypoints(value)
        return Keypoints(value, matrix(self.turn)[:, None] @ parts.jacobian)


def _runs(source: Motion) -> list[slice]:
    """The stretches of frames that show the face."""
    if source.seen is None:
        return [slice(0, len(source))]
    marks = torch.tensor([False, *source.seen, False]).int()
    edges = marks.diff().nonzero().flatten().tolist()
    return [slice(*pair) for pair in zip(edges[::2], edges[1::2], strict=True)]


def _put(whole: Keypoints, part: Keypoints, frames: Tensor) -> Keypoints:
    """A copy of keypoints with others in these frames."""
    frames = frames.to(whole.value.device)
    value = whole.value.clone().index_copy_(0, frames, part.value)
    if whole.jacobian is None or part.jacobian is None:
        return Keypoints(value)
    return Keypoints(value, whole.jacobian.clone().index_copy_(0, frames, part.jacobian))


def _between(own: Keypoints, moved: Keypoints, shown: Tensor) -> Keypoints:
    """From the source's own keypoints, where ``shown`` is 0, to the moved ones, where it is 1."""
    share = shown.to(moved.value)[:, None, None]
    value = torch.lerp(own.value, moved.value, share)
    if moved.jacobian is None or own.jacobian is None:
        return Keypoints(value, moved.jacobian)
    return Keypoints(value, torch.lerp(own.jacobian, moved.jacobian, share[..., None]))
