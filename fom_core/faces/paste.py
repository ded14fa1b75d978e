"""Putting animated faces back into the picture they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import cv2
import numpy as np
import torch

from ..errors import UsageError
from ..pictures import resize_picture
from ..types import FaceSet
from . import masks
from .masks import Mask, Rect, clip, place
from .regions import pixel_box, to_rgb

FEATHER = 0.3
FaceFrames = np.ndarray | torch.Tensor


@dataclass(frozen=True)
class _Share:
    """What one face contributes: ``weight`` (h, w, 1) float32 on the pixels ``rect`` of the picture."""

    face: int
    rect: Rect
    weight: np.ndarray


@dataclass(frozen=True)
class _Cluster:
    """Faces that touch one another, and what of the source shows through on their common rectangle (float32)."""

    rect: Rect
    source: np.ndarray
    shares: tuple[_Share, ...]


class Paster:
    """Everything about pasting that does not change from frame to frame, so that a frame costs only its faces.

    picture: (H, W, 3) uint8 RGB; RGBA keeps its alpha in the result, grey comes back as RGB.
    mask:    ``soft`` a rounded square that fades out towards the crop's border, ``ellipse`` likewise, ``box`` the whole
             crop, ``paddlegan`` a hard circle of radius ``ratio`` × crop height, or the whole crop for a single face.
    feather: part of the way from the middle to the outline over which ``soft`` and ``ellipse`` fade.

    Where faces overlap, each pixel belongs to the nearer one; under ``paddlegan`` to the later one. Pixels outside the
    masks are those of the picture, bit for bit.
    """

    def __init__(
        self, picture: np.ndarray, faces: FaceSet, mask: Mask = "soft", ratio: float = 0.4, *, feather: float = FEATHER
    ):
        if mask not in get_args(Mask):
            raise UsageError(f"The paste mask is one of {', '.join(get_args(Mask))}, not {mask!r}.")
        if not ratio > 0:
            raise UsageError(f"The ratio is a circle's radius in crop heights: above 0, usually 0.4. Got {ratio}.")
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
            raise UsageError(f"Expected a picture (H, W, 3) of uint8, found {picture.shape} of {picture.dtype}.")
        if picture.shape[:2] != tuple(faces.frame_size):
            raise UsageError(
                f"The faces were found in a picture of {faces.frame_size[1]}x{faces.frame_size[0]} pixels, this one "
                f"has {picture.shape[1]}x{picture.shape[0]}. Give the picture that the faces belong to."
            )
        self.picture = picture if picture.ndim == 3 and picture.shape[2] == 4 else to_rgb(picture)
        self.crops = [pixel_box(face.crop_px) for face in faces]
        self.truncate = mask == "paddlegan"
        covered = self._paddlegan(ratio) if mask == "paddlegan" else self._outlined(mask, feather)
        self.clusters = [self._cluster(group) for group in touching(covered)]

    def __call__(self, face_frames: Sequence[FaceFrames]) -> np.ndarray:
        """Paste N × [T, h, w, 3] (uint8, or float in [0, 1]; tensors also as [T, C, h, w]) → (T, H, W, C) uint8."""
        if len(face_frames) != len(self.crops):
            raise UsageError(f"Expected frames for {len(self.crops)} faces, found {len(face_frames)}.")
        pixels = [to_pixels(frames, self.truncate) for frames in face_frames]
        lengths = {len(frames) for frames in pixels}
        if len(lengths) > 1:
            raise UsageError(f"All faces need the same number of frames, found {sorted(lengths)}.")
        result = np.repeat(self.picture[None], lengths.pop() if lengths else 1, axis=0)
        for time, frame in enumerate(result):
            for cluster in self.clusters:
                self._paste_cluster(frame, cluster, [frames[time] for frames in pixels])
        return result

    def _paste_cluster(self, frame: np.ndarray, cluster: _Cluster, faces: Sequence[np.ndarray]) -> None:
        left, top, right, bottom = cluster.rect
        mixed = cluster.source.copy()
        for share in cluster.shares:
            crop = self.crops[share.face]
            colour = self._fit(faces[share.face], (crop[3] - crop[1], crop[2] - crop[0]))
            mixed[place(share.rect, cluster.rect)] += share.weight * colour[place(share.rect, crop)]
        frame[top:bottom, left:right, :3] = np.rint(mixed)

    def _fit(self, face: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        if self.truncate:
            return cv2.resize(face, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        # Bicubic both ways brings an untouched crop back; averaging would blur it, and is kept for shrinking by a lot.
        return resize_picture(face, size, average_from=3.0)

    def _outlined(self, mask: Mask, feather: float) -> list[_Share]:
        """Shares of the soft masks and of the plain box, partitioned where they overlap."""
        frame_size = self.picture.shape[:2]
        shares, distances = [], []
        for index, crop in enumerate(self.crops):
            rect = clip(crop, frame_size)
            away = masks.distance(crop, rect, frame_size, masks.ROUNDNESS.get(mask, 4.0))
            weight = np.ones_like(away) if mask == "box" else masks.fade(away, feather)
            shares.append(_Share(index, rect, weight[..., None]))
            distances.append(away)
        result = []
        for group in touching(shares):
            layers = [(share.rect, share.weight[..., 0], distances[share.face]) for share in group]
            parts = masks.partition(layers, hull_of(group)) if len(group) > 1 else [layers[0][1]]
            result += [replace(share, weight=part[..., None]) for share, part in zip(group, parts, strict=True)]
        return result

    def _paddlegan(self, ratio: float) -> list[_Share]:
        """Shares of 0 and 1, later faces over earlier ones. A circle wider than its crop is black outside the crop."""
        frame_size = self.picture.shape[:2]
        shares: list[_Share] = []
        for index, crop in enumerate(self.crops):
            if len(self.crops) > 1:
                rect, weight = masks.circle(crop, ratio, frame_size)
            else:
                rect = clip(crop, frame_size)
                weight = np.ones((rect[3] - rect[1], rect[2] - rect[0]), np.float32)
            for earlier in shares:
                both = common(rect, earlier.rect)
                earlier.weight[place(both, earlier.rect)][weight[place(both, rect)] > 0] = 0
            shares.append(_Share(index, rect, weight[..., None]))
        return shares

    def _cluster(self, shares: Sequence[_Share]) -> _Cluster:
        """Precompute the source's part; shares that reach past their crop are cut to it, where the source stays out."""
        hull = hull_of(shares)
        left, top, right, bottom = hull
        rest = np.ones((bottom - top, right - left, 1), np.float32)
        cut = []
        for share in shares:
            rest[place(share.rect, hull)] -= share.weight
            rect = common(share.rect, self.crops[share.face])
            cut.append(_Share(share.face, rect, share.weight[place(rect, share.rect)]))
        return _Cluster(hull, self.picture[top:bottom, left:right, :3] * rest, tuple(cut))


