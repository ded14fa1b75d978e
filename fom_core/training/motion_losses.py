"""What training asks of the motion itself: no folds, jacobians that can be inverted, occlusion by evidence."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import identity_grid
from ..types import Keypoints

SMALLEST_AREA = 0.3  # what may become of an area at no cost: 1 keeps it, 0 is a fold
SMALLEST_DETERMINANT = 0.1  # of a jacobian: below, its inverse throws pixels far away
CLEAR = 0.05  # mean difference of values in [0, 1] up to which the warped source is right, whatever was painted
PREFERRED, DOUBTFUL = 0.02, 0.015  # by how much it may be worse than what was painted, and how soft that is


def flow_areas(deformation: Tensor) -> Tensor:
    """What becomes of areas under flows (B, h, w, 2): (B, h, w), as :func:`fom_core.compose.flow.areas` tells it."""
    height, width = deformation.shape[1:3]
    d = deformation - identity_grid(height, width, like=deformation)
    down, across = torch.gradient(d, spacing=(2 / (height - 1), 2 / (width - 1)), dim=(1, 2))
    return (1 + across[..., 0]) * (1 + down[..., 1]) - down[..., 0] * across[..., 1]


def fold_penalty(deformation: Tensor) -> Tensor:
    """Mean square of how far areas fall below :data:`SMALLEST_AREA`: 0 for the identity, above 0 where a flow folds."""
    return (SMALLEST_AREA - flow_areas(deformation)).clamp(min=0).square().mean()


def singular_penalty(*keypoints: Keypoints) -> Tensor:
    """Mean square of how far determinants of jacobians fall below :data:`SMALLEST_DETERMINANT`, relative to it."""
    found = torch.cat([each.jacobian for each in keypoints if each.jacobian is not None])
    size = (found[..., 0, 0] * found[..., 1, 1] - found[..., 0, 1] * found[..., 1, 0]).abs()
    return (1 - size / SMALLEST_DETERMINANT).clamp(min=0).square().mean()


def evidence_loss(
    occlusion_map: Tensor, deformed: Tensor, prediction: Tensor, driving: Tensor, importance: Tensor | None = None
) -> Tensor:
    """How far an occlusion map (B, 1, h, w) is from showing the warped source wherever that is right.

    It is to be 1 where the warped source equals the driving picture, or comes about as near as what was painted, and 0
    where the painted one is clearly nearer.
    """
    size = occlusion_map.shape[2], occlusion_map.shape[3]
    with torch.no_grad():
        warped, painted = (
            F.adaptive_avg_pool2d((each - driving).abs().mean(1, keepdim=True), size) for each in (deformed, prediction)
        )
        shown = torch.sigmoid((painted.clamp(min=CLEAR) + PREFERRED - warped) / DOUBTFUL)
    doubt = F.binary_cross_entropy(occlusion_map.clamp(1e-4, 1 - 1e-4), shown, reduction="none")
    return doubt.mean() if importance is None else (doubt * F.adaptive_avg_pool2d(importance, size)).mean()
