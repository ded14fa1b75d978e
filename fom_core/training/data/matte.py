"""Mattes: which pixels of a frame are the person, so that a training can move people before what is behind them.

They are MediaPipe's, of which the file ``selfie_segmentation.tflite`` in its wheels is enough (Apache-2.0). A training
may be given it; it is part of neither the project nor the models that learn with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from .tflite import TFLiteNetwork

SIDE = 256  # of what the network looks at
FACE_SHARE = 0.6  # of the person, at each of the five landmarks, in a matte that is believed
AT_A_TIME = 4096  # mattes that are read


class MatteFinder:
    """Finds the person in pictures, for any number of threads."""

    def __init__(self, weights: Path) -> None:
        """Raises MediaError for a file that is not there, UnsupportedModel for another one."""
        self._network = TFLiteNetwork(weights, "The matte file", "selfie_segmentation.tflite", SIDE, SIDE * SIDE)

    def __call__(self, picture: np.ndarray, side: int) -> np.ndarray:
        """The share of the person in each pixel of a square (S, S, 3) uint8, as (side, side) uint8: 255 is all."""
        share = self._network(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)).reshape(SIDE, SIDE)
        return as_bytes(cv2.resize(share, (side, side), interpolation=cv2.INTER_AREA))

    @property
    def digest(self) -> str:
        """Of the file: what has been found with another one is found anew."""
        return self._network.digest


def as_bytes(share: np.ndarray) -> np.ndarray:
    """Shares from 0 to 1 as uint8."""
    return (share * 255 + 0.5).clip(0, 255).astype(np.uint8)


def side_of_matte(size: int) -> int:
    """The side of the mattes of frames of that size."""
    return size // 2


def find_mattes(frames: Sequence[np.ndarray], finder: MatteFinder) -> list[np.ndarray]:
    """The mattes (S/2, S/2) uint8 of frames (S, S, 3)."""
    return [finder(frame, side_of_matte(len(frame))) for frame in frames]


def shrunk_mattes(mattes: np.ndarray, size: int) -> list[np.ndarray]:
    """The same for frames of another size."""
    wanted = (side_of_matte(size),) * 2
    return [cv2.resize(np.asarray(matte), wanted, interpolation=cv2.INTER_AREA) for matte in mattes]


def hold_faces(mattes: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Which mattes (N, H, H) have the five landmarks (N, 5, 2) in the person: (N,) bool; none where these are unknown.

    The network takes some people for background.
    """
    side = mattes.shape[1]
    known = np.logical_not(np.isnan(landmarks).any(axis=(1, 2)))
    places = np.floor((np.where(known[:, None, None], landmarks, 0) + 1) / 2 * side).astype(int).clip(0, side - 1)
    holds = np.empty(len(mattes), bool)
    for start in range(0, len(mattes), AT_A_TIME):
        rows = slice(start, start + AT_A_TIME)
        some = np.array(mattes[rows])
        found = some[np.arange(len(some))[:, None], places[rows, :, 1], places[rows, :, 0]]
        holds[rows] = (found >= FACE_SHARE * 255).all(axis=1)
    return holds & known
