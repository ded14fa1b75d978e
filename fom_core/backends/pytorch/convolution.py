"""Convolutions for inference: normalisation folded in, ReLU attached, weights laid out for the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...resources.memory import apart_from_heap
from .plan import Plan

BAND = 512  # pixels that are doubled, or rounded to bytes, at a time, so that they stay in the processor's cache


@dataclass(frozen=True)
class Kernel:
    """Weight (out, in / groups, h, w) and bias (out) of a convolution, in float32."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, conv: nn.Conv2d, norm: nn.BatchNorm2d | None = None) -> Kernel:
        """A layer's own, or with the normalisation after it folded in."""
        weight = conv.weight.detach()
        bias = weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        if norm is None:
            return cls(weight, bias)
        scale, shift = affine(norm)
        return cls(weight * scale[:, None, None, None], torch.addcmul(shift, bias, scale))


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Scale and shift (C,) that a trained normalisation comes to."""
    assert norm.running_mean is not None and norm.running_var is not None
    # In float64, and therefore on the processor: some devices have none.
    weight, bias, mean, variance = (
        tensor.detach().cpu().double() for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    scale = weight * (variance + norm.eps).rsqrt()
    shift = bias - mean * scale
    return scale.float().to(norm.weight.device), shift.float().to(norm.weight.device)


class Convolution(nn.Module):
    """Stride 1. ``x`` comes in the weights' type, and channels last where the plan says so.

    Where weights are packed, ``fold`` is called on first use, and then gone with the layer that it folds: at no time
    are all weights there twice.
    """

    def __init__(
        self,
        fold: Callable[[], Kernel],
        padding: int | tuple[int, int],
        plan: Plan,
        dtype: torch.dtype,
        *,
        relu: bool = False,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.padding = [padding, padding] if isinstance(padding, int) else list(padding)
        self.relu, self.groups = relu, groups
        self.packed = plan.packed and dtype != torch.float16  # which oneDNN computes on few processors
        self.fused = plan.fused and relu
        self.dtype = dtype
        self.weight: Tensor | None
        self.bias: Tensor | None
        if self.packed:
            self.fold: Callable[[], Kernel] | None = fold
            self.packing = Lock()
            self.weight = self.bias = None
        else:
            kernel, layout = fold(), torch.channels_last if plan.channels_last else torch.contiguous_format
            self.register_buffer("weight", kernel.weight.to(dtype, memory_format=layout))
            self.register_buffer("bias", kernel.bias.to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        if self.packed:
            return self._packed(x)
        assert self.weight is not None
        if self.fused:
            return torch.cudnn_convolution_relu(x, self.weight, self.bias, [1, 1], self.padding, [1, 1], self.groups)
        out = F.conv2d(x, self.weight, self.bias, padding=self.padding, groups=self.groups)
        return out.relu_() if self.relu else out

    def _packed(self, x: Tensor) -> Tensor:
        ops = torch.ops.mkldnn
        if self.weight is None:
            self._pack(list(x.shape))
        after = "relu" if self.relu else "none"
        return ops._convolution_pointwise(
            x, self.weight, self.bias, self.padding, [1, 1], [1, 1], self.groups, after, [], ""
        )

    def _pack(self, shape: list[int]) -> None:
        """Fold and lay out for pictures of ``shape`` (B, C, H, W): oneDNN chooses by that."""
        with self.packing, apart_from_heap():
            if self.fold is None:  # another thread was first
                return
            kernel = self.fold()
            weight, self.bias = kernel.weight.to(self.dtype).contiguous(), kernel.bias.to(self.dtype)
            reorder = torch.ops.mkldnn._reorder_convolution_weight
            self.weight = reorder(weight, self.padding, [1, 1], [1, 1], self.groups, shape)
            self.fold = None


class Doubling(nn.Module):
    """Doubling by repetition and a 3x3 convolution with ReLU, computed at the small size.

    Of the nine taps on a repeated picture, those that fall on the same pixel are added up beforehand: each of the four
    output phases is a 2x2 convolution. One convolution with four times the channels gives all of them.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, plan: Plan, dtype: torch.dtype) -> None:
        super().__init__()
        self.channels = conv.out_channels

        def phases() -> Kernel:
            kernel = Kernel.of(conv, norm)
            return Kernel(phase_weights(kernel.weight).flatten(0, 1), kernel.bias.repeat(4))

        self.conv = Convolution(phases, 1, plan, dtype, relu=True)

    def forward(self, x: Tensor) -> Tensor:
        return phases_apart(self.conv(x), self.channels)


