"""The blocks of the trained networks, full and mobile, in the form that inference takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...networks import blocks, mobile
from .convolution import Convolution, Doubling, Kernel, RowConvolution, TapDoubling
from .plan import Plan
from .residual import Activation, Bottleneck, MobileResidual, Residual, WinogradResidual

NARROW = 128  # channels below which Winograd's transforms cost more than they save
DEEP = 512  # output channels from which doubling by taps pays in half precision; in float32 it always does
FEW = 4  # output channels that a convolution by rows pays for


def fast_block(block: nn.Module, plan: Plan, dtype: torch.dtype) -> nn.Module:
    """A block of the trained networks, for inference, with shapes as there. It takes over the trained one's tensors."""
    if isinstance(block, nn.Identity):
        return block
    if isinstance(block, nn.Conv2d):
        return fast_convolution(block, plan, dtype)
    if isinstance(block, (nn.Sequential, nn.ModuleList)):
        return nn.Sequential(*_without_relu(list(block), plan, dtype))
    if isinstance(block, blocks.AntiAliasDownsample):
        return block
    return _FORMS[type(block)](block, plan, dtype)


def fast_convolution(conv: nn.Conv2d, plan: Plan, dtype: torch.dtype, *, relu: bool = False) -> nn.Module:
    """A convolution without normalisation."""
    padding = conv.padding[0]
    assert isinstance(padding, int)
    size = conv.kernel_size[0]
    if plan.rows and not relu and size == 7 and padding == size // 2 and conv.out_channels <= FEW:
        return RowConvolution(Kernel.of(conv), plan, dtype)
    return Convolution(lambda: Kernel.of(conv), padding, plan, dtype, relu=relu, groups=conv.groups)


def merged_heads(heads: list[nn.Module], plan: Plan, dtype: torch.dtype) -> nn.Module | None:
    """Heads that look at the same features as one convolution; None where they are more than a convolution each."""
    convolutions = [head for head in heads if isinstance(head, nn.Conv2d)]
    if len(convolutions) < len(heads):
        return None
    kernels = [Kernel.of(head) for head in convolutions]
    merged = Kernel(torch.cat([k.weight for k in kernels]), torch.cat([k.bias for k in kernels]))
    padding = convolutions[0].padding[0]
    assert isinstance(padding, int)
    return Convolution(lambda: merged, padding, plan, dtype)


def _without_relu(parts: list[nn.Module], plan: Plan, dtype: torch.dtype) -> list[nn.Module]:
    """The forms of parts in a row, each ReLU drawn into the convolution before it."""
    forms: list[nn.Module] = []
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        if isinstance(part, nn.Conv2d):
            forms.append(fast_convolution(part, plan, dtype, relu=isinstance(following, nn.ReLU)))
        elif not isinstance(part, nn.ReLU):
            forms.append(fast_block(part, plan, dtype))
    return forms


def _normalised(
    conv: nn.Conv2d, norm: nn.BatchNorm2d, plan: Plan, dtype: torch.dtype, *, relu: bool = True
) -> Convolution:
    padding = conv.padding[0]
    assert isinstance(padding, int)
    return Convolution(lambda: Kernel.of(conv, norm), padding, plan, dtype, relu=relu, groups=conv.groups)


class _Halving(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.body(x), 2)


class _Repeating(nn.Module):
    """Doubling by repetition before ``body``."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(F.interpolate(x, scale_factor=2.0))


def _same(block: blocks.SameBlock, plan: Plan, dtype: torch.dtype) -> nn.Module:
    return _normalised(block.conv, block.norm, plan, dtype)


def _down(block: blocks.DownBlock, plan: Plan, dtype: torch.dtype) -> nn.Module:
    return _Halving(_normalised(block.conv, block.norm, plan, dtype))


def _up(block: blocks.UpBlock, plan: Plan, dtype: torch.dtype) -> nn.Module:
    if plan.packed and (dtype == torch.float32 or block.conv.out_channels >= DEEP):
        return TapDoubling(block.conv, block.norm, plan, dtype)
    if plan.doubling:
        return Doubling(block.conv, block.norm, plan, dtype)
    return _Repeating(_normalised(block.conv, block.norm, plan, dtype))


def _residual(block: blocks.ResBlock, plan: Plan, dtype: torch.dtype) -> nn.Module:
    wide = min(block.conv1.in_channels, block.conv1.out_channels) >= NARROW
    if plan.winograd and wide and dtype == torch.float32:
        return WinogradResidual(block, plan)
    return _plain_residual(block, plan, dtype)


def _plain_residual(block: blocks.ResBlock, plan: Plan, dtype: torch.dtype) -> Residual:
    return Residual(
        Activation(block.norm1, dtype),
        _normalised(block.conv1, block.norm2, plan, dtype),
        Convolution(lambda: Kernel.of(block.conv2), 1, plan, dtype),
    )


def _mobile_residual(block: mobile.MobileResBlock, plan: Plan, dtype: torch.dtype) -> nn.Module:
    return MobileResidual(
        Activation(block.norm1, dtype),
        _normalised(block.conv_pw, block.norm_pw, plan, dtype, relu=False),
        _normalised(block.conv_dw, block.norm_dw, plan, dtype),
        _normalised(block.conv_pw_linear, block.norm_pw_linear, plan, dtype, relu=False),
    )


def joined(residuals: Iterable[nn.Module], plan: Plan, dtype: torch.dtype) -> nn.Module:
    """Full residual blocks in a row, with what is between two of them in one kernel."""
    parts = cast("list[blocks.ResBlock]", list(residuals))
    biases = [Kernel.of(part.conv2).bias for part in parts]
    return Bottleneck([_plain_residual(part, plan, dtype) for part in parts], biases)


def _separable(block: mobile.MobileDownBlock | mobile.MobileUpBlock, plan: Plan, dtype: torch.dtype) -> nn.Module:
    return nn.Sequential(
        _normalised(block.conv, block.norm, plan, dtype), _normalised(block.conv1, block.norm1, plan, dtype)
    )


_FORMS = {
    blocks.SameBlock: _same,
    blocks.DownBlock: _down,
    blocks.UpBlock: _up,
    blocks.ResBlock: _residual,
    mobile.MobileDownBlock: lambda block, plan, dtype: _Halving(_separable(block, plan, dtype)),
    mobile.MobileUpBlock: lambda block, plan, dtype: _Repeating(_separable(block, plan, dtype)),
    mobile.MobileResBlock: _mobile_residual,
}