def paste(
    picture: np.ndarray,
    faces: FaceSet,
    face_frames: Sequence[FaceFrames],
    mask: Mask = "soft",
    ratio: float = 0.4,
    *,
    feather: float = FEATHER,
) -> np.ndarray:
    """Put N × [T, h, w, 3] face frames back into a picture (H, W, 3) uint8 → (T, H, W, 3). See :class:`Paster`."""
    return Paster(picture, faces, mask, ratio, feather=feather)(face_frames)


def to_pixels(frames: FaceFrames, truncate: bool = False) -> np.ndarray:
    """Frames of one face as (T, h, w, 3) uint8, rounded, or truncated as PaddleGAN does."""
    if isinstance(frames, torch.Tensor):
        if frames.ndim == 4 and frames.shape[1] in (1, 3) and frames.shape[3] not in (1, 3):
            frames = frames.movedim(1, -1)
        frames = frames.detach().cpu().float().numpy() if frames.is_floating_point() else frames.cpu().numpy()
    if frames.ndim != 4 or frames.shape[3] not in (1, 3):
        raise UsageError(f"Expected face frames [T, h, w, 3], found {list(frames.shape)}.")
    if frames.dtype != np.uint8:
        if frames.size and frames.max() > 2:
            raise UsageError("Expected face frames as uint8 or as floats in [0, 1]; found floats of another range.")
        scaled = np.clip(frames, 0, 1) * np.float32(255)
        # A hair more than nothing, or k / 255 × 255 may truncate to k - 1.
        frames = (scaled + 1e-3 if truncate else np.rint(scaled)).astype(np.uint8)
    return frames if frames.shape[3] == 3 else np.repeat(frames, 3, axis=3)


def touching(shares: Sequence[_Share]) -> list[list[_Share]]:
    """Group shares whose rectangles overlap, directly or through others; each group in the given order."""
    groups: list[list[_Share]] = []
    for share in shares:
        x0, y0, x1, y1 = share.rect
        if x1 <= x0 or y1 <= y0:
            continue
        joined = [
            group
            for group in groups
            if any(x0 < o.rect[2] and o.rect[0] < x1 and y0 < o.rect[3] and o.rect[1] < y1 for o in group)
        ]
        merged = sorted((member for group in joined for member in group), key=lambda member: member.face)
        groups = [group for group in groups if not any(group is other for other in joined)]
        groups.append([*merged, share])
    return groups


def hull_of(shares: Sequence[_Share]) -> Rect:
    """The smallest rectangle around all of them."""
    lows = (min(share.rect[i] for share in shares) for i in (0, 1))
    highs = (max(share.rect[i] for share in shares) for i in (2, 3))
    return (*lows, *highs)  # type: ignore[return-value]


def common(rect: Rect, other: Rect) -> Rect:
    """What two rectangles share; an empty place in the corner of ``rect`` if they share nothing."""
    x0, y0, x1, y1 = max(rect[0], other[0]), max(rect[1], other[1]), min(rect[2], other[2]), min(rect[3], other[3])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else (rect[0], rect[1], rect[0], rect[1])
