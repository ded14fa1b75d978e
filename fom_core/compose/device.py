"""Composing on a graphics card, by torch: whole frames stay there until they are done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..faces.regions import pixel_box
from ..pictures import PicturesToCome, to_levels
from ..types import FaceRegion, FaceSet
from .canvas import Canvas, units
from .flow import CanvasFlow
from .masks import Rect, common, pixels, place


@dataclass(frozen=True)
class _Face:
    """A face's canvas, and where its crop lies on it.

    crop: (1, h, w, 2) of each pixel of the canvas, its place in the crop for ``grid_sample``.
    """

    region: FaceRegion
    canvas: Canvas
    crop: Tensor


class DevicePainter:
    """What :class:`~.host.HostPainter` does, on another device; within a level of 255 the same."""

    def __init__(self, picture: np.ndarray, faces: FaceSet, canvases: Sequence[Canvas], device: torch.device) -> None:
        self._device = device
        self._depth = int(np.iinfo(picture.dtype).max)
        values = torch.from_numpy(np.ascontiguousarray(picture).astype(np.float32)).to(self._device)
        self._picture = values.movedim(-1, 0)[None]  # (1, C, H, W) of whole levels
        self._faces = [_Face(*pair, self._in_crop(*pair)) for pair in zip(faces, canvases, strict=True)]

    def begin(self, canvas_flows: Sequence[CanvasFlow], predictions: Sequence[Tensor]) -> Callable[[], np.ndarray]:
        """Frames (T, H, W, C) on their way; predictions (T, C, h, w) in [0, 1]."""
        length = len(predictions[0]) if predictions else 1
        kind = torch.uint8 if self._depth == 255 else torch.int32
        frames = []
        for t in range(length):
            now = [CanvasFlow(canvas_flow.displacement[t], canvas_flow.share[t]) for canvas_flow in canvas_flows]
            frames.append(self._composed(now, [each[t : t + 1] for each in predictions]).to(kind))
        together = torch.cat(frames).movedim(1, -1)
        if self._depth == 255:
            return PicturesToCome.of_bytes(together).wait
        return lambda: together.cpu().numpy().astype(np.uint16)

    def flow(self, canvas_flows: Sequence[CanvasFlow]) -> np.ndarray:
        """Of one frame (H, W, 2): the way from each pixel to its source."""
        result = torch.zeros(2, *self._picture.shape[2:], device=self._device)
        for face, canvas_flow in zip(self._faces, canvas_flows, strict=True):
            result[(slice(None), *pixels(face.canvas.rect))] += _on_canvas(canvas_flow.displacement, face.canvas)
        return result.movedim(0, -1).cpu().numpy()

    def _composed(self, canvas_flows: Sequence[CanvasFlow], predictions: Sequence[Tensor]) -> Tensor:
        frame = self._picture.clone()
        flows = [
            _on_canvas(canvas_flow.displacement, face.canvas)
            for face, canvas_flow in zip(self._faces, canvas_flows, strict=True)
        ]
        for number, face in enumerate(self._faces):
            rect, flow = face.canvas.rect, flows[number].clone()
            for other, away in enumerate(self._faces):
                shared = common(rect, away.canvas.rect)
                if other != number and shared[0] < shared[2]:
                    flow[(slice(None), *place(shared, rect))] += flows[other][
                        (slice(None), *place(shared, away.canvas.rect))
                    ]
            frame[(..., *pixels(rect))] = self._moved(flow, rect)
        for face, canvas_flow, prediction in zip(self._faces, canvas_flows, predictions, strict=True):
            self._paint(frame, face, canvas_flow.share, prediction)
        return frame

    def _moved(self, flow: Tensor, rect: Rect) -> Tensor:
        """The picture's pixels on ``rect``, taken from where the flow (2, h, w) says."""
        height, width = self._picture.shape[2:]
        x = torch.arange(rect[0], rect[2], device=self._device) + flow[0]
        y = torch.arange(rect[1], rect[3], device=self._device)[:, None] + flow[1]
        grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=-1)[None]
        moved = F.grid_sample(self._picture, grid, mode="bicubic", padding_mode="reflection", align_corners=True)
        still = (flow == 0).all(dim=0)
        return torch.where(still, self._picture[(..., *pixels(rect))], moved.round().clamp(0, self._depth))

    def _paint(self, frame: Tensor, face: _Face, share: Tensor, prediction: Tensor) -> None:
        """Lay the network's pixels (1, C, h, w) over the frame, by whole levels as the host does."""
        weight = _on_canvas(share[..., None], face.canvas)
        x0, y0, x1, y1 = pixel_box(face.region.crop_px)
        size = min(prediction.shape[2], y1 - y0), min(prediction.shape[3], x1 - x0)
        painted = to_levels(prediction).expand(-1, 3, -1, -1)
        if size != tuple(painted.shape[2:]):
            painted = F.interpolate(painted, size=size, mode="area")
        crop = F.grid_sample(painted, face.crop, mode="bicubic", padding_mode="border", align_corners=False)
        crop = crop.clamp(0, 255) * (self._depth / 255)
        there = frame[(slice(None), slice(3), *pixels(face.canvas.rect))]
        there += (weight * (crop - there)).round()

    def _in_crop(self, region: FaceRegion, canvas: Canvas) -> Tensor:
        x0, y0, x1, y1 = canvas.rect
        back = np.linalg.inv(np.vstack([units(region), [0, 0, 1]]))
        x, y = np.arange(x0, x1, dtype=np.float64)[None], np.arange(y0, y1, dtype=np.float64)[:, None]
        places = np.stack([back[i, 0] * x + back[i, 1] * y + back[i, 2] for i in (0, 1)], axis=-1)
        return torch.from_numpy(places.astype(np.float32))[None].to(self._device)


def _on_canvas(grid: Tensor, canvas: Canvas) -> Tensor:
    """Values (gy, gx, C) of a canvas's grid at each of its pixels, (C, h, w)."""
    size = grid.shape[0] * canvas.cell, grid.shape[1] * canvas.cell
    fine = F.interpolate(grid.movedim(-1, 0)[None], size=size, mode="bilinear", align_corners=False)[0]
    return fine[(slice(None), *place(canvas.rect, (*canvas.corner, 0, 0)))]
