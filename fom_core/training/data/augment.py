"""Random changes of training pictures: framing, flips and colour of pairs, warped and turned portraits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry import identity_grid
from ...pictures import to_floats
from .face_shape import FaceShape
from .framing import Framing, followed
from .landmarks import MIRRORED
from .layers import Behind, Layers, Pieces, hidden_pixels, hidden_points
from .reshape import bends, stretches
from .sampler import RawPairs
from .tones import DAMAGES, TONES, change_tones, damage, recoloured, with_gamma
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
    hidden: Tensor | None = None  # (B, 4) left, top, right, bottom in [-1, 1] of what hides part of both, NaN for none

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
    layered: float = 0.0  # share of these portraits whose background stays, and hair turns as the skull; with --matte
    behind: float = 0.0  # share of pairs before the background of another picture; with --matte
    occlude: float = 0.0  # share of pairs in which a still piece of another picture hides part of both frames
    reshape: float = 0.0  # of faces: stretched, sheared and bent (an elastic deformation), up to 1: other people
    saturation: float = 0.0  # relative, either way
    gamma: float = 0.0  # logarithm of the exponent, either way


@dataclass(frozen=True)
class _Views:
    """How a batch shows the frames of the cache: as they are framed, some warped flat (B,), some turned, in layers."""

    source: Framing
    driving: Framing
    flat: Tensor
    turned: TurnedPortraits | None
    layers: Layers | None


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
        views = self._views(raw, batch, part)
        source, driving = self._source(raw, views), self._driving(raw, views)
        source_points = views.source.after(raw.source_landmarks, MIRRORED)
        driving_points = raw.driving_landmarks if views.turned is None else views.turned.landmarks
        driving_points = views.driving.after(driving_points, MIRRORED)
        warp = Transform.random(batch, self.config.still_affine, self.config.still_tps, 5, self.random)[part]
        flat = views.flat
        if bool(flat.any()):
            driving = torch.where(flat.to(device)[:, None, None, None], warp.to(device).frame(driving), driving)
            unknown = torch.full_like(driving_points, float("nan"))  # the warp has no closed inverse
            driving_points = torch.where(flat[:, None, None], unknown, driving_points)
        further = self._meshes(raw, views)
        swap = still & (torch.rand(batch, generator=self.random) < 0.5)[part]  # the warped one is as good a source
        if self.maps:  # which say where driving is in the source, not the other way round
            swap = torch.zeros_like(swap)
            further["known_map"] = self._known_maps(raw, warp, views)
            mean = still.float().mean().clamp(min=1 / batch)
            further["still_weight"] = still / mean if raw.still_weight is None else raw.still_weight
        source, driving = _exchange(swap.to(device), source, driving)
        source_points, driving_points = _exchange(swap, source_points, driving_points)
        if "seen" in further:
            meshes = _exchange(swap, further["source_mesh"], further["driving_mesh"])
            further["source_mesh"], further["driving_mesh"] = meshes
        if self.config.occlude and raw.other is not None:
            pieces = Pieces.random(batch, self.config.occlude, self.random)[part]
            pieces.put_before(raw.other, source, driving)
            further |= _hidden(pieces, further)
        source, driving = self._coloured(source, driving, batch, part)
        return Pairs(source, driving, source_points, driving_points, still, **further)

    def _views(self, raw: RawPairs, batch: int, part: slice) -> _Views:
        """Draws how the frames are shown."""
        theta = self._framing(batch)
        field = None
        if self.config.reshape:
            theta = followed(theta, stretches(batch, self.config.reshape, self.random))
            field = bends(batch, self.config.reshape, self.random)[part]
        theta = theta[part]
        own = self._apart(batch, theta, part) if self.config.apart else theta
        turned = self._turned(raw, batch, part)
        behind = Behind.random(batch, self.config.behind, self.random)[part] if self.config.behind else None
        layers = Layers.of_pairs(raw, behind, turned) if self.config.behind or self.config.layered else None
        flat = raw.still if turned is None else raw.still.index_fill(0, turned.rows, False)
        return _Views(Framing(theta, field), Framing(own, field), flat, turned, layers)

    def _coloured(self, source: Tensor, driving: Tensor, batch: int, part: slice) -> tuple[Tensor, Tensor]:
        """Both pictures of each pair in other colours, and perhaps damaged."""
        config = self.config
        saturation = 1 + self._uniform(batch, config.saturation)[part] if config.saturation else None
        gain, offset = (change[part] for change in self._colour(batch))
        if saturation is None:
            gain, offset = gain.to(source.device), offset.to(source.device)
            source, driving = ((image * gain + offset).clamp(0, 1) for image in (source, driving))
        else:
            source, driving = (recoloured(image, saturation, gain, offset).clamp(0, 1) for image in (source, driving))
        if config.gamma:
            exponent = self._uniform(batch, config.gamma).exp()[part]
            source, driving = (with_gamma(image, exponent) for image in (source, driving))
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
        return torch.where(chosen[:, None, None], followed(change, frame), frame)

    def _turned(self, raw: RawPairs, batch: int, part: slice) -> TurnedPortraits | None:
        """The portraits that have a mesh, with their heads turned; None where that is not asked for."""
        if not self.config.turn or self.shape is None or raw.driving_mesh is None:
            return None
        turns = HeadTurns.random(batch, self.config.turn, self.random, layered=self.config.layered)
        return turn_portraits(self.shape, raw, turns[part])

    def _source(self, raw: RawPairs, views: _Views) -> Tensor:
        grid = views.source.to(raw.source.device).grid(self.size)
        return _sampled(raw.source, raw.source_matte, views, grid, grid)

    def _driving(self, raw: RawPairs, views: _Views) -> Tensor:
        """As far as portraits are not warped flat."""
        resting = views.driving.to(raw.driving.device).grid(self.size)
        grid = resting if views.turned is None else _through(views.turned, resting)
        return _sampled(raw.driving, raw.driving_matte, views, grid, resting)

    def _meshes(self, raw: RawPairs, views: _Views) -> dict[str, Tensor]:
        """The meshes of both frames of each pair, and which of their points both show."""
        if self.shape is None or raw.source_mesh is None or raw.driving_mesh is None:
            return {}
        first, second = raw.source_mesh, raw.driving_mesh if views.turned is None else views.turned.mesh
        second = torch.where(views.flat[:, None, None], torch.full_like(second, float("nan")), second)
        seen = torch.from_numpy(np.logical_and(*(self.shape.seen(each.double().numpy()) for each in (first, second))))
        partner = self.shape.partner.tolist()
        return {
            "source_mesh": views.source.after(first[..., :2], partner),
            "driving_mesh": views.driving.after(second[..., :2], partner),
            "seen": torch.where(views.source.mirrors[:, None], seen[:, partner], seen),
        }

    def _known_maps(self, raw: RawPairs, warp: Transform, views: _Views) -> Tensor:
        """(B, S, S, 2) of all pairs; where in the source each pixel of driving is, if they are of one portrait."""
        device, size = raw.source.device, self.size
        frame, own = views.source.to(device), views.driving.to(device)
        places = identity_grid(size, size, like=frame.theta).reshape(1, -1, 2).expand(len(raw.still), -1, -1)
        if bool(views.flat.any()):
            warped = warp.to(device).points(places)
            places = torch.where(views.flat.to(device)[:, None, None], warped, places)
        places = resting = own.before(places).view(-1, size, size, 2)
        if views.turned is not None:
            places = _through(views.turned, resting)
            if views.layers is not None and raw.driving_matte is not None:
                places = views.layers.shown(raw.driving_matte, places, resting, raw.driving.shape[1])
        stills = raw.still.nonzero().flatten().to(device)
        return frame.after(places.flatten(1, 2), unbends=stills).view(-1, size, size, 2)

    def _colour(self, batch: int) -> tuple[Tensor, Tensor]:
        """Gain and offset per picture and channel: contrast and tint around mid-grey, then brightness."""
        strength = self.config.colour
        gain = (1 + self._uniform(batch, strength))[:, None] * (
            1 + self._uniform(batch * 3, strength / 3).view(batch, 3)
        )
        offset = 0.5 * (1 - gain) + self._uniform(batch, strength / 2)[:, None]
        return gain[..., None, None], offset[..., None, None]


def _sampled(frames: Tensor, mattes: Tensor | None, views: _Views, grid: Tensor, resting: Tensor) -> Tensor:
    """Frames (B, 3, S, S) where the grid says, those in layers before backgrounds."""
    image = F.grid_sample(to_floats(frames), grid, padding_mode="reflection", align_corners=True)
    if views.layers is not None and mattes is not None:
        views.layers.compose(image, frames, mattes, grid, resting)
    return image


def _through(turned: TurnedPortraits, places: Tensor) -> Tensor:
    """Places (B, S, S, 2) in driving pictures, those of turned portraits as places in the portraits."""
    if not len(turned.rows):
        return places
    rows = turned.rows.to(places.device)
    maps = turned.maps.to(places.device).movedim(-1, 1)
    there = F.grid_sample(maps, places[rows], padding_mode="border", align_corners=True).movedim(1, -1)
    return places.index_copy(0, rows, there)


def _hidden(pieces: Pieces, known: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is known of pairs once pieces hide some of it: these stay where they are, and no mesh is seen there."""
    changed = {"hidden": pieces.boxes}
    if "seen" in known:
        hidden = hidden_points(pieces.boxes, known["source_mesh"]) | hidden_points(pieces.boxes, known["driving_mesh"])
        changed["seen"] = known["seen"] & ~hidden
    if "known_map" in known:
        maps = known["known_map"]
        places = identity_grid(*maps.shape[1:3], like=maps)[None]
        hidden = hidden_pixels(pieces.boxes.to(maps.device), maps.shape[1])
        changed["known_map"] = torch.where(hidden[..., None], places, maps)
    return changed


def _exchange(where: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    where = where.view(-1, *[1] * (first.dim() - 1))
    return torch.where(where, second, first), torch.where(where, first, second)


def _as_floats(values: Tensor) -> Tensor:
    """Pictures of bytes, channels last, as a network batch; other values as they are."""
    return to_floats(values) if values.dtype == torch.uint8 else values
