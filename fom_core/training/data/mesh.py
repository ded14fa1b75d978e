"""The mesh of a face: 468 points that tell a training which place of one frame is which of another.

They are those of MediaPipe, of which the file ``face_landmark.tflite`` in its wheels is enough (Apache-2.0). A training
may be given it; it is part of neither the project nor the models that learn with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from .tflite import TFLiteNetwork

POINTS = 468
SIDE = 192  # of what the network looks at
ROOM = 1.5  # side of that square over the longer side of the face
FIRST_ROOM = 3.2  # the same over what five landmarks tell of the face
DIFFERS, SMALLEST = 0.09, 0.4  # from the five landmarks, in sizes of the face; the size of a face, in half sides
STRAYED, SQUARES = 0.35, (0.15, 1.7)  # of the followed square, in half sides from the nose; its side, of the picture's

RIGHT_EYE, LEFT_EYE, CHIN, FOREHEAD = 33, 263, 152, 10  # the outer corners of the eyes
RIGHT_EAR, LEFT_EAR = 234, 454
UPPER_LIP, LOWER_LIP, RIGHT_CORNER, LEFT_CORNER = 13, 14, 61, 291
LIPS_AND_CHIN = (0, 17, CHIN)  # the outer edges of both lips in the middle
FIVE = ((33, 133), (263, 362), (4,), (61,), (291,))
"""The points between which each of the five landmarks is: eyes, nose, corners of the mouth."""
LIPS = [
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87, 14,
    317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
]  # fmt: skip
EYES = [
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 263, 249, 390, 373, 374, 380, 381, 382,
    362, 466, 388, 387, 386, 385, 384, 398,
]  # fmt: skip

Square = tuple[float, float, float]
"""Middle (x, y) and side of a square in a picture, in pixels."""


class MeshFinder:
    """Finds the mesh of the face in a square of a picture, for any number of threads."""

    def __init__(self, weights: Path) -> None:
        """Raises MediaError for a file that is not there, UnsupportedModel for another one."""
        self._network = TFLiteNetwork(weights, "The mesh file", "face_landmark.tflite", SIDE, POINTS * 3)

    def __call__(self, picture: np.ndarray, square: Square) -> np.ndarray:
        """(468, 3) points in pixels of (H, W, 3) uint8, depth growing away from the camera."""
        x, y, side = square
        scale = SIDE / side
        there = np.array([[scale, 0, SIDE / 2 - x * scale], [0, scale, SIDE / 2 - y * scale]], np.float32)
        crop = cv2.warpAffine(picture, there, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
        points = self._network(crop).reshape(-1, 3).astype(np.float64)
        return (points - [SIDE / 2, SIDE / 2, 0]) / scale + [x, y, 0]

    def around(self, picture: np.ndarray, square: Square) -> Square:
        """A better square than one that holds the face."""
        return around_mesh(self(picture, square))

    @property
    def digest(self) -> str:
        """Of the file: what has been found with another one is found anew."""
        return self._network.digest


def around_mesh(points: np.ndarray) -> Square:
    """The square in which to look for a mesh (468, 3) that is found, in its unit."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return *((low + high) / 2).tolist(), ROOM * float((high - low).max())


def five_points(meshes: np.ndarray) -> np.ndarray:
    """Eyes, nose and corners of the mouth, (..., 5, 2), of meshes (..., 468, 3)."""
    return np.stack([meshes[..., list(points), :2].mean(axis=-2) for points in FIVE], axis=-2)


def looks_of(meshes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How wide the mouths of meshes (N, 468, 3) are open (N, 1), and how far heads are turned and nod (N, 2)."""
    eyes = _distance(meshes[:, RIGHT_EYE], meshes[:, LEFT_EYE])
    opened = _distance(meshes[:, UPPER_LIP], meshes[:, LOWER_LIP]) / eyes
    width = _distance(meshes[:, RIGHT_EAR], meshes[:, LEFT_EAR])
    depths = [meshes[:, here, 2] - meshes[:, there, 2] for here, there in ((RIGHT_EAR, LEFT_EAR), (FOREHEAD, CHIN))]
    return opened[:, None], np.stack(depths, axis=1) / width[:, None]


def find_meshes(frames: Sequence[np.ndarray], landmarks: Sequence[np.ndarray], finder: MeshFinder) -> np.ndarray:
    """(T, 468, 3) meshes of the frames (S, S, 3) of one clip, in [-1, 1], depth in the same unit.

    landmarks: the five of each frame, (5, 2) in [-1, 1]. NaN where they are NaN, or elsewhere than the mesh.
    """
    found = np.full((len(frames), POINTS, 3), np.nan, np.float32)
    square: Square | None = None  # followed from frame to frame
    for number, (frame, five) in enumerate(zip(frames, landmarks, strict=True)):
        if np.isnan(five).any():
            square = None
            continue
        side = len(frame)
        points = finder(frame, finder.around(frame, _around_five(five, side)) if square is None else square)
        found[number] = points * (2 / (side - 1)) - [1, 1, 0]
        square = around_mesh(points)
        middle = np.array(square[:2]) * 2 / (side - 1) - 1
        if np.hypot(*(middle - five[2])) > STRAYED or not SQUARES[0] < square[2] / side < SQUARES[1]:
            square = None
    found[~agrees(found, np.stack(landmarks))] = np.nan
    return found


def agrees(meshes: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Which meshes (N, 468, 3) lie where the five landmarks (N, 5, 2) are, and are large enough to tell: (N,) bool."""
    flat = meshes[..., :2]
    size = _distance(flat[:, RIGHT_EYE], flat[:, LEFT_EYE]) + _distance(flat[:, FOREHEAD], flat[:, CHIN])
    apart = _distance(five_points(meshes), landmarks).mean(axis=-1)
    with np.errstate(invalid="ignore"):  # NaN agrees with nothing
        return (apart < DIFFERS * size) & (size > SMALLEST)


def _distance(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    return np.linalg.norm(here - there, axis=-1)


def _around_five(five: np.ndarray, side: int) -> Square:
    """The square in which to look first, in pixels of a picture of that side."""
    points = (five + 1) / 2 * (side - 1)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    length = max(_distance(points[0], points[1]), _distance(eyes, mouth))
    return *((eyes + mouth) / 2).tolist(), FIRST_ROOM * float(length)
