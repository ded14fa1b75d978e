"""What ``fom preprocess`` is to cut: raw videos, or the rows of a metadata file in the manner of VoxCeleb's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..documents.readers import read_csv, shortened, wrong_as
from ..errors import MediaError
from ..files.paths import require_file
from ..media import VIDEO_SUFFIXES
from ..types import Box

NAMES = {  # our name of a column: the names it may have
    "video": ("video_id", "video", "id", "file"),
    "person": ("person_id", "person", "identity"),
    "start": ("start", "start_frame"),
    "stop": ("end", "stop", "end_frame"),
    "box": ("bbox", "box"),
    "split": ("partition", "split"),
    "fps": ("fps",),
    "width": ("width",),
    "height": ("height",),
}
REQUIRED = ("video", "start", "stop", "box")
MOST = 10**9  # frames, pixels, frames a second
FOLDERS = {"test": "test", "val": "test", "validation": "test"}  # every other partition is for training


@dataclass(frozen=True)
class MetadataRow:
    """A part of a video as a metadata file tells it, in frames and pixels of the size that the file is about."""

    start: float
    stop: float
    box: Box
    fps: float | None = None  # None: frames are those of the video at hand
    size: tuple[float, float] | None = None  # height, width; None: those of the video at hand
    split: str = "train"


@dataclass(frozen=True)
class VideoJob:
    """One video and what to make of it; without rows, its faces are looked for. ``name`` is unique and without #."""

    video: Path
    person: str
    name: str
    split: str = "train"
    rows: tuple[MetadataRow, ...] = ()


def jobs_of_videos(paths: Sequence[Path], test_share: float = 0.0) -> list[VideoJob]:
    """One job per video below the given files and folders. The first folder below a given one names the person.

    ``test_share`` of the people, chosen by their names, are for testing. Raises MediaError where there is no video.
    """
    jobs = []
    for root in paths:
        if not root.exists():
            require_file(root, "The video or folder", folder=True)
        files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if _is_video(path))
        if not files:
            raise MediaError(f"Wanted videos in {root} and found none. Give a folder with videos, or a video.")
        base = root.parent if root.is_file() else root
        for path in files:
            parts = [_plain(part) for part in path.relative_to(base).with_suffix("").parts]
            split = "test" if _share(parts[0]) < test_share else "train"
            jobs.append(VideoJob(path, parts[0], "-".join(parts[1:]) or "video", split))
    return jobs


def jobs_of_metadata(metadata: Path, folder: Path) -> tuple[list[VideoJob], list[str]]:
    """One job per video that a CSV names and ``folder`` holds; also the ids of those it does not hold.

    Columns: video_id, start, end (frames), bbox (left-top-right-bottom); and, where there are, person_id, fps, width,
    height, partition. Raises MediaError that names the line for a file that cannot be read so.
    """
    rows: dict[tuple[str, str], list[MetadataRow]] = {}
    with wrong_as(MediaError, metadata):
        table = read_csv(metadata)
    columns = _columns(metadata, table.columns)
    for line, values in table.rows:
        try:
            person, video, row = _row(values, columns)
        except ValueError as error:
            raise MediaError(
                f"{metadata}, line {line}: {shortened(str(error))}. Correct or remove the line."
            ) from error
        rows.setdefault((person, video), []).append(row)
    found = {path.stem: path for path in sorted(folder.rglob("*")) if _is_video(path)}
    jobs = [
        VideoJob(found[video], _plain(person), _plain(video), rows=tuple(parts))
        for (person, video), parts in rows.items()
        if video in found
    ]
    return jobs, sorted({video for _, video in rows if video not in found})


def _columns(path: Path, found: Sequence[str]) -> dict[str, str]:
    columns = {name: next((each for each in known if each in found), "") for name, known in NAMES.items()}
    missing = [NAMES[name][0] for name in REQUIRED if not columns[name]]
    if missing:
        raise MediaError(f"{path} has no column {missing[0]}; it has {shortened(', '.join(found)) or 'none'}.")
    return columns


def _row(values: dict[str, str], columns: dict[str, str]) -> tuple[str, str, MetadataRow]:
    given = {name: values[column].strip() for name, column in columns.items() if column}
    video = Path(given["video"]).stem if Path(given["video"]).suffix in VIDEO_SUFFIXES else given["video"]
    sides = [_number(side) for side in given["box"].replace(",", "-").split("-")]
    if len(sides) != 4 or sides[2] <= sides[0] or sides[3] <= sides[1]:
        raise ValueError(f"a box is left-top-right-bottom, found {given['box']!r}")
    start, stop = _number(given["start"]), _number(given["stop"])
    if not 0 <= start < stop:
        raise ValueError(f"a part ends after it starts, found {start:g} to {stop:g}")
    size = (_number(given["height"]), _number(given["width"])) if given.get("height") and given.get("width") else None
    fps = _number(given["fps"]) if given.get("fps") else None
    if 0 in (*(size or ()), fps):
        raise ValueError("fps, width and height are above 0")
    split = FOLDERS.get(given.get("split", ""), "train")
    box = (sides[0], sides[1], sides[2], sides[3])
    return given.get("person") or video, video, MetadataRow(start, stop, box, fps, size, split)


def _number(text: str) -> float:
    value = float(text)
    if not 0 <= value <= MOST:
        raise ValueError(f"numbers are from 0 to {MOST}, found {text!r}")
    return value


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and path.is_file() and not path.name.startswith(".")


def _plain(name: str) -> str:
    """A part of a file's name; what stands before # is the person."""
    return name.replace("#", "_").replace("/", "_").replace("\\", "_")


def _share(name: str) -> float:
    """A number from 0 to 1 that a name always has."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