class TapDoubling(nn.Module):
    """The same with one product for each of the nine taps at the small size, added up at the large one.

    Fewer multiplications and no more weights than the trained ones. The many sums pay where they stay in the cache:
    so it is done in bands, of some pictures or of some rows of one.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, plan: Plan, dtype: torch.dtype) -> None:
        super().__init__()
        self.channels = channels = conv.out_channels

        def taps() -> Kernel:  # without self: a form that is given up must go at once
            kernel = Kernel.of(conv, norm)
            weight = kernel.weight.permute(2, 3, 0, 1).reshape(-1, conv.in_channels, 1, 1)
            bias = kernel.bias.new_zeros(3, 3, channels)
            bias[1, 1] = kernel.bias  # the middle tap is part of every sum
            return Kernel(weight, bias.flatten())

        self.products = Convolution(taps, 0, plan, dtype)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        out = x.new_empty(batch, 2 * height, 2 * width, self.channels)
        pictures, most = max(1, BAND // (height * width)), max(1, BAND // width)
        rows = next(rows for rows in range(min(most, height), 0, -1) if height % rows == 0)  # weights suit one height
        for first in range(0, batch, pictures):
            some, above = slice(first, first + pictures), None
            for top in range(0, height, rows):
                above = self._band(x[some, :, top : top + rows], top, above, out[some])
        return out.permute(0, 3, 1, 2)

    def _band(self, x: Tensor, top: int, above: tuple[Tensor, Tensor] | None, out: Tensor) -> tuple[Tensor, Tensor]:
        """``x`` (B, C, rows, w), which stands at row ``top``, doubled, into ``out`` (B, 2h, 2w, C').

        Its last row waits for the one below, where there is one: from one band to the next go what there is of the odd
        row after it, and what it adds to the even one after that.
        """
        pictures, _, rows, width = x.shape
        taps = self.products(x).float().permute(0, 2, 3, 1).unflatten(3, (3, 3, self.channels))
        before, at, after = taps.unbind(3)
        tall = taps.new_empty(pictures, 2 * rows + 1, width, 3, self.channels)  # from the odd row above the band on
        even, odd = tall[:, 1::2], tall[:, 2::2]
        torch.add(at, after, out=even)
        torch.add(at, before, out=odd)
        even[:, 1:].add_(before[:, :-1])
        odd[:, :-1].add_(after[:, 1:])
        if above is not None:
            torch.add(above[0], after[:, :1], out=tall[:, :1])
            even[:, :1].add_(above[1])
        first, last = int(above is None), int(2 * (top + rows) == out.shape[1])
        ready = tall[:, first : 2 * rows + last]
        wide = taps.new_empty(pictures, ready.shape[1], width, 2, self.channels)
        _double(ready.unbind(3), wide.unbind(3))
        start = 2 * top - 1 + first
        out[:, start : start + ready.shape[1]] = wide.flatten(2, 3).relu_()
        return tall[:, 2 * rows :], before[:, -1:]


def _double(taps: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """What three taps on a repeated row (B, h, w, C) add up to, from their products with the single one.

    ``out``: even and odd places.
    """
    before, at, after = taps
    even, odd = out
    torch.add(at, after, out=even)
    torch.add(at, before, out=odd)
    even[:, :, 1:].add_(before[:, :, :-1])  # nothing is before the first one, or after the last
    odd[:, :, :-1].add_(after[:, :, 1:])


def phases_apart(phases: Tensor, c: int) -> Tensor:
    """The doubled picture (B, c, 2h, 2w), channels last, from its four phases (B, 4c, h + 1, w + 1)."""
    phases = phases.permute(0, 2, 3, 1)
    if not phases.is_contiguous():
        phases = phases.contiguous()
    batch, height, width = phases.shape[0], phases.shape[1] - 1, phases.shape[2] - 1
    row = (width + 1) * 4 * c
    # Output (2i + a, 2j + b) is phase (a, b) at (i + a, j + b).
    view = phases.as_strided((batch, height, 2, width, 2, c), ((height + 1) * row, row, row + 2 * c, 4 * c, 5 * c, 1))
    return view.reshape(batch, 2 * height, 2 * width, c).permute(0, 3, 1, 2)


def phase_weights(weight: Tensor) -> Tensor:
    """3x3 weights (out, in, 3, 3) on a repeated picture as 2x2 weights of the four phases, (4, out, in, 2, 2)."""
    # Phase 0 sees the pixel before (tap 0) and its own (taps 1 and 2), phase 1 its own (0 and 1) and the next (2).
    merge = weight.new_tensor([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]])
    return torch.einsum("ayp,bxq,oipq->aboiyx", merge, merge, weight).flatten(0, 1).contiguous()


class RowConvolution(nn.Module):
    """A large convolution to few channels, as one of 1 x k to k times the channels and a sum over rows.

    Three output channels fill a fifth of a vector register, 21 fill most of two.
    """

    def __init__(self, kernel: Kernel, plan: Plan, dtype: torch.dtype) -> None:
        super().__init__()
        self.bias: Tensor
        self.register_buffer("bias", kernel.bias)
        self.size, width = kernel.weight.shape[2:]
        flat = row_weights(kernel)
        self.conv = Convolution(lambda: flat, (self.size // 2, width // 2), plan, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return rows_added(self.conv(x), self.size, self.bias, x.shape[2])


def row_weights(kernel: Kernel) -> Kernel:
    """A kernel (C', C, k, w) as one of a single row to k times the channels, (k C', C, 1, w), without its bias."""
    out, inner, size, width = kernel.weight.shape
    weight = kernel.weight.permute(2, 0, 1, 3).reshape(size * out, inner, 1, width)
    return Kernel(weight.contiguous(), weight.new_zeros(len(weight)))


def rows_added(rows: Tensor, size: int, bias: Tensor, height: int) -> Tensor:
    """What the rows of a kernel come to, (B, size C', h + size - 1, w), added up with a bias (C',): (B, C', h, w)."""
    rows = rows.unflatten(1, (size, len(bias)))
    out = rows[:, 0, :, :height] + bias[:, None, None]
    for index in range(1, size):
        out += rows[:, index, :, index : index + height]
    return out
