"""Encoder-decoder with skip connections, the body of the keypoint detector and of the dense motion network."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .blocks import BlockSet
from .config import HourglassConfig


class _Encoder(nn.Module):
    def __init__(self, in_features: int, widths: tuple[int, ...], parts: BlockSet) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(parts.down(*pair) for pair in pairwise((in_features, *widths)))

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = [x]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels


class _Decoder(nn.Module):
    def __init__(self, skips: tuple[int, ...], deepest: int, widths: tuple[int, ...], parts: BlockSet) -> None:
        super().__init__()
        inputs = (deepest, *(width + skip for width, skip in zip(widths[:-1], skips[:-1], strict=True)))
        self.up_blocks = nn.ModuleList(parts.up(*pair) for pair in zip(inputs, widths, strict=True))

    def forward(self, levels: list[Tensor]) -> Tensor:
        *skips, x = levels
        for block, skip in zip(self.up_blocks, reversed(skips), strict=True):
            x = torch.cat([block(x), skip], dim=1)
        return x


class Hourglass(nn.Module):
    """(B, in_features, h, w) → (B, out_features, h, w); h and w divisible by 2 to the number of levels."""

    def __init__(self, in_features: int, config: HourglassConfig, parts: BlockSet) -> None:
        super().__init__()
        skips = (*config.encoder[-2::-1], in_features)
        self.encoder = _Encoder(in_features, config.encoder, parts)
        self.decoder = _Decoder(skips, config.encoder[-1], config.decoder, parts)
        self.out_features = config.decoder[-1] + in_features

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))
