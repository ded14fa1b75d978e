"""A small visible mark for pictures and videos that a model made: the letters AI on a dark lozenge, in a corner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

Corner = Literal["bottom right", "bottom left", "top right", "top left"]
BOTTOM_RIGHT: Corner = "bottom right"

_SHARE = 0.06  # of the picture's shorter side that the mark is high
_SMALLEST_PX = 14  # below which the letters could not be read
_WIDE = 1.6  # times as wide as high
_FINE = 8  # drawn so many times as large, then shrunk
_STROKES = (  # the letters as lines, (x, y) from the mark's middle, in its heights
    ((-0.36, 0.25), (-0.13, -0.25), (0.10, 0.25)),
    ((-0.27, 0.09), (0.01, 0.09)),
    ((0.34, -0.25), (0.34, 0.25)),
)


@dataclass(frozen=True)
class Mark:
    """What is laid over one picture: ``picture * (1 - opacity) + light`` on its place.

    place:   x0, y0, x1, y1 in pixels.
    light:   (h, w, 1) float32 in [0, 1], grey times opacity.
    opacity: (h, w, 1) float32 in [0, 1].
    """

    place: tuple[int, int, int, int]
    light: np.ndarray
    opacity: np.ndarray


@lru_cache(maxsize=16)
def mark_for(height: int, width: int, corner: Corner) -> Mark:
    """The mark of a picture of this size."""
    tall = min(max(_SMALLEST_PX, round(_SHARE * min(height, width))), height, int(width / _WIDE))
    wide = max(1, round(_WIDE * tall))
    gap = min(round(0.6 * tall), height - tall, width - wide)
    x = width - gap - wide if corner.endswith("right") else gap
    y = height - gap - tall if corner.startswith("bottom") else gap
    light, opacity = _drawn(max(tall, 1), wide)
    return Mark((x, y, x + wide, y + max(tall, 1)), light, opacity)


def marked(frames: np.ndarray, corner: Corner) -> np.ndarray:
    """A copy of (T, H, W, C) uint8 frames with the mark; transparent ones are opaque where it is."""
    mark = mark_for(*frames.shape[1:3], corner)
    x0, y0, x1, y1 = mark.place
    copy = frames.copy()
    spot = copy[:, y0:y1, x0:x1]
    spot[..., :3] = (spot[..., :3] * (1 - mark.opacity) + 255 * mark.light + 0.5).astype(np.uint8)
    if spot.shape[-1] == 4:
        spot[..., 3:] = np.maximum(spot[..., 3:], (255 * mark.opacity + 0.5).astype(np.uint8))
    return copy


def _drawn(tall: int, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """Light and opacity: a dark lozenge, to be seen on what is light, with a bright rim, to be seen on what is dark."""
    size = (tall * _FINE, wide * _FINE)
    outer, inner, letters = (np.zeros(size, np.float32) for _ in range(3))
    _fill_lozenge(outer, 0)
    _fill_lozenge(inner, max(_FINE // 2, round(0.05 * size[0])))
    middle = np.array([size[1] / 2, size[0] / 2])
    for stroke in _STROKES:
        points = np.rint(np.array(stroke) * size[0] + middle).astype(np.int32)
        cv2.polylines(letters, [points], False, 1.0, max(1, round(0.11 * size[0])), cv2.LINE_AA)
    bright = np.maximum(letters, 0.55 * (outer - inner))
    opacity = np.maximum(bright, 0.75 * outer)
    light = bright + 0.08 * np.maximum(opacity - bright, 0)
    small = [cv2.resize(layer, (wide, tall), interpolation=cv2.INTER_AREA)[..., None] for layer in (light, opacity)]
    return small[0], small[1]


def _fill_lozenge(layer: np.ndarray, inset: int) -> None:
    """A rectangle with round ends, ``inset`` pixels inside the layer, in place."""
    height, width = layer.shape
    radius = height // 2 - inset
    cv2.rectangle(layer, (height // 2, inset), (width - height // 2, height - inset - 1), 1.0, -1)
    for x in (height // 2, width - height // 2):
        cv2.circle(layer, (x, height // 2), radius, 1.0, -1, cv2.LINE_AA)
