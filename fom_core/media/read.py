"""Driving videos in: frames one at a time, at a constant rate, upright."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from weakref import WeakSet

import numpy as np

from ..errors import MediaError
from ..files.paths import require_file
from . import ffmpeg
from .animation import Animation
from .facts import VideoFacts, probe
from .kinds import kind_of
from .limits import FRAME_PIXELS, most_pixels
from .pictures import PICTURE_SUFFIXES, list_pictures, no_pictures_in, read_picture
from .process import Ending, Ffmpeg, first_complaint

log = logging.getLogger(__name__)


def read_video(
    path: str | os.PathLike[str], *, from_s: float = 0.0, length_s: float = 0.0, max_pixels: int | None = None
) -> tuple[np.ndarray, float]:
    """All frames of a video, GIF, folder of pictures or picture at once, (T, H, W, 3) uint8 RGB; and frames a second.

    For short ones: a minute of 1920x1080 is 9 GB. A :class:`VideoReader`, which takes the same arguments, holds one
    frame at a time and knows of sound. Raises MediaError.
    """
    with VideoReader(path, from_s=from_s, length_s=length_s, max_pixels=max_pixels) as reader:
        return np.stack(list(reader)), reader.fps


class VideoReader:
    """A video file, a folder of pictures or a single picture as a stream of (H, W, 3) uint8 RGB frames.

    Iterate as often as needed: every pass decodes anew and holds one frame at a time. Frames come upright (rotation
    metadata applied) and with square pixels, at a constant rate: of a variable one that of its usual step, with repeats
    in its pauses, so that every frame is kept, frame ``i`` is shown at ``i / fps`` and sound stays in step. Of several
    tracks the default ones are taken. Of a damaged video the frames that can be decoded are
    used and a warning says how many. What a file is tells its content, not its name; animated
    pictures (GIF, APNG, WebP, AVIF) are videos. A folder is read in natural order of its names, 25 frames a second.

    from_s, length_s: the part to read, in seconds of the file's own clock; a length of 0 means to the end.
    as_shown:         seconds count from the file's beginning, as in players, and the part begins with what is shown
                      then, also a frame that is held for long; else with the first frame stored from then on, as
                      ComfyUI has it.
    max_pixels:       of a frame; None for what is usual, see :mod:`~fom_core.media.limits`.

    size:        height, width.
    rate, fps:   frames a second as a fraction and as a float.
    frame_count: expected number of frames; exact after a whole pass.
    has_audio:   whether the file holds sound.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        from_s: float = 0.0,
        length_s: float = 0.0,
        max_pixels: int | None = None,
        as_shown: bool = False,
    ) -> None:
        """Find out what ``path`` is. Raises MediaError when it is missing, holds no frame, or too large ones."""
        self.path = require_file(path, "The video", folder=True)
        self._asked_pixels = max_pixels
        self.max_pixels = most_pixels(max_pixels, FRAME_PIXELS)
        # Weak, so that a pass that nobody holds any more ends at once, and its ffmpeg with it.
        self._open: WeakSet[Generator[np.ndarray, None, None]] = WeakSet()
        self._warned = False
        self._facts: VideoFacts | None = None
        self._pictures: list[Path] = []
        self._animation: Animation | None = None
        if self.path.is_dir():
            self._pictures = list_pictures(self.path)
            if not self._pictures:
                raise no_pictures_in(self.path)
        elif (kind := kind_of(self.path, PICTURE_SUFFIXES)) == "still":
            self._pictures = [self.path]
        elif kind == "animation":
            self._animation = Animation(self.path, self.max_pixels, ffmpeg.DEFAULT_FPS)
        elif kind == "heic":
            raise MediaError(
                f"{self.path} is a HEIC picture, which cannot be read here. Export it as JPEG; of a Live Photo, give "
                "its .mov file."
            )
        if self._pictures:
            height, width = self._picture(self._pictures[0]).shape[:2]
            self.size, self.rate, self.frame_count = (height, width), ffmpeg.DEFAULT_FPS, len(self._pictures)
        elif self._animation is not None:
            clock = self._animation.clock
            self.size, self.rate, self.frame_count = self._animation.size, clock.rate, clock.frame_count
        else:
            self._facts = probe(self.path, self.max_pixels)
            self.size, self.rate, self.frame_count = self._facts.size, self._facts.clock.rate, self._facts.frame_count
        self._as_shown = as_shown
        self._first = self._frame_at(from_s) if from_s else 0
        self._stop = max(self._first + 1, self._frame_at(from_s + length_s)) if length_s else None
        whole, self.frame_count = self.frame_count, self._in_part(self.frame_count)
        if not self.frame_count:
            raise MediaError(
                f"{self.path} has {whole / self.fps:.4g} seconds; no frame is left from {from_s:.4g} s on. "
                "Begin earlier."
            )

    @property
    def fps(self) -> float:
        return float(self.rate)

    @property
    def duration_s(self) -> float:
        return float(self.frame_count / self.rate)

    @property
    def constant_rate(self) -> bool:
        """Whether the file's own frames are evenly spaced; those that are read always are."""
        return self._facts is None or self._facts.clock.constant

    @property
    def has_audio(self) -> bool:
        return self.audio_codec is not None

    @property
    def audio_codec(self) -> str | None:
        """ffmpeg's name of the sound's codec, such as "aac"; None without sound."""
        return self._facts.sound.codec if self._facts and self._facts.sound else None

    @property
    def sound_track(self) -> int | None:
        """ffmpeg's number of the track that the sound comes from; None without sound."""
        return self._facts.sound.number if self._facts and self._facts.sound else None

    @property
    def start_s(self) -> float:
        """When the first frame is shown on the file's clock, which the sound shares."""
        return (self._facts.start_s if self._facts else 0.0) + float(self._first / self.rate)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        for frames in list(self._open):
            frames.close()

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._animation is not None:
            frames = self._animation.frames()
        else:
            frames = self._decode(self._facts) if self._facts else self._read_pictures()
        if self._first or self._stop is not None:
            frames = self._part(frames)
        self._open.add(frames)
        return frames

    def _part(self, frames: Generator[np.ndarray, None, None]) -> Generator[np.ndarray, None, None]:
        with closing(frames):
            yield from islice(frames, self._first, self._stop)

    def _frame_at(self, moment_s: float) -> int:
        """The first frame from this moment of the file on."""
        if self._facts and not self._as_shown:
            return self._facts.slot_at(moment_s)
        return max(0, math.ceil((moment_s - (self._facts.start_s if self._facts else 0)) * self.rate - 1e-6))

    def _in_part(self, count: int) -> int:
        """How many of the file's frames belong to the part."""
        return max(0, (count if self._stop is None else min(count, self._stop)) - self._first)

    def _read_pictures(self) -> Generator[np.ndarray, None, None]:
        for path in self._pictures:
            frame = self._picture(path)
            if frame.shape[:2] != self.size:
                raise MediaError(
                    f"The pictures of {self.path} differ in size: {self._pictures[0].name} is "
                    f"{self.size[1]}x{self.size[0]} and {path.name} {frame.shape[1]}x{frame.shape[0]}. Make them equal."
                )
            yield frame

    def _picture(self, path: Path) -> np.ndarray:
        return read_picture(path, max_pixels=self._asked_pixels)

    def _decode(self, facts: VideoFacts) -> Generator[np.ndarray, None, None]:
        # Half a packet decodes to a half grey frame; discardcorrupt leaves it out.
        threads = ["-thread_type", "slice"] if facts.unthreaded else []
        command = ["-v", "error", "-fflags", "+discardcorrupt", *threads]
        command += ffmpeg.input_of(self.path, self.max_pixels)
        command += ["-map", f"0:{facts.track}", *(["-vf", ",".join(facts.filters)] if facts.filters else [])]
        whole = not (facts.clock.constant or facts.damaged)
        command += ["-frames:v", str(facts.frame_count)] if whole else []  # else ffmpeg may repeat the last one
        # Passthrough: what the filter gives and no more, or pictures that start late would be preceded by copies.
        command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
        limit = facts.frame_count if facts.damaged and facts.clock.constant else None
        count, ending = 0, None
        process = Ffmpeg(*command, read=True)
        try:
            while count != limit and process.fill(frame := np.empty((*facts.size, 3), np.uint8)):
                count += 1
                yield frame
            if count != limit:
                ending = process.end()
        finally:
            process.kill()
        self._finish(count, ending, facts)

    def _finish(self, count: int, ending: Ending | None, facts: VideoFacts) -> None:
        """Check a whole pass; without an ending ffmpeg was stopped where the damage begins."""
        self.frame_count = self._in_part(count)
        if ending is not None and (ending.died or ending.frames != count):
            raise ffmpeg.broken(f"decoding {self.path}, after {count} of about {facts.frame_count} frames", ending)
        said = ffmpeg.of_pictures(ending.said, facts.sound_decoders) if ending else ""
        if count == 0:
            reason = first_complaint(said)
            raise MediaError(f"{self.path} has no frame that can be decoded ({reason}). Copy or download it again.")
        if not self._warned:
            self._warn(count, facts, bool(said) or (ending is not None and ending.status != 0))

    def _warn(self, count: int, facts: VideoFacts, complained: bool) -> None:
        missing = count < facts.promised_count
        if complained or (facts.damaged and missing):
            found = (
                f"{count} of about {facts.promised_count} frames"
                if missing
                else f"{count} frames, not all of them whole,"
            )
            log.warning("%s is damaged: %s could be read and are used.", self.path, found)
        elif facts.clock.constant and count < facts.frame_count:
            log.warning("%s gave %d of about %d frames; these are used.", self.path, count, facts.frame_count)
        else:
            return
        self._warned = True
