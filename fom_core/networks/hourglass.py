"""Encoder-decoder with skip connections, the body of the keypoint detector and of the dense motion network."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn

from .blocks import BlockSet
from .config import HourglassConfig


class Encoder(nn.Module):
    """(B, C, h, w) → what comes in and after every block, from large to small."""

    def __init__(self, down_blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(down_blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = [x]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels


class Decoder(nn.Module):
    """An encoder's levels → (B, out_features, h, w), each block's result beside the level of its size."""

    def __init__(self, up_blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.up_blocks = nn.ModuleList(up_blocks)

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
        deeper = (width + skip for width, skip in zip(config.decoder[:-1], skips[:-1], strict=True))
        inputs = (config.encoder[-1], *deeper)
        self.encoder = Encoder(parts.down(*pair) for pair in pairwise((in_features, *config.encoder)))
        self.decoder = Decoder(parts.up(*pair) for pair in zip(inputs, config.decoder, strict=True))
        self.out_features = config.decoder[-1] + in_features

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))
