"""Other shapes for faces: both frames of a pair stretched, sheared and bent alike, so that few people make many.

A bend is an elastic deformation: a smooth random field tells by how much each place moves. It has no closed inverse;
points go back through it by fixed point iteration, which converges because it never moves neighbours past one another.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry import identity_grid

STRETCH = 0.09  # logarithm of the factor along each axis at strength 1; standard deviation
SHEAR = (0.05, 0.03)  # of x by y, and of y by x; standard deviations
KNOTS, FIELD = 5, 24  # side of the grid of random offsets, and of the smooth field through it
BEND = 0.075  # half sides: the largest standard deviation of these offsets at strength 1
MOST = 2.0  # standard deviations: larger offsets are cut off, so that nothing folds up to strength 1
ROUNDS = 10  # of the iteration that takes points back
BACK, REACH = 64, 1.25  # side of the grid on which it is done for whole pictures, and how far that goes, in half sides


def stretches(batch: int, strength: float, random: torch.Generator) -> Tensor:
    """(B, 2, 3) maps from output to input coordinates that stretch and shear around the middle."""
    normal = torch.randn(batch, 4, generator=random) * strength
    along = torch.exp(STRETCH * normal[:, :2])
    none = torch.zeros(batch)
    rows = [along[:, 0], SHEAR[0] * normal[:, 2], none, SHEAR[1] * normal[:, 3], along[:, 1], none]
    return torch.stack(rows, dim=1).view(batch, 2, 3)


def bends(batch: int, strength: float, random: torch.Generator) -> Tensor:
    """(B, 2, 24, 24) fields: by how much each place moves, in half sides, some of them nearly nowhere."""
    offsets = torch.randn(batch, 2, KNOTS, KNOTS, generator=random).clamp(-MOST, MOST)
    offsets *= BEND * strength * torch.rand(batch, 1, 1, 1, generator=random)
    return F.interpolate(offsets, size=(FIELD, FIELD), mode="bicubic", align_corners=True)


def bent(field: Tensor, places: Tensor) -> Tensor:
    """Places (B, N, 2) as the fields move them."""
    return places + _offsets(field, places)


def unbent(field: Tensor, places: Tensor) -> Tensor:
    """The places (B, N, 2) that :func:`bent` takes to these."""
    before = places
    for _ in range(ROUNDS):
        before = places - _offsets(field, before)
    return before


def nearly_unbent(field: Tensor, places: Tensor) -> Tensor:
    """The same, faster for many places: from a grid on which it was done, and another round."""
    grid = REACH * identity_grid(BACK, BACK, like=places).reshape(1, -1, 2).expand(len(field), -1, -1)
    back = (unbent(field, grid) - grid).mT.reshape(-1, 2, BACK, BACK)
    return places - _offsets(field, places + _offsets(back, places / REACH))


def _offsets(field: Tensor, places: Tensor) -> Tensor:
    found = F.grid_sample(field, places[:, None], padding_mode="border", align_corners=True)
    return found[:, :, 0].mT
