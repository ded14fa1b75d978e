"""Boxes (N, 4): overlap, and keeping one per face."""

from __future__ import annotations

import numpy as np


def area(boxes: np.ndarray) -> np.ndarray:
    """Areas of (N, 4) boxes."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with others (N, 4) → (N,). Empty boxes overlap nothing."""
    width = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    height = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    common = np.clip(width, 0, None) * np.clip(height, 0, None)
    union = area(box[None]) + area(boxes) - common
    return np.where(common > 0, common / np.maximum(union, 1e-9), 0.0)


def keep_best(boxes: np.ndarray, quality: np.ndarray, threshold: float) -> list[int]:
    """Indices of the boxes (N, 4) that survive when of each overlapping group only the best stays; best first."""
    left = np.argsort(-quality, kind="stable")
    kept: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[iou(boxes[best], boxes[left]) <= threshold]
    return kept
