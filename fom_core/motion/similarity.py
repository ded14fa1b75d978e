"""Similarities of the plane: the shift, turn and size of a head as a whole, told from what its parts do besides.

A turn and a growth together are a complex number r·e^(iθ), kept here as the pair (real, imaginary) in a last axis of 2;
applied to a point, which is such a pair itself, it is multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDS = 5  # of finding which points follow the whole
SMALLEST = 0.1  # growth of a head; less is no face any more, and its inverse is kept in bounds
TIGHT = 1e-4  # least residual that counts as one, where the picture's side is 2


@dataclass(frozen=True)
class Similarity:
    """x → centre + turn · (x - centre) + shift.

    turn:   (B, 2) growth and turn as a complex number.
    centre: (1, 2) the point around which it turns.
    shift:  (B, 2) where that point goes.
    """

    turn: Tensor
    centre: Tensor
    shift: Tensor

    def power(self, exponent: float) -> Similarity:
        """Half as much of it, or twice: the turn and the growth to this power, the shift times it."""
        return Similarity(power(self.turn, exponent), self.centre, self.shift * exponent)

    def moved_to(self, centre: Tensor, scale: float) -> Similarity:
        """The same for a face around another centre, larger by ``scale``."""
        return Similarity(self.turn, centre, self.shift * scale)

    def __call__(self, points: Tensor) -> Tensor:
        """Move (B or 1, K, 2) points."""
        turned = matrix(self.turn)[:, None] @ (points - self.centre[:, None])[..., None]
        return self.centre[:, None] + turned[..., 0] + self.shift[:, None]

    def undo(self, points: Tensor) -> Tensor:
        """Where (B, K, 2) points were before."""
        back = points - (self.centre + self.shift)[:, None]
        return self.centre[:, None] + (matrix(power(self.turn, -1))[:, None] @ back[..., None])[..., 0]


def power(turn: Tensor, exponent: float) -> Tensor:
    """Complex numbers (B, 2) to a real power."""
    size = turn.norm(dim=-1).clamp(min=SMALLEST) ** exponent
    angle = torch.atan2(turn[..., 1], turn[..., 0]) * exponent
    return torch.stack([size * angle.cos(), size * angle.sin()], dim=-1)


def matrix(turn: Tensor) -> Tensor:
    """(B, 2) → (B, 2, 2), which multiplies points by these complex numbers."""
    real, imaginary = turn.unbind(dim=-1)
    return torch.stack([real, -imaginary, imaginary, real], dim=-1).unflatten(-1, (2, 2))


def common_turn(matrices: Tensor) -> Tensor:
    """What (B, K, 2, 2) matrices turn and grow by on average, (B, 2)."""
    mean = matrices.mean(dim=1)
    return torch.stack([mean[:, 0, 0] + mean[:, 1, 1], mean[:, 1, 0] - mean[:, 0, 1]], dim=-1) / 2


def fit_similarity(before: Tensor, after: Tensor) -> Similarity:
    """The similarity that takes (1, K, 2) points nearest to (B, K, 2) ones, without heed to those that go elsewhere.

    Points weigh 1 / (1 + (r / σ)²), r their distance from where it takes them and σ the median of these distances.
    """
    weights = torch.ones_like(after[..., 0])
    centre = before.mean(dim=1)
    for _ in range(ROUNDS):
        fitted = _fitted(before, after, weights, centre)
        residuals = (after - fitted(before)).norm(dim=-1)
        sigma = residuals.median(dim=1, keepdim=True).values.clamp(min=TIGHT)
        weights = 1 / (1 + (residuals / sigma).square())
    return _fitted(before, after, weights, centre)


def _fitted(before: Tensor, after: Tensor, weights: Tensor, centre: Tensor) -> Similarity:
    """Least squares with (B, K) weights."""
    share = (weights / weights.sum(dim=1, keepdim=True))[..., None]
    middle_before, middle_after = ((share * points).sum(dim=1, keepdim=True) for points in (before, after))
    here, there = before - middle_before, after - middle_after
    along = (share * here * there).sum(dim=(1, 2))
    across = (share[..., 0] * (here[..., 0] * there[..., 1] - here[..., 1] * there[..., 0])).sum(dim=1)
    spread = (share * here.square()).sum(dim=(1, 2))
    known = spread > TIGHT**2  # points in one place tell no turn
    turn = torch.stack([along, across], dim=-1) / spread.clamp(min=TIGHT**2)[:, None]
    turn = torch.where(known[:, None], turn, turn.new_tensor([1.0, 0.0]))
    around_origin = Similarity(turn, middle_before[:, 0], middle_after[:, 0] - middle_before[:, 0])
    shift = around_origin(centre[:, None])[:, 0] - centre
    return Similarity(turn, centre, shift)
