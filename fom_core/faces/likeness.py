"""Whether two looks show the same face: where it is, and what it and a little around it look like."""

from __future__ import annotations

import math

import cv2
import numpy as np

AROUND, SIDE = 1.5, 8  # a face looks like this much of its surroundings, at so many pixels
LIKE = 25.0  # mean difference, in levels, at which two looks are alike by 1/e


def middle_of(box: np.ndarray) -> np.ndarray:
    """(x, y) of a box (4,)."""
    return (box[:2] + box[2:]) / 2


def side_of(box: np.ndarray) -> float:
    """The longer side of a box (4,), at least a pixel."""
    return max(float(box[2] - box[0]), float(box[3] - box[1]), 1.0)


def sides_apart(box: np.ndarray, other: np.ndarray) -> float:
    """Between the middles of two boxes, in sides of the smaller one."""
    return float(np.linalg.norm(middle_of(box) - middle_of(other))) / min(side_of(box), side_of(other))


def look_of(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """What a face and a little around it look like: (8, 8, 3) float32, each the mean of its part of the frame."""
    (x, y), reach = middle_of(box), AROUND * side_of(box) / 2
    height, width = frame.shape[:2]
    left, right = (int(np.clip(round(place), 0, width)) for place in (x - reach, x + reach))
    top, bottom = (int(np.clip(round(place), 0, height)) for place in (y - reach, y + reach))
    if right <= left or bottom <= top:
        return np.zeros((SIDE, SIDE, 3), np.float32)
    seen = cv2.resize(frame[top:bottom, left:right, :3], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return seen.astype(np.float32)


def alike(look: np.ndarray, other: np.ndarray) -> float:
    """How much two surroundings are alike, from 0 to 1."""
    return math.exp(-float(np.abs(look - other).mean()) / LIKE)
