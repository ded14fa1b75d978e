"""What training asks of the motion where it is known: at the points of meshes, and in pairs made of one portrait."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..types import Keypoints
from .data.layers import hidden_points
from .data.mesh import EYES, LIPS, POINTS

LIPS_COUNT, EYES_COUNT = 3.0, 2.0  # against the other points
EXACT = 0.02  # half sides, up to which an error at a point counts by its square
STEP = 0.03  # half sides, over which a known map is derived
TORN = 0.02  # half sides, by which a map over such steps is bent where it jumps, as from a head to the background
INSIDE = 0.97  # half sides, within which a keypoint's place in the other frame is known


def at_points(maps: Tensor, points: Tensor) -> Tensor:
    """What maps (B, H, W, 2) say at points (B, N, 2) in [-1, 1]: (B, N, 2)."""
    found = F.grid_sample(maps.movedim(-1, 1), points[:, None].to(maps), padding_mode="border", align_corners=True)
    return found[:, :, 0].mT


def mesh_loss(flow: Tensor, source: Tensor, driving: Tensor, seen: Tensor) -> Tensor:
    """How far a flow (B, H, W, 2) takes the points of the driving frame's mesh from those of the source's.

    source, driving: (B, 468, 2); ``seen`` (B, 468): the points that count, where they lie in the driving frame: beyond
                     it there is no flow. A pair without any counts as one without error, so that the loss of a batch
                     is the mean of its parts'.
    """
    source, driving = (torch.where(seen[..., None], mesh, 0.0).to(flow) for mesh in (source, driving))
    error = F.smooth_l1_loss(at_points(flow, driving), source, beta=EXACT, reduction="none").mean(-1)
    weight = (seen & (driving.abs() <= 1).all(-1)) * _importance(flow.device)
    return ((error * weight).sum(1) / weight.sum(1).clamp(min=1)).mean()


def still_flow_loss(flow: Tensor, known_map: Tensor, weight: Tensor) -> Tensor:
    """L1 distance of a flow from the known map of pairs made of one portrait, where that stays in the picture.

    Both (B, H, W, 2); ``weight`` (B,) is what each pair counts, as the batch's ``still_weight``.
    """
    inside = (known_map.abs() < 1).all(-1, keepdim=True)
    return (((flow - known_map).abs() * inside).mean((1, 2, 3)) * weight).mean()


def still_keypoint_losses(
    source: Keypoints, driving: Keypoints, known_map: Tensor, weight: Tensor, *, hidden: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """How far the driving frame's keypoints, taken through the known map, are from the source's; so their jacobians.

    Like :func:`.losses.equivariance_losses`, without another pass of the detector. The second is None for a model
    without jacobians. Keypoints in ``hidden`` (B, 4), the boxes of a batch's pieces, do not count: something else is
    seen there. Nor do jacobians where the map jumps.
    """
    known_map = known_map.to(driving.value.dtype)
    moved = at_points(known_map, driving.value)
    known = (driving.value.abs() < INSIDE).all(-1) & (moved.abs() < 1).all(-1)  # (B, K)
    if hidden is not None:
        boxes = hidden.to(moved)
        known = known & ~hidden_points(boxes, driving.value.detach()) & ~hidden_points(boxes, source.value.detach())
    counts = known * weight[:, None]
    value = ((moved - source.value).abs().mean(-1) * counts).mean()
    if driving.jacobian is None or source.jacobian is None:
        return value, None
    slope, smooth = _slope(known_map, driving.value.detach())
    apart = (source.jacobian - slope @ driving.jacobian).abs().mean((-2, -1))
    return value, (apart * counts * smooth).mean()


def _slope(known_map: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Derivative (B, K, 2, 2) of a map (B, H, W, 2) at points (B, K, 2), and where it has one (B, K)."""
    none = torch.zeros_like(points[..., 0])
    steps = torch.stack([none + STEP, none], dim=-1), torch.stack([none, none + STEP], dim=-1)
    after, before = ([at_points(known_map, points + sign * step) for step in steps] for sign in (1, -1))
    slope = torch.stack([(there - here) / 2 for there, here in zip(after, before, strict=True)], dim=-1) / STEP
    middle = at_points(known_map, points)
    bent = [(there + here - 2 * middle).abs().amax(-1) for there, here in zip(after, before, strict=True)]
    return slope, torch.stack(bent).amax(0) < TORN


@cache
def _importance(device: torch.device) -> Tensor:
    """(468,) what points count. Brought to a GPU once: every copy would make the step wait."""
    weights = torch.ones(POINTS)
    weights[LIPS], weights[EYES] = LIPS_COUNT, EYES_COUNT
    return weights.to(device)
