"""A result that ffmpeg writes from frames in a pipe: there as a whole or not at all."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import FomError, MediaError
from ..files.paths import reserve_temporary, unwritable
from ..files.reserved import release
from . import seal
from .process import Ending, Ffmpeg
from .program import executable


class PipedResult:
    """One file being written under a temporary name; ffmpeg starts with the first frame."""

    def __init__(self, path: Path, rate: Fraction, *, synthetic: bool) -> None:
        executable()  # before any work is done
        self.path = path
        self._suffix = path.suffix.lower()
        self._rate = rate
        self._synthetic = synthetic
        self._temporary = reserve_temporary(path)
        self._process: Ffmpeg | None = None

    def write(self, frames: np.ndarray) -> None:
        """Hand (T, H, W, C) frames to ffmpeg, C = 3 or, where the format keeps alpha, 4."""
        if self._process is None:
            self._process = Ffmpeg(*self._command(*frames.shape[1:]), feed=True)
        try:
            for frame in frames:
                self._process.write(np.ascontiguousarray(frame).data.cast("B"))
        except OSError:  # a broken pipe, which Windows calls an invalid argument
            raise self._failed(self._process.end()) from None

    def replaces(self, path: Path) -> bool:
        """Whether a file will give way to the result."""
        return self.path.exists() and self.path.samefile(path)

    def discard(self) -> None:
        """Stop ffmpeg and leave nothing behind."""
        if self._process is not None:
            self._process.kill()
        release(self._temporary)

    def _command(self, height: int, width: int, channels: int) -> list[str]:
        """Arguments for frames of this size. Raises MediaError for one that the format does not hold."""
        raise NotImplementedError

    def _frames_in(self, height: int, width: int, channels: int) -> list[str]:
        """Arguments that open the pipe."""
        pixels = ["-f", "rawvideo", "-pix_fmt", "rgba" if channels == 4 else "rgb24"]
        return [*pixels, "-video_size", f"{width}x{height}", "-framerate", str(self._rate), "-i", "pipe:0"]

    def _hand_over(self) -> None:
        """Label the finished file and give it its name."""
        try:
            if self._synthetic:
                seal.seal(self._temporary)
            self._temporary.replace(self.path)
        except OSError as error:
            raise unwritable(self.path, error) from error
        release(self._temporary)

    @staticmethod
    def _is_whole(path: Path, ending: Ending, frame_count: int | None) -> bool:
        """Whether an ffmpeg wrote all that it was to write."""
        counted = ending.frames is not None and (frame_count is None or ending.frames == frame_count)
        return not ending.status and counted and path.is_file() and path.stat().st_size > 0

    def _failed(self, ending: Ending) -> FomError:
        if ending.unwritten:
            return unwritable(self.path, OSError(0, ending.unwritten))
        reason = ending.reason
        if not ending.status and not ending.stalled:
            reason = f"it wrote {ending.frames or 0} frames only, and found nothing wrong"
        return MediaError(
            f"Cannot write {self.path}: the encoder stopped ({reason}). Try again with more memory free, or name "
            "another ffmpeg in the environment variable IMAGEIO_FFMPEG_EXE."
        )


def run_to_end(*arguments: str) -> Ending:
    """How an ffmpeg ended that is neither fed nor read."""
    process = Ffmpeg(*arguments)
    try:
        return process.end()
    finally:
        process.kill()
