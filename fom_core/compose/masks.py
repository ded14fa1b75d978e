"""Where a pasted face covers the picture, and who owns the pixels that several faces cover."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

Mask = Literal["soft", "ellipse", "box", "paddlegan"]
Look = Literal["flow", "soft", "ellipse", "box", "paddlegan"]
"""How faces get into the picture: composed by the flow, or pasted through a mask."""
Rect = tuple[int, int, int, int]  # x0, y0, x1, y1 in whole pixels
ROUNDNESS = {"soft": 4.0, "ellipse": 2.0}  # exponent of the outline |x|ⁿ + |y|ⁿ = 1: a rounded square, an ellipse
FADING = tuple(ROUNDNESS)  # masks that know a feather
SHARPNESS = 12.0  # of the border between two faces: they blend within about a tenth of their size


@dataclass(frozen=True)
class Layer:
    """One face's mask on the pixels ``rect`` of the picture.

    weight:    (h, w) float32, 1 where the face covers the picture.
    distances: (h, w) from the face's middle, relative to its size.
    """

    face: int
    rect: Rect
    weight: np.ndarray
    distances: np.ndarray


def layers(crops: Sequence[Rect], frame_size: tuple[int, int], mask: Mask, ratio: float, feather: float) -> list[Layer]:
    """The masks of all faces, each as if it were alone."""
    result = []
    for face, crop in enumerate(crops):
        is_circle = mask == "paddlegan" and len(crops) > 1
        rect, disc = circle(crop, ratio, frame_size) if is_circle else (clip(crop, frame_size), None)
        away = distance(crop, rect, frame_size, ROUNDNESS.get(mask, 4.0))
        weight = fade(away, feather) if mask in ROUNDNESS else np.ones_like(away)
        result.append(Layer(face, rect, weight if disc is None else disc, away))
    return result


def limit(layer: Layer, crop: Rect, face_mask: np.ndarray) -> Layer:
    """Narrow a layer by a mask (h, w) in [0, 1] of any size that covers the crop; nothing stays outside the crop."""
    whole = over_crop(face_mask, crop)
    part = common(layer.rect, crop)
    weight = np.zeros_like(layer.weight)
    weight[place(part, layer.rect)] = layer.weight[place(part, layer.rect)] * whole[place(part, crop)]
    return replace(layer, weight=weight)


def over_crop(face_mask: np.ndarray, crop: Rect) -> np.ndarray:
    """A mask (h, w) of any size at the size of the crop."""
    size = crop[2] - crop[0], crop[3] - crop[1]
    shrinks = face_mask.shape[0] > size[1] or face_mask.shape[1] > size[0]
    return cv2.resize(face_mask, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def partition(overlapping: Sequence[Layer]) -> list[Layer]:
    """Share overlapping masks out: each pixel goes to the face whose middle is nearer.

    The new masks blend smoothly and add up to the largest mask, so pixels that one face alone covers keep its mask.
    """
    hull = hull_of(overlapping)
    shape = hull[3] - hull[1], hull[2] - hull[0]
    coverage, total = np.zeros((2, *shape), np.float32)
    nearest = np.full(shape, np.inf, np.float32)
    for layer in overlapping:
        here = place(layer.rect, hull)
        coverage[here] = np.maximum(coverage[here], layer.weight)
        nearest[here] = np.minimum(nearest[here], np.where(layer.weight > 0, layer.distances, np.inf))
    pulls = []
    for layer in overlapping:
        here = place(layer.rect, hull)
        further = np.clip(layer.distances - np.where(layer.weight > 0, nearest[here], layer.distances), 0, None)
        pulls.append(layer.weight * np.exp(-SHARPNESS * further))
        total[here] += pulls[-1]
    result = []
    for layer, pull in zip(overlapping, pulls, strict=True):
        here = place(layer.rect, hull)
        result.append(replace(layer, weight=coverage[here] * pull / np.maximum(total[here], 1e-12)))
    return result


def stack(overlapping: Sequence[Layer]) -> list[Layer]:
    """Lay later faces over earlier ones."""
    result: list[Layer] = []
    for layer in overlapping:
        for earlier in result:
            both = common(layer.rect, earlier.rect)
            earlier.weight[place(both, earlier.rect)] *= 1 - layer.weight[place(both, layer.rect)]
        result.append(replace(layer, weight=layer.weight.copy()))
    return result


def touching(given: Sequence[Layer]) -> list[list[Layer]]:
    """Group layers whose rectangles overlap, directly or through others; each group in the given order."""
    groups: list[list[Layer]] = []
    for layer in given:
        x0, y0, x1, y1 = layer.rect
        if x1 <= x0 or y1 <= y0:
            continue
        joined = [group for group in groups if any(overlap(layer.rect, other.rect) for other in group)]
        merged = sorted((member for group in joined for member in group), key=lambda member: member.face)
        groups = [group for group in groups if not any(group is other for other in joined)]
        groups.append([*merged, layer])
    return groups


def overlap(rect: Rect, other: Rect) -> bool:
    """Whether two rectangles share a pixel."""
    return rect[0] < other[2] and other[0] < rect[2] and rect[1] < other[3] and other[1] < rect[3]


def distance(rect: Rect, part: Rect, frame_size: tuple[int, int], exponent: float) -> np.ndarray:
    """How far the pixels of ``part`` lie from the middle of ``rect``: (h, w), 0 in the middle, 1 on the outline.

    Sides that touch or pass the frame's border count as the middle, so that nothing fades out along the border.
    """
    axes = []
    for low, high, start, stop, border in (
        (rect[1], rect[3], part[1], part[3], frame_size[0]),
        (rect[0], rect[2], part[0], part[2], frame_size[1]),
    ):
        from_middle = (np.arange(start, stop, dtype=np.float32) + 0.5 - (low + high) / 2) / ((high - low) / 2)
        if low <= 0:
            from_middle = np.maximum(from_middle, 0)
        if high >= border:
            from_middle = np.minimum(from_middle, 0)
        axes.append(np.abs(from_middle) ** exponent)
    return (axes[0][:, None] + axes[1][None]) ** (1 / exponent)


def fade(distances: np.ndarray, feather: float) -> np.ndarray:
    """1 in the middle, falling smoothly to 0 on the outline over the last ``feather`` of the way."""
    ramp = np.clip((1 - distances) / max(feather, 1e-6), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def circle(rect: Rect, ratio: float, frame_size: tuple[int, int]) -> tuple[Rect, np.ndarray]:
    """PaddleGAN's disc around a crop, of radius ``ratio`` × crop height: its place in the frame, and 0 or 1 (h, w)."""
    centre_x, centre_y = int((rect[0] + rect[2]) / 2), int((rect[1] + rect[3]) / 2)
    radius = math.ceil((rect[3] - rect[1]) * ratio)
    part = clip((centre_x - radius, centre_y - radius, centre_x + radius + 1, centre_y + radius + 1), frame_size)
    disc = np.zeros((part[3] - part[1], part[2] - part[0]), np.uint8)
    if disc.size:
        cv2.circle(disc, (centre_x - part[0], centre_y - part[1]), radius, 1, -1)
    return part, disc.astype(np.float32)


