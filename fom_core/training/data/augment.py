"""Random changes of training pictures: the warp of the equivariance loss; framing, flips and colour of pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry import identity_grid
from ...pictures import to_floats
from .landmarks import MIRRORED
from .sampler import RawPairs
from .tones import DAMAGES, TONES, change_tones, damage


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


@dataclass(frozen=True)
class Pairs:
    """A training batch: pictures (B, 3, S, S) in [0, 1], and landmarks (B, 5, 2) in [-1, 1], NaN where unknown.

    Pictures may come as (B, S, S, 3) uint8, a quarter of the bytes; :meth:`to` makes them what networks take.
    """

    source: Tensor
    driving: Tensor
    source_landmarks: Tensor
    driving_landmarks: Tensor
    still: Tensor  # (B,) bool: made from one portrait by a known warp

    def to(self, device: torch.device | str) -> Pairs:
        return Pairs(**{name: _as_floats(value.to(device, non_blocking=True)) for name, value in vars(self).items()})

    def __getitem__(self, rows: slice) -> Pairs:
        return Pairs(**{name: value[rows] for name, value in vars(self).items()})


@dataclass(frozen=True)
class AugmentConfig:
    """Strength of the changes. Both frames of a pair change alike, except that portraits are also warped."""

    zoom: float = 0.15  # relative, either way
    shift: float = 0.08  # of half the picture
    rotation_deg: float = 10.0
    colour: float = 0.15  # brightness, contrast and per-channel gain, relative
    tone: float = 0.0  # share of pairs that are made grey, sepia or like a painting
    damage: float = 0.0  # share of pairs with blur, JPEG's blocks, low light or noise
    still_affine: float = 0.06  # of the warp that makes a pair of one portrait
    still_tps: float = 0.004


class Augment:
    """Turns raw pairs of the cache into training batches of ``size`` pixels, on the device of their pictures.

    All that is random is drawn on the CPU, so it is the same on every device.
    """

    def __init__(self, size: int, config: AugmentConfig, seed: int) -> None:
        self.size, self.config = size, config
        self.random = torch.Generator().manual_seed(seed)

    def __call__(self, raw: RawPairs, batch: int | None = None, part: slice = slice(None)) -> Pairs:
        """Change every pair. With ``batch`` and ``part``, ``raw`` are those rows of a batch of that many pairs."""
        batch = len(raw.still) if batch is None else batch
        device, still = raw.source.device, raw.still
        frame = self._framing(batch)[part]
        source, source_points = self._view(raw.source, raw.source_landmarks, frame)
        driving, driving_points = self._view(raw.driving, raw.driving_landmarks, frame)
        warp = Transform.random(batch, self.config.still_affine, self.config.still_tps, 5, self.random)[part]
        if bool(still.any()):
            driving = torch.where(still.to(device)[:, None, None, None], warp.to(device).frame(driving), driving)
            unknown = torch.full_like(driving_points, float("nan"))  # the warp has no closed inverse
            driving_points = torch.where(still[:, None, None], unknown, driving_points)
        swap = still & (torch.rand(batch, generator=self.random) < 0.5)[part]  # the warped one is as good a source
        source, driving = _exchange(swap.to(device), source, driving)
        source_points, driving_points = _exchange(swap, source_points, driving_points)
        gain, offset = (change[part].to(device) for change in self._colour(batch))
        source, driving = ((image * gain + offset).clamp(0, 1) for image in (source, driving))
        if self.config.tone:
            source, driving = change_tones(source, driving, self._kinds(batch, self.config.tone, len(TONES))[part])
        if self.config.damage:
            kinds, strength = self._kinds(batch, self.config.damage, len(DAMAGES)), self._uniform(batch, 0.5) + 0.5
            seeds = torch.randint(2**62, (batch,), generator=self.random)
            source, driving = damage(source, driving, kinds[part], strength[part], seeds[part])
        return Pairs(source, driving, source_points, driving_points, still)

    def _uniform(self, batch: int, limit: float) -> Tensor:
        return (2 * torch.rand(batch, generator=self.random) - 1) * limit

    def _kinds(self, batch: int, share: float, count: int) -> Tensor:
        """(B,) numbers of changes, -1 for none."""
        chosen = torch.rand(batch, generator=self.random) < share
        return torch.where(chosen, torch.randint(count, (batch,), generator=self.random), -1)

    def _framing(self, batch: int) -> Tensor:
        """(B, 2, 3) maps from output to input coordinates: zoom, rotation, shift and mirror."""
        config = self.config
        scale = torch.exp(self._uniform(batch, config.zoom))
        angle = torch.deg2rad(self._uniform(batch, config.rotation_deg))
        mirror = 1 - 2 * (torch.rand(batch, generator=self.random) < 0.5).float()
        cosine, sine = scale * angle.cos(), scale * angle.sin()
        rows = [cosine * mirror, -sine, self._uniform(batch, config.shift)]
        rows += [sine * mirror, cosine, self._uniform(batch, config.shift)]
        return torch.stack(rows, dim=1).view(batch, 2, 3)

    def _view(self, frames: Tensor, landmarks: Tensor, framing: Tensor) -> tuple[Tensor, Tensor]:
        image = to_floats(frames)
        theta = framing.to(image.device)
        grid = F.affine_grid(theta, [len(image), 3, self.size, self.size], align_corners=True)
        image = F.grid_sample(image, grid, padding_mode="reflection", align_corners=True)
        linear = framing[:, :, :2]
        points = (landmarks - framing[:, None, :, 2]) @ torch.linalg.inv(linear).transpose(1, 2)
        mirrored = torch.linalg.det(linear) < 0
        return image, torch.where(mirrored[:, None, None], points[:, list(MIRRORED)], points)

    def _colour(self, batch: int) -> tuple[Tensor, Tensor]:
        """Gain and offset per picture and channel: contrast and tint around mid-grey, then brightness."""
        strength = self.config.colour
        gain = (1 + self._uniform(batch, strength))[:, None] * (
            1 + self._uniform(batch * 3, strength / 3).view(batch, 3)
        )
        offset = 0.5 * (1 - gain) + self._uniform(batch, strength / 2)[:, None]
        return gain[..., None, None], offset[..., None, None]


def _exchange(where: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    where = where.view(-1, *[1] * (first.dim() - 1))
    return torch.where(where, second, first), torch.where(where, first, second)


def _as_floats(values: Tensor) -> Tensor:
    """Pictures of bytes, channels last, as a network batch; other values as they are."""
    return to_floats(values) if values.dtype == torch.uint8 else values
