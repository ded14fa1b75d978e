"""Convolutional parts. Attribute names are those of the published checkpoints, so state dicts load as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import resize_images


class SameBlock(nn.Module):
    """Convolution, normalisation, ReLU at one resolution."""

    def __init__(self, in_features: int, out_features: int, kernel_size: int = 3, *, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_features, out_features, kernel_size, padding=kernel_size // 2, bias=bias)
        self.norm = nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class DownBlock(nn.Module):
    """Convolution, normalisation, ReLU, then halving by averaging."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_features, out_features, 3, padding=1)
        self.norm = nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.relu(self.norm(self.conv(x))), 2)


class UpBlock(nn.Module):
    """Doubling by repetition, then convolution, normalisation, ReLU."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_features, out_features, 3, padding=1)
        self.norm = nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(F.interpolate(x, scale_factor=2.0))))


class ResBlock(nn.Module):
    """Pre-activation residual block; ``hidden`` channels between its two convolutions."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden, features, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(features)
        self.norm2 = nn.BatchNorm2d(hidden)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.relu(self.norm1(x)))
        out = self.conv2(F.relu(self.norm2(out)))
        return out + x


class AntiAliasDownsample(nn.Module):
    """Blur with a gaussian, then keep every n-th pixel; n = 1 / scale, sigma = (n - 1) / 2.

    The kernel is a buffer of the published checkpoints, ``weight`` (C, 1, k, k).
    """

    def __init__(self, num_channels: int, scale: float, *, kernel_size: int | None = None, sigma: float | None = None):
        super().__init__()
        self.step = round(1 / scale)
        sigma = (self.step - 1) / 2 if sigma is None else sigma
        size = 2 * round(sigma * 4) + 1 if kernel_size is None else kernel_size
        line = torch.exp(-((torch.arange(size) - (size - 1) / 2) ** 2) / (2 * sigma**2)) if sigma else torch.ones(1)
        kernel = line[:, None] * line[None, :]
        kernel = (kernel / kernel.sum()).expand(num_channels, 1, -1, -1).clone()
        self.weight: Tensor
        self.register_buffer("weight", kernel)

    def forward(self, x: Tensor) -> Tensor:
        # Strided: the pixels between are never computed. Same values as blurring all and subsampling.
        return F.conv2d(x, self.weight, stride=self.step, padding=self.weight.shape[-1] // 2, groups=x.shape[1])


class Shrink(AntiAliasDownsample):
    """A picture to the resolution of a network: brought to ``size`` (height, width) where one is set, then smaller."""

    def __init__(self, num_channels: int, scale: float, *, kernel_size: int | None = None, sigma: float | None = None):
        super().__init__(num_channels, scale, kernel_size=kernel_size, sigma=sigma)
        self.size: tuple[int, int] | None = None
        if self.step == 1:
            del self.weight  # published networks that shrink nothing have no kernel

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.size is None else resize_images(x, self.size)
        return x if self.step == 1 else super().forward(x)


def _stem(num_channels: int, features: int) -> nn.Module:
    return SameBlock(num_channels, features, kernel_size=7)


def _head(in_features: int, out_channels: int, pad: int = 3) -> nn.Module:
    return nn.Conv2d(in_features, out_channels, 7, padding=pad)


@dataclass(frozen=True)
class BlockSet:
    """The parts that a network is built of; the networks are written once and take another set to become mobile."""

    down: Callable[[int, int], nn.Module]
    up: Callable[[int, int], nn.Module]
    res: Callable[[int, int], nn.Module]
    shrink: Callable[[int, float], Shrink]  # (channels, scale): picture to network resolution
    stem: Callable[[int, int], nn.Module]  # (channels, features): picture to first features
    map_head: Callable[[int, int], nn.Module]  # (features, channels): features to a map of the same size
    point_head: Callable[[int, int, int], nn.Module]  # (features, channels, pad): features to keypoint maps


FULL = BlockSet(DownBlock, UpBlock, ResBlock, Shrink, _stem, map_head=_head, point_head=_head)
