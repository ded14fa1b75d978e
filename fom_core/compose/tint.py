"""The colours of what a network paints, fitted to those of the picture that it lies on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..faces.regions import crop_face
from ..pictures import LUMA, to_pictures
from ..types import FaceRegion, Generated
from . import colour_fit

GREY = 2.0  # levels (of 255) between channels, on average, below which a face has no colours


class Tint:
    """Fits paintings of a face to the picture (H, W, 3 or 4), by what the network makes of it at rest."""

    def __init__(self, picture: np.ndarray, face: FaceRegion, still: Generated, strength: float) -> None:
        height, width = still.prediction.shape[2:]
        deep = picture.dtype == np.uint16
        crop = crop_face((picture >> 8).astype(np.uint8) if deep else picture, face, (height, width))
        self._grey = is_grey(crop)
        self._fit: tuple[Tensor, Tensor] | None = None
        if strength:
            everywhere = np.ones((colour_fit.SIDE, colour_fit.SIDE), np.float32)
            found = colour_fit.fit_correction(
                to_pictures(still.prediction)[0], crop, everywhere, (height, width), strength
            )
            device = still.prediction.device
            scale = torch.from_numpy(found.scale.astype(np.float32)).to(device)[:, None, None]
            self._fit = scale, torch.from_numpy(found.shift).to(device).movedim(-1, 0) / 255

    def __call__(self, paintings: Tensor) -> Tensor:
        """(T, C, h, w) in [0, 1] → (T, 3, h, w)."""
        if self._fit is None and not self._grey:
            return paintings
        paintings = paintings.expand(-1, 3, -1, -1)
        if self._fit is not None:
            scale, shift = self._fit
            paintings = (paintings * scale + shift).clamp(0, 1)
        if self._grey:
            weights = paintings.new_tensor(LUMA)[:, None, None]
            paintings = (paintings * weights).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        return paintings


def is_grey(crop: np.ndarray) -> bool:
    """Whether a face (h, w, 3 or 4) uint8 has no colours, so that it is painted grey."""
    return float(np.ptp(crop.astype(np.int16), axis=2).mean()) < GREY
