"""The warp of the equivariance loss, and of pairs that are made of one portrait."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry import identity_grid


@dataclass(frozen=True)
class Transform:
    """A known warp z → A z + t + Σ wᵢ r² log r (r the L1 distance to control point i), one per picture of a batch.

    theta:          (B, 2, 3) affine part.
    control_points: (P, 2), and control_params (B, P) their weights; both None for an affine warp. As in the authors'
                    training, the thin-plate term is added to both coordinates alike.
    """

    theta: Tensor
    control_points: Tensor | None = None
    control_params: Tensor | None = None

    @classmethod
    def random(
        cls, batch_size: int, sigma_affine: float, sigma_tps: float, points_tps: int, generator: torch.Generator
    ) -> Transform:
        """Draw a warp. ``sigma_tps`` 0 leaves the thin-plate part out."""
        theta = torch.eye(2, 3) + sigma_affine * torch.randn(batch_size, 2, 3, generator=generator)
        if not sigma_tps:
            return cls(theta)
        points = identity_grid(points_tps, points_tps, like=theta).reshape(-1, 2)
        return cls(theta, points, sigma_tps * torch.randn(batch_size, len(points), generator=generator))

    def to(self, device: torch.device | str | torch.dtype) -> Transform:
        """The same warp on another device, or in another precision."""
        points, params = self.control_points, self.control_params
        return Transform(
            self.theta.to(device),
            None if points is None else points.to(device),
            None if params is None else params.to(device),
        )

    def __getitem__(self, rows: slice) -> Transform:
        params = self.control_params
        return Transform(self.theta[rows], self.control_points, None if params is None else params[rows])

    def points(self, points: Tensor) -> Tensor:
        """Move (B, N, 2) points."""
        moved = points @ self.theta[:, :, :2].transpose(1, 2) + self.theta[:, None, :, 2]
        if self.control_points is not None and self.control_params is not None:
            radius = (points[:, :, None] - self.control_points).abs().sum(-1)  # (B, N, P)
            bump = radius.square() * torch.log(radius + 1e-6) * self.control_params[:, None]
            moved = moved + bump.sum(-1, keepdim=True)
        return moved

    def frame(self, image: Tensor, align_corners: bool = True) -> Tensor:
        """Warp (B, C, H, W) pictures: output pixel z takes its colour from the moved z; mirrored outside."""
        height, width = image.shape[2:]
        grid = identity_grid(height, width, like=image).reshape(1, -1, 2).expand(image.shape[0], -1, -1)
        grid = self.points(grid).view(-1, height, width, 2)
        return F.grid_sample(image, grid, padding_mode="reflection", align_corners=align_corners)

    def jacobian(self, points: Tensor) -> Tensor:
        """Derivative of :meth:`points` at (B, N, 2) points: (B, N, 2, 2)."""
        affine = self.theta[:, None, :, :2].expand(-1, points.shape[1], -1, -1)
        if self.control_points is None or self.control_params is None:
            return affine
        offset = points[:, :, None] - self.control_points  # (B, N, P, 2)
        radius = offset.abs().sum(-1)
        slope = 2 * radius * torch.log(radius + 1e-6) + radius.square() / (radius + 1e-6)
        gradient = ((slope * self.control_params[:, None])[..., None] * offset.sign()).sum(2)  # (B, N, 2)
        return affine + gradient[:, :, None, :]
