"""The warp of the source's features, with the occlusion map multiplied in."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def gather_warp(features: Tensor, flow: Tensor, visible: Tensor | None, *, align_corners: bool) -> Tensor:
    """As :func:`~fom_core.geometry.warp` times ``visible``, for one picture whose channels lie together.

    features (1, C, H, W), flow (1, h, w, 2), visible (1, 1, h, w) → (1, C, h, w). Each output pixel is a weighted sum
    of four rows of a table, which PyTorch knows from embeddings.
    """
    _, channels, height, width = features.shape
    points = torch.nan_to_num(flow.reshape(-1, 2), nan=-2.0)
    span = points.new_tensor([width, height])
    place = (points + 1) * ((span - 1) / 2) if align_corners else ((points + 1) * span - 1) / 2
    place = torch.minimum(place.clamp(min=-2), span + 1)
    corner = place.floor()
    part = place - corner
    x, y = (torch.stack([corner[:, axis], corner[:, axis] + 1], 1) for axis in (0, 1))  # (n, 2) columns and rows
    shares = [torch.stack([1 - part[:, axis], part[:, axis]], 1) for axis in (0, 1)]
    across = shares[0] * ((x >= 0) & (x < width))
    down = shares[1] * ((y >= 0) & (y < height))
    if visible is not None:
        down = down * visible.reshape(-1, 1)
    cells = y.clamp(0, height - 1)[:, :, None] * width + x.clamp(0, width - 1)[:, None]  # (n, 2, 2)
    table = features[0].permute(1, 2, 0).reshape(-1, channels)
    out = F.embedding_bag(
        cells.flatten(1).long(), table, mode="sum", per_sample_weights=(down[:, :, None] * across[:, None]).flatten(1)
    )
    return out.view(1, *flow.shape[1:3], channels).permute(0, 3, 1, 2)
