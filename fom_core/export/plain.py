"""The equations of detector and generator in operators that every converter reads alike.

The same sums as in :mod:`fom_core.networks`, whose convolutions they stand around, on planes (B, K, h, w), x and y
apart. Converters differ in products of stacks of matrices, in gathers, in five dimensions and in what repeats a source
for a batch, so none of these is here: products of numbers, sums along one axis, slices, at most four dimensions. Grids
of a batch stand below each other in one tall grid, so that the source is one picture for any batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import identity_grid
from ..networks.dense_motion import DenseMotionNetwork
from ..networks.generator import BORDER_PX, OcclusionAwareGenerator, border_weight
from ..networks.keypoint_detector import KeypointDetector

Matrix = tuple[Tensor, Tensor, Tensor, Tensor]
"""2x2 matrices, number by number, row by row: four planes (B, K, 1, 1)."""


@dataclass(frozen=True)
class PointPlanes:
    """Keypoints, number by number: planes (B, K, 1, 1)."""

    x: Tensor
    y: Tensor
    jacobian: Matrix | None

    @classmethod
    def of(cls, points: Sequence[Tensor]) -> PointPlanes:
        """From (B, K, 2), and (B, K, 2, 2) where there are jacobians."""
        x, y = _numbers(points[0])
        return cls(x, y, tuple(_numbers(points[1])) if len(points) > 1 else None)  # type: ignore[arg-type]


def transferred(source: PointPlanes, driving: PointPlanes, initial: PointPlanes) -> PointPlanes:
    """Relative motion as in :func:`.transfer_motion`, at the driver's scale."""
    x, y = driving.x - initial.x + source.x, driving.y - initial.y + source.y
    if driving.jacobian is None or initial.jacobian is None or source.jacobian is None:
        return PointPlanes(x, y, None)
    return PointPlanes(x, y, _product(_quotient(driving.jacobian, initial.jacobian), source.jacobian))


