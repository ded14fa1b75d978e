"""Motions as pieces of film: faster or slower, back and forth, in a loop, one after the other, face after face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from ..errors import UsageError
from ..types import InitialFrame, Keypoints, Motion
from .notes import changed, with_others
from .rest import anchored, apart, blended, rested, same_model
from .timing import fit_length, resample

Play = Literal["once", "loop", "ping-pong"]
"""A motion as it is; from its beginning again without a jump; or forwards and backwards."""

BLEND_S = 0.3  # over which one motion goes over into the next
SPEEDS = (0.1, 10.0)
JUMP = 1.5  # times a motion's largest step: more from its end to its beginning is a jump
STILL = 1e-3  # a step that nobody sees, where the picture's side is 2


def retimed(motion: Motion, speed: float) -> Motion:
    """The motion so many times as fast, at its frame rate; frames in between are made. Raises UsageError."""
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise UsageError(f"The speed of a motion is from {SPEEDS[0]:g} to {SPEEDS[1]:g} times its own; got {speed:g}.")
    if speed == 1:
        return motion
    count = max(1, round(len(motion) / speed))
    return _at(motion, torch.arange(count, dtype=torch.float64) * speed)


def ping_pong(motion: Motion) -> Motion:
    """Forwards and backwards, so that the end meets the beginning."""
    there = torch.arange(len(motion))
    return motion.pick(torch.cat([there, there[1:-1].flip(0)]))


def closed(motion: Motion, blend_s: float = BLEND_S) -> Motion:
    """The motion as a ring, whose end goes over into its beginning; shorter by the blend where that was a jump."""
    points = motion.keypoints.value
    if len(motion) < 3:
        return motion
    step = max(float(apart(points[1:], points[:-1]).max()), STILL)
    count = min(round(blend_s * motion.fps), len(motion) // 2)
    if float(apart(points[-1], points[0])) <= JUMP * step or not count:
        return motion
    kept = motion.pick(range(len(motion) - count))
    seam = blended(motion.keypoints[-count:], motion.keypoints[:count], _ramp(count))
    return replace(kept, keypoints=Keypoints.cat([seam, kept.keypoints[count:]]))


def played(motion: Motion, play: Play = "once", seconds: float | None = None, blend_s: float = BLEND_S) -> Motion:
    """The motion played so long; a single time where ``seconds`` is None. Played once, its last frame is held.

    Raises UsageError for another way to play, or a length that is none.
    """
    if play not in ("once", "loop", "ping-pong"):
        raise UsageError(f"A motion is played once, loop or ping-pong; got {play!r}.")
    if seconds is not None and not 0 < seconds <= 86400:
        raise UsageError(f"A motion is played for more than 0 seconds, up to a day; got {seconds:g}.")
    whole = motion if play == "once" else closed(ping_pong(motion) if play == "ping-pong" else motion, blend_s)
    if whole is not motion:
        whole = replace(whole, metadata=changed(whole))
    if seconds is None:
        return whole
    return fit_length(whole, max(1, round(seconds * motion.fps)), "hold" if play == "once" else "loop")


def concatenated(motions: Sequence[Motion], blend_s: float = BLEND_S) -> Motion:
    """One motion after the other, each counted from its own rest, with a blend where they meet.

    All are brought to the first one's frame rate. The result is shorter than their sum by the blends. Raises UsageError
    for motions of several models.
    """
    same_model(list(motions))
    first = rested(motions[0])
    rest = first.neutral
    assert rest is not None
    whole = anchored(first, rest)
    for motion in motions[1:]:
        following = anchored(resample(rested(motion), motion.fps, first.fps), rest)
        count = min(round(blend_s * first.fps), len(whole), len(following))
        if count:
            seam = blended(whole[-count:], following[:count], _ramp(count))
            whole = Keypoints.cat([whole[: len(whole) - count], seam, following[count:]])
        else:
            whole = Keypoints.cat([whole, following])
    metadata = with_others(replace(first, metadata=changed(first)), [(motion, 0.5) for motion in motions[1:]])
    return replace(first, keypoints=whole, seen=None, metadata=metadata)


def chorus(
    motions: Sequence[Motion],
    faces: int,
    phase_s: float,
    blend_s: float = BLEND_S,
    initial: InitialFrame = "medoid",
    *,
    length: int | None = None,
) -> list[Motion]:
    """A motion for each of the faces, every one so many seconds further in it: a choir that is not in lockstep.

    The first motion is for the first face, and so on, the last one for all the rest; their ends go over into their
    beginnings. They count from their pose at rest, or that of ``initial``.

    length: of the results, in frames; the rings go on for so long. None: each motion's own.
    """
    rings = [closed(rested(motion, initial), blend_s) for motion in motions]
    found = []
    for face in range(faces):
        which = min(face, len(motions) - 1)
        count = len(motions[which]) if length is None else length
        frames = torch.arange(count) + round(face * phase_s * motions[which].fps)
        found.append(rings[which].pick(frames % len(rings[which])))
    return found


def _ramp(count: int) -> Tensor:
    """Smoothly from nothing to all in so many frames, which are neither."""
    share = torch.arange(1, count + 1) / (count + 1)
    return share.square() * (3 - 2 * share)


def _at(motion: Motion, places: Tensor) -> Motion:
    """The motion at moments between its frames, counted in frames."""
    places = places.clamp(max=len(motion) - 1)
    before = places.floor().long()
    after = (before + 1).clamp(max=len(motion) - 1)
    points = blended(motion.keypoints.pick(before), motion.keypoints.pick(after), places - before)
    return replace(motion.pick(places.round().long()), keypoints=points, metadata=changed(motion))
