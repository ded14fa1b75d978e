"""A few frames on one sheet, in the place of a video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import MediaError
from ..files.paths import reserve_temporary
from ..files.reserved import release
from .panels import sheet
from .pictures import write_picture

_KEEP_ALPHA = (".png", ".webp", ".tif", ".tiff")


class SheetWriter:
    """Takes frames as a :class:`~.write.VideoWriter` does, and writes them as one picture when all are there.

    captions:    one for each frame, to be set before the end.
    keeps_alpha: whether frames may be RGBA.
    """

    has_audio = False

    def __init__(self, path: Path, fps: float) -> None:
        """Reserve the place. Raises WriteError."""
        self.path = path
        self.fps = fps
        self.keeps_alpha = path.suffix.lower() in _KEEP_ALPHA
        self.captions: Sequence[str] = ()
        self._frames: list[np.ndarray] = []
        self._temporary = reserve_temporary(path)

    @property
    def frame_count(self) -> int:
        return len(self._frames)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the frames handed in."""
        return self._frames[0].shape[:2] if self._frames else None

    def write(self, frames: np.ndarray) -> None:
        """Add (T, H, W, C) frames."""
        self._frames += list(frames)

    def close(self) -> None:
        """Write the sheet. Raises MediaError when no frame was handed in, WriteError."""
        if not self._frames:
            raise MediaError(f"No frame was handed in, so {self.path} is not written.")
        write_picture(self.path, sheet(self._frames, self.captions), synthetic=True)

    def discard(self) -> None:
        """Leave nothing behind."""
        release(self._temporary)

    def __enter__(self) -> SheetWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.discard()
