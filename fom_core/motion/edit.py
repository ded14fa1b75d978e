"""What can be done to a motion before it moves a face: mirrored, more or less of it, mixed with others, replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import UsageError
from ..geometry import inverse_2x2
from ..types import InitialFrame, Keypoints, Motion
from .elsewhere import mirrored
from .reel import BLEND_S, Play, concatenated, played, retimed
from .rest import anchored, rested, same_model
from .timing import fit_length, resample

MOST_AMPLITUDE = 3.0  # times a motion's own size


@dataclass(frozen=True)
class MotionEdit:
    """How a motion is played.

    mirror:    left and right change places.
    speed:     times its own.
    amplitude: times the size of its movement, counted from its pose at rest.
    play:      see :data:`Play`.
    seconds:   how long it is played; None: a single time.
    then:      motions that follow it, before it is looped.
    mix:       motions that are added to it, each with the share of its movement.
    blend_s:   seconds over which an end goes over into a beginning.
    """

    mirror: bool = False
    speed: float = 1.0
    amplitude: float = 1.0
    play: Play = "once"
    seconds: float | None = None
    then: tuple[Motion, ...] = ()
    mix: tuple[tuple[Motion, float], ...] = ()
    blend_s: float = BLEND_S

    @property
    def changes_time(self) -> bool:
        """Whether moments of the motion are not where they were, so that the sound of its video no longer fits."""
        return self.speed != 1 or self.play != "once" or self.seconds is not None or bool(self.then)


def edited(motion: Motion, edit: MotionEdit, initial: InitialFrame = "medoid") -> Motion:
    """The motion as ``edit`` has it; counted from ``initial`` where it knows no pose at rest.

    Raises UsageError for motions of several models and values out of bounds.
    """
    if edit == MotionEdit(blend_s=edit.blend_s):
        return motion
    motion = rested(motion, initial)
    if edit.mix:
        motion = mixed(motion, edit.mix)
    if edit.then:
        motion = concatenated([motion, *edit.then], edit.blend_s)
    if edit.mirror:
        motion = mirrored(motion)
    return played(retimed(amplified(motion, edit.amplitude), edit.speed), edit.play, edit.seconds, edit.blend_s)


def amplified(motion: Motion, amplitude: float) -> Motion:
    """More or less of the movement: 1 is as it was, 0 is the pose at rest. Raises UsageError."""
    if not 0 <= amplitude <= MOST_AMPLITUDE:
        raise UsageError(f"The amplitude of a motion is from 0 to {MOST_AMPLITUDE:g}; got {amplitude:g}.")
    if amplitude == 1:
        return motion
    motion = rested(motion)
    assert motion.neutral is not None
    return replace(motion, keypoints=anchored(motion, motion.neutral, amplitude))


def mixed(
    motion: Motion,
    others: Sequence[tuple[Motion, float]],
    initial: InitialFrame = "medoid",
    length: Literal["hold", "loop"] = "loop",
) -> Motion:
    """The motion and shares of others at the same time, all counted from their own rest.

    It is as long as the first; shorter others start anew, or hold their last frame. Raises UsageError for motions of
    several models.
    """
    same_model([motion, *(other for other, _ in others)])
    motion = rested(motion, initial)
    rest, points = motion.neutral, motion.keypoints
    assert rest is not None
    for other, share in others:
        along = fit_length(resample(rested(other), other.fps, motion.fps), len(motion), length)
        points = _on_top(points, anchored(along, rest, share), rest)
    return replace(motion, keypoints=points)


def _on_top(points: Keypoints, added: Keypoints, rest: Keypoints) -> Keypoints:
    """Both movements from one rest."""
    value = points.value + added.value - rest.value
    if points.jacobian is None or added.jacobian is None or rest.jacobian is None:
        return Keypoints(value)
    return Keypoints(value, added.jacobian @ inverse_2x2(rest.jacobian) @ points.jacobian)
