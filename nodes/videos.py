"""VIDEOs of the host as frames one at a time, with the crops and sizes that they were given."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, finalize

import numpy as np

from ..fom_core.media import VideoReader
from . import host

EDITED_CRF = 8  # of the copy of a long edited video: nothing is seen of the compression
IN_MEMORY = 0.25  # share of the free memory that the frames of an edited video may take as the host hands them out
_copies: WeakKeyDictionary[Any, dict[str, Path]] = WeakKeyDictionary()  # files of a VIDEO, for as long as it lives
_numbers: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # of edited VIDEOs, whose content no file tells
_next = count()


class EditedVideo:
    """The frames (H, W, 3) uint8 that a VIDEO shows, which are not those of its stream.

    They come out of memory; those of a long video out of a copy, made once, that the host trims, crops and resizes. Of
    that kind it cannot write odd sizes.

    size:        height, width.
    frame_count: near enough for a progress bar.
    """

    def __init__(self, video: Any) -> None:
        self._video = video
        self._frames: np.ndarray | None = None
        width, height = video.get_dimensions()
        self.size, self.rate, self.frame_count = (height, width), Fraction(video.get_frame_rate()), self._count()

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._frames is None and self._is_long:
            return iter(VideoReader(copy_of(self._video, save_edited)[0]))
        if self._frames is None:
            images = self._video.get_components().images
            self._frames = np.empty((*images.shape[:3], 3), np.uint8)
            for frame, image in zip(self._frames, images, strict=True):
                frame[:] = host.to_uint8(image[..., :3])
        return iter(self._frames)

    def _count(self) -> int:
        return max(1, int(self._video.get_frame_count()))

    @cached_property
    def _is_long(self) -> bool:
        """Decided once: were it asked anew at each pass, what fills memory meanwhile would change the frames."""
        height, width = self.size
        can_be_written = height % 2 == width % 2 == 0 and number_of(self._video) is not None
        return can_be_written and self.frame_count * height * width * 3 * 4 > IN_MEMORY * host.free_memory()


@dataclass(frozen=True)
class Opened:
    """A VIDEO that is being read.

    shown: its frames, upright, trimmed and edited.
    sound: a reader beside whose frames its sound is.
    key:   tells its frames from all others'; None where nothing can.
    """

    shown: VideoReader | EditedVideo
    sound: VideoReader
    key: Hashable | None
    _video: Any  # whose copy would be gone with it
    _passing: Path | None = None

    def close(self) -> None:
        self.sound.__exit__()
        if self._passing is not None:
            self._passing.unlink(missing_ok=True)


def opened_video(video: Any) -> Opened:
    """Read a VIDEO of the host: its stream with its trims where that shows all, else what it shows.

    The stream knows nothing of crops and sizes that newer hosts let people choose. Raises MediaError.
    """
    source, part = video.get_stream_source(), video.get_active_trim_window()
    path, passing = (Path(source), False) if isinstance(source, str) else copy_of(video, save_stream)
    try:
        stream = VideoReader(path, from_s=part[0], length_s=part[1])
        if pending_edits(video):
            return Opened(EditedVideo(video), stream, number_of(video), video, path if passing else None)
        key = None if passing else (host.stamp(path), part)  # a temporary file is never found again
        return Opened(stream, stream, key, video, path if passing else None)
    except BaseException:
        if passing:
            path.unlink(missing_ok=True)
        raise


def pending_edits(video: Any) -> bool:
    """Whether a VIDEO shows something else than its stream; older hosts have no such videos."""
    asked = getattr(video, "has_pending_frame_edits", None)
    return asked is not None and bool(asked())


def number_of(video: Any) -> int | None:
    """One number for a VIDEO as long as it lives; None for one that cannot be found again."""
    try:
        return _numbers.setdefault(video, next(_next))
    except TypeError:
        return None


def copy_of(video: Any, save: Callable[[Any, Path], None]) -> tuple[Path, bool]:
    """A file that ``save`` made of a VIDEO, and whether it is to be deleted after use: not while the VIDEO can tell."""
    if number_of(video) is None:
        return written(video, save), True
    known = _copies.setdefault(video, {})
    path = known.get(save.__name__)
    if path is None or not path.exists():  # the host, or its user, empties the folder
        path = known[save.__name__] = written(video, save)
        finalize(video, path.unlink, missing_ok=True)
    return path, False


def written(video: Any, save: Callable[[Any, Path], None]) -> Path:
    """A new temporary file that ``save`` has written; none is left when that fails."""
    path = host.temporary_file(".mp4")
    try:
        save(video, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def save_stream(video: Any, path: Path) -> None:
    """The stream of a VIDEO that is in memory."""
    path.write_bytes(video.get_stream_source().getbuffer())


def save_edited(video: Any, path: Path) -> None:
    """What a VIDEO shows."""
    video.save_to(str(path), crf=EDITED_CRF)