class PlainDetector(nn.Module):
    """image (B, C, H, W) → value (B, K, 2), jacobian (B, K, 2, 2): :class:`.KeypointSteps`."""

    def __init__(self, trained: KeypointDetector, maps_size: tuple[int, int]) -> None:
        super().__init__()
        self.trained = trained
        self.grid = _Grid(maps_size)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        logits, maps = self.trained.maps(image)
        points, places = logits.shape[1], prod(self.grid.size)
        heatmap = (logits.reshape(-1, points, 1, places) / self.trained.config.temperature).softmax(dim=3)
        x, y = (_mean(heatmap, plane.reshape(1, 1, 1, places)) for plane in self.grid.planes())
        value = torch.cat([x, y], dim=2).reshape(-1, points, 2)
        if maps is None:
            return (value,)
        numbers = maps.reshape(-1, maps.shape[1] // 4, 4, places)
        jacobian = torch.cat([_mean(heatmap, numbers[:, :, i : i + 1]) for i in range(4)], dim=2)
        return value, jacobian.reshape(-1, points, 2, 2)


@dataclass(frozen=True)
class PlainMotion:
    """What the dense motion network gives.

    displacement: (B, 2, h, w), how far from each place its colour comes; ``place`` (B, 2, h, w) is where from.
    """

    displacement: Tensor
    place: Tensor
    occlusion_map: Tensor | None
    mask: Tensor


class PlainDenseMotion(nn.Module):
    """The shrunken source and keypoints → :class:`PlainMotion`: :class:`.DenseMotionSteps`."""

    def __init__(self, trained: DenseMotionNetwork, size: tuple[int, int]) -> None:
        super().__init__()
        self.hourglass, self.mask, self.occlusion = trained.hourglass, trained.mask, trained.occlusion
        self.kp_variance = trained.kp_variance
        self.grid = _Grid(size)
        self.warp = _Warp(align_corners=trained.align_corners)

    def forward(self, small: Tensor, source: PointPlanes, driving: PointPlanes) -> PlainMotion:
        offset_x, offset_y = self._offsets(driving)
        difference = _behind(self._heatmap(offset_x, offset_y) - self._heatmap(*self._offsets(source)))
        moves = [_behind(move) for move in self._moves(source, driving, offset_x, offset_y)]
        places = [move + plane for move, plane in zip(moves, self.grid.planes(), strict=True)]
        features = self.hourglass(self._seen(small, difference, places))
        mask = self.mask(features).softmax(dim=1)
        occlusion_map = None if self.occlusion is None else self.occlusion(features).sigmoid()
        displacement = torch.cat([(mask * move).sum(dim=1, keepdim=True) for move in moves], dim=1)
        return PlainMotion(displacement, displacement + self.grid.both, occlusion_map, mask)

    def _offsets(self, points: PointPlanes) -> tuple[Tensor, Tensor]:
        """z - p: two planes (B, K, h, w)."""
        x, y = self.grid.planes()
        return x - points.x, y - points.y

    def _heatmap(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.exp((x * x + y * y) * (-0.5 / self.kp_variance))

    def _moves(self, source: PointPlanes, driving: PointPlanes, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """p_source + J_source J_driving⁻¹ (z - p_driving) - z: two planes (B, K, h, w)."""
        if driving.jacobian is not None and source.jacobian is not None:
            a, b, c, d = _quotient(source.jacobian, driving.jacobian)
            x, y = a * x + b * y, c * x + d * y
        here_x, here_y = self.grid.planes()
        return x + source.x - here_x, y + source.y - here_y

    def _seen(self, small: Tensor, difference: Tensor, places: list[Tensor]) -> Tensor:
        """For each slot the difference of heatmaps and the source as it alone moves it: (B, (K+1)(1+C), h, w)."""
        slots, (height, width) = difference.shape[1], self.grid.size
        tall = torch.cat([plane.reshape(1, -1, width, 1) for plane in places], dim=3)
        moved = self.warp(small, tall)  # (1, C, B (K+1) h, w)
        moved = moved.reshape(small.shape[1], -1, slots, height * width).permute(1, 2, 0, 3)
        seen = torch.cat([difference.reshape(-1, slots, 1, height * width), moved], dim=2)
        return seen.reshape(-1, slots * (1 + small.shape[1]), height, width)


class PlainGenerator(nn.Module):
    """Features of a source, its keypoints and those of B frames → pictures: :class:`.GeneratorSteps`."""

    border_share: Tensor
    inside: Tensor

    def __init__(self, trained: OcclusionAwareGenerator, small: tuple[int, int], features: tuple[int, int]) -> None:
        super().__init__()
        assert trained.dense_motion_network is not None
        self.displacement_flow, self.border_blend = trained.displacement_flow, trained.border_blend
        self.mobile = trained.config.mobile
        self.painter = nn.Sequential(trained.bottleneck, *trained.up_blocks, trained.final)
        self.motion = PlainDenseMotion(trained.dense_motion_network, small)
        self.grid = _Grid(features)
        self.warp = _Warp(align_corners=trained.align_corners)
        share, inside = border_weight(*features, like=torch.ones(())), torch.zeros(features)
        inside[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = 1
        self.register_buffer("border_share", share[None, None], persistent=False)
        self.register_buffer("inside", inside[None, None], persistent=False)

    def forward(
        self, features: Tensor, small: Tensor, source: PointPlanes, driving: PointPlanes
    ) -> tuple[Tensor, PlainMotion]:
        motion = self.motion(small, source, driving)
        channels, (height, width) = features.shape[1], self.grid.size
        tall = self._flow(motion).permute(0, 2, 3, 1).reshape(1, -1, width, 2)
        moved = self.warp(features, tall)  # (1, F, B h, w)
        moved = moved.reshape(channels, -1, height, width).permute(1, 0, 2, 3)
        if motion.occlusion_map is not None:
            moved = moved * self._visibility(motion.occlusion_map)
        return self.painter(moved).sigmoid(), motion

    def _flow(self, motion: PlainMotion) -> Tensor:
        """Where each place of the features takes its value from: (B, 2, h, w)."""
        if self.displacement_flow:
            flow = _resized(motion.displacement, self.grid.size) + self.grid.both
        else:
            flow = _resized(motion.place, self.grid.size)
        if self.border_blend:
            flow = self.grid.both + (flow - self.grid.both) * self.border_share
        return flow

    def _visibility(self, occlusion_map: Tensor) -> Tensor:
        visible = _resized(occlusion_map, self.grid.size)
        if self.border_blend and not self.mobile:
            visible = visible * self.inside + (1 - self.inside)
        return visible


class _Grid(nn.Module):
    """The identity grid of a size: ``both`` (1, 2, h, w), and its planes x and y, (1, 1, h, w)."""

    x: Tensor
    y: Tensor
    both: Tensor

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        x, y = identity_grid(*size, like=torch.ones(()))[None, None].unbind(dim=-1)
        self.register_buffer("x", x.contiguous(), persistent=False)
        self.register_buffer("y", y.contiguous(), persistent=False)
        self.register_buffer("both", torch.cat([x, y], dim=1), persistent=False)

    def planes(self) -> tuple[Tensor, Tensor]:
        return self.x, self.y


def _numbers(values: Tensor) -> list[Tensor]:
    """(B, K, 2) or (B, K, 2, 2) → two or four planes (B, K, 1, 1)."""
    count = prod(values.shape[2:])
    column = values.reshape(-1, values.shape[1], count, 1)
    return [column[:, :, i : i + 1] for i in range(count)]


def _quotient(of: Matrix, by: Matrix) -> Matrix:
    """of · by⁻¹."""
    (p, q, r, s), (a, b, c, d) = of, by
    size = a * d - b * c
    return (p * d - q * c) / size, (q * a - p * b) / size, (r * d - s * c) / size, (s * a - r * b) / size


def _product(one: Matrix, other: Matrix) -> Matrix:
    (p, q, r, s), (a, b, c, d) = one, other
    return p * a + q * c, p * b + q * d, r * a + s * c, r * b + s * d


def _mean(heatmap: Tensor, values: Tensor) -> Tensor:
    """Of values (…, h*w), each place by its share: (B, K, 1, h*w) → (B, K, 1, 1)."""
    return (heatmap * values).sum(dim=3, keepdim=True)


def _behind(planes: Tensor) -> Tensor:
    """A plane of zeros before the first, for what lies behind all keypoints: (B, K, h, w) → (B, K + 1, h, w)."""
    return F.pad(planes, (0, 0, 0, 0, 1, 0))


class _Warp(nn.Module):
    """One picture (1, C, H, W) and a tall grid (1, n, w, 2) → (1, C, n, w); zeros outside."""

    def __init__(self, *, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.by_rows = False

    def forward(self, image: Tensor, grid: Tensor) -> Tensor:
        if self.by_rows:
            return _rows_sampled(image, grid, align_corners=self.align_corners)
        return F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=self.align_corners)


@contextmanager
def warped_by_rows(module: nn.Module) -> Iterator[None]:
    """Let a part warp by rows of a table meanwhile, for runtimes without an operator that warps."""
    warps = [part for part in module.modules() if isinstance(part, _Warp)]
    for warp in warps:
        warp.by_rows = True
    try:
        yield
    finally:
        for warp in warps:
            warp.by_rows = False


def _rows_sampled(image: Tensor, grid: Tensor, *, align_corners: bool) -> Tensor:
    """The same as a weighted sum of four rows of a table that has a row of channels for each pixel, zeros around."""
    _, channels, height, width = image.shape
    _, rows, columns, _ = grid.shape
    span = grid.new_tensor([width, height])
    place = (
        (grid.reshape(-1, 2) + 1) * ((span - 1) / 2) if align_corners else ((grid.reshape(-1, 2) + 1) * span - 1) / 2
    )
    place = torch.minimum(place.clamp(min=-1), span)
    corner = place.floor()
    (right, down), line = (place - corner).unbind(dim=1), width + 3
    table = F.pad(image, (1, 2, 1, 2))[0].permute(1, 2, 0).reshape(-1, channels)
    first = ((corner[:, 1] + 1) * line + corner[:, 0] + 1).int()
    corners = [
        (0, (1 - right) * (1 - down)),
        (1, right * (1 - down)),
        (line, (1 - right) * down),
        (line + 1, right * down),
    ]
    four = [F.embedding(first + step, table) * share[:, None] for step, share in corners]
    return (four[0] + four[1] + four[2] + four[3]).reshape(1, rows, columns, channels).permute(0, 3, 1, 2)


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """As :func:`.resize_map`, by a factor that is known: sizes would bring the batch's into the graph."""
    here = maps.shape[2], maps.shape[3]
    if here == size:
        return maps
    factors = [_factor(old, new) for old, new in zip(here, size, strict=True)]
    return F.interpolate(maps, scale_factor=factors, mode="bilinear", align_corners=False)


def _factor(old: int, new: int) -> float:
    """By which a length grows, in float32 and never so small that a pixel is lost."""
    factor = np.float32(new / old)
    return float(factor if int(factor * np.float32(old)) == new else np.nextafter(factor, np.float32(np.inf)))
