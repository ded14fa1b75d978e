"""Results out: frames as they come, into a video with the driver's sound or into numbered pictures."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from .. import signals
from ..errors import MediaError, UsageError
from ..files.places import NUMBER
from .animated import ANIMATED_SUFFIXES, MovingPicture
from .clock import nominal_rate
from .encode import ALPHA_SUFFIXES, H264_SUFFIXES, VIDEO_SUFFIXES, EncodedVideo
from .mark import Corner, marked
from .pictures import WRITTEN_SUFFIXES
from .read import VideoReader
from .sequence import NumberedPictures, pattern_of


def target_of(path: Path) -> Path:
    """What a :class:`VideoWriter` for this path writes: the file, or the pattern of numbered pictures."""
    suffix = path.suffix.lower()
    if is_animated(path):
        return path
    return pattern_of(path) if not suffix or suffix in WRITTEN_SUFFIXES else path


def is_animated(path: Path) -> bool:
    """Whether a name is that of one animated picture; with a number in it, ``f_%04d.webp`` is many stills'."""
    suffix = path.suffix.lower()
    return suffix in ANIMATED_SUFFIXES and not (suffix in WRITTEN_SUFFIXES and NUMBER.search(path.name))


class VideoWriter:
    """Writes frames one chunk at a time; the result appears under its name only when it is complete.

    Use as a context manager: leaving it normally completes the file, an exception or Ctrl-C inside removes every trace.

    path:        where the result will be; for numbered pictures their pattern, such as ``out/frame_%06d.png``.
    fps:         frames a second.
    frame_count: frames handed in so far.
    has_audio:   whether the result carries sound.
    keeps_alpha: whether frames may be RGBA.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float | Fraction,
        *,
        audio_from: VideoReader | None = None,
        crf: int = 18,
        encoder: str | None = None,
        synthetic: bool = True,
        mark: Corner | None = None,
        loop: int = 0,
    ) -> None:
        """Reserve the output, so that an unwritable place raises WriteError before any work is done.

        path:       .mp4, .mov, .mkv (H.264), .webm (VP9), .gif, .webp, .avif (animated); or numbered pictures: a
                    pattern (``f_%04d.png``), another picture's name (``f.png``) or a name without suffix (a folder of
                    PNGs). Odd sides of H.264 videos are made even by repeating the last row or column.
        fps:        frames a second; floats near the NTSC rates mean them (29.97 is 30000/1001).
        audio_from: the video whose sound goes along, cut to the length of the frames written.
        crf:        quality of H.264, smaller is better and larger; VP9, WebP and AVIF are set to look the same.
        encoder:    of H.264: a name of :data:`~fom_core.media.encoders.ENCODERS`; None for the processor's, libx264.
                    Raises UsageError or MediaError for one that cannot be used here.
        synthetic:  say so in the file, see :mod:`~fom_core.media.label`; False for frames that no model made.
        mark:       the corner in which every frame carries a visible mark, see :mod:`~fom_core.media.mark`.
        loop:       how often an animated picture plays; 0: for ever.
        """
        path = Path(path)
        rate = fps if isinstance(fps, Fraction) else nominal_rate(float(fps))
        suffix = path.suffix.lower()
        if encoder is not None and suffix not in H264_SUFFIXES:
            raise UsageError(
                f"The encoder {encoder} makes H.264, which {suffix or 'folders of pictures'} cannot hold. Name the "
                f"output {', '.join(sorted(H264_SUFFIXES))}, or leave the encoder out."
            )
        self._sink: EncodedVideo | MovingPicture | NumberedPictures
        if is_animated(path):
            self._sink = MovingPicture(path, rate, audio_from, crf, loop, synthetic=synthetic)
        elif suffix in VIDEO_SUFFIXES:
            self._sink = EncodedVideo(path, rate, audio_from, crf, encoder, synthetic=synthetic)
        elif not suffix or suffix in WRITTEN_SUFFIXES:
            self._sink = NumberedPictures(path, synthetic, audio_from)
        else:
            raise MediaError(
                f"Cannot write '{suffix}' files. Name the output .mp4, .webm, .gif, .webp, .avif, .mov, .mkv or .png."
            )
        self.fps = float(rate)
        self.keeps_alpha = suffix in ALPHA_SUFFIXES
        self.frame_count = 0
        self._mark: Corner | None = mark
        self._size: tuple[int, ...] | None = None

    @property
    def path(self) -> Path:
        return self._sink.path

    @property
    def has_audio(self) -> bool:
        return self._sink.has_audio

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the frames handed in."""
        return None if self._size is None else (self._size[0], self._size[1])

    def replaces(self, path: str | os.PathLike[str]) -> bool:
        """Whether the result will take the place of an existing file, or of files in that folder."""
        return self._sink.replaces(Path(path))

    def write(self, frames: np.ndarray) -> None:
        """Add one (H, W, C) frame or (T, H, W, C) frames, uint8 RGB (or RGBA). All must have one size."""
        frames = frames[None] if frames.ndim == 3 else frames
        self._size = self._size or frames.shape[1:]
        if frames.shape[1:] != self._size or frames.dtype != np.uint8:
            raise ValueError(f"frames must stay uint8 {self._size}, found {frames.dtype} {frames.shape[1:]}")
        self._sink.write(marked(frames, self._mark) if self._mark else frames)
        self.frame_count += len(frames)

    def close(self) -> None:
        """Complete the result. Raises MediaError when no frame was written or the encoder failed."""
        try:
            if self.frame_count == 0:
                raise MediaError(f"No frame was handed in, so {self.path} is not written.")
            self._sink.finish(self.frame_count)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Stop and remove every trace. A signal that comes meanwhile waits for that."""
        with signals.delayed():
            self._sink.discard()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
