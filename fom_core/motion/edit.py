"""What can be done to a motion before it moves a face: mirrored, more or less of it, mixed with others, replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ..documents.arguments import require_amount, require_switch, require_word
from ..documents.readers import shortened
from ..errors import UsageError
from ..geometry import inverse_2x2
from ..types import InitialFrame, Keypoints, Motion
from .elsewhere import mirrored
from .notes import changed, with_others
from .reach import tell_reach
from .reel import BLEND_S, Play, concatenated, played, retimed
from .rest import anchored, rested, same_model
from .timing import fit_length, resample

MOST_AMPLITUDE = 3.0  # times a motion's own size, and most of the share of one that is mixed in


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
    Raises UsageError for values of another kind, such as the name of a motion in place of the motion.
    """

    mirror: bool = False
    speed: float = 1.0
    amplitude: float = 1.0
    play: Play = "once"
    seconds: float | None = None
    then: tuple[Motion, ...] = ()
    mix: tuple[tuple[Motion, float], ...] = ()
    blend_s: float = BLEND_S

    def __post_init__(self) -> None:
        require_switch("mirror", self.mirror)
        require_word("play", self.play, get_args(Play))
        for name in ("speed", "amplitude", "blend_s"):
            require_amount(name, getattr(self, name))
        if self.seconds is not None:
            require_amount("seconds", self.seconds)
        _require_motions("then", self.then)
        if not isinstance(self.mix, (tuple, list)) or not all(_is_pair(each) for each in self.mix):
            raise UsageError(
                f"mix takes pairs of a motion and its share, such as ((motion, 0.5),); got {shortened(repr(self.mix))}."
            )
        _require_motions("mix", tuple(motion for motion, _ in self.mix))
        for _, share in self.mix:
            check_share(share)

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
    motion = before = rested(motion, initial)
    if edit.mix:
        motion = mixed(motion, edit.mix)
    if edit.then:
        motion = concatenated([motion, *edit.then], edit.blend_s)
    if edit.mirror:
        motion = mirrored(motion)
    motion = amplified(motion, edit.amplitude)
    if edit.mix or edit.amplitude > 1:
        tell_reach(before, motion)
    return played(retimed(motion, edit.speed), edit.play, edit.seconds, edit.blend_s)


def amplified(motion: Motion, amplitude: float) -> Motion:
    """More or less of the movement: 1 is as it was, 0 is the pose at rest. Raises UsageError."""
    if not 0 <= amplitude <= MOST_AMPLITUDE:
        raise UsageError(f"The amplitude of a motion is from 0 to {MOST_AMPLITUDE:g}; got {amplitude:g}.")
    if amplitude == 1:
        return motion
    motion = rested(motion)
    assert motion.neutral is not None
    return replace(motion, keypoints=anchored(motion, motion.neutral, amplitude), metadata=changed(motion))


def check_share(share: float) -> None:
    """Raise UsageError for the share of a motion to mix in that is none, or further than motions are amplified."""
    require_amount("The share of a motion", share)
    if share > MOST_AMPLITUDE:
        raise UsageError(f"The share of a motion that is mixed in is from 0 to {MOST_AMPLITUDE:g}; got {share:g}.")


def mixed(
    motion: Motion,
    others: Sequence[tuple[Motion, float]],
    initial: InitialFrame = "medoid",
    length: Literal["hold", "loop"] = "loop",
) -> Motion:
    """The motion and shares of others at the same time, all counted from their own rest.

    It is as long as the first; shorter others start anew, or hold their last frame. Raises UsageError for motions of
    several models, and for shares beyond those that :func:`amplified` knows.
    """
    same_model([motion, *(other for other, _ in others)])
    for _, share in others:
        check_share(share)
    motion = rested(motion, initial)
    rest, points = motion.neutral, motion.keypoints
    assert rest is not None
    for other, share in others:
        along = fit_length(resample(rested(other), other.fps, motion.fps), len(motion), length)
        points = _on_top(points, anchored(along, rest, share), rest)
    return replace(motion, keypoints=points, metadata=with_others(motion, others))


def with_pose(motion: Motion, pose: Motion, initial: InitialFrame = "medoid") -> Motion:
    """A pose on top of a motion, as long as that; its last frame is held. A line tells where both bend too far."""
    both = mixed(motion, [(pose, 1.0)], initial, "hold")
    tell_reach(motion, both)
    return both


def _on_top(points: Keypoints, added: Keypoints, rest: Keypoints) -> Keypoints:
    """Both movements from one rest."""
    value = points.value + added.value - rest.value
    if points.jacobian is None or added.jacobian is None or rest.jacobian is None:
        return Keypoints(value)
    return Keypoints(value, added.jacobian @ inverse_2x2(rest.jacobian) @ points.jacobian)


def _require_motions(name: str, motions: object) -> None:
    """Raise UsageError for anything but some motions."""
    if isinstance(motions, str):
        raise UsageError(f"{name} takes motions, and not their names: ({_asked(motions)},). Got {motions!r}.")
    if isinstance(motions, Motion) or not isinstance(motions, (tuple, list)):
        raise UsageError(f"{name} takes several motions, such as (motion,); got {shortened(repr(motions))}.")
    for motion in motions:
        if not isinstance(motion, Motion):
            advice = f" Open it: {_asked(motion)}." if isinstance(motion, str) else ""
            raise UsageError(f"{name} takes motions; got {shortened(repr(motion))}.{advice}")


def _is_pair(value: object) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2


def _asked(name: str) -> str:
    return f'fom_core.open_motion("{name}")'
