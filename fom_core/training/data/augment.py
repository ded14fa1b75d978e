"""Random changes of training pictures: framing, flips and colour of pairs, warped and turned portraits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry import identity_grid
from ...pictures import to_floats
from .face_shape import FaceShape
from .landmarks import MIRRORED
from .sampler import RawPairs
from .tones import DAMAGES, TONES, change_tones, damage
from .transform import Transform
from .turning import HeadTurns, TurnedPortraits, turn_portraits

APART_ZOOM, APART_SHIFT, APART_DEG = 0.12, 0.12, 10.0  # how differently driving frames may be framed, either way


@dataclass(frozen=True)
class Pairs:
    """A training batch: pictures (B, 3, S, S) in [0, 1], and landmarks (B, 5, 2) in [-1, 1], NaN where unknown.

    The rest is there where it was asked for, and there is something to tell it from.
    Pictures may come as (B, S, S, 3) uint8, a quarter of the bytes; :meth:`to` makes them what networks take.
    """

    source: Tensor
    driving: Tensor
    source_landmarks: Tensor
    driving_landmarks: Tensor
    still: Tensor  # (B,) bool: made from one portrait by a known warp
    source_mesh: Tensor | None = None  # (B, 468, 2) in [-1, 1], NaN where unknown
    driving_mesh: Tensor | None = None
    seen: Tensor | None = None  # (B, 468) bool: points of the mesh that face the camera in both frames
    known_map: Tensor | None = None  # (B, S, S, 2) where in the source each pixel of driving is, of stills
    still_weight: Tensor | None = None  # (B,) what each counts in a mean over all stills, 0 for others

    def to(self, device: torch.device | str) -> Pairs:
        return self._with(lambda value: _as_floats(value.to(device, non_blocking=True)))

    def __getitem__(self, rows: slice) -> Pairs:
        return self._with(lambda value: value[rows])

    def _with(self, change: Callable[[Tensor], Tensor]) -> Pairs:
        return Pairs(**{name: change(value) for name, value in vars(self).items() if value is not None})


@dataclass(frozen=True)
class AugmentConfig:
    """Strength of the changes. Both frames of a pair change alike, but for ``apart`` and the warp of portraits."""

    zoom: float = 0.15  # relative, either way
    shift: float = 0.08  # of half the picture
    rotation_deg: float = 10.0
    colour: float = 0.15  # brightness, contrast and per-channel gain, relative
    tone: float = 0.0  # share of pairs that are made grey, sepia or like a painting
    damage: float = 0.0  # share of pairs with blur, JPEG's blocks, low light or noise
    still_affine: float = 0.06  # of the warp that makes a pair of one portrait
    still_tps: float = 0.004
    apart: float = 0.0  # share of pairs whose driving frame is zoomed, rotated and shifted by itself
    turn: float = 0.0  # of heads in depth, in portraits with a mesh, instead of that warp: 1 is 9 degrees or so


@dataclass(frozen=True)
class _Views:
    """How a batch shows the frames of the cache: framed by (B, 2, 3), some warped flat (B,), some turned."""

    source: Tensor
    driving: Tensor
    flat: Tensor
    turned: TurnedPortraits | None


class Augment:
    """Turns raw pairs of the cache into training batches of ``size`` pixels, on the device of their pictures.

    All that is random is drawn on the CPU, so it is the same on every device.
    """

    def __init__(
        self, size: int, config: AugmentConfig, seed: int, *, shape: FaceShape | None = None, maps: bool = False
    ) -> None:
        """``shape``: of the faces in the cache, with which meshes come along; ``maps``: whether known ones do."""
        self.size, self.config, self.shape, self.maps = size, config, shape, maps
        self.random = torch.Generator().manual_seed(seed)

    def __call__(self, raw: RawPairs, batch: int | None = None, part: slice = slice(None)) -> Pairs:
        """Change every pair. With ``batch`` and ``part``, ``raw`` are those rows of a batch of that many pairs."""
        batch = len(raw.still) if batch is None else batch
        device, still = raw.source.device, raw.still
        frame = self._framing(batch)[part]
        own = self._apart(batch, frame, part) if self.config.apart else frame
        turned = self._turned(raw, batch, part)
        source, source_points = self._view(raw.source, raw.source_landmarks, frame)
        driving, driving_points = self._view(raw.driving, raw.driving_landmarks, own, turned)
        warp = Transform.random(batch, self.config.still_affine, self.config.still_tps, 5, self.random)[part]
        flat = still if turned is None else still.index_fill(0, turned.rows, False)
        if bool(flat.any()):
            driving = torch.where(flat.to(device)[:, None, None, None], warp.to(device).frame(driving), driving)
            unknown = torch.full_like(driving_points, float("nan"))  # the warp has no closed inverse
            driving_points = torch.where(flat[:, None, None], unknown, driving_points)
        views = _Views(frame, own, flat, turned)
        further = self._meshes(raw, views)
        swap = still & (torch.rand(batch, generator=self.random) < 0.5)[part]  # the warped one is as good a source
        if self.maps:  # which say where driving is in the source, not the other way round
            swap = torch.zeros_like(swap)
            further["known_map"] = self._known_maps(device, warp, views)
            mean = still.float().mean().clamp(min=1 / batch)
            further["still_weight"] = still / mean if raw.still_weight is None else raw.still_weight
        source, driving = _exchange(swap.to(device), source, driving)
        source_points, driving_points = _exchange(swap, source_points, driving_points)
        if "seen" in further:
            meshes = _exchange(swap, further["source_mesh"], further["driving_mesh"])
            further["source_mesh"], further["driving_mesh"] = meshes
        source, driving = self._coloured(source, driving, batch, part)
        return Pairs(source, driving, source_points, driving_points, still, **further)

    def _coloured(self, source: Tensor, driving: Tensor, batch: int, part: slice) -> tuple[Tensor, Tensor]:
        """Both pictures of each pair in other colours, and perhaps damaged."""
        gain, offset = (change[part].to(source.device) for change in self._colour(batch))
        source, driving = ((image * gain + offset).clamp(0, 1) for image in (source, driving))
        if self.config.tone:
            source, driving = change_tones(source, driving, self._kinds(batch, self.config.tone, len(TONES))[part])
        if self.config.damage:
            kinds, strength = self._kinds(batch, self.config.damage, len(DAMAGES)), self._uniform(batch, 0.5) + 0.5
            seeds = torch.randint(2**62, (batch,), generator=self.random)
            source, driving = damage(source, driving, kinds[part], strength[part], seeds[part])
        return source, driving

    def _uniform(self, batch: int, limit: float) -> Tensor:
        return (2 * torch.rand(batch, generator=self.random) - 1) * limit

    def _kinds(self, batch: int, share: float, count: int) -> Tensor:
        """(B,) numbers of changes, -1 for none."""
        chosen = torch.rand(batch, generator=self.random) < share
        return torch.where(chosen, torch.randint(count, (batch,), generator=self.random), -1)

    def _framing(self, batch: int) -> Tensor:
        """(B, 2, 3) maps from output to input coordinates: zoom, rotation, shift and mirror."""
        config = self.config
        return self._frames(batch, config.zoom, config.rotation_deg, config.shift, mirrors=True)

    def _frames(self, batch: int, zoom: float, rotation_deg: float, shift: float, *, mirrors: bool) -> Tensor:
        scale = torch.exp(self._uniform(batch, zoom))
        angle = torch.deg2rad(self._uniform(batch, rotation_deg))
        mirror = 1 - 2 * (torch.rand(batch, generator=self.random) < 0.5).float() if mirrors else torch.ones(batch)
        cosine, sine = scale * angle.cos(), scale * angle.sin()
        rows = [cosine * mirror, -sine, self._uniform(batch, shift)]
        rows += [sine * mirror, cosine, self._uniform(batch, shift)]
        return torch.stack(rows, dim=1).view(batch, 2, 3)

    def _apart(self, batch: int, frame: Tensor, part: slice) -> Tensor:
        """The frames of the driving pictures: a share of them a little different from those of the sources."""
        chosen = (torch.rand(batch, generator=self.random) < self.config.apart)[part]
        change = self._frames(batch, APART_ZOOM, APART_DEG, APART_SHIFT, mirrors=False)[part]
        return torch.where(chosen[:, None, None], _behind(change, frame), frame)

    def _turned(self, raw: RawPairs, batch: int, part: slice) -> TurnedPortraits | None:
        """The portraits that have a mesh, with their heads turned; None where that is not asked for."""
        if not self.config.turn or self.shape is None or raw.driving_mesh is None:
            return None
        return turn_portraits(self.shape, raw, HeadTurns.random(batch, self.config.turn, self.random)[part])

    def _view(
        self, frames: Tensor, landmarks: Tensor, framing: Tensor, turned: TurnedPortraits | None = None
    ) -> tuple[Tensor, Tensor]:
        image = to_floats(frames)
        theta = framing.to(image.device)
        grid = F.affine_grid(theta, [len(image), 3, self.size, self.size], align_corners=True)
        if turned is not None and len(turned.rows):
            grid = _through(turned, grid)
        image = F.grid_sample(image, grid, padding_mode="reflection", align_corners=True)
        return image, _framed(landmarks if turned is None else turned.landmarks, framing, MIRRORED)

    def _meshes(self, raw: RawPairs, views: _Views) -> dict[str, Tensor]:
        """The meshes of both frames of each pair, and which of their points both show."""
        if self.shape is None or raw.source_mesh is None or raw.driving_mesh is None:
            return {}
        first, second = raw.source_mesh, raw.driving_mesh if views.turned is None else views.turned.mesh
        second = torch.where(views.flat[:, None, None], torch.full_like(second, float("nan")), second)
        seen = torch.from_numpy(np.logical_and(*(self.shape.seen(each.double().numpy()) for each in (first, second))))
        partner = self.shape.partner.tolist()
        return {
            "source_mesh": _framed(first[..., :2], views.source, partner),
            "driving_mesh": _framed(second[..., :2], views.driving, partner),
            "seen": torch.where(_mirrored(views.source)[:, None], seen[:, partner], seen),
        }

    def _known_maps(self, device: torch.device, warp: Transform, views: _Views) -> Tensor:
        """(B, S, S, 2) of all pairs; where in the source each pixel of driving is, if they are of one portrait."""
        size, frame, own = self.size, views.source.to(device), views.driving.to(device)
        places = identity_grid(size, size, like=frame).reshape(1, -1, 2).expand(len(frame), -1, -1)
        if bool(views.flat.any()):
            warped = warp.to(device).points(places)
            places = torch.where(views.flat.to(device)[:, None, None], warped, places)
        places = (places @ own[:, :, :2].transpose(1, 2) + own[:, None, :, 2]).view(-1, size, size, 2)
        if views.turned is not None and len(views.turned.rows):
            places = _through(views.turned, places)
        return _framed(places.flatten(1, 2), frame).view(-1, size, size, 2)

    def _colour(self, batch: int) -> tuple[Tensor, Tensor]:
        """Gain and offset per picture and channel: contrast and tint around mid-grey, then brightness."""
        strength = self.config.colour
        gain = (1 + self._uniform(batch, strength))[:, None] * (
            1 + self._uniform(batch * 3, strength / 3).view(batch, 3)
        )
        offset = 0.5 * (1 - gain) + self._uniform(batch, strength / 2)[:, None]
        return gain[..., None, None], offset[..., None, None]


def _behind(first: Tensor, second: Tensor) -> Tensor:
    """Frames (B, 2, 3), the second one's of what the first one's output shows."""
    linear = second[:, :, :2]
    return torch.cat([linear @ first[:, :, :2], linear @ first[:, :, 2:] + second[:, :, 2:]], dim=2)


def _through(turned: TurnedPortraits, places: Tensor) -> Tensor:
    """Places (B, S, S, 2) in driving pictures, those of turned portraits as places in the portraits."""
    rows = turned.rows.to(places.device)
    maps = turned.maps.to(places.device).movedim(-1, 1)
    there = F.grid_sample(maps, places[rows], padding_mode="border", align_corners=True).movedim(1, -1)
    return places.index_copy(0, rows, there)


def _mirrored(framing: Tensor) -> Tensor:
    return torch.linalg.det(framing[:, :, :2]) < 0


def _framed(points: Tensor, framing: Tensor, mirrored: Sequence[int] | None = None) -> Tensor:
    """Points (B, N, 2) of pictures as they are framed; in the order ``mirrored`` where they are."""
    points = (points - framing[:, None, :, 2]) @ torch.linalg.inv(framing[:, :, :2]).transpose(1, 2)
    if mirrored is None:
        return points
    return torch.where(_mirrored(framing)[:, None, None], points[:, list(mirrored)], points)


def _exchange(where: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    where = where.view(-1, *[1] * (first.dim() - 1))
    return torch.where(where, second, first), torch.where(where, first, second)


def _as_floats(values: Tensor) -> Tensor:
    """Pictures of bytes, channels last, as a network batch; other values as they are."""
    return to_floats(values) if values.dtype == torch.uint8 else values
