"""Masks and frames of rolled heads: what is upright in the crop lies turned in the picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ..faces.regions import crop_matrix, pixel_box, turn, turned_box
from ..types import FaceRegion
from .colour_fit import ring
from .masks import ROUNDNESS, Layer, Mask, Rect, circle, clip, fade, over_crop

TOLERANCE_PX = 1e-6


def layer(
    number: int, face: FaceRegion, frame_size: tuple[int, int], mask: Mask, *, ratio: float, feather: float, alone: bool
) -> Layer:
    """The mask of a rolled head as if it were alone; see :func:`~fom_core.compose.masks.layers`.

    alone: whether it is the picture's only face, which is what PaddleGAN's mask depends on.
    """
    disc = None
    part = clip(turned_box(face), frame_size)
    if mask == "paddlegan" and not alone:
        part, disc = circle(pixel_box(face.crop_px), ratio, frame_size)
    away = turned_distance(face, part, frame_size, ROUNDNESS.get(mask, 4.0))
    if mask in ROUNDNESS:
        return Layer(number, part, fade(away, feather), away)
    weight = turned_crop(face, part)
    return Layer(number, part, weight if disc is None else weight * disc, away)


def limit_turned(of: Layer, face: FaceRegion, face_mask: np.ndarray) -> Layer:
    """Narrow a layer by a mask (h, w) in [0, 1] of any size over the upright crop; nothing stays outside the crop."""
    whole = over_crop(face_mask, pixel_box(face.crop_px))
    return replace(of, weight=of.weight * turned_back(whole, face, of.rect, cv2.BORDER_CONSTANT))


def turned_surroundings(weight: np.ndarray, face: FaceRegion, frame_size: tuple[int, int]) -> np.ndarray:
    """Where a mask fades out, over the upright crop; see :func:`~fom_core.compose.colour_fit.surroundings`.

    weight: (h, w) the mask on the part of the turned crop's surroundings that lies inside the picture.
    """
    part = clip(turned_box(face), frame_size)
    whole = turned_upright(weight, face, part, cv2.BORDER_REPLICATE)
    within = turned_upright(np.ones_like(weight), face, part, cv2.BORDER_CONSTANT)
    left, top, right, bottom = sides_past(face, frame_size)
    return ring(whole, within, (not top, not bottom, not left, not right))


def turned_distance(face: FaceRegion, part: Rect, frame_size: tuple[int, int], exponent: float) -> np.ndarray:
    """How far the pixels of ``part`` lie from the middle of the turned crop: (h, w), 0 in the middle, 1 on the outline.

    Sides that lie outside the frame count as the middle, so that nothing fades out along the border.
    """
    left, top, right, bottom = sides_past(face, frame_size)
    along, across = _offsets(face, part)
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    sides = []
    for offset, half, low, high in ((across, (y1 - y0) / 2, top, bottom), (along, (x1 - x0) / 2, left, right)):
        from_middle = np.clip(offset / half, 0 if low else None, 0 if high else None) if low or high else offset / half
        sides.append(np.abs(from_middle) ** exponent)
    return (sides[0] + sides[1]) ** (1 / exponent)


def turned_crop(face: FaceRegion, part: Rect) -> np.ndarray:
    """The turned crop itself on the pixels of ``part``: (h, w) float32, 1 inside, 0 outside, smooth by a pixel."""
    along, across = _offsets(face, part)
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    depth = np.minimum((x1 - x0) / 2 - np.abs(along), (y1 - y0) / 2 - np.abs(across))
    return np.clip(depth + 0.5, 0, 1).astype(np.float32)


def sides_past(face: FaceRegion, frame_size: tuple[int, int]) -> tuple[bool, bool, bool, bool]:
    """Which sides of the turned crop (left, top, right, bottom) lie on or past the frame's border from end to end."""
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    width, height = x1 - x0, y1 - y0
    ends = np.array([(x, y, 1) for y in (-0.5, height - 0.5) for x in (-0.5, width - 0.5)])
    corners = ends @ crop_matrix(face, (height, width)).T + 0.5
    limits = np.array([frame_size[1], frame_size[0]])

    def past(*pair: int) -> bool:
        side = corners[list(pair)]
        return bool(((side <= TOLERANCE_PX).all(axis=0) | (side >= limits - TOLERANCE_PX).all(axis=0)).any())

    return past(0, 2), past(0, 1), past(1, 3), past(2, 3)


def turned_back(values: np.ndarray, face: FaceRegion, part: Rect, outside: int = cv2.BORDER_REPLICATE) -> np.ndarray:
    """What is seen on the pixels ``part`` of the picture of values (h, w) or (h, w, 3) on the crop, of its own size."""
    matrix = crop_matrix(face, values.shape[:2]) - [[0, 0, part[0]], [0, 0, part[1]]]
    size = part[2] - part[0], part[3] - part[1]
    if not all(size):  # which OpenCV takes for "as large as it was"
        return np.zeros((size[1], size[0], *values.shape[2:]), values.dtype)
    flags = cv2.INTER_CUBIC if values.ndim == 3 else cv2.INTER_LINEAR
    return cv2.warpAffine(values, matrix, size, flags=flags, borderMode=outside)


def turned_upright(values: np.ndarray, face: FaceRegion, part: Rect, outside: int) -> np.ndarray:
    """Values (h, w) on the pixels ``part`` of the picture, as they lie on the upright crop, of its own size."""
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    matrix = crop_matrix(face, (y1 - y0, x1 - x0)) - [[0, 0, part[0]], [0, 0, part[1]]]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values, matrix, (x1 - x0, y1 - y0), flags=flags, borderMode=outside)


def _offsets(face: FaceRegion, part: Rect) -> tuple[np.ndarray, np.ndarray]:
    """Pixels from the crop's middle, along its width and its height, of each pixel of ``part``: (h, w) float32 each."""
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    x = np.arange(part[0], part[2], dtype=np.float32)[None] - (x0 + x1 - 1) / 2
    y = np.arange(part[1], part[3], dtype=np.float32)[:, None] - (y0 + y1 - 1) / 2
    (cos, minus_sin, _), _ = turn(face.roll_deg, (0.0, 0.0)).astype(np.float32)
    return cos * x - minus_sin * y, minus_sin * x + cos * y
