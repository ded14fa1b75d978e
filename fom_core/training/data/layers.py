"""Pictures in layers: people before backgrounds of their own, and pieces of other pictures before both frames.

A network that sees the same few people before the same few walls learns which wall is whose. All that is random is
drawn for a whole batch; what is drawn for a pair does not depend on the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry import identity_grid
from ...pictures import to_floats
from .sampler import RawPairs
from .turning import TurnedPortraits

CROP = (0.5, 1.0)  # of the side of another picture, what is shown of it
PATTERNED = 0.35  # share of other backgrounds that get a pattern, half of these a grey one
CELLS, SIDE = (4, 40), 40  # how many across, at least and at most; that of the random values
CONTRAST = (0.02, 0.16)  # of the pattern, standard deviations in values from 0 to 1
PIECE = (0.1, 0.45)  # sides of pieces, of the picture's
AT_THE_SIDE = 0.6  # share of pieces that begin at the left or right border
NOBODY = 0.08  # share of the person in a pixel, up to which it tells the background
AROUND = 9  # pixels of a matte across, by which a person is widened before the rest tells the background


@dataclass(frozen=True)
class Behind:
    """Which pairs of a batch get the background of another picture, and what it looks like.

    chosen: (B,) bool. ``crop``: (B, 2, 3) what of the other picture is shown.
    pattern: (B, 3, 40, 40) that is added to it, ``cells`` (B,) the share of it that is shown.
    """

    chosen: Tensor
    crop: Tensor
    pattern: Tensor
    cells: Tensor

    @classmethod
    def random(cls, batch: int, share: float, random: torch.Generator) -> Behind:
        """Drawn for a whole batch."""
        even = torch.rand(batch, 5, generator=random)
        pattern = torch.randn(batch, 3, SIDE, SIDE, generator=random)
        grey = (even[:, 1] < 0.5)[:, None, None, None]
        strength = torch.where(even[:, 2] < PATTERNED, _between(CONTRAST, even[:, 3]), 0.0)
        pattern = torch.where(grey, pattern[:, :1], pattern) * strength[:, None, None, None]
        return cls(even[:, 0] < share, _crops(batch, random), pattern, _between(CELLS, even[:, 4]) / SIDE)

    def __getitem__(self, rows: slice | Tensor) -> Behind:
        return Behind(*(value[rows] for value in vars(self).values()))

    def pictures(self, others: Tensor, mattes: Tensor) -> Tensor:
        """(R, 3, H, H) backgrounds of all rows, of other frames (R, S, S, 3) uint8 and their mattes (R, H, H)."""
        shown = background(others, mattes)[0]
        theta = self.crop.to(shown.device)
        grid = F.affine_grid(theta, list(shown.shape), align_corners=False)
        shown = F.grid_sample(shown, grid, padding_mode="reflection", align_corners=False)
        places = identity_grid(*shown.shape[2:], like=shown)[None] * self.cells.to(shown.device)[:, None, None, None]
        pattern = F.grid_sample(self.pattern.to(shown.device), places, mode="bicubic", align_corners=True)
        return (shown + pattern).clamp(0, 1)


@dataclass(frozen=True)
class Layers:
    """The pairs of a batch whose frames are composed of the person and a background.

    rows:     (R,) numbers of these; ``own`` (O,) the places among them of those before their own background.
    pictures: (R, 4, H, H) backgrounds in [0, 1], as the frames lie, on their device; the last channel is the share of
              these in what is seen: the rest of an own background is in the frame.
    stays:    (R,) bool, whether the background does so if the head turns.
    layered:  (L,) numbers of those whose head turns before a background that stays.
    """

    rows: Tensor
    own: Tensor
    pictures: Tensor
    stays: Tensor
    layered: Tensor

    @classmethod
    def of_pairs(cls, raw: RawPairs, behind: Behind | None, turned: TurnedPortraits | None) -> Layers | None:
        """None where no pair asks for them."""
        if raw.matted is None or raw.source_matte is None:
            return None
        none = torch.zeros_like(raw.matted)
        turning = none if turned is None else none.index_fill(0, turned.rows, True)
        layered = none if turned is None else turned.layered
        takes = none if behind is None else behind.chosen & raw.matted
        rows = (takes | layered).nonzero().flatten()
        if not len(rows):
            return None
        device, side = raw.source.device, raw.source_matte.shape[-1]
        other, own = takes[rows].nonzero().flatten(), (~takes[rows]).nonzero().flatten()
        pictures = torch.ones(len(rows), 4, side, side, device=device)
        if len(other) and behind is not None and raw.other is not None and raw.other_matte is not None:
            there = rows[other].to(device)
            pictures[other.to(device), :3] = behind[rows[other]].pictures(raw.other[there], raw.other_matte[there])
        if len(own):
            there = rows[own].to(device)
            pictures[own.to(device)] = torch.cat(background(raw.source[there], raw.source_matte[there]), dim=1)
        return cls(rows, own, pictures, (layered | ~turning)[rows], layered.nonzero().flatten())

    def compose(self, image: Tensor, frames: Tensor, mattes: Tensor, places: Tensor, resting: Tensor) -> None:
        """Put backgrounds into those pictures of (B, 3, S, S) that are to have one, around the people in them.

        The pictures show the places (B, S, S, 2) of frames (B, S', S', 3) uint8, of which mattes (B, H, H) are known;
        ``resting`` are the places without the turn of heads.
        """
        size, device = frames.shape[1], image.device
        rows, own = self.rows.to(device), self.own.to(device)
        there = resting[rows]
        if not bool(self.stays.all()):
            there = torch.where(self.stays.to(device)[:, None, None, None], there, places[rows])
        behind = F.grid_sample(self.pictures, _by_edges(there, size), padding_mode="reflection", align_corners=False)
        colours = behind[:, :3]
        if len(own):
            whole = F.grid_sample(
                to_floats(frames[rows[own]]), resting[rows[own]], padding_mode="reflection", align_corners=True
            )
            colours[own] = torch.lerp(whole, colours[own], behind[own, 3:])
        image[rows] = torch.lerp(colours, image[rows], _shares(mattes[rows], places[rows], size))

    def shown(self, mattes: Tensor, places: Tensor, resting: Tensor, size: int) -> Tensor:
        """The places (B, S, S, 2) of frames of a ``size`` that pictures show: resting where the background is seen."""
        rows = self.layered.to(places.device)
        share = _shares(mattes[rows], places[rows], size).movedim(1, -1)
        return places.index_copy(0, rows, torch.where(share > 0.5, places[rows], resting[rows]))


@dataclass(frozen=True)
class Pieces:
    """Pieces of other pictures that hide the same part of both frames.

    boxes: (B, 4) left, top, right, bottom in [-1, 1], NaN for pairs without one. ``crop``: (B, 2, 3) of what is shown.
    """

    boxes: Tensor
    crop: Tensor

    @classmethod
    def random(cls, batch: int, share: float, random: torch.Generator) -> Pieces:
        """Drawn for a whole batch."""
        even = torch.rand(batch, 7, generator=random)
        width, height = 2 * _between(PIECE, even[:, 1]), 2 * _between(PIECE, even[:, 2])
        place = torch.where(even[:, 5] < AT_THE_SIDE, (even[:, 6] < 0.5).float(), even[:, 3])
        left, top = place * (2 - width) - 1, even[:, 4] * (2 - height) - 1
        boxes = torch.stack([left, top, left + width, top + height], dim=1)
        boxes = torch.where((even[:, 0] < share)[:, None], boxes, float("nan"))
        return cls(boxes, _crops(batch, random))

    def __getitem__(self, rows: slice) -> Pieces:
        return Pieces(self.boxes[rows], self.crop[rows])

    def put_before(self, others: Tensor, source: Tensor, driving: Tensor) -> None:
        """Hide some of both pictures (B, 3, S, S) of each pair behind a piece of others (B, S', S', 3) uint8."""
        device, rows = source.device, (~self.boxes.isnan()).all(1).nonzero().flatten()
        if not len(rows):
            return
        here, size = rows.to(device), source.shape[-1]
        theta = self.crop[rows].to(device)
        grid = F.affine_grid(theta, [len(rows), 3, size, size], align_corners=True)
        piece = F.grid_sample(to_floats(others[here]), grid, padding_mode="reflection", align_corners=True)
        hidden = hidden_pixels(self.boxes[rows].to(device), size)[:, None]
        for image in (source, driving):
            image[here] = torch.where(hidden, piece, image[here])


def hidden_points(boxes: Tensor, points: Tensor) -> Tensor:
    """Which points (B or 1, N, 2) lie in the boxes (B, 4): (B, N) bool; none in one of NaN."""
    return ((points >= boxes[:, None, :2]) & (points <= boxes[:, None, 2:])).all(-1)


def hidden_pixels(boxes: Tensor, size: int) -> Tensor:
    """Which pixels of pictures lie in the boxes (B, 4): (B, S, S) bool."""
    axis = torch.linspace(-1, 1, size, device=boxes.device)
    left, top, right, bottom = (edge[:, None] for edge in boxes.T)
    return ((axis >= left) & (axis <= right))[:, None] & ((axis >= top) & (axis <= bottom))[:, :, None]


def background(frames: Tensor, mattes: Tensor) -> tuple[Tensor, Tensor]:
    """What is behind the people in frames (R, S, S, 3) uint8, at the side of their mattes (R, H, H).

    (R, 3, H, H) in [0, 1], guessed from around them where they are; and where that is, (R, 1, H, H).
    """
    side = mattes.shape[-1]
    person = F.max_pool2d(mattes[:, None].float(), (1, AROUND), (1, 2), (0, AROUND // 2))
    person = F.max_pool2d(person, (AROUND, 1), (2, 1), (AROUND // 2, 0))
    known = F.interpolate((person < 255 * NOBODY).float(), (side, side))
    every = frames.shape[1] // side  # pixels: what is far behind needs no better
    pictures = to_floats(frames[:, ::every, ::every])[..., :side, :side]
    return fill_holes(pictures, known), 1 - known


def fill_holes(pictures: Tensor, known: Tensor) -> Tensor:
    """Pictures (R, 3, H, H) with smooth colours where they are not ``known`` (R, 1, H, H), from 0 to 1.

    From coarse to fine, each level takes from the coarser one what it does not know (Gortler's push and pull).
    """
    side = pictures.shape[-1]
    if side == 1:
        return pictures
    share = _shrunk(known, side // 2)
    coarse = _shrunk(pictures * known, side // 2) / share.clamp(min=1e-4)
    coarse = fill_holes(coarse, (4 * share).clamp(max=1))
    return torch.lerp(F.interpolate(coarse, (side, side), mode="bilinear"), pictures, known)


def _shrunk(pictures: Tensor, side: int) -> Tensor:
    """Pictures (R, C, S, S) at that side, each pixel the mean of what it covers."""
    halves = pictures.shape[-1] == 2 * side
    return F.avg_pool2d(pictures, 2) if halves else F.adaptive_avg_pool2d(pictures, side)


def _shares(mattes: Tensor, places: Tensor, size: int) -> Tensor:
    """(R, 1, S, S) shares of the person at places (R, S, S, 2) of frames of that size."""
    there = _by_edges(places, size)
    return F.grid_sample(mattes[:, None].float() / 255, there, padding_mode="border", align_corners=False)


def _by_edges(places: Tensor, size: int) -> Tensor:
    """Places in pictures of that size: in [-1, 1] between middles of outer pixels, then between edges."""
    return places * ((size - 1) / size)


def _crops(batch: int, random: torch.Generator) -> Tensor:
    """(B, 2, 3) maps from output to input coordinates: a square of the picture, half of them mirrored."""
    even = torch.rand(batch, 4, generator=random)
    size, none = _between(CROP, even[:, 0]), torch.zeros(batch)
    shift = (1 - size)[:, None] * (2 * even[:, 1:3] - 1)
    mirrored = torch.where(even[:, 3] < 0.5, -size, size)
    return torch.stack([mirrored, none, shift[:, 0], none, size, shift[:, 1]], dim=1).view(batch, 2, 3)


def _between(ends: tuple[float, float], even: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * even
