"""Where a pasted face covers the picture, and who owns the pixels that several faces cover."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

Mask = Literal["soft", "ellipse", "box", "paddlegan"]
Rect = tuple[int, int, int, int]  # x0, y0, x1, y1 in whole pixels
ROUNDNESS = {"soft": 4.0, "ellipse": 2.0}  # exponent of the outline |x|ⁿ + |y|ⁿ = 1: a rounded square, an ellipse
SHARPNESS = 12.0  # of the border between two faces: they blend within about a tenth of their size


def clip(rect: Rect, frame_size: tuple[int, int]) -> Rect:
    """The part of a rectangle inside the frame; empty ones come back with x1 = x0 or y1 = y0."""
    height, width = frame_size
    x0, y0 = min(max(rect[0], 0), width), min(max(rect[1], 0), height)
    return x0, y0, max(x0, min(rect[2], width)), max(y0, min(rect[3], height))


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


def partition(layers: Sequence[tuple[Rect, np.ndarray, np.ndarray]], hull: Rect) -> list[np.ndarray]:
    """Share overlapping masks out: each pixel goes to the face whose middle is nearer.

    layers: per face its rectangle, its mask (h, w) there, and the distances (h, w), relative to the face's size.
    hull:   a rectangle around all of them.
    Returns the new masks. They blend smoothly and add up to the largest mask, so pixels that one face alone covers keep
    its mask.
    """
    shape = hull[3] - hull[1], hull[2] - hull[0]
    coverage, total = np.zeros((2, *shape), np.float32)
    nearest = np.full(shape, np.inf, np.float32)
    places = [place(rect, hull) for rect, _, _ in layers]
    for here, (_, mask, away) in zip(places, layers, strict=True):
        coverage[here] = np.maximum(coverage[here], mask)
        nearest[here] = np.minimum(nearest[here], np.where(mask > 0, away, np.inf))
    pulls = []
    for here, (_, mask, away) in zip(places, layers, strict=True):
        further = np.clip(away - np.where(mask > 0, nearest[here], away), 0, None)
        pulls.append(mask * np.exp(-SHARPNESS * further))
        total[here] += pulls[-1]
    return [coverage[here] * pull / np.maximum(total[here], 1e-12) for here, pull in zip(places, pulls, strict=True)]


def place(rect: Rect, canvas: Rect) -> tuple[slice, slice]:
    """Where a rectangle lies on a canvas that holds it: rows and columns."""
    return slice(rect[1] - canvas[1], rect[3] - canvas[1]), slice(rect[0] - canvas[0], rect[2] - canvas[0])


def circle(rect: Rect, ratio: float, frame_size: tuple[int, int]) -> tuple[Rect, np.ndarray]:
    """PaddleGAN's disc around a crop, of radius ``ratio`` × crop height: its place in the frame, and 0 or 1 (h, w)."""
    centre_x, centre_y = int((rect[0] + rect[2]) / 2), int((rect[1] + rect[3]) / 2)
    radius = math.ceil((rect[3] - rect[1]) * ratio)
    part = clip((centre_x - radius, centre_y - radius, centre_x + radius + 1, centre_y + radius + 1), frame_size)
    disc = np.zeros((part[3] - part[1], part[2] - part[0]), np.uint8)
    if disc.size:
        cv2.circle(disc, (centre_x - part[0], centre_y - part[1]), radius, 1, -1)
    return part, disc.astype(np.float32)
