"""What a detector is and finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from ..types import Box
from .boxes import keep_best


@dataclass(frozen=True)
class Detection:
    """One face of a picture, in its pixels.

    ``roll_deg`` says how far the head is turned clockwise; the box is the one before it is turned about its middle.
    """

    box_px: Box
    score: float
    landmarks_px: tuple[tuple[float, float], ...] | None = None  # eyes, nose, mouth corners
    roll_deg: float = 0.0


class Detector(Protocol):
    """Finds faces in a picture (H, W, 3) uint8 RGB. Loading one takes time: keep it for a whole video."""

    @property
    def name(self) -> str: ...

    def detect(self, image: np.ndarray) -> list[Detection]: ...


def around(face: Detection) -> Box:
    """The upright box around a face: around the ellipse in its box, turned."""
    x0, y0, x1, y1 = face.box_px
    if not face.roll_deg:
        return face.box_px
    cos, sin = np.cos(np.radians(face.roll_deg)), np.sin(np.radians(face.roll_deg))
    across = float(np.hypot((x1 - x0) * cos, (y1 - y0) * sin)) / 2
    down = float(np.hypot((x1 - x0) * sin, (y1 - y0) * cos)) / 2
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    return (middle_x - across, middle_y - down, middle_x + across, middle_y + down)


def detect_at_sizes(
    image: np.ndarray,
    long_sides: Sequence[int],
    detect_once: Callable[[np.ndarray], list[Detection]],
    overlap: float = 0.4,
) -> list[Detection]:
    """Ask a detector about the picture shrunk to each of these long sides, and keep the best of boxes that overlap.

    Networks know a range of face sizes: a large view shows them small faces, a small one those that fill the picture.
    """
    own = max(image.shape[:2])
    found = []
    for long_side in sorted({min(own, side) for side in long_sides}):
        scale = long_side / own
        view = image if scale == 1 else cv2.resize(image, scaled_size(image, scale), interpolation=cv2.INTER_AREA)
        across, down = image.shape[1] / view.shape[1], image.shape[0] / view.shape[0]
        found += [scaled(detection, across, down) for detection in detect_once(np.ascontiguousarray(view))]
    return distinct(found, overlap)


def distinct(detections: Sequence[Detection], overlap: float) -> list[Detection]:
    """Of each group of overlapping detections the best, best first."""
    boxes = np.array([detection.box_px for detection in detections], dtype=np.float64).reshape(-1, 4)
    scores = np.array([detection.score for detection in detections])
    return [detections[index] for index in keep_best(boxes, scores, overlap)]


def scaled_size(image: np.ndarray, scale: float) -> tuple[int, int]:
    """(width, height) as OpenCV wants it."""
    return max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))


def scaled(detection: Detection, across: float, down: float) -> Detection:
    """The same face in a picture that is larger by these factors."""
    x0, y0, x1, y1 = detection.box_px
    landmarks = detection.landmarks_px
    return replace(
        detection,
        box_px=(x0 * across, y0 * down, x1 * across, y1 * down),
        landmarks_px=None if landmarks is None else tuple((x * across, y * down) for x, y in landmarks),
    )
