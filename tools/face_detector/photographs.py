"""Whole pictures, with people, bodies, art and empty rooms, as training pictures of the embedded face detector."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .scenes import Portrait

GREY = 127  # around a picture that is smaller than the part wanted
MOST_ENLARGED = 2.0
LEAST_FILLED = 1.25  # side of a part over the longer side of the photograph, at most


@dataclass(frozen=True)
class Photograph(Portrait):
    """A picture of any size with its face boxes, and boxes (M, 4) of what the former network took for faces."""

    mistakes: np.ndarray


def part_of(photograph: Photograph, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A part at some scale, around a face, around a mistake or anywhere: picture (size, size, 3) and boxes (N, 5)."""
    height, width = photograph.image.shape[:2]
    faces = photograph.boxes[photograph.boxes[:, 4] > 0]
    kind = rng.random()
    if len(faces) and kind < 0.6:
        box, most = faces[rng.integers(len(faces)), :4], 0.95
    elif len(photograph.mistakes) and kind < 0.9:
        box, most = photograph.mistakes[rng.integers(len(photograph.mistakes))], 0.8
    else:
        side = rng.uniform(0.2, 1.0) * max(height, width)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        box, most = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2]), 1.0
    side = max(box[2] - box[0], box[3] - box[1])
    wanted = np.exp(rng.uniform(np.log(14), np.log(most * size)))
    scale = min(MOST_ENLARGED, max(wanted / side, size / (LEAST_FILLED * max(height, width))))
    reach = size / scale  # of the part, in pixels of the photograph
    slack = max(0.0, (reach - side) / 2)
    corner = (box[:2] + box[2:]) / 2 - reach / 2 + rng.uniform(-slack, slack, 2)
    limits = np.array([width, height]) - reach
    corner = np.clip(corner, np.minimum(limits, 0), np.maximum(limits, 0))
    return cut(photograph, corner, scale, size)


def cut(photograph: Portrait, corner: np.ndarray, scale: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of a picture from a corner (x, y), which may lie outside, enlarged by ``scale``; and all boxes in it."""
    height, width = photograph.image.shape[:2]
    x0, y0 = np.maximum(np.floor(corner), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(corner + size / scale).astype(int), (width, height))
    piece = photograph.image[y0:y1, x0:x1]
    extent = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    piece = cv2.resize(piece, extent, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = np.maximum(np.rint((np.array([x0, y0]) - corner) * scale).astype(int), 0)
    image = np.full((size, size, 3), GREY, np.uint8)
    piece = piece[: size - top, : size - left]
    image[top : top + piece.shape[0], left : left + piece.shape[1]] = piece
    boxes = photograph.boxes.copy()
    boxes[:, :4] = (boxes[:, :4] - [x0, y0, x0, y0]) * scale + [left, top, left, top]
    return image, boxes


def mirrored(photograph: Photograph) -> Photograph:
    """Left and right exchanged, boxes too."""
    width = photograph.image.shape[1]
    boxes, mistakes = photograph.boxes.copy(), photograph.mistakes.copy()
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    mistakes[:, [0, 2]] = width - mistakes[:, [2, 0]]
    return Photograph(np.ascontiguousarray(photograph.image[:, ::-1]), boxes, mistakes)
