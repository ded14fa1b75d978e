"""The tracks of a file as ffmpeg lists them, and which of them a player shows and plays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TRACK = re.compile(
    r"^(?:\[info\])? *Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\([^)\n]*\))?: (Video|Audio): (\w+)(?: \((\w+)\))?(.*)$",
    re.MULTILINE,
)
_PICTURES = ("(attached pic)", "(still image)", "(timed thumbnails)")


@dataclass(frozen=True)
class Track:
    """A track of pictures or of sound.

    number:  ffmpeg's, counted over all tracks of the file.
    codec:   ffmpeg's name of it; "none" for what ffmpeg does not know.
    decoder: the name in brackets after it: a decoder or a profile.
    default: marked as the one to be played.
    """

    number: int
    kind: str
    codec: str
    decoder: str
    default: bool
    attached: bool

    @property
    def names(self) -> set[str]:
        """What a decoder of it may call itself."""
        return {name for name in (self.codec, self.decoder) if name}


def tracks_of(declared: str) -> list[Track]:
    """The tracks of pictures and sound in ffmpeg's description of its first input."""
    return [
        Track(
            int(number), kind, codec, decoder,
            default="(default)" in rest, attached=any(mark in rest for mark in _PICTURES),
        )
        for number, kind, codec, decoder, rest in _TRACK.findall(declared)
    ]  # fmt: skip


def by_choice(tracks: Sequence[Track]) -> list[Track]:
    """The tracks of moving pictures, the one to be shown first: marked as default, else the first; no covers."""
    moving = [track for track in tracks if track.kind == "Video" and not track.attached]
    return sorted(moving, key=lambda track: not track.default)


def sound_track(tracks: Sequence[Track]) -> Track | None:
    """The sound to be played: of those marked as default, else of all, the last that is known, as ComfyUI has it."""
    sounds = [track for track in tracks if track.kind == "Audio" and track.codec != "none"]
    marked = [track for track in sounds if track.default]
    return (marked or sounds or [None])[-1]
