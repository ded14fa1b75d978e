"""What judges pictures in training: patch discriminators on an image pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from ..geometry import gaussian_heatmap
from ..types import Keypoints
from .blocks import AntiAliasDownsample
from .config import DiscriminatorConfig


@dataclass(frozen=True)
class Critique:
    """What one discriminator says: ``features`` of each block, and ``score`` (B, 1, h, w), 1 = real."""

    features: tuple[Tensor, ...]
    score: Tensor


class ImagePyramid(nn.Module):
    """(B, C, H, W) → the same pictures at each scale, anti-aliased."""

    def __init__(self, scales: Sequence[float], num_channels: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Identity() if scale == 1 else AntiAliasDownsample(num_channels, scale) for scale in scales
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        return [level(images) for level in self.levels]


class _Block(nn.Module):
    def __init__(self, in_features: int, out_features: int, *, norm: bool, pool: bool, spectral: bool) -> None:
        super().__init__()
        conv = nn.Conv2d(in_features, out_features, 4)
        self.conv = spectral_norm(conv) if spectral else conv
        self.norm = nn.InstanceNorm2d(out_features, affine=True) if norm else nn.Identity()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        out = F.leaky_relu(self.norm(self.conv(x)), 0.2)
        return F.avg_pool2d(out, 2) if self.pool else out


class Discriminator(nn.Module):
    """Patch discriminator at one scale, optionally shown the keypoints as extra channels."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        last = config.num_blocks - 1
        widths = [min(config.max_features, config.block_expansion * 2 ** (i + 1)) for i in range(config.num_blocks)]
        inputs = [config.num_channels + config.num_kp * config.use_kp, *widths[:-1]]
        self.down_blocks = nn.ModuleList(
            _Block(*pair, norm=i != 0, pool=i != last, spectral=config.spectral_norm)
            for i, pair in enumerate(zip(inputs, widths, strict=True))
        )
        conv = nn.Conv2d(widths[-1], 1, 1)
        self.conv = spectral_norm(conv) if config.spectral_norm else conv

    def forward(self, images: Tensor, keypoints: Keypoints | None = None) -> Critique:
        out = images
        if self.config.use_kp:
            assert keypoints is not None
            size = (images.shape[2], images.shape[3])
            out = torch.cat([out, gaussian_heatmap(keypoints.value, size, self.config.kp_variance)], dim=1)
        features = []
        for block in self.down_blocks:
            out = block(out)
            features.append(out)
        return Critique(tuple(features), self.conv(out))


class MultiScaleDiscriminator(nn.Module):
    """One :class:`Discriminator` per scale; takes an image pyramid of the same scales."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.discs = nn.ModuleDict({_key(scale): Discriminator(config) for scale in config.scales})

    def forward(self, pyramid: Sequence[Tensor], keypoints: Keypoints | None = None) -> list[Critique]:
        return [disc(images, keypoints) for disc, images in zip(self.discs.values(), pyramid, strict=True)]


def _key(scale: float) -> str:
    """Name of a scale in published checkpoints: 1 → "1", 0.5 → "0-5"."""
    return f"{scale:g}".replace(".", "-")
