"""Putting animated faces back into the picture they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import get_args

import cv2
import numpy as np
import torch

from ..errors import UsageError
from ..faces.regions import crop_face, pixel_box, turned_box, with_alpha_or_rgb
from ..pictures import PicturesToCome, require_picture, resize_picture
from ..types import FaceSet
from . import colour_fit, masks, rolled
from .composition import Composition
from .masks import Mask, Rect, common, hull_of, place

FaceFrames = np.ndarray | torch.Tensor


@dataclass(frozen=True)
class _Share:
    """What one face contributes: ``weight`` (h, w, 3) float32 on the pixels ``rect`` of the picture."""

    face: int
    rect: Rect
    weight: np.ndarray


@dataclass(frozen=True)
class _Cluster:
    """Faces that touch one another, and how much of the picture shows through on their common rectangle (h, w, 3).

    Weights stand once per channel, for numpy multiplies equal shapes four times faster than it repeats a channel.
    """

    rect: Rect
    rest: np.ndarray
    shares: tuple[_Share, ...]
    picture: np.ndarray  # the still picture there
    alone: bool = True  # no other cluster paints on the rectangle

    @cached_property
    def still(self) -> np.ndarray:
        """What is left of the still picture, in every frame the same."""
        return self.picture * self.rest


class Paster:
    """Everything about pasting that does not change from frame to frame, so that a frame costs only its faces.

    picture:      (H, W, 3) uint8 RGB; RGBA keeps its alpha in the result, grey comes back as RGB.
    mask:         ``soft`` a rounded square that fades out towards the crop's border, ``ellipse`` likewise, ``box`` the
                  whole crop, ``paddlegan`` a hard circle of radius ``ratio`` × crop height, or the whole crop for a
                  single face.
    feather:      part of the way from the middle to the outline over which ``soft`` and ``ellipse`` fade, 0 to 1.
    colour_match: how much of the difference in colour at the mask's edge is taken out of the faces, 0 to 1. It is read
                  once, from the first frame pasted, which is the one in the source's pose, and so cannot flicker.
    colours_of:   a frame (1, h, w, 3) of each face to read that from instead.
    face_masks:   one per face or one for all, (h, w) or (T, h, w) in [0, 1] over the crop, of any size: where the mask
                  may be. A shorter one than the video holds its last frame.

    Where faces overlap, each pixel belongs to the nearer one; under ``paddlegan`` to the later one. Pixels outside the
    masks are those of the picture, bit for bit. Raises UsageError for a mask that there is not, numbers that cannot be,
    and frames or masks that do not fit the faces.
    """

    def __init__(
        self,
        picture: np.ndarray,
        faces: FaceSet,
        mask: Mask = "soft",
        ratio: float = Composition.ratio,
        *,
        feather: float = Composition.feather,
        colour_match: float = Composition.colour_match,
        face_masks: Sequence[np.ndarray | torch.Tensor] | None = None,
        colours_of: Sequence[FaceFrames] | None = None,
    ):
        Composition(mask, ratio, feather, colour_match).check(get_args(Mask))
        self.picture = coloured(picture, faces)
        self.faces = faces
        self.crops = [turned_box(face) for face in faces]
        self.truncate = mask == "paddlegan"
        self.colour_match = colour_match
        self._corrections: dict[int, colour_fit.Correction] = {}
        self._colours_of = colours_of
        self._layers = masks.layers(self.crops, picture.shape[:2], mask, ratio, feather)
        for number, face in enumerate(faces):
            if face.roll_deg:
                self._layers[number] = rolled.layer(
                    number, face, picture.shape[:2], mask, ratio=ratio, feather=feather, alone=len(faces) == 1
                )
        self._face_masks = to_masks(face_masks, len(self.crops)) if face_masks else []
        self._last = 0, self._clusters_at(0)

    def __call__(
        self, face_frames: Sequence[FaceFrames], *, pictures: np.ndarray | None = None, start: int = 0
    ) -> np.ndarray:
        """Paste N × [T, h, w, 3] (uint8, or float in [0, 1]; tensors also as [T, C, h, w]) → (T, H, W, C) uint8.

        pictures: (T, H, W, C) uint8, one to paste each frame into, where the background moves.
        start:    number of the first of these frames, where they are a piece of a video.
        """
        pixels = [to_pixels(frames, self.truncate) for frames in face_frames]
        result = backgrounds(self.picture, pictures, frame_count(pixels, len(self.crops)))
        for time, frame in enumerate(result):
            faces = [frames[time] for frames in pixels]
            clusters = self._clusters(start + time)
            if self.colour_match and not self._corrections:
                seen = faces if self._colours_of is None else [to_pixels(face)[0] for face in self._colours_of]
                self._corrections = self._match(clusters, seen, frame)
            for cluster in clusters:
                self._paste_cluster(frame, cluster, faces, moving=pictures is not None)
        return result

    def parts(self, time: int = 0) -> list[tuple[Rect, np.ndarray]]:
        """Where frame ``time`` differs from the picture: rectangles, and how much of each pixel is new (h, w).

        A pixel with 0 in all rectangles that hold it is the picture's.
        """
        return [(cluster.rect, np.clip(1 - cluster.rest[..., 0], 0, 1)) for cluster in self._clusters(time)]

    def _paste_cluster(self, frame: np.ndarray, cluster: _Cluster, faces: Sequence[np.ndarray], moving: bool) -> None:
        left, top, right, bottom = cluster.rect
        there = frame[top:bottom, left:right, :3]
        mixed = cluster.still.copy() if cluster.alone and not moving else there * cluster.rest
        for share in cluster.shares:
            region, crop = self.faces[share.face], pixel_box(self.faces[share.face].crop_px)
            fitted = self._fit(faces[share.face], (crop[3] - crop[1], crop[2] - crop[0]))
            if self._corrections:
                fitted = self._corrections[share.face](fitted)
            if region.roll_deg:
                fitted = np.clip(rolled.turned_back(fitted, region, share.rect), 0, 255)  # bicubic floats overshoot
            else:
                fitted = fitted[place(share.rect, crop)]
            mixed[place(share.rect, cluster.rect)] += share.weight * fitted
        there[...] = np.rint(mixed, out=mixed)

    def _fit(self, face: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        if self.truncate:
            return cv2.resize(face, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        # Bicubic both ways brings an untouched crop back; averaging would blur it, and is kept for shrinking by a lot.
        return resize_picture(face, size, average_from=3.0)

    def _match(
        self, clusters: Sequence[_Cluster], faces: Sequence[np.ndarray], picture: np.ndarray
    ) -> dict[int, colour_fit.Correction]:
        """What takes the faces' colours to those of the picture where their masks fade."""
        corrections = {}
        for share in (share for cluster in clusters for share in cluster.shares):
            face, crop = self.faces[share.face], pixel_box(self.faces[share.face].crop_px)
            part = masks.clip(self.crops[share.face], picture.shape[:2])
            weight = np.zeros((part[3] - part[1], part[2] - part[0]), np.float32)
            weight[place(share.rect, part)] = share.weight[..., 0]
            if face.roll_deg:
                ring = rolled.turned_surroundings(weight, face, picture.shape[:2])
            else:
                ring = colour_fit.surroundings(weight, crop, picture.shape[:2])
            there = crop_face(picture, face, ring.shape)
            size = crop[3] - crop[1], crop[2] - crop[0]
            corrections[share.face] = colour_fit.fit_correction(faces[share.face], there, ring, size, self.colour_match)
        return corrections

    def _clusters(self, time: int) -> list[_Cluster]:
        time = min(time, max((len(mask) for mask in self._face_masks), default=1) - 1)
        if self._last[0] != time:
            self._last = time, self._clusters_at(time)
        return self._last[1]

    def _clusters_at(self, time: int) -> list[_Cluster]:
        layers = self._layers
        if self._face_masks:
            frames = (mask[min(time, len(mask) - 1)] for mask in self._face_masks)
            layers = [
                rolled.limit_turned(layer, face, frame)
                if face.roll_deg
                else masks.limit(layer, pixel_box(face.crop_px), frame)
                for layer, face, frame in zip(layers, self.faces, frames, strict=True)
            ]
        share_out = masks.stack if self.truncate else masks.partition
        groups = masks.touching(layers)
        clusters = [self._cluster(share_out(group) if len(group) > 1 else group) for group in groups]
        rects = [cluster.rect for cluster in clusters]
        return [
            replace(cluster, alone=not any(masks.overlap(cluster.rect, rect) for rect in rects if rect != cluster.rect))
            for cluster in clusters
        ]

    def _cluster(self, layers: Sequence[masks.Layer]) -> _Cluster:
        """Add up what the layers leave of the picture, and cut them to their crops: past those a circle is black."""
        hull = hull_of(layers)
        rest = np.ones((hull[3] - hull[1], hull[2] - hull[0], 3), np.float32)
        shares = []
        for layer in layers:
            weight = np.repeat(layer.weight[..., None], 3, axis=2)
            rest[place(layer.rect, hull)] -= weight
            rect = common(layer.rect, self.crops[layer.face])
            shares.append(_Share(layer.face, rect, weight[place(rect, layer.rect)]))
        left, top, right, bottom = hull
        return _Cluster(hull, rest, tuple(shares), self.picture[top:bottom, left:right, :3])


