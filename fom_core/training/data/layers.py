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
AROUND, EDGE = 9, 5  # pixels of a matte by which a person is widened: to tell the background, and to leave it as it is


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
        """(R, 3, S, S) backgrounds of all rows, of other frames (R, S, S, 3) uint8 and their mattes."""
        device, shown = others.device, background(others, mattes)
        shown = F.grid_sample(shown, _grid(self.crop.to(device), shown), padding_mode="reflection", align_corners=True)
        scale = self.cells.to(device)[:, None, None, None]
        places = identity_grid(*shown.shape[2:], like=shown)[None] * scale
        return (shown + F.grid_sample(self.pattern.to(device), places, mode="bicubic", align_corners=True)).clamp(0, 1)


@dataclass(frozen=True)
class Layers:
    """The pairs of a batch whose frames are composed of the person and a background.

    rows:     (R,) numbers of these.
    pictures: (R, 3, S, S) the backgrounds in [0, 1], as the frames lie, on their device.
    stays:    (R,) bool, whether the background does so while the head turns.
    """

    rows: Tensor
    pictures: Tensor
    stays: Tensor

    @classmethod
    def of_pairs(cls, raw: RawPairs, behind: Behind | None, turned: TurnedPortraits | None) -> Layers | None:
        """None where no pair asks for them."""
        if raw.matted is None or raw.source_matte is None:
            return None
        none = torch.zeros_like(raw.matted)
        other = none if behind is None else behind.chosen & raw.matted
        layered = none if turned is None else turned.layered
        rows = (other | layered).nonzero().flatten()
        if not len(rows):
            return None
        device, size = raw.source.device, raw.source.shape[1]
        pictures = torch.empty(len(rows), 3, size, size, device=device)
        takes = other[rows]
        if behind is not None and raw.other is not None and raw.other_matte is not None and bool(takes.any()):
            there = rows[takes].to(device)
            pictures[takes.to(device)] = behind[rows[takes]].pictures(raw.other[there], raw.other_matte[there])
        if not bool(takes.all()):
            there = rows[~takes].to(device)
            pictures[~takes.to(device)] = background(raw.source[there], raw.source_matte[there])
        stays = layered if turned is None else layered | ~none.index_fill(0, turned.rows, True)
        return cls(rows, pictures, (stays if turned is not None else ~none)[rows])

    def composed(self, image: Tensor, mattes: Tensor, places: Tensor, resting: Tensor) -> Tensor:
        """Pictures (B, 3, S, S) that show the places (B, S, S, 2) of frames, those of the rows before backgrounds.

        resting: the places without the turn of heads; ``mattes`` (B, H, H) uint8 of the frames.
        """
        rows, stays = (value.to(image.device) for value in (self.rows, self.stays))
        share = _shares(mattes[rows], places[rows], self.pictures.shape[-1])
        there = torch.where(stays[:, None, None, None], resting[rows], places[rows])
        behind = F.grid_sample(self.pictures, there, padding_mode="reflection", align_corners=True)
        return image.index_copy(0, rows, image[rows] * share + behind * (1 - share))

    def shown(self, mattes: Tensor, places: Tensor, resting: Tensor) -> Tensor:
        """The places (B, S, S, 2) that pictures show: the resting ones where the background is seen."""
        rows = self.rows[self.stays].to(places.device)
        share = _shares(mattes[rows], places[rows], self.pictures.shape[-1]).movedim(1, -1)
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

    def before(self, others: Tensor, source: Tensor, driving: Tensor) -> tuple[Tensor, Tensor]:
        """Both pictures (B, 3, S, S) of each pair behind its piece of other frames (B, S', S', 3) uint8."""
        device, rows = source.device, (~self.boxes.isnan()).all(1).nonzero().flatten()
        if not len(rows):
            return source, driving
        here, size = rows.to(device), source.shape[-1]
        theta = self.crop[rows].to(device)
        grid = F.affine_grid(theta, [len(rows), 3, size, size], align_corners=True)
        piece = F.grid_sample(to_floats(others[here]), grid, padding_mode="reflection", align_corners=True)
        places = identity_grid(size, size, like=source)[None]
        hidden = covered(self.boxes[rows].to(device), places.flatten(1, 2)).view(-1, 1, size, size)
        source, driving = (
            image.index_copy(0, here, torch.where(hidden, piece, image[here])) for image in (source, driving)
        )
        return source, driving


def covered(boxes: Tensor, points: Tensor) -> Tensor:
    """Which points (B or 1, N, 2) lie in the boxes (B, 4): (B, N) bool; none in one of NaN."""
    return ((points >= boxes[:, None, :2]) & (points <= boxes[:, None, 2:])).all(-1)


def background(frames: Tensor, mattes: Tensor) -> Tensor:
    """What is behind the people in frames (R, S, S, 3) uint8, guessed from around them: (R, 3, S, S) in [0, 1].

    mattes: (R, H, H) uint8.
    """
    pictures, share = to_floats(frames), mattes[:, None].float() / 255
    size, side = pictures.shape[-1], share.shape[-1]
    person, wider = (F.max_pool2d(share, width, 1, width // 2) for width in (EDGE, AROUND))
    guess = filled(F.adaptive_avg_pool2d(pictures, side), (wider < NOBODY).float())
    person, guess = (F.interpolate(each, (size, size), mode="bilinear") for each in (person, guess))
    return torch.lerp(pictures, guess, person)


def filled(pictures: Tensor, known: Tensor) -> Tensor:
    """Pictures (R, 3, H, H) with smooth colours where they are not ``known`` (R, 1, H, H), from 0 to 1.

    From coarse to fine, each level takes from the coarser one what it does not know (Gortler's push and pull).
    """
    side = pictures.shape[-1]
    if side == 1:
        return pictures
    share = F.adaptive_avg_pool2d(known, side // 2)
    coarse = F.adaptive_avg_pool2d(pictures * known, side // 2) / share.clamp(min=1e-4)
    coarse = filled(coarse, (4 * share).clamp(max=1))
    return torch.lerp(F.interpolate(coarse, (side, side), mode="bilinear"), pictures, known)


def _shares(mattes: Tensor, places: Tensor, size: int) -> Tensor:
    """(R, 1, S, S) shares of the person at places (R, S, S, 2) of frames of that size."""
    corners = places * ((size - 1) / size)  # from the middles of corner pixels to the corners of the picture
    return F.grid_sample(mattes[:, None].float() / 255, corners, padding_mode="border", align_corners=False)


def _crops(batch: int, random: torch.Generator) -> Tensor:
    """(B, 2, 3) maps from output to input coordinates: a square of the picture, half of them mirrored."""
    even = torch.rand(batch, 4, generator=random)
    size, none = _between(CROP, even[:, 0]), torch.zeros(batch)
    shift = (1 - size)[:, None] * (2 * even[:, 1:3] - 1)
    mirrored = torch.where(even[:, 3] < 0.5, -size, size)
    return torch.stack([mirrored, none, shift[:, 0], none, size, shift[:, 1]], dim=1).view(batch, 2, 3)


def _between(ends: tuple[float, float], even: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * even


def _grid(theta: Tensor, like: Tensor) -> Tensor:
    return F.affine_grid(theta, list(like.shape), align_corners=True)
