"""Residual blocks in the form that inference takes: y = x + conv(relu(norm(conv(relu(norm(x)))))), (B, C, h, w)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ...networks.blocks import ResBlock
from .convolution import Convolution, affine
from .plan import Plan
from .winograd import Winograd, whole_tiles


class Activation(nn.Module):
    """A normalisation that no convolution can take in, for a ReLU follows it, and that. ``exact_*`` are in float32."""

    def __init__(self, norm: nn.BatchNorm2d, dtype: torch.dtype) -> None:
        super().__init__()
        self.scale: Tensor
        self.shift: Tensor
        self.exact_scale: Tensor
        self.exact_shift: Tensor
        for name, value in zip(("scale", "shift"), affine(norm), strict=True):
            self.register_buffer(name, value.to(dtype)[:, None, None])
            self.register_buffer(f"exact_{name}", value)

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.shift, x, self.scale).relu_()


class Residual(nn.Module):
    """A residual block; ``conv1`` ends with its normalisation and ReLU."""

    def __init__(self, activated: Activation, conv1: Convolution, conv2: Convolution) -> None:
        super().__init__()
        self.activated, self.conv1, self.conv2 = activated, conv1, conv2

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(self.activated(x)).add_(x)

    def branch(self, activated: Tensor) -> Tensor:
        """What is added to the block's input."""
        return self.conv2(self.conv1(activated))


class MobileResidual(nn.Module):
    """The mobile one, with a convolution that widens, one within each channel, and one that narrows."""

    def __init__(self, activated: Activation, widen: nn.Module, depthwise: nn.Module, narrow: nn.Module) -> None:
        super().__init__()
        self.activated, self.widen, self.depthwise, self.narrow = activated, widen, depthwise, narrow

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(self.depthwise(self.widen(self.activated(x)))).add_(x)


class WinogradResidual(nn.Module):
    """A residual block with both convolutions by Winograd's algorithm, picture by picture, on processors."""

    def __init__(self, block: ResBlock, plan: Plan) -> None:
        super().__init__()
        self.activation = Activation(block.norm1, torch.float32)
        self.first = Winograd(block.conv1, block.norm2, plan)
        self.second = Winograd(block.conv2, None, plan)

    def forward(self, x: Tensor) -> Tensor:
        pictures = x.permute(0, 2, 3, 1).contiguous()
        count, height, width, channels = pictures.shape
        out = pictures.new_empty(count, *whole_tiles(height, width), channels)
        for picture, place in zip(pictures, out, strict=True):
            self._one(picture, place)
        return out[:, :height, :width].contiguous().permute(0, 3, 1, 2)

    def _one(self, x: Tensor, out: Tensor) -> None:
        """``x`` (h, w, C); ``out`` (h', w', C) in whole tiles, in whose upper left the result goes."""
        height, width = x.shape[:2]
        framed, inside = _framed(x, x.shape[2], out)
        torch.addcmul(self.activation.exact_shift, x, self.activation.exact_scale, out=inside).relu_()
        hidden, inside = _framed(x, self.first.out_channels, out)
        self.first(framed, hidden[1:-1, 1:-1])
        inside.relu_()
        for beyond in (hidden[height + 1 :], hidden[:, width + 1 :]):  # of the picture all is zero, as at its border
            beyond.zero_()
        self.second(hidden, out)
        out[:height, :width].add_(x)


def _framed(x: Tensor, channels: int, tiles: Tensor) -> tuple[Tensor, Tensor]:
    """Room for a picture as large as ``x`` (h, w, ...) amid zeros, and the part of it that is the picture's.

    Around the picture is a border, and as much more as makes it as large as ``tiles`` (h', w', ...).
    """
    height, width = x.shape[:2]
    room = x.new_empty(tiles.shape[0] + 2, tiles.shape[1] + 2, channels)
    for edge in (room[0], room[height + 1 :], room[:, 0], room[:, width + 1 :]):
        edge.zero_()
    return room, room[1 : height + 1, 1 : width + 1]


class Bottleneck(nn.Module):
    """Residual blocks in a row, with the sum, normalisation and ReLU between two of them in one kernel of Triton's.

    biases: of the second convolutions, in float32; the kernel adds them.
    """

    def __init__(self, residuals: Iterable[Residual], biases: Sequence[Tensor]) -> None:
        super().__init__()
        self._residuals = list(residuals)
        self.residuals = nn.ModuleList(self._residuals)
        self.biases: Tensor
        self.register_buffer("biases", torch.stack(list(biases)))
        for residual in self._residuals:
            residual.conv2.bias = None

    def forward(self, x: Tensor) -> Tensor:
        from .kernels import join  # noqa: PLC0415 - Triton is there on some machines only

        x = x.clone(memory_format=torch.channels_last)
        ahead = self._residuals[0].activated(x)
        for index, (residual, following) in enumerate(pairwise(self._residuals)):
            shown = following.activated
            ahead = join(residual.branch(ahead), x, self.biases[index], shown.exact_scale, shown.exact_shift)
        return x + self._residuals[-1].branch(ahead) + self.biases[-1].to(x.dtype)[:, None, None]
