"""The average of the weights over the last steps, which animates better than the weights of one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move an average a step towards the weights, and the running statistics of the normalisation."""
    pairs = list(zip(_tensors(average), _tensors(model), strict=True))
    slow, fast = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
    torch._foreach_lerp_(slow, fast, 1 - decay)  # pyright: ignore[reportPrivateImportUsage] - few kernels for many tensors
    for counter, value in pairs:
        if not counter.is_floating_point():
            counter.copy_(value)


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