def paste(
    picture: np.ndarray,
    faces: FaceSet,
    face_frames: Sequence[FaceFrames],
    mask: Mask = "soft",
    ratio: float = Composition.ratio,
    *,
    feather: float = Composition.feather,
    colour_match: float = Composition.colour_match,
    face_masks: Sequence[np.ndarray | torch.Tensor] | None = None,
) -> np.ndarray:
    """Put N × [T, h, w, 3] face frames back into a picture (H, W, 3) uint8 → (T, H, W, 3). See :class:`Paster`."""
    paster = Paster(picture, faces, mask, ratio, feather=feather, colour_match=colour_match, face_masks=face_masks)
    return paster(face_frames)


def coloured(picture: np.ndarray, faces: FaceSet, depths: Sequence[type] = (np.uint8,)) -> np.ndarray:
    """The picture as (H, W, 3 or 4). Raises UsageError for what is none, or not the one that the faces belong to."""
    require_picture(picture)
    if picture.dtype not in depths:
        raise UsageError(f"Expected a picture (H, W, 3) of uint8, found {picture.shape} of {picture.dtype}.")
    if picture.shape[:2] != tuple(faces.frame_size):
        raise UsageError(
            f"The faces were found in a picture of {faces.frame_size[1]}x{faces.frame_size[0]} pixels, this one "
            f"has {picture.shape[1]}x{picture.shape[0]}. Give the picture that the faces belong to."
        )
    return with_alpha_or_rgb(picture)


