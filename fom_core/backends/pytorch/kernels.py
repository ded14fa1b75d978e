"""Kernels in Triton for NVIDIA cards: the warp with its occlusion, and the joints of the residual blocks.

Both read and write each value once where plain PyTorch makes several passes over memory.
"""

from __future__ import annotations

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor

PIXELS = 8  # per program of the warp
CELLS = 1024  # values per program of the joint


@triton.jit
def _warp(  # noqa: PLR0917
    features,
    flow,
    visible,
    out,
    total,
    per_picture,
    height,
    width,
    stride,  # values between the pictures of ``features``; 0 for a single one
    channels,
    ALIGN: tl.constexpr,
    MASKED: tl.constexpr,
    PIXELS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    inside = pixel < total
    x = tl.load(flow + 2 * pixel, mask=inside, other=-3.0)
    y = tl.load(flow + 2 * pixel + 1, mask=inside, other=-3.0)
    if ALIGN:
        x = (x + 1) * ((width - 1) / 2)
        y = (y + 1) * ((height - 1) / 2)
    else:
        x = ((x + 1) * width - 1) / 2
        y = ((y + 1) * height - 1) / 2
    x = tl.minimum(tl.maximum(x, -2.0), width + 1.0)
    y = tl.minimum(tl.maximum(y, -2.0), height + 1.0)
    left = tl.floor(x)
    top = tl.floor(y)
    right_share = x - left
    lower_share = y - top
    if MASKED:  # noqa: SIM108 - Triton compiles one branch of a statement, both of an expression
        seen = tl.load(visible + pixel, mask=inside, other=0.0)
    else:
        seen = tl.full((PIXELS,), 1.0, tl.float32)
    channel = tl.arange(0, CHANNELS)
    base = (pixel // per_picture).to(tl.int64) * stride
    acc = tl.zeros((PIXELS, CHANNELS), tl.float32)
    for corner in tl.static_range(4):
        column = left.to(tl.int32) + corner % 2
        row = top.to(tl.int32) + corner // 2
        share_x = right_share if corner % 2 else 1 - right_share
        share_y = lower_share if corner // 2 else 1 - lower_share
        exists = inside & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        start = base + (row * width + column).to(tl.int64) * channels
        values = tl.load(
            features + start[:, None] + channel[None, :],
            mask=exists[:, None] & (channel < channels)[None, :],
            other=0.0,
        )
        acc += values.to(tl.float32) * (share_x * share_y * seen)[:, None]
    tl.store(
        out + pixel.to(tl.int64)[:, None] * channels + channel[None, :],
        acc,
        mask=inside[:, None] & (channel < channels)[None, :],
    )


@triton.jit
def _joint(  # noqa: PLR0917
    branch,
    trunk,
    bias,
    scale,
    shift,
    activated,
    total,
    channels,
    CELLS: tl.constexpr,
):
    cell = tl.program_id(0).to(tl.int64) * CELLS + tl.arange(0, CELLS)
    inside = cell < total
    channel = cell % channels
    acc = tl.load(trunk + cell, mask=inside).to(tl.float32) + tl.load(branch + cell, mask=inside).to(tl.float32)
    acc += tl.load(bias + channel, mask=inside)
    tl.store(trunk + cell, acc, mask=inside)
    normal = acc * tl.load(scale + channel, mask=inside) + tl.load(shift + channel, mask=inside)
    tl.store(activated + cell, tl.maximum(normal, 0.0), mask=inside)


def warp_visible(features: Tensor, flow: Tensor, visible: Tensor | None, *, align_corners: bool) -> Tensor:
    """Bilinear backward warp times visibility: features (S, C, H, W) channels last, flow (B, h, w, 2), S = 1 or B."""
    features = features.contiguous(memory_format=torch.channels_last)
    flow = flow.contiguous()
    source, channels, height, width = features.shape
    batch, rows, columns, _ = flow.shape
    out = features.new_empty(batch, rows, columns, channels)
    seen = flow if visible is None else visible.float().contiguous()
    total = batch * rows * columns
    _warp[(triton.cdiv(total, PIXELS),)](  # pyright: ignore[reportIndexIssue]
        features,
        flow,
        seen,
        out,
        total,
        rows * columns,
        height,
        width,
        0 if source == 1 else channels * height * width,
        channels,
        ALIGN=align_corners,
        MASKED=visible is not None,
        PIXELS=PIXELS,
        CHANNELS=triton.next_power_of_2(channels),
    )
    return out.permute(0, 3, 1, 2)


def join(branch: Tensor, trunk: Tensor, bias: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Add ``branch`` and ``bias`` (C,) to ``trunk`` in place, and give ReLU(trunk · scale + shift); channels last."""
    branch = branch.contiguous(memory_format=torch.channels_last)
    activated = torch.empty_like(trunk)
    total = trunk.numel()
    _joint[(triton.cdiv(total, CELLS),)](  # pyright: ignore[reportIndexIssue]
        branch, trunk, bias, scale, shift, activated, total, trunk.shape[1], CELLS=CELLS
    )
    return activated
