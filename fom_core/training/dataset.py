"""Clips and portraits, decoded once, and the pairs of frames that training draws from them.

A data set is a folder of videos, a folder of frame folders, or either with an ``index.csv`` that names identity,
split and licence of each file. Decoding happens once, into a memory-mapped ``.npy`` file, so that training never waits.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import MediaError
from ..faces.detection import Detector
from ..media import VIDEO_SUFFIXES, VideoReader, list_pictures
from .landmarks import NO_FACE, find_landmarks


@dataclass(frozen=True)
class Entry:
    """One clip or portrait of a data set. ``path`` is a video, a picture or a folder of numbered frames."""

    path: Path
    identity: str
    kind: str  # "video" or "still"


@dataclass(frozen=True)
class Clip:
    """Where one entry's frames lie in the cache."""

    name: str
    identity: str
    kind: str
    start: int
    length: int


def find_entries(folder: Path, split: str | None = None, licence_classes: Sequence[str] | None = None) -> list[Entry]:
    """List what a data set holds, in a fixed order.

    With an ``index.csv`` the rows are filtered by ``split`` and ``licence_classes``; without one, every video or frame
    folder is a clip and an identity of its own, and a subfolder named like the split is entered when there is one.
    Raises MediaError when nothing is left.
    """
    index = folder / "index.csv"
    if index.is_file():
        with index.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if split is None or row["split"] == split]
        if licence_classes is not None:
            rows = [row for row in rows if row["licence_class"] in licence_classes]
        entries = [Entry(folder / row["file"], row["identity"], row["kind"]) for row in rows]
    else:
        root = folder / split if split and (folder / split).is_dir() else folder
        paths = sorted(root.iterdir()) if root.is_dir() else []
        entries = [Entry(path, path.stem, "video") for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]
        entries += [Entry(path, path.name, "video") for path in paths if path.is_dir() and list_pictures(path)]
    if not entries:
        raise MediaError(
            f"Wanted clips in {folder} (split {split}, licence classes {licence_classes}) and found none. "
            "Give a folder of videos, of frame folders, or one with an index.csv that has such rows."
        )
    return entries


class FrameCache:
    """All frames of a data set at one size: ``frames`` (N, S, S, 3) uint8, ``landmarks`` (N, 5, 2) in [-1, 1].

    Landmarks are those of :func:`find_landmarks`, ``NO_FACE`` where none were found or no detector was given.
    """

    def __init__(self, folder: Path) -> None:
        self.clips = [Clip(**values) for values in json.loads((folder / "clips.json").read_text())]
        self.frames = np.load(folder / "frames.npy", mmap_mode="r")
        self.landmarks = np.load(folder / "landmarks.npy")

    @classmethod
    def build(cls, folder: Path, entries: Sequence[Entry], size: int, detector: Detector | None = None) -> FrameCache:
        """Decode ``entries`` into ``folder``, or open what an earlier call with the same entries left there."""
        wanted = {"size": size, "labelled": detector is not None, "files": [str(entry.path) for entry in entries]}
        stamp = folder / "built_from.json"
        if stamp.is_file() and json.loads(stamp.read_text()) == wanted:
            return cls(folder)
        folder.mkdir(parents=True, exist_ok=True)
        clips: list[Clip] = []
        frames: list[np.ndarray] = []
        landmarks: list[np.ndarray] = []
        for entry in entries:
            start = len(frames)
            for picture in VideoReader(entry.path):
                frames.append(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
                landmarks.append(NO_FACE if detector is None else find_landmarks(picture, detector))
            if len(frames) > start:
                clips.append(Clip(entry.path.stem, entry.identity, entry.kind, start, len(frames) - start))
        np.save(folder / "frames.npy", np.stack(frames))
        np.save(folder / "landmarks.npy", np.stack(landmarks).astype(np.float32))
        (folder / "clips.json").write_text(json.dumps([asdict(clip) for clip in clips]))
        stamp.write_text(json.dumps(wanted))
        return cls(folder)

    def resized(self, folder: Path, size: int) -> FrameCache:
        """The same clips at a smaller size, kept in ``folder``."""
        if self.frames.shape[1] == size:
            return self
        if not (folder / "clips.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            small = [cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA) for frame in self.frames]
            np.save(folder / "frames.npy", np.stack(small))
            np.save(folder / "landmarks.npy", self.landmarks)
            (folder / "clips.json").write_text(json.dumps([asdict(clip) for clip in self.clips]))
        return FrameCache(folder)


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
