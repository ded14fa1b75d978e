"""From a network's flow and occlusion map to a displacement of the picture's own pixels, and the network's share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import identity_grid, ramp
from ..types import DenseMotion
from .canvas import FACE, Canvas, Ellipse, smooth_step

log = logging.getLogger(__name__)
STEEPEST = 0.6  # of the room: a displacement that grows no faster cannot fold by itself
SHOWN = (0.4, 0.8)  # visibility over which the source's pixels take over from the network's
STILL = 1e-5  # half sides that are no movement, but rounding
LEAST_SEEN = 0.3  # visibility of the still source that counts at least: what was never seen is no measure
FACE_ENDS = (0.95, 1.3)  # where a face ends, in half axes of its ellipse
WHOLE = (0.15, 0.45)  # what becomes of areas of the face: below it the flow is calmed, above left as it is
AROUND = (-0.5, -0.1)  # the same around it: between a wall that stays and a head the flow stretches, or turns a little
CALM = (2.0, 4.0)  # widths of the averages that calm it, one after the other, in cells of the flow
UNLIKE = (0.025, 0.065)  # movement unlike that of a plane, in half sides, over which sharp pixels lose trust
UNSURE = 0.8  # the network's share in a face that turns furthest
LEAST_CELLS, LEVEL = 4, 1e-6  # of a face that tell of a plane; how little a plane likes to slope
TORN, LASTS = 0.05, 10  # a calmed share of the face that is worth a word, if it lasts for so many frames


@dataclass(frozen=True)
class CanvasFlow:
    """What becomes of one face's canvas in T frames, on the canvas's grid.

    displacement: (T, gy, gx, 2) float32 in pixels of the picture: the colour at p comes from p + displacement.
    share:        (T, gy, gx) float32 of the network's pixels, over the source's own.
    """

    displacement: Tensor
    share: Tensor

    def frames(self) -> Iterator[CanvasFlow]:
        """Frame by frame, (gy, gx, 2) and (gy, gx)."""
        return map(CanvasFlow, self.displacement, self.share)


class Follower:
    """Follows a face's flow on its canvas, frame after frame.

    still: what the network gives for the source in its own pose; its occlusion map (1, 1, h, w) is what "all seen"
           looks like.
    scale: half sides of the crop in a network's unit of flow, see :attr:`~fom_core.ModelConfig.flow_unit`.
    """

    def __init__(self, canvas: Canvas, still: DenseMotion, scale: float = 1.0) -> None:
        device = still.deformation.device
        self._places = torch.from_numpy(canvas.places).to(device)
        self._room = torch.from_numpy(canvas.room).to(device)
        self._borders = torch.from_numpy(canvas.borders).to(device)
        self._painted = torch.from_numpy(canvas.painted).to(device)
        self._axes, self._face = canvas.axes, canvas.face
        self._still = still.occlusion_map
        self._scale = scale
        self._torn_frames = 0  # frames in a row that were; -1 once that was told

    def __call__(self, motion: DenseMotion) -> CanvasFlow:
        """The next T frames."""
        frames = [self._follow(motion[slice(t, t + 1)]) for t in range(len(motion.deformation))]
        return CanvasFlow(
            torch.cat([frame.displacement for frame in frames]), torch.cat([frame.share for frame in frames])
        )

    def _follow(self, motion: DenseMotion) -> CanvasFlow:
        """One frame. Frame by frame, for sums of larger batches may round otherwise, and small maps need no threads."""
        moved = displacements(motion, self._scale)[0]
        whole, calmed = unfolded(moved, self._face)
        self._tell(calmed)
        if np.abs(whole).max() < STILL:
            whole = np.zeros_like(whole)
        d = _seen(
            torch.from_numpy(whole).to(motion.deformation.device).movedim(-1, 0)[None], self._places
        )  # (1, 2, gy, gx)
        kept = soft_limit(d.square().sum(1).sqrt(), STEEPEST * self._room)
        d = d * kept[:, None]
        unsure = UNSURE * float(smooth_step(np.array(unlike_a_plane(moved, self._face)), *UNLIKE))
        share = torch.maximum(self._hidden(motion, d, kept), unsure * kept) * self._painted
        (a, b), (c, e) = self._axes.tolist()
        x, y = a * d[:, 0] + b * d[:, 1], c * d[:, 0] + e * d[:, 1]
        left, top, right, bottom = self._borders
        x, y = (
            x * soft_limit(x.abs(), torch.where(x < 0, left, right)),
            y * soft_limit(y.abs(), torch.where(y < 0, top, bottom)),
        )
        return CanvasFlow(torch.stack([x, y], dim=-1), share)

    def _tell(self, calmed: float) -> None:
        """Say once, of a video, that it is more than the model can follow."""
        if self._torn_frames < 0:
            return
        self._torn_frames = self._torn_frames + 1 if calmed > TORN else 0
        if self._torn_frames == LASTS:
            self._torn_frames = -1
            log.warning(
                "The driver moves further than the model can follow, and the face may be bent there. A smaller gain, "
                "or a driver who begins in the face's pose, may suit better."
            )

    def _hidden(self, motion: DenseMotion, d: Tensor, kept: Tensor) -> Tensor:
        """How much of each cell has to be painted: where the network sees less of the source than it does at rest."""
        if motion.occlusion_map is None or self._still is None:
            return torch.zeros_like(kept)
        now = _seen(motion.occlusion_map.float(), self._places)[:, 0]
        at_rest = _seen(self._still.float(), self._places + d.movedim(1, -1))[:, 0]
        return hidden_share(now, at_rest, kept)


def _seen(maps: Tensor, places: Tensor) -> Tensor:
    """Maps (1, C, h, w) of a crop at places in half sides; past the crop the nearest value."""
    grid = places.expand(1, *places.shape[-3:])
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)


def hidden_share(now: Tensor, at_rest: Tensor, kept: Tensor) -> Tensor:
    """What has to be painted where ``now`` is seen of what was seen ``at_rest``; less where movement is limited."""
    visible = 1 - (at_rest - now).clamp(min=0) / at_rest.clamp(min=LEAST_SEEN)
    return 1 - ramp(1 - (1 - visible) * kept, *SHOWN)


def soft_limit(length: Tensor, room: Tensor) -> Tensor:
    """By what to multiply a displacement of this length, so that it stays below ``room``: 1 while it is small."""
    ratio = length / room.clamp(min=1e-6)
    return (1 + ratio.square().square()).pow(-0.25) * (room > 0)


def displacements(motion: DenseMotion, flow_unit: float) -> np.ndarray:
    """The flow of T frames less the identity, (T, h, w, 2) in half sides of the crop."""
    flow = motion.deformation.float()
    return (flow - identity_grid(*flow.shape[1:3], like=flow)).cpu().numpy() * np.float32(flow_unit)


def unfolded(d: np.ndarray, face: Ellipse = FACE) -> tuple[np.ndarray, float]:
    """A displacement (h, w, 2) in half sides without folds, and the share of the face that had to be calmed.

    It takes averages of its surroundings where it makes areas of the face small, det(I + ∇d) → 0, and where it turns
    those of anything inside out.
    """
    calmed = 0.0
    for width in CALM:
        share = face_share(cell_places(d), face)
        weight = _calming(d, share)
        if not weight.any():
            break
        calmed = max(calmed, float((weight * share).sum()) / max(float(share.sum()), LEAST_CELLS))
        weight = cv2.GaussianBlur(cv2.dilate(weight, np.ones((3, 3))), (0, 0), 1.0)[..., None]
        d = d + weight * (cv2.GaussianBlur(d, (0, 0), width, borderType=cv2.BORDER_REPLICATE) - d)
    return d, calmed


def _calming(d: np.ndarray, face: np.ndarray) -> np.ndarray:
    """How much each cell (h, w) of a displacement is to be calmed; ``face`` is what it shows of that."""
    area = areas(d)
    return 1 - face * smooth_step(area, *WHOLE) - (1 - face) * smooth_step(area, *AROUND)


def cell_places(d: np.ndarray) -> np.ndarray:
    """Where in the crop each cell of a displacement (h, w, 2) comes from, in half sides from the crop's middle."""
    x, y = ((np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1 for side in d.shape[1::-1])
    return d + np.stack(np.meshgrid(x, y), axis=-1)


def face_share(places: np.ndarray, face: Ellipse = FACE) -> np.ndarray:
    """How far places (h, w, 2) of a source's crop, in half sides from its middle, show its face: (h, w)."""
    x, y = np.moveaxis((places - np.array(face[:2])) / np.array(face[2:]), -1, 0)
    return (1 - smooth_step(np.hypot(x, y), *FACE_ENDS)).astype(np.float32)


def areas(d: np.ndarray, spacing: tuple[float, float] | None = None) -> np.ndarray:
    """What becomes of areas under a displacement (h, w, 2): det(I + ∇d), 1 at rest, negative in folds.

    spacing: from a cell to the next to the right and down, in the unit of the displacement; None for half sides.
    """
    across, down = spacing or (2 / d.shape[1], 2 / d.shape[0])
    (xy, xx), (yy, yx) = (np.gradient(d[..., i], down, across) for i in (0, 1))
    return (1 + xx) * (1 + yy) - xy * yx


def unlike_a_plane(d: np.ndarray, face: Ellipse = FACE) -> float:
    """How far the parts of a face move otherwise than one flat thing would: rms distance from the best affine map.

    Of a displacement (h, w, 2) in half sides, and in those; 0 where it shows hardly anything of the face.
    """
    weights = face_share(cell_places(d), face).ravel().astype(np.float64)
    if weights.sum() < LEAST_CELLS:
        return 0.0
    moved = d.reshape(-1, 2).astype(np.float64)
    y, x = (axis.ravel() for axis in np.mgrid[: d.shape[0], : d.shape[1]])
    plane = np.stack([np.ones(x.size), x - weights @ x / weights.sum(), y - weights @ y / weights.sum()], axis=1)
    weighted = plane.T * weights
    slopes = np.linalg.solve(weighted @ plane + LEVEL * np.eye(3), weighted @ moved)
    away = np.square(moved - plane @ slopes).sum(axis=1)
    return float(np.sqrt(weights @ away / weights.sum()))
