"""Lengths of time and moments as people read them."""

from __future__ import annotations


def duration_text(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment_text(seconds: float) -> str:
    """A moment of a video as m:ss.t or h:mm:ss.t."""
    whole, tenths = divmod(round(seconds * 10), 10)
    return f"{duration_text(whole)}.{tenths}"
