"""What a model moves, as a soft mask."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import identity_grid, ramp, resize_map
from ..types import Generated

# From nothing to everything; tuned by eye on portraits, with large and small movements.
LED = (0.3, 0.8)  # share of the motion that comes from keypoints and not from the still background
MOVED = (0.02, 0.08)  # distance, where the picture's side is 2
HIDDEN = (0.6, 0.9)  # share that is painted anew
SOFT = 0.02  # width of the blur in picture sides


class MovedArea:
    """The part of a face's picture that its animation moves, gathered chunk by chunk.

    Takes the memory of one picture, however long the animation is.
    """

    def __init__(self) -> None:
        self._most: Tensor | None = None  # (h, w)
        self._size = (0, 0)

    def add(self, generated: Generated) -> None:
        """Take frames into account; of a model without a dense motion network everything moves."""
        self._size = generated.prediction.shape[2], generated.prediction.shape[3]
        motion = generated.dense_motion
        if motion is None:
            return
        identity = identity_grid(*motion.deformation.shape[1:3], like=motion.deformation)
        # A head may hold still for a while, and its middle for long: its keypoints lead it nevertheless.
        signs = [
            ramp(1 - motion.mask[:, 0], *LED),
            ramp((motion.deformation - identity).norm(dim=-1), *MOVED),
        ]
        if motion.occlusion_map is not None:
            signs.append(ramp(1 - motion.occlusion_map[:, 0], *HIDDEN))  # where the head was, and the ground shows now
        most = torch.cat(signs).amax(dim=0)
        self._most = most if self._most is None else torch.maximum(self._most, most)

    def mask(self) -> Tensor:
        """Where anything moved at any time: (1, H, W) in [0, 1] at the size of the generated frames.

        1 on the head and what it uncovers, 0 on the still background, with a soft edge between.
        """
        if self._most is None:
            return torch.ones(1, *self._size)
        return _blur(resize_map(self._most[None, None].float(), self._size), SOFT * min(self._size))[0].clamp(0, 1)


def _blur(values: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (1, 1, H, W); what lies past the border is like the border."""
    reach = max(1, round(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    line = torch.exp(-0.5 * (offsets / sigma).square())
    line = line / line.sum()
    padded = F.pad(values, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
