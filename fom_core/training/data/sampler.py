"""The pairs of frames that training draws from a cache, chosen by what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from .frame_cache import CachedClip, FrameCache, map_in_threads

MOST_OF_THE_MEMORY = 0.4  # of a device, that frames may take so that they are copied there once and for all


@dataclass(frozen=True)
class RawPairs:
    """A batch straight from the cache. For a still, source and driving are the same picture and ``still`` is set.

    Pictures may be on another device than the rest.
    """

    source: Tensor  # (B, S, S, 3) uint8
    driving: Tensor
    source_landmarks: Tensor  # (B, 5, 2)
    driving_landmarks: Tensor
    still: Tensor  # (B,) bool
    names: tuple[str, ...] = ()  # of the clips, for messages


class FrameStore:
    """The frames of a cache where batches are made: all on the device if they fit, else brought there as needed."""

    def __init__(self, frames: np.ndarray, device: torch.device) -> None:
        self.device = device
        self._here: np.ndarray | Tensor = frames
        if device.type == "cuda" and frames.nbytes < MOST_OF_THE_MEMORY * torch.cuda.mem_get_info(device)[0]:
            self._here = torch.from_numpy(np.array(frames)).to(device)

    def __getitem__(self, indices: np.ndarray) -> Tensor:
        """(B, S, S, 3) uint8 on the device."""
        if isinstance(self._here, Tensor):
            return self._here[torch.from_numpy(indices).to(self.device)]
        return torch.from_numpy(self._here[indices]).to(self.device)


class PairSampler:
    """Draws pairs of frames of one clip: identity first, so that long clips do not dominate.

    Of a few candidate driving frames the one that differs most from the source is taken: in ``mouth_share`` of the
    pairs by the mouth alone, in ``pose_share`` by how far the head is turned, nodded and tilted, and else by the whole
    face. Random pairs of a talking head are nearly equal.
    """

    def __init__(
        self,
        cache: FrameCache,
        seed: int,
        *,
        still_share: float = 0.2,
        candidates: int = 4,
        mouth_share: float = 0.5,
        pose_share: float = 0.0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.cache, self.candidates, self.mouth_share, self.pose_share = cache, candidates, mouth_share, pose_share
        self.random = np.random.default_rng(seed)
        self.videos, self.stills = _by_identity(cache.clips, "video"), _by_identity(cache.clips, "still")
        self.still_share = still_share if self.stills and self.videos else float(bool(self.stills))
        self.faces, self.mouths = _thumbnails(cache)
        self.poses = _shapes(cache.landmarks)
        self.starts = np.array([clip.start for clip in cache.clips])
        self.lengths = np.array([clip.length for clip in cache.clips])
        self.frames = FrameStore(cache.frames, torch.device(device))

    def draw(self, batch_size: int, part: slice = slice(None)) -> RawPairs:
        """A new batch; only the random state changes. ``part``: which of its rows to read, one process's share."""
        still = self.random.random(batch_size) < self.still_share
        clips = self._clips(still)
        source, *others = self.starts[clips] + self.random.integers(
            self.lengths[clips], size=(1 + self.candidates, batch_size)
        )
        decides = self.random.random(batch_size)
        by_mouth, by_pose = decides < self.mouth_share, decides >= 1 - self.pose_share
        source = source[part]
        driving = self._most_different(source, np.stack(others)[:, part], by_mouth[part], by_pose[part])
        landmarks = torch.from_numpy(self.cache.landmarks)
        return RawPairs(
            self.frames[source],
            self.frames[driving],
            landmarks[source],
            landmarks[driving],
            torch.from_numpy(still[part]),
            tuple(self.cache.clips[index].name for index in clips[part]),
        )

    def _clips(self, still: np.ndarray) -> np.ndarray:
        """(B,) numbers of clips or portraits, each of a person drawn at random."""
        shares = self.random.random((2, len(still)))
        clips = np.empty(len(still), int)
        for row, (who, which) in enumerate(shares.T):
            people = self.stills if still[row] else self.videos
            group = people[int(who * len(people))]
            clips[row] = group[int(which * len(group))]
        return clips

    def _most_different(
        self, source: np.ndarray, others: np.ndarray, by_mouth: np.ndarray, by_pose: np.ndarray
    ) -> np.ndarray:
        """Of (C, B) candidates the one for each source (B,) that differs most from it."""
        by_pose = by_pose & ~np.isnan(self.poses[np.concatenate([source[None], others])]).any(axis=(0, 2))
        apart = np.empty(others.shape, np.float32)
        for shown, rows in ((self.mouths, by_mouth), (self.faces, ~by_mouth & ~by_pose), (self.poses, by_pose)):
            difference = np.abs(shown[others[:, rows]] - shown[source[rows]])
            apart[:, rows] = difference.mean(axis=tuple(range(2, difference.ndim)))
        return others[apart.argmax(axis=0), np.arange(len(source))]


def _shapes(landmarks: np.ndarray) -> np.ndarray:
    """(N, 10) places of the landmarks, wherever the face is and however large: what turns and tilts change."""
    centred = landmarks - landmarks.mean(axis=1, keepdims=True)
    size = np.sqrt(np.square(centred).sum(axis=(1, 2), keepdims=True))
    return (centred / np.maximum(size, 1e-6)).reshape(len(landmarks), -1).astype(np.float32)


def _by_identity(clips: Sequence[CachedClip], kind: str) -> list[list[int]]:
    """The numbers of each person's clips."""
    groups: dict[str, list[int]] = {}
    for number, clip in enumerate(clips):
        if clip.kind == kind:
            groups.setdefault(clip.identity, []).append(number)
    return list(groups.values())


def _thumbnails(cache: FrameCache) -> tuple[np.ndarray, np.ndarray]:
    """Grey (N, 16, 16) pictures of the middle of each frame, and (N, 8, 8) of the mouth, or where it usually is."""
    made = map_in_threads(lambda pair: _thumbnail(*pair), zip(cache.frames, cache.landmarks, strict=True))
    faces, mouths = zip(*made, strict=True)
    return np.stack(faces).astype(np.float32), np.stack(mouths).astype(np.float32)


def _thumbnail(frame: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    size = len(frame)
    grey = cv2.cvtColor(np.asarray(frame), cv2.COLOR_RGB2GRAY)
    inner = grey[size // 6 : -(size // 6), size // 6 : -(size // 6)]
    x, y = (0.0, 0.35) if np.isnan(points).any() else points[3:5].mean(axis=0)
    half = size // 8
    column = int(np.clip((x + 1) / 2 * size, half, size - half))
    row = int(np.clip((y + 1) / 2 * size, half, size - half))
    mouth = grey[row - half : row + half, column - half : column + half]
    return (
        cv2.resize(inner, (16, 16), interpolation=cv2.INTER_AREA),
        cv2.resize(mouth, (8, 8), interpolation=cv2.INTER_AREA),
    )
