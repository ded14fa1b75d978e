"""Grids, gaussians and warps, with the conventions of the published weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def identity_grid(height: int, width: int, *, like: Tensor) -> Tensor:
    """Sampling grid that leaves an image unchanged.

    Convention:
        - returns (height, width, 2), last axis (x, y), corner pixel centres at -1 and 1
        - grids are *inverse* maps: output pixel p takes its colour from grid[p]
        - pair with ``warp(..., align_corners=True)``; identity then holds to 1e-4 in float32
    """
    y = 2 * torch.arange(height, device=like.device, dtype=like.dtype) / (height - 1) - 1
    x = 2 * torch.arange(width, device=like.device, dtype=like.dtype) / (width - 1) - 1
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)


def gaussian_heatmap(points: Tensor, size: tuple[int, int], variance: float) -> Tensor:
    """Draw each point as exp(-|z - p|² / (2 variance)), peak 1: (B, K, 2) → (B, K, h, w). Equation 6 of the paper."""
    grid = identity_grid(*size, like=points)
    distance = (grid - points[:, :, None, None]).square().sum(-1)
    return torch.exp(-0.5 * distance / variance)


def inverse_2x2(matrix: Tensor) -> Tensor:
    """Inverse of (..., 2, 2) matrices in closed form; no host synchronisation, exportable."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    adjugate = torch.stack([d, -b, -c, a], dim=-1).unflatten(-1, (2, 2))
    return adjugate / (a * d - b * c)[..., None, None]


def warp(image: Tensor, grid: Tensor, *, align_corners: bool) -> Tensor:
    """Bilinear backward warp with zeros outside: (B, C, H, W) and (B, h, w, 2) → (B, C, h, w).

    ``image`` may be a single picture (B = 1) for a whole batch of grids.
    """
    if image.shape[0] != grid.shape[0]:
        image = image.expand(grid.shape[0], -1, -1, -1)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=align_corners)


def resize_images(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring (B, C, H, W) pictures to another height and width: means of what a pixel covers; linear where they grow.

    Plain sums and products, unlike ``F.interpolate(antialias=True)``, which runtimes compute differently or not at all.
    """
    height, width = images.shape[2:]
    if height % size[0] == 0 and width % size[1] == 0:
        return images if (height, width) == size else F.avg_pool2d(images, (height // size[0], width // size[1]))
    rows, columns = (_shares(*sides, like=images) for sides in ((height, size[0]), (width, size[1])))
    return rows @ images @ columns.mT


def _shares(old: int, new: int, *, like: Tensor) -> Tensor:
    """How much of each of ``old`` pixels in a row is in each of ``new`` ones: (new, old), rows sum to 1."""
    reach = max(old / new, 1) / 2  # from a new pixel's middle, in old pixels
    middle = (torch.arange(new, device=like.device, dtype=like.dtype)[:, None] + 0.5) * old / new - 0.5
    place = torch.arange(old, device=like.device, dtype=like.dtype)
    if new > old:
        share = (1 - (place - middle).abs()).clamp(min=0)
    else:
        share = (torch.minimum(place + 0.5, middle + reach) - torch.maximum(place - 0.5, middle - reach)).clamp(min=0)
    return share / share.sum(dim=1, keepdim=True)


def resize_flow(flow: Tensor, size: tuple[int, int], *, displacement: bool) -> Tensor:
    """Bring a (B, h, w, 2) flow to another resolution. Not corner-aligned: the published weights were trained so.

    displacement: resize how far each pixel's colour comes from instead of where it comes from. Only then does a flow
                  that moves nothing still move nothing: places between the two grids do not agree (half-pixel weights
                  on a corner-aligned grid), and the picture would shrink towards its middle.
    """
    if tuple(flow.shape[1:3]) == tuple(size):
        return flow
    given = flow - identity_grid(*flow.shape[1:3], like=flow) if displacement else flow
    resized = F.interpolate(given.movedim(-1, 1), size=size, mode="bilinear", align_corners=False).movedim(1, -1)
    return resized + identity_grid(*size, like=flow) if displacement else resized


def resize_map(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a (B, C, h, w) map to another resolution, the same way as :func:`resize_flow`."""
    if tuple(values.shape[2:]) == tuple(size):
        return values
    return F.interpolate(values, size=size, mode="bilinear", align_corners=False)


def ramp(values: Tensor, low: float, high: float) -> Tensor:
    """Smoothly from 0 at ``low`` to 1 at ``high``, and no further."""
    share = ((values - low) / (high - low)).clamp(0, 1)
    return share.square() * (3 - 2 * share)
