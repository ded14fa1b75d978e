"""How training pictures are framed: zoomed, turned, shifted, mirrored, and perhaps reshaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .reshape import bent, nearly_unbent, unbent


@dataclass(frozen=True)
class Framing:
    """A map from places in a batch's results to those in its pictures: z → A z + t, and then through a bend.

    theta: (B, 2, 3). ``field``: (B, 2, G, G) of the bends, see :mod:`.reshape`; None: there are none.
    """

    theta: Tensor
    field: Tensor | None = None

    def to(self, device: torch.device) -> Framing:
        """The same on another device."""
        return Framing(self.theta.to(device), None if self.field is None else self.field.to(device))

    def grid(self, size: int) -> Tensor:
        """(B, S, S, 2) where in the pictures each pixel of the results is."""
        grid = F.affine_grid(self.theta, [len(self.theta), 3, size, size], align_corners=True)
        return grid if self.field is None else bent(self.field, grid.flatten(1, 2)).view_as(grid)

    def before(self, places: Tensor) -> Tensor:
        """Where in the pictures places (B, N, 2) of the results are."""
        places = places @ self.theta[:, :, :2].transpose(1, 2) + self.theta[:, None, :, 2]
        return places if self.field is None else bent(self.field, places)

    def after(self, points: Tensor, mirrored: Sequence[int] | None = None, *, unbends: Tensor | None = None) -> Tensor:
        """Points (B, N, 2) of the pictures in the results; in the order ``mirrored`` where these are.

        ``unbends``: numbers of the pictures whose bend counts, for many points: those of others are of no use.
        """
        if self.field is not None and unbends is None:
            points = unbent(self.field, points)
        elif self.field is not None and unbends is not None:
            points = points.index_copy(0, unbends, nearly_unbent(self.field[unbends], points[unbends]))
        points = (points - self.theta[:, None, :, 2]) @ torch.linalg.inv(self.theta[:, :, :2]).transpose(1, 2)
        if mirrored is None:
            return points
        return torch.where(self.mirrors[:, None, None], points[:, list(mirrored)], points)

    @property
    def mirrors(self) -> Tensor:
        """(B,) whether left and right change places."""
        return torch.linalg.det(self.theta[:, :, :2]) < 0


def followed(first: Tensor, second: Tensor) -> Tensor:
    """Maps (B, 2, 3) that do first the one and then the other."""
    linear = second[:, :, :2]
    return torch.cat([linear @ first[:, :, :2], linear @ first[:, :, 2:] + second[:, :, 2:]], dim=2)
