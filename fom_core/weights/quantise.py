"""Kernels stored in eight bits: a signed integer per number and a scale per output channel.

A quarter of the size on disk; models are dequantised when they are opened and compute in float32 as ever. Recognised
by the tensors alone: an int8 tensor has its scales beside it, under its own name with ``.int8_scale`` behind.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import UnsupportedModel

SCALE = ".int8_scale"
LARGEST = 127  # symmetric: -128 stays unused


def quantise(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """A kernel (O, ...) as int8 of the same shape and float32 scales (O,): ``kernel ≈ integers · scale``."""
    kernel = kernel.detach().float().cpu()
    scale = kernel.flatten(1).abs().amax(dim=1) / LARGEST
    steps = scale.clamp(min=torch.finfo(torch.float32).tiny)  # a channel of zeros has scale 0
    return (kernel / _along(steps, kernel)).round().clamp(-LARGEST, LARGEST).to(torch.int8), scale


def dequantise(tensors: dict[str, Tensor], where: str) -> dict[str, Tensor]:
    """The tensors of a file with every stored kernel back in float32; without any, as they are.

    Raises UnsupportedModel where scales are missing, left over or do not fit; ``where`` names the file.
    """
    scales = {name.removesuffix(SCALE): value for name, value in tensors.items() if name.endswith(SCALE)}
    integers = {name for name, value in tensors.items() if value.dtype == torch.int8}
    wrong = sorted(scales.keys() ^ integers) or [name for name in scales if not _fits(scales[name], tensors[name])]
    if wrong:
        raise UnsupportedModel(
            f"{where}: the int8 kernel {wrong[0][:80]!r} wants one float scale per output channel beside it, under its "
            f"name with {SCALE} behind. The file is damaged; convert the original weights again."
        )
    kept = {name: value for name, value in tensors.items() if not name.endswith(SCALE) and name not in integers}
    return kept | {name: tensors[name].float() * _along(scales[name], tensors[name]) for name in scales}


def _fits(scale: Tensor, kernel: Tensor) -> bool:
    return kernel.dim() > 1 and scale.is_floating_point() and scale.shape == kernel.shape[:1]


def _along(scale: Tensor, kernel: Tensor) -> Tensor:
    """Scales shaped to be multiplied with the first dimension of a kernel."""
    return scale.float().view(-1, *[1] * (kernel.dim() - 1))
