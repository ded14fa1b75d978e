"""PaddleGAN's mobile parts: depthwise separable convolutions, and 7x7 heads split into three 3x3."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import BlockSet, SameBlock, Shrink


def _depthwise(features: int) -> nn.Conv2d:
    return nn.Conv2d(features, features, 3, padding=1, groups=features, bias=False)


def _pointwise(in_features: int, out_features: int) -> nn.Conv2d:
    return nn.Conv2d(in_features, out_features, 1, bias=False)


class _SeparableBlock(nn.Module):
    """Depthwise, normalisation, ReLU, pointwise, normalisation, ReLU."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.conv = _depthwise(in_features)
        self.norm = nn.BatchNorm2d(in_features)
        self.conv1 = _pointwise(in_features, out_features)
        self.norm1 = nn.BatchNorm2d(out_features)

    def separable(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.conv(x)))
        return F.relu(self.norm1(self.conv1(x)))


class MobileDownBlock(_SeparableBlock):
    """Separable convolution, then halving by averaging."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.separable(x), 2)


class MobileUpBlock(_SeparableBlock):
    """Doubling by repetition, then separable convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return self.separable(F.interpolate(x, scale_factor=2.0))


class MobileResBlock(nn.Module):
    """Inverted residual: widen to ``hidden``, depthwise, narrow. No ReLU after widening, as published."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(features)
        self.conv_pw = _pointwise(features, hidden)
        self.norm_pw = nn.BatchNorm2d(hidden)
        self.conv_dw = _depthwise(hidden)
        self.norm_dw = nn.BatchNorm2d(hidden)
        self.conv_pw_linear = _pointwise(hidden, features)
        self.norm_pw_linear = nn.BatchNorm2d(features)

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm_pw(self.conv_pw(F.relu(self.norm1(x))))
        out = F.relu(self.norm_dw(self.conv_dw(out)))
        return self.norm_pw_linear(self.conv_pw_linear(out)) + x


def _shrink(num_channels: int, scale: float) -> Shrink:
    # Published with a kernel so narrow that it is nearly plain subsampling.
    return Shrink(num_channels, scale, kernel_size=3, sigma=0.25)


def _stem(num_channels: int, features: int) -> nn.Module:
    return nn.Sequential(
        SameBlock(num_channels, num_channels, bias=False),
        SameBlock(num_channels, num_channels, bias=False),
        SameBlock(num_channels, features, bias=False),
    )


def _map_head(in_features: int, out_channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_features, in_features, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(in_features, in_features, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(in_features, out_channels, 3, padding=1),
    )


def _point_head(in_features: int, out_channels: int, pad: int) -> nn.Module:
    # No ReLU between, as published: together one 7x7 convolution of low rank.
    return nn.Sequential(
        nn.Conv2d(in_features, in_features, 3, padding=pad),
        nn.Conv2d(in_features, in_features, 3, padding=pad),
        nn.Conv2d(in_features, out_channels, 3, padding=pad),
    )


MOBILE = BlockSet(
    MobileDownBlock, MobileUpBlock, MobileResBlock, _shrink, _stem, map_head=_map_head, point_head=_point_head
)
