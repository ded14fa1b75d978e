"""Small helpers on arrays: smooth steps, and values of a picture at places."""

from __future__ import annotations

import cv2
import numpy as np


def step(values: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """From 0 at ``low`` to 1 at ``high``, smoothly."""
    part = np.clip((values - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def sample(picture: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Values (N,) or (N, C) of a picture (H, W) or (H, W, C) at places (N, 2), x and y from 0 to 1."""
    x, y = (place * picture.shape[1::-1] - 0.5).astype(np.float32).T
    read = cv2.remap(picture, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return read.reshape(len(place)) if picture.ndim == 2 else read.reshape(len(place), -1)


def disc(side: int) -> np.ndarray:
    """A round brush for growing and shrinking masks."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
