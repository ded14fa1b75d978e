"""What a result is like: how large it is, a preview in its place, source and driver beside it."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Literal, get_args

import numpy as np

from ..documents.times import moment_text
from ..files.places import NUMBER, with_number
from ..media import ANIMATED_SUFFIXES, VideoReader, VideoWriter
from ..media.mark import marked
from ..media.panels import beside
from ..media.sheet import SheetWriter
from ..pictures import even_size, resize_frame
from . import common, drivers, values
from .names import output_path, target
from .progress import how_many

log = logging.getLogger(__name__)
Beside = Literal["plain", "labelled"]
Sound = Literal["driver", "source", "none"]
Writer = VideoWriter | SheetWriter
Stream = Iterable[np.ndarray]  # from the beginning as often as it is asked for
MOMENTS, MOMENT_PX = 9, 640  # of a preview, and how wide each is
GIF_PX, BESIDE_PX = 480, 3840  # widths unless told


def add_result_options(group: argparse._ActionsContainer) -> None:
    """How large and how good the result is, and what else it shows."""
    group.add_argument(
        "--max_size",
        type=values.even_pixels,
        metavar="PIXELS",
        help="shrink a picture with a longer side first, which also saves time: aspect kept, sides even. Many devices "
        "play H.264 up to 4096 pixels only",
    )
    size = group.add_mutually_exclusive_group()
    size.add_argument(
        "--scale",
        type=values.above_zero,
        metavar="F",
        help="make the finished frames F times as large, such as 0.5; sides become even",
    )
    size.add_argument(
        "--width",
        type=values.even_pixels,
        metavar="PIXELS",
        help=f"the same by the width of the result (default: as large as the picture, GIFs at most {GIF_PX} wide)",
    )
    group.add_argument(
        "--crf",
        type=values.crf,
        metavar="N",
        help="quality of H.264, 0 to 51: less is better and larger; of WebM, WebP and AVIF what looks the same "
        f"(default: {values.CRF})",
    )
    group.add_argument(
        "--loop",
        type=values.from_zero,
        default=0,
        metavar="N",
        help="how often a GIF, WebP or AVIF plays; 0: for ever (default: 0)",
    )
    group.add_argument(
        "--side_by_side",
        nargs="?",
        const="plain",
        choices=get_args(Beside),
        metavar="plain|labelled",
        help="show source, driver and result next to each other; labelled: with words above them",
    )
    group.add_argument(
        "--preview",
        nargs="?",
        type=common.positive,
        const=MOMENTS,
        metavar="N",
        help="paint N evenly spaced frames only, on one sheet: a picture of the result's name, such as result.png "
        f"(default of N: {MOMENTS})",
    )


def open_writer(
    args: argparse.Namespace, driving: Sequence[drivers.Driver], source: VideoReader | None = None
) -> Writer:
    """What takes the frames, at the rate of a source video where there is one."""
    rate = drivers.frame_rate(driving) if source is None else source.rate
    if args.preview is not None:
        return SheetWriter(target(args), float(rate))
    return VideoWriter(
        output_path(args),
        rate,
        audio_from=sound_for(args, driving, source),
        crf=values.CRF if args.crf is None else args.crf,
        encoder=args.encoder,
        loop=args.loop,
    )


def sound_for(
    args: argparse.Namespace, driving: Sequence[drivers.Driver], source: VideoReader | None
) -> VideoReader | None:
    """The video whose sound ``--audio`` asks for; a line where it has none."""
    if args.audio == "none":
        return None
    own = source if source is not None and source.has_audio else None
    found = own if args.audio == "source" else drivers.sound_of(args, driving)
    if found is None and args.audio is None:
        return own
    if found is None and source is not None:
        log.warning("--audio %s: there is no such sound, so the result has none.", args.audio)
    return found


def tell_result(writer: Writer) -> None:
    """A line for numbered pictures, and for results whose size people mind: they are shown on pages and sent around."""
    path = writer.path
    if NUMBER.search(path.name):
        first, last = (with_number(path.name, number) for number in (0, writer.frame_count - 1))
        names = first if first == last else f"{first} to {last}"
        log.info("%s in %s: %s.", how_many(writer.frame_count, "picture"), path.parent, names)
    if path.suffix.lower() in ANIMATED_SUFFIXES and path.is_file() and writer.size:
        size = path.stat().st_size
        told = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"
        log.info("%s: %dx%d pixels, %s.", path.name, writer.size[1], writer.size[0], told)


def preview_frames(args: argparse.Namespace, length: int) -> list[int] | None:
    """The frames to paint: of a preview some, the first and the last among them; None for all."""
    if args.preview is None:
        return None
    return sorted({round(number) for number in np.linspace(0, length - 1, min(args.preview, length)).tolist()})


class Shown:
    """What becomes of painted frames: source and driver beside them, another size, the visible mark.

    frames: numbers of those that are painted; None for all.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        source: np.ndarray | Stream,
        driving: Sequence[drivers.Driver],
        length: int,
        fps: float,
    ) -> None:
        """``source`` is a picture or the frames of a video, for ``length`` frames of the result, ``fps`` a second."""
        self.frames = preview_frames(args, length)
        self.captions = [f"{moment_text(index / fps)}  frame {index}" for index in self.frames or ()]
        self._mark = args.mark
        self._source: Iterator[np.ndarray] = repeat(source) if isinstance(source, np.ndarray) else iter(())
        self._beside = args.side_by_side
        self._scale, self._width = args.scale, args.width
        self._widest = _widest(args)
        self._drivers: list[Iterator[np.ndarray]] = []
        if self._beside:
            readers = [driver for driver in driving if isinstance(driver, VideoReader)]
            if len(readers) < len(driving):
                log.warning("A saved motion has no pictures, so --side_by_side shows it without its driver.")
            numbers = self.frames if self.frames is not None else range(length)
            if not isinstance(source, np.ndarray):
                self._source = _pictures_of(source, numbers)
            self._drivers = [
                _pictures_of(reader, in_step(numbers, reader.frame_count, reader.fps, fps, args.length))
                for reader in readers
            ]

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, C) frames as they are written; they come in their order."""
        if self._beside:
            if self._mark:
                frames = marked(frames, self._mark)  # the result alone is synthetic
            frames = np.stack([self._row(frame) for frame in frames])
        size = self._size(*frames.shape[1:3])
        if size != frames.shape[1:3]:
            frames = np.stack([resize_frame(frame, size) for frame in frames])
        return marked(frames, self._mark) if self._mark and not self._beside else frames

    def _row(self, frame: np.ndarray) -> np.ndarray:
        names = ["source", *["driver"] * len(self._drivers), "result"]
        panels = [next(self._source), *(next(driver) for driver in self._drivers), frame]
        return beside(panels, names if self._beside == "labelled" else ())

    def _size(self, height: int, width: int) -> tuple[int, int]:
        factor = self._scale or (self._width or (width if self._widest is None else min(width, self._widest))) / width
        return (height, width) if factor == 1 else even_size(height, width, factor)


def _widest(args: argparse.Namespace) -> int | None:
    if args.preview is not None:
        return MOMENT_PX * (2 if args.side_by_side else 1)
    if output_path(args).suffix.lower() == ".gif":
        return GIF_PX
    return BESIDE_PX if args.side_by_side else None


def in_step(numbers: Iterable[int], count: int, fps: float, to_fps: float, length: str) -> list[int]:
    """Which of a driver's ``count`` frames moves each of these frames of the result, see :func:`fom_core.align`."""
    resampled = max(1, round(count * to_fps / fps))
    places = [number % resampled if length == "loop" else min(number, resampled - 1) for number in numbers]
    return [min(int(place * fps / to_fps + 0.5), count - 1) for place in places]


def _pictures_of(reader: Stream, numbers: Sequence[int]) -> Iterator[np.ndarray]:
    """The frames of these numbers; where they go back, reading begins anew."""
    frames, at = iter(reader), -1
    frame = np.empty(0)
    for number in numbers:
        if number < at:
            frames, at = iter(reader), -1
        while at < number:
            frame, at = next(frames, frame), at + 1
        yield frame
