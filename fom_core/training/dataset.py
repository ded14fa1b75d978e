"""Clips and portraits, decoded once, and the pairs of frames that training draws from them.

Decoding happens once, into a memory-mapped ``.npy`` file, so that training never waits. For small data sets whose
pairs are to be chosen by what they show; stream.py is for those that do not fit on a disk in this form.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import MediaError
from ..faces.detection import Detector
from ..files import replacing
from ..media import read_picture
from .clips import Entry, read_frames
from .frame_file import FrameFile
from .landmarks import NO_FACE, find_landmarks

log = logging.getLogger(__name__)
FRAMES, LANDMARKS, CLIPS, STAMP = "frames.npy", "landmarks.npy", "clips.json", "built_from.json"


@dataclass(frozen=True)
class Clip:
    """Where one entry's frames lie in the cache."""

    name: str
    identity: str
    kind: str
    start: int
    length: int


class FrameCache:
    """All frames of a data set at one size: ``frames`` (N, S, S, 3) uint8, ``landmarks`` (N, 5, 2) in [-1, 1].

    Landmarks are those of :func:`find_landmarks`, ``NO_FACE`` where none were found or no detector was given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clips = [Clip(**values) for values in json.loads((folder / CLIPS).read_text(encoding="utf-8"))]
        self.frames = np.load(folder / FRAMES, mmap_mode="r")
        self.landmarks = np.load(folder / LANDMARKS)

    @classmethod
    def build(cls, folder: Path, entries: Sequence[Entry], size: int, detector: Detector | None = None) -> FrameCache:
        """Decode ``entries`` into ``folder``, or open what an earlier call with the same files left there.

        A clip that cannot be read, or has a single frame, is left out with a warning; one that breaks off keeps the
        frames before. Raises MediaError when nothing is left.
        """
        made_of = {"size": size, "labelled": detector is not None, "files": [_facts(entry) for entry in entries]}
        if not _is_made_of(folder, made_of):
            clips, landmarks = [], []
            with _begin(folder, size) as file:
                for entry in entries:
                    points, clip = _decode(entry, file, detector)
                    landmarks += points
                    clips += [] if clip is None else [clip]
            _finish(folder, clips, landmarks, made_of)
        return cls(folder)

    def resized(self, folder: Path, size: int) -> FrameCache:
        """The same clips at a smaller size, kept in ``folder``."""
        if self.frames.shape[1] == size:
            return self
        clips = [asdict(clip) for clip in self.clips]
        made_of = {"size": size, "clips": clips, "of": (self.folder / FRAMES).stat().st_mtime_ns}
        if not _is_made_of(folder, made_of):
            with _begin(folder, size) as file:
                for frame in self.frames:
                    file.write(frame)
            _finish(folder, self.clips, self.landmarks, made_of)
        return FrameCache(folder)


def _decode(entry: Entry, file: FrameFile, detector: Detector | None) -> tuple[list[np.ndarray], Clip | None]:
    """Append an entry's frames as far as they can be read; gives their landmarks, and the clip if it is one."""
    start, landmarks, problem = file.count, [], None
    try:
        for picture in read_frames(entry.path) if entry.kind == "video" else [read_picture(entry.path)]:
            file.write(picture)
            landmarks.append(NO_FACE if detector is None else find_landmarks(picture, detector))
    except MediaError as error:
        problem = str(error)
    length = file.count - start
    if entry.kind == "video" and length == 1:
        problem = problem or f"{entry.path} has a single frame; a clip needs two."
    if problem is not None:
        log.warning("%s %s", problem, f"{length} frames of it are used." if length > 1 else "It is left out.")
    enough = length > (entry.kind == "video")
    return landmarks, Clip(entry.path.stem, entry.identity, entry.kind, start, length) if enough else None


def _facts(entry: Entry) -> list[str | int]:
    """What changes when a file is replaced by another one of the same name."""
    try:
        facts = entry.path.stat()
    except OSError:
        return [str(entry.path)]
    return [str(entry.path), facts.st_size, facts.st_mtime_ns]


def _is_made_of(folder: Path, made_of: dict[str, object]) -> bool:
    stamp = folder / STAMP
    return stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == made_of


def _begin(folder: Path, size: int) -> FrameFile:
    file = FrameFile(folder / FRAMES, size)
    (folder / STAMP).unlink(missing_ok=True)  # from now on the folder is unfinished
    return file


