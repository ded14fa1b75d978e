"""Frames as numbered pictures, written aside and moved to their place when all are there."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np

from ..files.handover import hand_over
from ..files.leftovers import READY, temporary_name
from ..files.paths import require_name, unwritable
from ..files.places import NUMBER, with_number
from ..files.reserved import release, reserve_folder
from .pictures import write_picture
from .read import VideoReader

log = logging.getLogger(__name__)


def pattern_of(path: Path) -> Path:
    """The pattern that a name of numbered pictures stands for, see :class:`NumberedPictures`."""
    if not path.suffix:
        return path / "frame_%06d.png"
    return path if NUMBER.search(path.name) else path.with_name(f"{path.stem}_%06d{path.suffix}")


class NumberedPictures:
    """Pictures named by a pattern such as ``frame_%06d.png``, counted from 0. Earlier ones are replaced."""

    has_audio = False

    def __init__(self, path: Path, synthetic: bool, sound: VideoReader | None = None) -> None:
        """``path``: a pattern; or ``result.png`` for ``result_%06d.png``; or a folder for ``frame_%06d.png`` in it."""
        self._synthetic = synthetic
        self.path = path = pattern_of(path)
        number = NUMBER.search(path.name)
        assert number is not None
        self._before, self._after = path.name[: number.start()], path.name[number.end() :]
        self._count = 0
        require_name(path.with_name(self._name(0)))
        try:
            # A new folder is made beside its place, so that it appears with all pictures in it.
            place = path.parent if path.parent.exists() else path.parent.parent
            self._aside = reserve_folder(place, path.parent.name)
        except OSError as error:
            raise unwritable(path, error) from error
        if sound is not None and sound.has_audio:
            log.warning("Numbered pictures hold no sound; that of %s is left out.", sound.path)

    def write(self, frames: np.ndarray) -> None:
        """Write (T, H, W, C) frames."""
        for frame in frames:
            write_picture(self._aside / self._name(self._count), frame, synthetic=self._synthetic)
            self._count += 1

    def finish(self, frame_count: int) -> None:
        """Move all pictures to their place."""
        try:
            folder = self.path.parent
            hand_over(self._aside, folder, temporary_name(folder.name, kind=READY), self._is_ours)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.discard()

    def replaces(self, path: Path) -> bool:
        """Whether a file, or files in a folder, will give way to the pictures."""
        folder = self.path.parent
        if not folder.exists():
            return False
        return path.samefile(folder) or (path.parent.samefile(folder) and self._is_ours(path.name))

    def discard(self) -> None:
        """Leave nothing behind."""
        release(self._aside)

    def _name(self, number: int) -> str:
        return with_number(self.path.name, number)

    def _is_ours(self, name: str) -> bool:
        number = re.fullmatch(re.escape(self._before) + r"(\d+)" + re.escape(self._after), name)
        return number is not None and name == self._name(int(number[1]))
