"""The pairs of frames that training draws from a cache, chosen by what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from .face_shape import known_meshes
from .frame_cache import CachedClip, FrameCache, map_in_threads
from .matte import hold_faces
from .mesh import looks_of

AT_A_TIME = 4096  # meshes that are read
MOST_OF_THE_MEMORY = 0.4  # of a device, that frames may take so that they are copied there once and for all


@dataclass(frozen=True)
class RawPairs:
    """A batch straight from the cache. For a still, source and driving are the same picture and ``still`` is set.

    Pictures may be on another device than the rest. Meshes are NaN where there is none.
    """

    source: Tensor  # (B, S, S, 3) uint8
    driving: Tensor
    source_landmarks: Tensor  # (B, 5, 2)
    driving_landmarks: Tensor
    still: Tensor  # (B,) bool
    names: tuple[str, ...] = ()  # of the clips, for messages
    source_mesh: Tensor | None = None  # (B, 468, 3)
    driving_mesh: Tensor | None = None
    lent: Tensor | None = None  # (B, 2, 468, 3) of two frames of somebody in a video, whose change stills take over
    still_weight: Tensor | None = None  # (B,) what each counts in a mean over the whole batch's stills, 0 for others
    source_matte: Tensor | None = None  # (B, S/2, S/2) uint8, where the pictures are
    driving_matte: Tensor | None = None
    matted: Tensor | None = None  # (B,) bool: both mattes hold the face
    other: Tensor | None = None  # (B, S, S, 3) uint8, a frame of anybody, for its background or a piece of it
    other_matte: Tensor | None = None


class FrameStore:
    """Frames or mattes of a cache where batches are made: all on the device if they fit, else brought as needed."""

    def __init__(self, frames: np.ndarray, device: torch.device) -> None:
        self.device = device
        self._here: np.ndarray | Tensor = frames
        if device.type == "cuda" and frames.nbytes < MOST_OF_THE_MEMORY * torch.cuda.mem_get_info(device)[0]:
            self._here = torch.from_numpy(np.array(frames)).to(device)

    def __getitem__(self, indices: np.ndarray) -> Tensor:
        """(B, S, S, 3) uint8, or (B, H, H), on the device."""
        if isinstance(self._here, Tensor):
            return self._here[torch.from_numpy(indices).to(self.device)]
        return torch.from_numpy(self._here[indices]).to(self.device)


class PairSampler:
    """Draws pairs of frames of one clip: identity first, so that long clips do not dominate.

    Of a few candidate driving frames the one that differs most from the source is taken: in ``mouth_share`` of the
    pairs by the mouth alone, in ``pose_share`` by how far the head is turned, nodded and tilted, and else by the whole
    face: by their meshes where all of them have one, else by their pixels and landmarks. Random pairs of a talking head
    are nearly equal.

    video_still_share: of the pairs that are made of one portrait, those for which a frame of a video takes its place.
    lends:             whether a pair of a video comes along with every pair: see :class:`RawPairs`;
    mattes, others:    whether those of the frames do, where they are known, and a frame of anybody.
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
        video_still_share: float = 0.0,
        lends: bool = False,
        mattes: bool = False,
        others: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        self.cache, self.candidates, self.mouth_share, self.pose_share = cache, candidates, mouth_share, pose_share
        self.random = np.random.default_rng(seed)
        self.videos, self.stills = _by_identity(cache.clips, "video"), _by_identity(cache.clips, "still")
        mixed = self.videos and (self.stills or video_still_share)
        self.still_share = still_share if mixed else float(bool(self.stills))
        self.video_still_share = float(bool(video_still_share)) if not self.stills else video_still_share
        self.lends = lends and cache.mesh is not None and bool(self.videos)
        self.faces, self.mouths = _thumbnails(cache)
        self.poses = _shapes(cache.landmarks)
        self.known, self.opened, self.turned = _of_meshes(cache)
        self.places = None if cache.mesh is None else cache.mesh[..., :2]
        self.starts = np.array([clip.start for clip in cache.clips])
        self.lengths = np.array([clip.length for clip in cache.clips])
        self.frames = FrameStore(cache.frames, torch.device(device))
        self.others, self.mattes = others, None
        if mattes and cache.matte is not None:
            self.mattes = FrameStore(cache.matte, torch.device(device))
            self.matted = hold_faces(cache.matte, cache.landmarks)

    def draw(self, batch_size: int, part: slice = slice(None)) -> RawPairs:
        """A new batch; only the random state changes. ``part``: which of its rows to read, one process's share."""
        still = self.random.random(batch_size) < self.still_share
        moving = ~still
        if self.video_still_share and self.videos:
            moving |= self.random.random(batch_size) < self.video_still_share
        clips = self._clips(moving)
        source, driving = self._two_frames(clips, part)
        driving = np.where(still[part], source, driving)
        lent = None
        if self.lends:
            lent = np.stack(self._two_frames(self._clips(np.ones(batch_size, bool)), part), axis=1)
        other = None
        if self.others:
            anybody = self.random.integers(len(self.starts), size=batch_size)
            other = (self.starts[anybody] + self.random.integers(self.lengths[anybody]))[part]
        landmarks = torch.from_numpy(self.cache.landmarks)
        weight = torch.from_numpy(still / max(still.mean(), 1 / batch_size)).float()
        return RawPairs(
            self.frames[source],
            self.frames[driving],
            landmarks[source],
            landmarks[driving],
            torch.from_numpy(still[part]),
            tuple(self.cache.clips[index].name for index in clips[part]),
            self._meshes(source),
            self._meshes(driving),
            None if lent is None else self._meshes(lent),
            weight[part],
            self._mattes(source),
            self._mattes(driving),
            None if self.mattes is None else torch.from_numpy(self.matted[source] & self.matted[driving]),
            None if other is None else self.frames[other],
            None if other is None else self._mattes(other),
        )

    def _meshes(self, frames: np.ndarray) -> Tensor | None:
        return None if self.cache.mesh is None else torch.from_numpy(self.cache.mesh[frames])

    def _mattes(self, frames: np.ndarray) -> Tensor | None:
        return None if self.mattes is None else self.mattes[frames]

    def _two_frames(self, clips: np.ndarray, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """Of a batch's clips (B,), the numbers of a source and a driving frame for the rows of a part."""
        source, *others = self.starts[clips] + self.random.integers(
            self.lengths[clips], size=(1 + self.candidates, len(clips))
        )
        decides = self.random.random(len(clips))
        by_mouth, by_pose = decides < self.mouth_share, decides >= 1 - self.pose_share
        source = source[part]
        return source, self._most_different(source, np.stack(others)[:, part], by_mouth[part], by_pose[part])

    def _clips(self, moving: np.ndarray) -> np.ndarray:
        """(B,) numbers of clips, or portraits where they do not move, each of a person drawn at random."""
        shares = self.random.random((2, len(moving)))
        clips = np.empty(len(moving), int)
        for row, (who, which) in enumerate(shares.T):
            people = self.videos if moving[row] else self.stills
            group = people[int(who * len(people))]
            clips[row] = group[int(which * len(group))]
        return clips

    def _most_different(
        self, source: np.ndarray, others: np.ndarray, by_mouth: np.ndarray, by_pose: np.ndarray
    ) -> np.ndarray:
        """Of (C, B) candidates the one for each source (B,) that differs most from it."""
        everyone = np.concatenate([source[None], others])
        by_mesh = self.known[everyone].all(axis=0)
        by_pose = by_pose & (by_mesh | ~np.isnan(self.poses[everyone]).any(axis=(0, 2)))
        by_face = ~by_mouth & ~by_pose
        apart = np.empty(others.shape, np.float32)
        for pixels, mesh, rows in (
            (self.mouths, self.opened, by_mouth),
            (self.faces, self.places, by_face),
            (self.poses, self.turned, by_pose),
        ):
            for shown, chosen in ((pixels, rows & ~by_mesh), (mesh, rows & by_mesh)):
                if shown is not None and chosen.any():
                    difference = np.abs(shown[others[:, chosen]] - shown[source[chosen]])
                    apart[:, chosen] = difference.mean(axis=tuple(range(2, difference.ndim)))
        return others[apart.argmax(axis=0), np.arange(len(source))]


def _of_meshes(cache: FrameCache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each frame: whether it has a mesh (N,), how wide the mouth is open (N, 1), turn and nod of the head (N, 2)."""
    count = len(cache.landmarks)
    known, opened, turned = np.zeros(count, bool), np.zeros((count, 1), np.float32), np.zeros((count, 2), np.float32)
    if cache.mesh is not None:
        for start in range(0, count, AT_A_TIME):
            rows = slice(start, start + AT_A_TIME)
            meshes = np.array(cache.mesh[rows])
            known[rows], (opened[rows], turned[rows]) = known_meshes(meshes), looks_of(meshes)
    return known, opened, turned


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
