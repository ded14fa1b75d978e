"""Animated WebP by OpenCV, for every ffmpeg that does not read it."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ..errors import MediaError
from ..resources.faults import pass_on
from .clock import Clock, clock_of, unhurry
from .limits import require_modest
from .noise import hushed
from .pictures import read_coded

_TICK = Fraction(1, 1000)
_HELD = 1 << 26  # pixels of the frames that are decoded at a time


class Animation:
    """The frames of an animated picture at a constant rate, (H, W, 3) uint8 RGB, what is transparent on white.

    size: height, width.
    clock: when the stored frames are shown.
    """

    def __init__(self, path: Path, max_pixels: int, usual: Fraction) -> None:
        """Read its chunks. Raises MediaError for a damaged file, too large frames, and an OpenCV that is too old."""
        if not hasattr(cv2, "imdecodeanimation"):
            raise MediaError(
                f"{path} is an animated WebP, which OpenCV {cv2.__version__} does not read. Update it with pip install "
                "-U opencv-python (4.11 or newer), or convert the file to MP4."
            )
        self._path = path
        self._data = read_coded(path, max_pixels)
        delays = delays_of(self._data.tobytes())
        first = self._decode(0, 1)
        if not delays or not len(first):
            raise MediaError(f"{path} is a damaged WebP without a single readable frame. Copy or download it again.")
        self.size: tuple[int, int] = first[0].shape[:2]
        require_modest(path, *self.size, max_pixels)
        times = np.cumsum([0, *delays[:-1]])
        self.clock: Clock = clock_of(unhurry(times, _TICK), _TICK, (), usual)

    def frames(self) -> Generator[np.ndarray, None, None]:
        """All frames, a few decoded at a time. Raises MediaError where the file ends early."""
        stored = len(self.clock.slots)
        at_once = max(1, _HELD // (self.size[0] * self.size[1]))
        until = [*self.clock.slots[1:].tolist(), self.clock.frame_count]
        for start in range(0, stored, at_once):
            decoded = self._decode(start, min(at_once, stored - start))
            if len(decoded) < min(at_once, stored - start):
                raise MediaError(
                    f"{self._path} breaks off after {start + len(decoded)} of {stored} frames. Copy it again."
                )
            for index, pixels in enumerate(decoded, start):
                frame = _on_white(pixels)
                for _ in range(until[index] - int(self.clock.slots[index])):
                    yield frame.copy()

    def _decode(self, start: int, count: int) -> tuple[np.ndarray, ...]:
        try:
            with hushed():
                read, animation = cv2.imdecodeanimation(self._data, start=start, count=count)
        except cv2.error as error:
            pass_on(error)
            return ()
        return tuple(animation.frames) if read else ()


def delays_of(data: bytes) -> list[int]:
    """How long each frame is shown, in milliseconds."""
    delays, at = [], 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"ANMF" and at + 23 <= len(data):
            delays.append(int.from_bytes(data[at + 20 : at + 23], "little"))
        at += 8 + size + size % 2
    return delays


def _on_white(pixels: np.ndarray) -> np.ndarray:
    """BGR or BGRA to RGB."""
    if pixels.shape[2] == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    opacity = pixels[..., 3:].astype(np.float32) / 255
    return (pixels[..., 2::-1] * opacity + 255 * (1 - opacity) + 0.5).astype(np.uint8)