def _finish(folder: Path, clips: Sequence[Clip], landmarks: Sequence[np.ndarray], made_of: dict[str, object]) -> None:
    """Put the rest beside the frames; the stamp comes last, and says that all is there."""
    if not clips:
        raise MediaError("None of the clips can be read; the messages before say why.")
    np.save(folder / LANDMARKS, np.stack(landmarks).astype(np.float32))
    (folder / CLIPS).write_text(json.dumps([asdict(clip) for clip in clips]), encoding="utf-8")
    with replacing(folder / STAMP) as temporary:
        temporary.write_text(json.dumps(made_of), encoding="utf-8")


@dataclass(frozen=True)
class RawPairs:
    """A batch straight from the cache. For a still, source and driving are the same picture and ``still`` is set."""

    source: np.ndarray  # (B, S, S, 3) uint8
    driving: np.ndarray
    source_landmarks: np.ndarray  # (B, 5, 2)
    driving_landmarks: np.ndarray
    still: np.ndarray  # (B,) bool
    names: tuple[str, ...] = ()  # of the clips, for messages


class PairSampler:
    """Draws pairs of frames of one clip: identity first, so that long clips do not dominate.

    Of a few candidate driving frames the one that differs most from the source is taken, in ``mouth_share`` of the
    pairs by the mouth alone and else by the whole face: random pairs of a talking head are nearly equal.
    """

    def __init__(
        self,
        cache: FrameCache,
        seed: int,
        *,
        still_share: float = 0.2,
        candidates: int = 4,
        mouth_share: float = 0.5,
    ) -> None:
        self.cache, self.candidates, self.mouth_share = cache, candidates, mouth_share
        self.random = np.random.default_rng(seed)
        videos, stills = _by_identity(cache.clips, "video"), _by_identity(cache.clips, "still")
        self.videos, self.stills = list(videos.values()), list(stills.values())
        self.still_share = still_share if self.stills and self.videos else float(bool(self.stills))
        self.faces, self.mouths = _thumbnails(cache)

    def draw(self, batch_size: int, part: slice = slice(None)) -> RawPairs:
        """A new batch; only the random state changes. ``part``: which of its rows to read, one process's share."""
        still = self.random.random(batch_size) < self.still_share
        pairs = np.array([self._still() if flag else self._video() for flag in still])
        source, driving = pairs[part, 0], pairs[part, 1]
        frames, landmarks = self.cache.frames, self.cache.landmarks
        names = tuple(self.cache.clips[index].name for index in self._clip_of(source))
        return RawPairs(frames[source], frames[driving], landmarks[source], landmarks[driving], still[part], names)

    def _clip_of(self, frames: np.ndarray) -> np.ndarray:
        return np.searchsorted([clip.start for clip in self.cache.clips], frames, side="right") - 1

    def _clip(self, groups: list[list[Clip]]) -> Clip:
        group = groups[self.random.integers(len(groups))]
        return group[self.random.integers(len(group))]

    def _still(self) -> tuple[int, int]:
        clip = self._clip(self.stills)
        return clip.start, clip.start

    def _video(self) -> tuple[int, int]:
        clip = self._clip(self.videos)
        source, *others = clip.start + self.random.integers(clip.length, size=1 + self.candidates)
        thumbnails = self.mouths if self.random.random() < self.mouth_share else self.faces
        difference = np.abs(thumbnails[others] - thumbnails[source]).mean(axis=(1, 2))
        return int(source), int(others[int(difference.argmax())])


def _by_identity(clips: Sequence[Clip], kind: str) -> dict[str, list[Clip]]:
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.kind == kind:
            groups.setdefault(clip.identity, []).append(clip)
    return groups


def _thumbnails(cache: FrameCache) -> tuple[np.ndarray, np.ndarray]:
    """Grey (N, 16, 16) pictures of the middle of each frame, and (N, 8, 8) of the mouth, or where it usually is."""
    size = cache.frames.shape[1]
    faces, mouths = [], []
    for frame, points in zip(cache.frames, cache.landmarks, strict=True):
        grey = cv2.cvtColor(np.asarray(frame), cv2.COLOR_RGB2GRAY)
        inner = grey[size // 6 : -(size // 6), size // 6 : -(size // 6)]
        faces.append(cv2.resize(inner, (16, 16), interpolation=cv2.INTER_AREA))
        x, y = (0.0, 0.35) if np.isnan(points).any() else points[3:5].mean(axis=0)
        half = size // 8
        column = int(np.clip((x + 1) / 2 * size, half, size - half))
        row = int(np.clip((y + 1) / 2 * size, half, size - half))
        mouth = grey[row - half : row + half, column - half : column + half]
        mouths.append(cv2.resize(mouth, (8, 8), interpolation=cv2.INTER_AREA))
    return np.stack(faces).astype(np.float32), np.stack(mouths).astype(np.float32)
