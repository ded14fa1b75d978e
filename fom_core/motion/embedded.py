"""The motions that come with the project, by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..errors import FomError
from ..files.paths import ASSETS
from ..types import Motion
from .motion_file import embedded_file, load_motion, plain

FIRST = "talk"  # where none is named
EMBEDDED_MOTIONS: Mapping[str, str] = {
    "talk": "talks, with a lively head",
    "sing": "sings, wide and slow",
    "nod": "nods three times",
    "shake": "shakes the head",
    "smile": "begins to smile, and stops",
    "surprise": "starts, with an open mouth",
    "look around": "looks to one side, then to the other",
    "sleepy": "nods off, and wakes up, with open eyes",
}
"""What each of them does, in the order of lists."""


def embedded_names() -> list[str]:
    """Names of the motions that are there, as lists show them."""
    return [name for name in EMBEDDED_MOTIONS if embedded_file(name).is_file()]


def embedded_motion(name: str = FIRST) -> Motion:
    """One of them; its metadata tell where it comes from. Raises FomError where there is none of that name."""
    if plain(name) not in embedded_names():
        raise FomError(
            f"No motion {name!r} comes with the project. There are {', '.join(embedded_names()) or 'none'}."
            + ("" if embedded_file(FIRST).is_file() else f" They are missing from {ASSETS}: install the project again.")
        )
    return load_motion(embedded_file(plain(name)))


def motion_path(name_or_path: str | os.PathLike[str]) -> Path:
    """The file that a name of :func:`embedded_names` or a path stands for; write ``./talk`` for a file called so."""
    text = os.fspath(name_or_path)
    return embedded_file(plain(text)) if plain(text) in embedded_names() else Path(text)


def open_motion(name_or_path: str | os.PathLike[str]) -> Motion:
    """An embedded motion by its name, or a motion file. Raises FomError, which tells the names for a word alone."""
    text, path = os.fspath(name_or_path), motion_path(name_or_path)
    if not Path(text).suffix and Path(text).name == text and not os.path.lexists(path):  # names that are too long, too
        raise FomError(
            f"There is no motion {text!r}: those that come with the project are {', '.join(embedded_names())}, and "
            f"there is no such file."
        )
    return load_motion(path)
