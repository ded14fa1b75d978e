"""The picture as it is where the masks of its faces say so, whatever was composed there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..types import FaceSet
from .canvas import REACH, canvas_box
from .lay import over_canvas
from .masks import around_all, pixels
from .paste import coloured, to_masks


class HeldBack:
    """Lays the picture over composed frames where no face's mask is white; outside the crops the nearest value counts.

    picture, faces: as the frames were composed of. face_masks: as :class:`~.composition.Composition` has them.
    """

    def __init__(self, picture: np.ndarray, faces: FaceSet, face_masks: Sequence[np.ndarray | torch.Tensor]) -> None:
        still = coloured(picture, faces, depths=(np.uint8, np.uint16))
        rects = [canvas_box(face, REACH) for face in faces]
        weight = np.zeros(still.shape[:2], np.float32)
        for face, rect, (mask, *_) in zip(faces, rects, to_masks(face_masks, len(faces)), strict=True):
            here = weight[pixels(rect)]
            np.maximum(here, over_canvas(mask, face, rect), out=here)
        self._there = pixels(around_all(rects))
        self._weight = weight[self._there][..., None]
        self._still = still[self._there].astype(np.float32)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames (T, H, W, C) as deep as the picture, changed where they are."""
        for frame in frames:
            here = frame[self._there]
            here[...] = np.rint(self._still + self._weight * (here - self._still)).astype(frame.dtype)
        return frames