def frame_count(frames: Sequence[np.ndarray], faces: int) -> int | None:
    """How many frames there are of each face; None without faces. Raises UsageError where they differ."""
    if len(frames) != faces:
        raise UsageError(f"Expected frames for {faces} faces, found {len(frames)}.")
    lengths = {len(each) for each in frames}
    if len(lengths) > 1:
        raise UsageError(f"All faces need the same number of frames, found {sorted(lengths)}.")
    return lengths.pop() if lengths else None


def backgrounds(picture: np.ndarray, pictures: np.ndarray | None, count: int | None) -> np.ndarray:
    """What the frames (T, H, W, C) are before faces are pasted; without any face one frame.

    Raises UsageError for ``pictures`` of another shape or type.
    """
    if pictures is None:
        return np.repeat(picture[None], 1 if count is None else count, axis=0)
    wanted = (len(pictures) if count is None else count, *picture.shape)
    if pictures.shape != wanted or pictures.dtype != np.uint8:
        raise UsageError(
            f"Expected pictures {list(wanted)} of uint8 to paste into, found {list(pictures.shape)} of "
            f"{pictures.dtype}."
        )
    return pictures.copy()


def to_pixels(frames: FaceFrames, truncate: bool = False) -> np.ndarray:
    """Frames of one face as (T, h, w, 3) uint8, rounded, or truncated as PaddleGAN does.

    Raises UsageError for other shapes, and for floats beyond [0, 1].
    """
    given = frames if isinstance(frames, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(frames))
    channels_first = given.ndim == 4 and given.shape[1] in (1, 3) and given.shape[3] not in (1, 3)
    if channels_first and isinstance(frames, torch.Tensor):
        given = given.movedim(1, -1)
    if given.ndim != 4 or given.shape[3] not in (1, 3):
        raise UsageError(f"Expected face frames [T, h, w, 3], found {list(given.shape)}.")
    if given.dtype == torch.uint8:
        return given.cpu().expand(-1, -1, -1, 3).contiguous().numpy()
    _check_range(float(given.amax()) if given.numel() else 0.0)
    return PicturesToCome(given.movedim(-1, 1), truncate=truncate).wait()


def _check_range(highest: float) -> None:
    if highest > 2:
        raise UsageError("Expected face frames as uint8 or as floats in [0, 1]; found floats of another range.")


def to_masks(face_masks: Sequence[np.ndarray | torch.Tensor], count: int) -> list[np.ndarray]:
    """A mask (T, h, w) float32 in [0, 1] for each of ``count`` faces. Raises UsageError for others."""
    if len(face_masks) not in (1, count):
        raise UsageError(f"Expected one face mask for all faces or {count}, one each; found {len(face_masks)}.")
    result = []
    for given in face_masks:
        mask = given.detach().cpu().float().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)
        mask = mask[None] if mask.ndim == 2 else mask
        if mask.ndim != 3 or not mask.size or not np.isfinite(mask).all():
            raise UsageError(f"Expected a face mask [h, w] or [T, h, w] of numbers, found {list(np.shape(given))}.")
        result.append(np.clip(mask, 0, 1).astype(np.float32))
    return result if len(result) == count else result * count
