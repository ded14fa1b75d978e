"""The composed picture, as far as gradients flow through it: what :mod:`fom_core.compose` makes of a network's output.

The crop is the whole picture here. Folds are not calmed, they cost (:func:`.motion_losses.fold_penalty`), and pixels
are sampled bilinearly: the rest is the compositor's arithmetic, with its numbers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..compose.canvas import FACE, REACH, WITHIN_BORDER
from ..compose.flow import FACE_ENDS, LEAST_CELLS, LEVEL, STEEPEST, UNLIKE, UNSURE, hidden_share, soft_limit
from ..geometry import identity_grid, ramp
from ..types import Generated


def compose_pictures(source: Tensor, generated: Generated, at_rest: Tensor, unit: float) -> Tensor:
    """(B, C, H, W) pictures: the source moved by its flow, and the prediction where the source has nothing to show.

    generated: with flow and occlusion map.
    at_rest:   (B, 1, h, w), the occlusion map of the source in its own pose.
    unit:      half sides of the picture by which a flow of 1 moves: :attr:`~fom_core.ModelConfig.flow_unit`.
    """
    motion = generated.dense_motion
    assert motion is not None and motion.occlusion_map is not None
    deformation = motion.deformation
    size = source.shape[2], source.shape[3]
    moved = (deformation - identity_grid(*deformation.shape[1:3], like=deformation)) * unit
    d = _larger(moved.movedim(-1, 1), size)  # (B, 2, H, W) in half sides
    room = torch.full_like(d[:, :1], STEEPEST * REACH)
    kept = soft_limit(_length(d), room)
    d = _within_borders(d * kept)
    now, still = _larger(motion.occlusion_map, size), _at(_larger(at_rest, size), d)
    unsure = UNSURE * ramp(unlike_planes(moved.detach()), *UNLIKE)
    share = torch.maximum(hidden_share(now, still, kept), unsure[:, None, None, None] * kept)
    warped = _at(source, d)
    return warped + share * (generated.prediction - warped)


def _larger(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def _length(d: Tensor) -> Tensor:
    return (d.square().sum(1, keepdim=True) + 1e-12).sqrt()  # whose slope at 0 is finite


def _within_borders(d: Tensor) -> Tensor:
    """Displacements that stay short of the picture's border, each axis by itself."""
    height, width = d.shape[2:]
    x, y = torch.arange(width, device=d.device, dtype=d.dtype), torch.arange(height, device=d.device, dtype=d.dtype)
    limited = []
    for along, places, side in ((d[:, 0], x, width), (d[:, 1], y[:, None], height)):
        before, behind = (WITHIN_BORDER * 2 / side * room.expand(height, width) for room in (places, side - 1 - places))
        limited.append(along * soft_limit(along.abs(), torch.where(along < 0, before, behind)))
    return torch.stack(limited, dim=1)


def _at(maps: Tensor, d: Tensor) -> Tensor:
    """Maps (B, C, H, W) at each pixel's place plus (B, 2, H, W) half sides."""
    height, width = maps.shape[2:]
    # Grids run from the middle of the first pixel to that of the last. No tensor of numbers: a GPU would wait for it.
    moved = torch.stack([d[:, 0] * (width / (width - 1)), d[:, 1] * (height / (height - 1))], dim=-1)
    grid = identity_grid(height, width, like=d) + moved
    return F.grid_sample(maps, grid, padding_mode="reflection", align_corners=True)


def unlike_planes(d: Tensor) -> Tensor:
    """(B,) of displacements (B, h, w, 2): see :func:`~fom_core.compose.flow.unlike_a_plane`."""
    height, width = d.shape[1:3]
    across, down = (torch.arange(side, device=d.device, dtype=d.dtype) for side in (width, height))
    from_x = (across + 0.5) * (2 / width) - 1 + d[..., 0] - FACE[0]
    from_y = (down[:, None] + 0.5) * (2 / height) - 1 + d[..., 1] - FACE[1]
    weights = (1 - ramp(torch.hypot(from_x / FACE[2], from_y / FACE[3]), *FACE_ENDS)).flatten(1)  # (B, N)
    total = weights.sum(1, keepdim=True)
    enough, total = total >= LEAST_CELLS, total.clamp(min=1e-6)
    x, y = across.repeat(height), down.repeat_interleave(width)
    x, y = (places - (weights * places).sum(1, keepdim=True) / total for places in (x, y))
    plane = torch.stack([torch.ones_like(x), x, y], dim=-1)  # (B, N, 3)
    weighted, moved = (plane * weights[..., None]).mT, d.flatten(1, 2)
    level = LEVEL * torch.eye(3, device=d.device, dtype=d.dtype)
    slopes = torch.linalg.solve_ex(weighted @ plane + level, weighted @ moved)[0]  # which a GPU need not wait for
    away = (moved - plane @ slopes).square().sum(-1)
    return (((weights * away).sum(1, keepdim=True) / total).sqrt() * enough)[:, 0]
