"""Points on faces for measuring: 68 of a PFLD network where its file is at hand, else the five of the detector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ..errors import UnsupportedModel
from ..faces.detection import Detector
from ..files.paths import require_file

FacePoints = Callable[[np.ndarray], "np.ndarray | None"]
"""A picture (H, W, 3) uint8 → the points (N, 2) of its largest face in pixels, or None where none is found."""

PROTRUDES = 0.6  # of the way from the eyes to the mouth, by which a nose stands out of their plane
PFLD_SIZE = 112
PFLD_MARGIN = 1.1  # side of the crop over the longer side of the box


class Pfld:
    """68 points in the usual order (jaw, brows, nose, eyes, mouth) by an ONNX file with a 112x112 input.

    Takes pictures (H, W, 3) uint8 RGB, and gives (68, 2) x, y in their pixels; None without a face. Raises
    UnsupportedModel for a file that is none or gives other points.
    """

    def __init__(self, weights: Path, detector: Detector) -> None:
        try:
            self._network = cv2.dnn.readNetFromONNX(str(require_file(weights, "The landmark file")))
        except cv2.error as error:
            raise UnsupportedModel(f"{weights} is no ONNX file that OpenCV reads. Give a PFLD of 68 points.") from error
        self._detector = detector

    def __call__(self, picture: np.ndarray) -> np.ndarray | None:
        box = _largest_box(picture, self._detector)
        if box is None:
            return None
        x0, y0, x1, y1 = box
        side = max(x1 - x0, y1 - y0) * PFLD_MARGIN
        corner = np.array([(x0 + x1 - side) / 2, (y0 + y1 - side) / 2])
        crop = cv2.getRectSubPix(picture, (max(2, round(side)),) * 2, tuple((corner + (side - 1) / 2).tolist()))
        self._network.setInput(cv2.dnn.blobFromImage(crop, 1 / 255, (PFLD_SIZE, PFLD_SIZE)))
        points = self._network.forward().reshape(-1)
        if points.size != 136:
            raise UnsupportedModel(f"The landmark file gives {points.size} numbers. Give a PFLD of 68 points.")
        return corner + points.reshape(68, 2) * side


def detector_points(detector: Detector) -> FacePoints:
    """The detector's own five points; None for every picture if it knows none."""

    def find(picture: np.ndarray) -> np.ndarray | None:
        faces = [face for face in detector.detect(picture) if face.landmarks_px is not None]
        return np.array(max(faces, key=lambda face: _area(face.box_px)).landmarks_px) if faces else None

    return find


def turned_deg(five: np.ndarray, other: np.ndarray) -> float:
    """About how far a head is turned, nodded and tilted against another picture of it, by their five points."""
    yaw, pitch, roll = np.subtract(_angles_deg(five), _angles_deg(other))
    return float(np.sqrt(yaw**2 + pitch**2 + ((roll + 180) % 360 - 180) ** 2))


def _angles_deg(five: np.ndarray) -> tuple[float, float, float]:
    """Yaw and pitch by where the nose is against eyes and mouth, and roll by the line between the eyes."""
    eyes, mouth = five[:2].mean(0), five[3:].mean(0)
    across = five[1] - five[0]
    across = across / max(float(np.hypot(*across)), 1e-6)
    length = max(float(np.hypot(*(mouth - eyes))), 1e-6)
    away = (five[2] - (eyes + mouth) / 2) / (PROTRUDES * length)
    parts = np.arcsin(np.clip([away @ across, away @ np.array([-across[1], across[0]])], -1, 1))
    yaw, pitch = np.rad2deg(parts).tolist()
    return yaw, pitch, float(np.rad2deg(np.arctan2(across[1], across[0])))


def _largest_box(picture: np.ndarray, detector: Detector) -> tuple[float, float, float, float] | None:
    return max((face.box_px for face in detector.detect(picture)), key=_area, default=None)


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def aligned(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """``points`` (N, 2) moved, turned and scaled to lie as near to ``target`` as they can (Umeyama, 1991)."""
    centre, aim = points.mean(0), target.mean(0)
    ours, theirs = points - centre, target - aim
    left, stretch, right = np.linalg.svd(theirs.T @ ours)
    mirror = np.diag([1.0, np.sign(np.linalg.det(left @ right))])
    scale = np.trace(np.diag(stretch) @ mirror) / np.square(ours).sum()
    return scale * ours @ (left @ mirror @ right).T + aim
