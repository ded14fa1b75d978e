"""What a motion tells of a pose that is in it: the text, and whether that still stands at its own moments."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import Motion

MADE_BY = "made by --pose "  # of the motions that come with the project
_POSE, _CLOCK = "pose", "pose_clock"
_EDITED = "edited"


def noted(text: str, count: int, fps: float) -> dict[str, str]:
    """Metadata of a motion that a pose was made into."""
    return {"origin": "by hand", _POSE: text, _CLOCK: _clock(count, fps)}


def pose_of(motion: Motion) -> str | None:
    """The text of the pose that is in a motion; None where there is none, or nobody knows."""
    origin = motion.metadata.get("origin", "")
    return motion.metadata.get(_POSE, origin.removeprefix(MADE_BY) if origin.startswith(MADE_BY) else None)


def is_in_time(motion: Motion) -> bool:
    """Whether the pose stands at its own moments, in its own size."""
    if _CLOCK in motion.metadata:
        return motion.metadata[_CLOCK] == _clock(len(motion), motion.fps)
    last = (pose_of(motion) or "").rpartition(";")[2].partition(":")[0]
    return last.replace(".", "", 1).isdecimal() and len(motion) == round(float(last) * motion.fps) + 1


def changed(motion: Motion) -> dict[str, str]:
    """Metadata of a motion whose pose is of another size, or at other moments, by now."""
    return motion.metadata if pose_of(motion) is None else {**motion.metadata, _CLOCK: _EDITED}


def renoted(motion: Motion, text: str) -> dict[str, str]:
    """Metadata of a motion whose pose is another one now."""
    return {**motion.metadata, _POSE: text}


def with_others(motion: Motion, others: Sequence[tuple[Motion, float]]) -> dict[str, str]:
    """Metadata of a motion with shares of others on top."""
    given = [(other, share) for other, share in others if pose_of(other) and share]
    texts = [text for text in (pose_of(motion), *(pose_of(other) for other, _ in given)) if text]
    if not given:
        return motion.metadata
    whole = len(texts) == 1 and given[0][1] == 1 and _clock(len(motion), motion.fps) == _clock_of(given[0][0])
    clock = _clock(len(motion), motion.fps) if whole else _EDITED
    return {**motion.metadata, _POSE: ";".join(texts), _CLOCK: clock}


def _clock_of(motion: Motion) -> str:
    return _clock(len(motion), motion.fps) if is_in_time(motion) else _EDITED


def _clock(count: int, fps: float) -> str:
    return f"{count} frames, {fps:.6g} a second"
