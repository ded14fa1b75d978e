"""The blocks of :mod:`...networks.blocks` and :mod:`...networks.mobile` in the form that inference takes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...networks import blocks, mobile
from .convolution import Convolution, Doubling, Kernel, RowConvolution, TapDoubling, affine
from .plan import Plan
from .winograd import TILE, Winograd

NARROW = 128  # channels below which Winograd's transforms cost more than they save
DEEP = 512  # output channels from which doubling by taps pays in half precision; in float32 it always does
FEW = 4  # output channels that a convolution by rows pays for


def fast_block(block: nn.Module, plan: Plan, dtype: torch.dtype) -> nn.Module:
    """A block of the trained networks, for inference. The trained one is only read."""
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


class Residual(nn.Module):
    """Pre-activation residual block; the first normalisation cannot be folded, for a ReLU follows it."""

    def __init__(self, block: blocks.ResBlock, plan: Plan, dtype: torch.dtype) -> None:
        super().__init__()
        scale, shift = affine(block.norm1)
        self.scale, self.shift = scale.to(dtype)[:, None, None], shift.to(dtype)[:, None, None]
        self.exact_scale, self.exact_shift = scale, shift
        self.conv1 = _normalised(block.conv1, block.norm2, plan, dtype)
        self.conv2 = Convolution(lambda: Kernel.of(block.conv2), 1, plan, dtype)

    def activated(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.shift, x, self.scale).relu_()

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(self.activated(x))).add_(x)


class WinogradResidual(nn.Module):
    """The same with both convolutions by Winograd's algorithm, picture by picture."""

    def __init__(self, block: blocks.ResBlock, plan: Plan) -> None:
        super().__init__()
        self.scale, self.shift = affine(block.norm1)
        self.first = Winograd(block.conv1, block.norm2, plan)
        self.second = Winograd(block.conv2, None, plan)
        self.block = block  # for sizes that are not made of whole tiles

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] % TILE or x.shape[3] % TILE:
            return self.block(x)
        pictures = x.permute(0, 2, 3, 1).contiguous()
        out = torch.empty_like(pictures)
        for picture, place in zip(pictures, out, strict=True):
            self._one(picture, place)
        return out.permute(0, 3, 1, 2)

    def _one(self, x: Tensor, out: Tensor) -> None:
        """Both (h, w, C)."""
        framed, inside = _framed(x, x.shape[2])
        torch.addcmul(self.shift, x, self.scale, out=inside).relu_()
        hidden, inside = _framed(x, self.first.out_channels)
        self.first(framed, inside)
        inside.relu_()
        self.second(hidden, out)
        out.add_(x)


def _framed(x: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Room for a picture of the size of ``x`` (h, w, ...) in a border of zeros, and the part inside the border."""
    height, width = x.shape[:2]
    room = x.new_empty(height + 2, width + 2, channels)
    for edge in (room[0], room[-1], room[:, 0], room[:, -1]):
        edge.zero_()
    return room, room[1:-1, 1:-1]


class Bottleneck(nn.Module):
    """Residual blocks in a row, with the sum, normalisation and ReLU between two of them in one kernel."""

    def __init__(self, block: nn.Sequential, plan: Plan, dtype: torch.dtype) -> None:
        super().__init__()
        self.residuals = [Residual(part, plan, dtype) for part in block]  # type: ignore[arg-type]
        self.biases = [Kernel.of(part.conv2).bias for part in block]  # type: ignore[arg-type] - the kernel adds them
        for residual in self.residuals:
            residual.conv2.bias = None

    def forward(self, x: Tensor) -> Tensor:
        from .kernels import join  # noqa: PLC0415 - Triton is there on some machines only

        x = x.clone(memory_format=torch.channels_last)
        ahead = self.residuals[0].activated(x)
        for residual, bias, following in zip(self.residuals, self.biases, self.residuals[1:], strict=False):
            branch = residual.conv2(residual.conv1(ahead))
            ahead = join(branch, x, bias, following.exact_scale, following.exact_shift)
        last = self.residuals[-1]
        return x + last.conv2(last.conv1(ahead)) + self.biases[-1].to(x.dtype)[:, None, None]


class _MobileResidual(nn.Module):
    def __init__(self, block: mobile.MobileResBlock, plan: Plan, dtype: torch.dtype) -> None:
        super().__init__()
        scale, shift = affine(block.norm1)
        self.scale, self.shift = scale.to(dtype)[:, None, None], shift.to(dtype)[:, None, None]
        self.widen = _normalised(block.conv_pw, block.norm_pw, plan, dtype, relu=False)
        self.depthwise = _normalised(block.conv_dw, block.norm_dw, plan, dtype)
        self.narrow = _normalised(block.conv_pw_linear, block.norm_pw_linear, plan, dtype, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.addcmul(self.shift, x, self.scale).relu_()
        return self.narrow(self.depthwise(self.widen(out))).add_(x)


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
    return Residual(block, plan, dtype)


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
    mobile.MobileResBlock: _MobileResidual,
}
