"""Between pictures (uint8 arrays, channels last) and network batches (float tensors, channels first)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor


def resize_picture(picture: np.ndarray, size: tuple[int, int], *, average_from: float = 1.0) -> np.ndarray:
    """Resize (H, W, C) to (height, width, C): bicubic, or averaging when shrunk by more than ``average_from``.

    Averaging keeps fine patterns from flickering.
    """
    height, width = size
    if picture.shape[:2] == (height, width):
        return picture
    shrink = max(picture.shape[0] / height, picture.shape[1] / width)
    interpolation = cv2.INTER_AREA if shrink > average_from else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=interpolation)
    return resized.reshape(height, width, -1)  # OpenCV drops a single channel


def to_batch(pictures: Sequence[np.ndarray] | np.ndarray, *, channels: int, device: torch.device | str) -> Tensor:
    """T pictures (H, W, 3) uint8 → (T, channels, H, W) float in [0, 1]. One channel is the mean of the three."""
    frames = torch.from_numpy(np.ascontiguousarray(pictures)).to(device)
    batch = frames.movedim(-1, 1).float() / 255
    return batch.mean(dim=1, keepdim=True) if channels == 1 and batch.shape[1] != 1 else batch


def to_pictures(batch: Tensor) -> np.ndarray:
    """(T, C, H, W) float in [0, 1] → (T, H, W, 3) uint8, rounded. One channel becomes three equal ones."""
    frames = (batch.clamp(0, 1) * 255).round().to(torch.uint8).movedim(1, -1)
    return frames.expand(-1, -1, -1, 3).contiguous().cpu().numpy()
