"""Values of a picture at places, and brushes for masks."""

from __future__ import annotations

import cv2
import numpy as np


def sample(picture: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Values (N,) or (N, C) of a picture (H, W) or (H, W, C) at places (N, 2), x and y from 0 to 1."""
    x, y = (place * picture.shape[1::-1] - 0.5).astype(np.float32).T
    read = cv2.remap(picture, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return read.reshape(len(place)) if picture.ndim == 2 else read.reshape(len(place), -1)


def disc(side: int) -> np.ndarray:
    """A round brush for growing and shrinking masks."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
