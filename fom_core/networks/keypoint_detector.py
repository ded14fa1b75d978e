"""Where things are: keypoints with local affine frames, learnt without labels (section 3.1 of the paper)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..geometry import identity_grid
from ..types import Keypoints
from .blocks import FULL
from .config import KeypointDetectorConfig
from .hourglass import Hourglass
from .mobile import MOBILE


class KeypointSteps(nn.Module):
    """How maps become keypoints. The networks that paint the maps come with a subclass."""

    def __init__(self, config: KeypointDetectorConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, images: Tensor) -> Keypoints:
        """(B, C, H, W) in [0, 1] → keypoints of B pictures."""
        logits, maps = self.maps(images)
        heatmap = (logits.flatten(2) / self.config.temperature).softmax(dim=-1)
        # The point is the mean of the heatmap read as a probability distribution.
        grid = identity_grid(*logits.shape[2:], like=logits).flatten(0, 1)  # (h*w, 2)
        value = heatmap @ grid
        if maps is None:
            return Keypoints(value)
        maps = maps.flatten(2).unflatten(1, (-1, 4))  # (B, K or 1, 4, h*w)
        jacobian = (heatmap[:, :, None] * maps).sum(dim=-1).unflatten(-1, (2, 2))
        return Keypoints(value, jacobian)

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → maps of the keypoints (B, K, h, w) and of their jacobians (B, 4 or 4K, h, w)."""
        raise NotImplementedError


class KeypointDetector(KeypointSteps):
    """(B, C, H, W) in [0, 1] → :class:`Keypoints` of B pictures."""

    def __init__(self, config: KeypointDetectorConfig) -> None:
        super().__init__(config)
        parts = MOBILE if config.mobile else FULL
        self.predictor = Hourglass(config.num_channels, config.hourglass, parts)
        self.kp = parts.point_head(self.predictor.out_features, config.num_kp, config.pad)
        self.jacobian = None
        if config.estimate_jacobian:
            maps = 1 if config.single_jacobian_map else config.num_kp
            self.jacobian = parts.point_head(self.predictor.out_features, 4 * maps, config.pad)
            _start_at_identity(self.jacobian)
        self.down = parts.shrink(config.num_channels, config.scale_factor)

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.predictor(self.down(images))
        return self.kp(features), None if self.jacobian is None else self.jacobian(features)


def _start_at_identity(head: nn.Module) -> None:
    """Make a fresh jacobian head answer with the identity everywhere.

    Of the mobile head's three layers only the last one starts at zero. PaddleGAN zeroes all: such a stack learns to
    look at its input only as fast as the product of three matrices leaves zero.
    """
    *_, last = (module for module in head.modules() if isinstance(module, nn.Conv2d))
    nn.init.zeros_(last.weight)
    assert last.bias is not None
    with torch.no_grad():
        last.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 1.0]).repeat(last.out_channels // 4))
