"""The painter of a full model, from the warped features to the picture, with its convolutions in 8-bit integers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from ...networks.blocks import ResBlock, UpBlock
from ...networks.generator import OcclusionAwareGenerator
from .convolution import Kernel, phase_weights, phases_apart, row_weights, rows_added
from .integer import ActivatedBytes, IntegerConvolution, SignedBytes, steps_of

T = TypeVar("T", bound=nn.Module)


class IntegerResidual(nn.Module):
    """A residual block. Its trunk, which has no normalisation, stays in float32."""

    def __init__(self, block: ResBlock) -> None:
        super().__init__()
        self.activated = ActivatedBytes(block.norm1)
        before, between = steps_of(block.norm1), steps_of(block.norm2)
        self.conv1 = IntegerConvolution(lambda: Kernel.of(block.conv1, block.norm2), 1, before, between)
        self.conv2 = IntegerConvolution(lambda: Kernel.of(block.conv2), 1, between, None)

    def forward(self, trunk: Tensor) -> Tensor:
        """``trunk`` (1, C, h, w), channels last, changed in place."""
        return self.conv2.add_to(trunk, self.conv1(self.activated(trunk)))


class IntegerDoubling(nn.Module):
    """As :class:`.Doubling`, to bytes; from bytes with steps ``seen``, or from signed ones."""

    def __init__(self, block: UpBlock, seen: Tensor | None) -> None:
        super().__init__()
        self.channels = block.conv.out_channels

        def phases() -> Kernel:
            kernel = Kernel.of(block.conv, block.norm)
            return Kernel(phase_weights(kernel.weight).flatten(0, 1), kernel.bias.repeat(4))

        self.conv = IntegerConvolution(phases, 1, seen, steps_of(block.norm).repeat(4))

    def forward(self, x: Tensor, step: float = 1.0) -> Tensor:
        return phases_apart(self.conv(x, step), self.channels)


class IntegerRows(nn.Module):
    """As :class:`.RowConvolution`, from bytes to float32."""

    def __init__(self, conv: nn.Conv2d, seen: Tensor) -> None:
        super().__init__()
        kernel = Kernel.of(conv)
        self.bias: Tensor
        self.register_buffer("bias", kernel.bias)
        self.size, width = conv.kernel_size
        self.conv = IntegerConvolution(lambda: row_weights(kernel), (self.size // 2, width // 2), seen, None)

    def forward(self, x: Tensor) -> Tensor:
        return rows_added(self.conv(x), self.size, self.bias, x.shape[2])


class IntegerPainter(nn.Module):
    """Warped features (B, C, h, w) float32, channels last, to pictures before the sigmoid, one by one."""

    def __init__(self, trained: OcclusionAwareGenerator) -> None:
        super().__init__()
        self.bottleneck = nn.Sequential(*(IntegerResidual(block) for block in _parts(trained.bottleneck, ResBlock)))
        self.signed = SignedBytes()
        first, *others = _parts(trained.up_blocks, UpBlock)
        steps = steps_of(first.norm)
        self.first, following = IntegerDoubling(first, None), []
        for block in others:
            following.append(IntegerDoubling(block, steps))
            steps = steps_of(block.norm)
        self.others = nn.Sequential(*following)
        self.last = IntegerRows(cast("nn.Conv2d", trained.final), steps)

    @staticmethod
    def can_paint(trained: OcclusionAwareGenerator) -> bool:
        """Whether a generator has the layers that this is made of."""
        return not trained.config.mobile and min(len(trained.bottleneck), len(trained.up_blocks)) > 0

    def forward(self, features: Tensor) -> Tensor:
        if len(features) == 1:
            return self._one(features)
        return torch.cat([self._one(picture) for picture in features.split(1)])

    def _one(self, features: Tensor) -> Tensor:
        trunk = self.bottleneck(features.clone(memory_format=torch.channels_last))
        x, step = self.signed(trunk)
        picture = self.last(self.others(self.first(x, step)))
        # Bytes know no infinity and no NaN: what has them shall not come out as a picture.
        return picture if math.isfinite(step) else picture.fill_(math.nan)


def _parts(blocks: Iterable[nn.Module], kind: type[T]) -> list[T]:
    return [block for block in blocks if isinstance(block, kind)]
