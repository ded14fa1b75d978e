"""VIDEOs of the host as files that can be read frame by frame, with the crops and sizes that they were given."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, finalize

from ..fom_core.media import VideoReader, VideoWriter
from . import host

log = logging.getLogger(__name__)
EDITED_CRF = 8  # of the copy with its edits: nothing is seen of the compression
_copies: WeakKeyDictionary[Any, Path] = WeakKeyDictionary()  # files that stand for a VIDEO, for as long as it lives


@dataclass(frozen=True)
class Opened:
    """A VIDEO that is being read.

    reader: its frames, upright, trimmed and edited, and its sound.
    key:    tells its frames from all others'.
    """

    reader: VideoReader
    key: Hashable
    _video: Any  # whose copy would be gone with it
    _passing: Path | None = None

    def close(self) -> None:
        self.reader.__exit__()
        if self._passing is not None:
            self._passing.unlink(missing_ok=True)


def opened_video(video: Any) -> Opened:
    """Read a VIDEO of the host: its stream with its trims where that shows all, else a copy of what it shows.

    The stream knows nothing of crops and sizes that newer hosts let people choose. The copy is made once, and stays in
    the host's folder for temporary files for as long as the VIDEO lives. Raises MediaError.
    """
    if pending_edits(video):
        (path, passing), part = copy_of(video, save_edited), (0.0, 0.0)
    else:
        source, part = video.get_stream_source(), video.get_active_trim_window()
        path, passing = (Path(source), False) if isinstance(source, str) else copy_of(video, save_stream)
    try:
        return Opened(reader_of(path, part), (host.stamp(path), part), video, path if passing else None)
    except BaseException:
        if passing:
            path.unlink(missing_ok=True)
        raise


def pending_edits(video: Any) -> bool:
    """Whether a VIDEO shows something else than its stream; older hosts have no such videos."""
    asked = getattr(video, "has_pending_frame_edits", None)
    return asked is not None and bool(asked())


def reader_of(path: Path, part: tuple[float, float]) -> VideoReader:
    """``part``: where it begins and how long it is, in seconds; a length of 0 is to the end."""
    return VideoReader(path, from_s=part[0], length_s=part[1])


def copy_of(video: Any, save: Callable[[Any, Path], None]) -> tuple[Path, bool]:
    """A file that ``save`` made of a VIDEO, and whether it is to be deleted after use: not while the VIDEO can tell."""
    try:
        known = _copies.get(video)
    except TypeError:  # one that cannot be found again
        return written(video, save), True
    if known is None or not known.exists():  # the host, or its user, empties the folder
        known = written(video, save)
        _copies[video] = known
        finalize(video, known.unlink, missing_ok=True)
    return known, False


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
    """What a VIDEO shows, its sound beside it. The host trims, crops and resizes; it cannot write odd sizes."""
    width, height = video.get_dimensions()
    if width % 2 == height % 2 == 0:
        video.save_to(str(path), crf=EDITED_CRF)
        return
    source = video.get_stream_source()
    passing = None if isinstance(source, str) else written(video, save_stream)
    try:
        sound = reader_of(passing or Path(source), video.get_active_trim_window())
        shown = video.get_components()
        with VideoWriter(path, shown.frame_rate, audio_from=sound, crf=EDITED_CRF) as writer:
            for image in shown.images:
                writer.write(host.to_uint8(image[None, ..., :3]))
    finally:
        if passing is not None:
            passing.unlink(missing_ok=True)
