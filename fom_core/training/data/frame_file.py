"""A ``.npy`` file of frames that grows frame by frame, so that only one of them is in memory."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from ...files.paths import reserve_temporary, unwritable
from ...files.reserved import release

HEADER = 128  # bytes; wide enough for any number of frames


class FrameFile:
    """Writes (N, size, size, 3) uint8: as a context manager it takes its name once all went well. Raises WriteError."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size, self.count = path, size, 0
        self._temporary = reserve_temporary(path)
        self._file = self._temporary.open("wb")
        self._file.write(bytes(HEADER))

    def write(self, frame: np.ndarray) -> None:
        """Add an (H, W, 3) frame, shrunk to the size of the file."""
        self._file.write(np.ascontiguousarray(shrunk(frame, self.size)).data)
        self.count += 1

    def __enter__(self) -> FrameFile:
        return self

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        try:
            if error is None:
                self._file.seek(0)
                self._file.write(self._header())
                self._file.close()
                self._temporary.replace(self.path)
            elif isinstance(error, OSError):
                raise error
        except OSError as refusal:  # such as a full disk
            raise unwritable(self.path, refusal) from refusal
        finally:
            with suppress(OSError):
                self._file.close()
            release(self._temporary)

    def _header(self) -> bytes:
        """Version 1.0 of NumPy's format, padded to :data:`HEADER` bytes."""
        shape = (self.count, self.size, self.size, 3)
        text = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).ljust(HEADER - 11) + "\n"
        return b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little") + text.encode()


def shrunk(frame: np.ndarray, size: int) -> np.ndarray:
    """An (H, W, 3) frame as a square of that size, each pixel the mean of what it covers."""
    wanted = (size, size)
    return frame if frame.shape[:2] == wanted else cv2.resize(frame, wanted, interpolation=cv2.INTER_AREA)
