"""What a face does, read off a mesh of 468 points: how its head is turned, how wide its mouth is open.

The mesh is that of MediaPipe (Apache-2.0), of which ``face_landmark.tflite`` in its wheels is enough. It measures for
the tools here, and is no part of the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

SIDE = 192  # of what the network looks at
ROOM = 1.5  # side of that square over the longer side of the face
RIGID = [
    1, 2, 4, 5, 6, 8, 9, 10, 33, 67, 93, 98, 103, 109, 127, 133, 151, 168, 195, 197, 234, 263, 297, 323, 327, 332, 338,
    356, 362, 454,
]  # fmt: skip
"""Points that move with the skull: nose, corners of the eyes, forehead, temples."""
RIGHT_EYE, LEFT_EYE, CHIN, FOREHEAD = 33, 263, 152, 10
RIGHT_EAR, LEFT_EAR = 234, 454
UPPER_LIP, LOWER_LIP, RIGHT_CORNER, LEFT_CORNER = 13, 14, 61, 291
LIDS = ((159, 145), (386, 374), (158, 153), (385, 380))
BROWS = ((159, 105), (159, 66), (386, 334), (386, 296), (133, 107), (362, 336))
SKULL = np.array([0.0, 0.3, 0.8])  # middle of the head in a canonical face, around which it turns
MEASURES = ("yaw", "pitch", "mouth_open", "mouth_width", "corners", "brows", "blink")


class Mesh:
    """Finds the mesh of the face in a square part of a picture."""

    def __init__(self, weights: Path) -> None:
        self._network = cv2.dnn.readNetFromTFLite(str(weights))

    def __call__(self, picture: np.ndarray, square: tuple[float, float, float]) -> np.ndarray:
        """(468, 3) points in pixels of (H, W, 3) uint8; ``square`` is its middle and its side."""
        x, y, side = square
        scale = SIDE / side
        there = np.array([[scale, 0, SIDE / 2 - x * scale], [0, scale, SIDE / 2 - y * scale]], np.float32)
        crop = cv2.warpAffine(picture, there, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
        self._network.setInput(cv2.dnn.blobFromImage(crop, 1 / 255, (SIDE, SIDE)))
        points = self._network.forward().reshape(-1, 3).astype(np.float64)
        return (points - [SIDE / 2, SIDE / 2, 0]) / scale + [x, y, 0]

    def around(self, picture: np.ndarray, square: tuple[float, float, float]) -> tuple[float, float, float]:
        """A better square than one that holds the face."""
        points = self(picture, square)[:, :2]
        low, high = points.min(axis=0), points.max(axis=0)
        return *((low + high) / 2).tolist(), ROOM * float((high - low).max())


def fit(points: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, turn (3, 3) and shift (3,) that take (N, 3) points nearest to others (Umeyama, 1991)."""
    middle, aim = points.mean(axis=0), target.mean(axis=0)
    here, there = points - middle, target - aim
    left, stretch, right = np.linalg.svd(there.T @ here)
    proper = np.diag([1, 1, np.sign(np.linalg.det(left @ right))])
    turn = left @ proper @ right
    scale = float((stretch * np.diag(proper)).sum() / np.square(here).sum())
    return scale, turn, aim - scale * turn @ middle


def canonical(meshes: np.ndarray, rounds: int = 4) -> np.ndarray:
    """The usual face of many meshes (N, 468, 3): upright, straight ahead, symmetric, x to the right, y down."""
    face = _unit(meshes[0].astype(np.float64))
    for _ in range(rounds):
        total = np.zeros_like(face)
        for mesh in meshes:
            scale, turn, shift = fit(mesh[RIGID], face[RIGID])
            total += scale * mesh @ turn.T + shift
        face = _unit(total / len(meshes))
    image = face * [-1, 1, 1]
    partner = _nearest(image, face)
    for _ in range(10):
        scale, turn, shift = fit(image, face[partner])
        image = scale * image @ turn.T + shift
        partner = _nearest(image, face)
    face[partner] = (face[partner] + image) / 2
    across = face[LEFT_EYE] - face[RIGHT_EYE]
    across /= np.linalg.norm(across)
    down = face[CHIN] - face[FOREHEAD]
    down -= across * (down @ across)
    down /= np.linalg.norm(down)
    return _unit(face) @ np.stack([across, down, np.cross(across, down)]).T


@dataclass(frozen=True)
class FaceState:
    """What a mesh tells.

    measures: of :data:`MEASURES`. yaw and pitch in degrees, to the right of the picture and up, exact for heads that
              do not lean; the rest in distances of the eyes' outer corners, an open eye's blink at about -0.08.
    middle:   of the skull in the picture, (x, y); ``scale`` the size of a canonical face there, ``roll`` in radians.
    """

    measures: np.ndarray
    middle: np.ndarray
    scale: float
    roll: float


def state_of(mesh: np.ndarray, face: np.ndarray) -> FaceState:
    """What a mesh (468, 3) tells, beside the canonical face."""
    scale, turn, shift = fit(face[RIGID], mesh[RIGID])
    straight = (mesh - shift) @ turn / scale
    eyes = np.linalg.norm(face[LEFT_EYE] - face[RIGHT_EYE])

    def across(one: int, other: int) -> float:
        return float(np.linalg.norm(straight[one] - straight[other]))

    lips = straight[[UPPER_LIP, LOWER_LIP], 1].mean()
    measures = np.array(
        [
            -np.degrees(np.arctan2(turn[0, 2], turn[2, 2])),
            np.degrees(np.arcsin(turn[1, 2])),
            across(UPPER_LIP, LOWER_LIP) / eyes,
            across(RIGHT_CORNER, LEFT_CORNER) / eyes,
            (lips - straight[[RIGHT_CORNER, LEFT_CORNER], 1].mean()) / eyes,
            float(np.mean([straight[eye, 1] - straight[brow, 1] for eye, brow in BROWS])) / eyes,
            -float(np.mean([across(upper, lower) for upper, lower in LIDS])) / eyes,
        ]
    )
    roll = float(np.arctan2(turn[1, 0], turn[1, 1]))
    return FaceState(measures, (scale * turn @ SKULL + shift)[:2], scale, roll)


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each point the index of the nearest of others."""
    return np.square(points[:, None] - others).sum(axis=-1).argmin(axis=1)


def _unit(face: np.ndarray) -> np.ndarray:
    face = face - face[RIGID].mean(axis=0)
    return face / np.sqrt(np.square(face[RIGID]).sum() / len(RIGID))
