"""From a network's flow and occlusion map to a displacement of the picture's own pixels, and the network's share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import identity_grid
from ..types import DenseMotion
from .canvas import Canvas

log = logging.getLogger(__name__)
STEEPEST = 0.6  # of the room: a displacement that grows no faster cannot fold by itself
SHOWN = (0.4, 0.8)  # visibility over which the source's pixels take over from the network's
LEAST_SEEN = 0.3  # visibility of the still source that counts at least: what was never seen is no measure
LEAST_AREA = 0.3  # a hundredth of the flow may shrink areas to less
GIVEN_BACK = 0.05  # of the motion, from frame to frame, after it was held back
CUT_SHORT, LASTS = 0.5, 10  # a smaller gain over so many frames is worth a word


@dataclass(frozen=True)
class Course:
    """What becomes of one face's canvas in T frames, on the canvas's grid.

    displacement: (T, gy, gx, 2) float32 in pixels of the picture: the colour at p comes from p + displacement.
    share:        (T, gy, gx) float32 of the network's pixels, over the source's own.
    """

    displacement: Tensor
    share: Tensor

    def frames(self) -> Iterator[Course]:
        """Frame by frame, (gy, gx, 2) and (gy, gx)."""
        return map(Course, self.displacement, self.share)


class Follower:
    """Follows a face's flow on its canvas, frame after frame.

    still: what the network gives for the source in its own pose; its occlusion map (1, 1, h, w) is what "all seen"
           looks like.
    """

    def __init__(self, canvas: Canvas, still: DenseMotion) -> None:
        device = still.deformation.device
        self._places = torch.from_numpy(canvas.places).to(device)
        self._room = torch.from_numpy(canvas.room).to(device)
        self._borders = torch.from_numpy(canvas.borders).to(device)
        self._painted = torch.from_numpy(canvas.painted).to(device)
        self._axes = canvas.axes
        self._still = still.occlusion_map
        self._gain, self._cut_short = 1.0, 0

    def __call__(self, motion: DenseMotion) -> Course:
        """The next T frames."""
        gains = [self._next_gain(flow) for flow in motion.deformation.float().cpu().numpy()]
        frames = [self._follow(motion[slice(t, t + 1)], gain) for t, gain in enumerate(gains)]
        return Course(torch.cat([frame.displacement for frame in frames]), torch.cat([frame.share for frame in frames]))

    def _next_gain(self, flow: np.ndarray) -> float:
        self._gain = min(follow_limit(flow), self._gain + GIVEN_BACK)
        self._cut_short = self._cut_short + 1 if 0 <= self._cut_short and self._gain < CUT_SHORT else min(self._cut_short, 0)
        if self._cut_short == LASTS:
            self._cut_short = -1  # once is enough
            log.warning(
                "The driver moves further than the model can follow: its movement is held back there. A calmer --gain "
                "or another initial frame may suit better."
            )
        return self._gain

    def _follow(self, motion: DenseMotion, gain: float) -> Course:
        """One frame. Frame by frame, for sums of larger batches may round otherwise, and small maps need no threads."""
        flow = motion.deformation.float()
        moved = (flow - identity_grid(*flow.shape[1:3], like=flow)) * gain
        d = _seen(moved.movedim(-1, 1), self._places)  # (1, 2, gy, gx), half sides
        kept = held(d.square().sum(1).sqrt(), STEEPEST * self._room)
        d = d * kept[:, None]
        share = self._share(motion, d, kept)
        (a, b), (c, e) = self._axes.tolist()
        x, y = a * d[:, 0] + b * d[:, 1], c * d[:, 0] + e * d[:, 1]
        left, top, right, bottom = self._borders
        x, y = x * held(x.abs(), torch.where(x < 0, left, right)), y * held(y.abs(), torch.where(y < 0, top, bottom))
        return Course(torch.stack([x, y], dim=-1), share)

    def _share(self, motion: DenseMotion, d: Tensor, kept: Tensor) -> Tensor:
        """How much of each cell has to be painted: where the network sees less of the source than it does at rest."""
        if motion.occlusion_map is None or self._still is None:
            return torch.zeros_like(kept)
        now = _seen(motion.occlusion_map.float(), self._places)[:, 0]
        at_rest = _seen(self._still.float(), self._places + d.movedim(1, -1))[:, 0]
        visible = (now / at_rest.clamp(min=LEAST_SEEN)).clamp(max=1)
        shown = ((1 - (1 - visible) * kept - SHOWN[0]) / (SHOWN[1] - SHOWN[0])).clamp(0, 1)
        return (1 - shown.square() * (3 - 2 * shown)) * self._painted


def _seen(maps: Tensor, places: Tensor) -> Tensor:
    """Maps (1, C, h, w) of a crop at places in half sides; past the crop the nearest value."""
    grid = places.expand(1, *places.shape[-3:])
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)


def held(length: Tensor, room: Tensor) -> Tensor:
    """By what to multiply a displacement of this length, so that it stays below ``room``: 1 while it is small."""
    ratio = length / room.clamp(min=1e-6)
    return (1 + ratio.square().square()).pow(-0.25) * (room > 0)


def follow_limit(deformation: np.ndarray) -> float:
    """The largest gain up to 1 at which a flow (h, w, 2) leaves 99 % of the picture whole.

    At gain g the area at a place is multiplied by det(I + g ∇d), d the displacement. Of a hundredth it may come below
    :data:`LEAST_AREA`, or fold.
    """
    height, width = deformation.shape[:2]
    still = np.stack(np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height)), axis=-1)
    d = deformation - still
    (xy, xx), (yy, yx) = (np.gradient(d[..., i], 2 / (height - 1), 2 / (width - 1)) for i in (0, 1))
    trace, determinant = (xx + yy).ravel(), (xx * yy - xy * yx).ravel()
    rank = trace.size // 100

    def whole(gain: float) -> bool:
        return bool(np.partition(1 + gain * trace + gain * gain * determinant, rank)[rank] >= LEAST_AREA)

    if whole(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if whole(middle) else (low, middle)
    return low
