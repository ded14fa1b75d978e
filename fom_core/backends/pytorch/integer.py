"""Convolutions in 8-bit integers, for processors that multiply those fastest.

Weights have a step for each output channel. What goes from one convolution to the next has passed a normalisation and a
ReLU: the trained normalisation tells how large a channel becomes, so that each has a step of its own, which is the same
for all pictures and is multiplied into the weights beforehand. Nothing is calibrated on pictures, and none depends on
what is computed beside it. Sums are in 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import torch
from torch import Tensor, nn

from ...resources.memory import apart_from_heap
from .convolution import BAND, Kernel, affine

SPREADS = 10.0  # standard deviations of a channel that its steps reach to; what lies beyond is cut off
STEPS, WEIGHT_STEPS = 255, 127
MIDDLE = 128  # the byte that stands for zero where there are negative values
LEAST = 1e-12


def steps_of(norm: nn.BatchNorm2d) -> Tensor:
    """Size (C,) of a step of each channel after a trained normalisation and a ReLU."""
    mean, spread = norm.bias.detach(), norm.weight.detach().abs()
    reach = torch.maximum(mean + SPREADS * spread, spread)  # of a channel that is hardly ever positive, little
    return reach.clamp(min=LEAST) / STEPS


def rounded_to_bytes(x: Tensor, scaled: Callable[[Tensor], Tensor]) -> Tensor:
    """What ``scaled`` makes of floats (B, C, h, w), which is less by :data:`MIDDLE`, rounded and cut off, as bytes.

    In bands of rows, which stay in the cache, and by way of signed bytes, to which PyTorch converts four times as fast.
    """
    out = torch.empty_like(x, dtype=torch.int8)
    rows = max(1, BAND // x.shape[3])
    for some, place in zip(x.split(rows, dim=2), out.split(rows, dim=2), strict=True):
        place.copy_(scaled(some).clamp_(-MIDDLE, MIDDLE - 1).round_())
    return out.view(torch.uint8).bitwise_xor_(MIDDLE)


class ActivatedBytes(nn.Module):
    """A normalisation and a ReLU of floats (B, C, h, w), to bytes."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.scale: Tensor
        self.shift: Tensor
        (scale, shift), steps = affine(norm), steps_of(norm)
        self.register_buffer("scale", (scale / steps)[:, None, None])
        self.register_buffer("shift", (shift / steps - MIDDLE)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return rounded_to_bytes(x, lambda some: torch.addcmul(self.shift, some, self.scale))


class SignedBytes(nn.Module):
    """Floats (1, C, h, w) that no normalisation holds, to bytes about :data:`MIDDLE`, with the size of a step."""

    def forward(self, x: Tensor) -> tuple[Tensor, float]:
        step = max(float(x.abs().amax()) / (MIDDLE - 1), LEAST)
        return rounded_to_bytes(x, lambda some: some / step), step


class IntegerConvolution(nn.Module):
    """Stride 1, of bytes (B, C, h, w), channels last.

    ``fold`` is called on first use, and then gone with the layer that it folds.

    seen:  size (C,) of a step of each input channel; None where it comes with the pictures, which are signed.
    given: the same of the output's channels, which then are bytes, after a ReLU; None for floats, without one.
    """

    def __init__(
        self, fold: Callable[[], Kernel], padding: int | tuple[int, int], seen: Tensor | None, given: Tensor | None
    ) -> None:
        super().__init__()
        self.padding = [padding, padding] if isinstance(padding, int) else list(padding)
        self.fold: Callable[[], Kernel] | None = fold
        self.packing = Lock()
        self.seen, self.given = seen, given
        self.zero = MIDDLE if seen is None else 0
        self.weight: Tensor | None = None
        self.scale: Tensor
        self.bias: Tensor
        self.zeros: Tensor

    def forward(self, x: Tensor, step: float = 1.0) -> Tensor:
        """Bytes, or float32. ``step``: of signed pictures."""
        self._ready(x)
        kind, after = (torch.float32, "none") if self.given is None else (torch.uint8, "relu")
        return torch.ops.onednn.qconv2d_pointwise(
            x, step, self.zero, self.weight, self.scale, self.zeros, self.bias,
            [1, 1], self.padding, [1, 1], 1, 1.0, 0, kind, after, [], "",
        )  # fmt: skip

    def add_to(self, trunk: Tensor, x: Tensor) -> Tensor:
        """``trunk`` (B, C', h, w) float32, to which the results are added in place."""
        self._ready(x)
        return torch.ops.onednn.qconv2d_pointwise.binary(
            x, 1.0, self.zero, self.weight, self.scale, self.zeros, trunk, self.bias,
            [1, 1], self.padding, [1, 1], 1, 1.0, 0, torch.float32, 1.0, 0, "sum", 1.0, "none", [], "",
        )  # fmt: skip

    def _ready(self, x: Tensor) -> None:
        if self.weight is not None:
            return
        with self.packing, apart_from_heap():
            if self.fold is None:  # another thread was first
                return
            kernel = self.fold()
            weight = kernel.weight if self.seen is None else kernel.weight * self.seen[:, None, None]
            scale = (weight.abs().amax(dim=(1, 2, 3)) / WEIGHT_STEPS).clamp(min=LEAST)
            rounded = (weight / scale[:, None, None, None]).round().to(torch.int8).contiguous()
            given = 1.0 if self.given is None else self.given
            self.scale, self.bias = scale / given, kernel.bias / given
            self.zeros = torch.zeros(len(scale), dtype=torch.int64)
            self.weight = torch.ops.onednn.qconv_prepack(
                rounded, self.scale, 1.0, self.zero, [1, 1], self.padding, [1, 1], 1, list(x.shape)
            )
            self.fold = None