def clip(rect: Rect, frame_size: tuple[int, int]) -> Rect:
    """The part of a rectangle inside the frame; empty ones come back with x1 = x0 or y1 = y0."""
    height, width = frame_size
    x0, y0 = min(max(rect[0], 0), width), min(max(rect[1], 0), height)
    return x0, y0, max(x0, min(rect[2], width)), max(y0, min(rect[3], height))


def place(rect: Rect, canvas: Rect) -> tuple[slice, slice]:
    """Where a rectangle lies on a canvas that holds it: rows and columns."""
    return slice(rect[1] - canvas[1], rect[3] - canvas[1]), slice(rect[0] - canvas[0], rect[2] - canvas[0])


def pixels(rect: Rect) -> tuple[slice, slice]:
    """Where a rectangle lies in the picture: rows and columns."""
    return slice(rect[1], rect[3]), slice(rect[0], rect[2])


def hull_of(given: Sequence[Layer]) -> Rect:
    """The smallest rectangle around all layers."""
    return around_all([layer.rect for layer in given])


def around_all(rects: Sequence[Rect]) -> Rect:
    """The smallest rectangle around all; an empty one around none."""
    if not rects:
        return 0, 0, 0, 0
    x0, y0, x1, y1 = zip(*rects, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def common(rect: Rect, other: Rect) -> Rect:
    """What two rectangles share; an empty place in the corner of ``rect`` if they share nothing."""
    x0, y0, x1, y1 = max(rect[0], other[0]), max(rect[1], other[1]), min(rect[2], other[2]), min(rect[3], other[3])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else (rect[0], rect[1], rect[0], rect[1])
