"""Composing on the processor, by OpenCV: each step touches only the pixels that it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from ..faces.regions import crop_matrix, pixel_box
from ..pictures import PicturesToCome, resize_picture
from ..types import FaceRegion, FaceSet
from . import masks
from .canvas import Canvas
from .flow import CanvasFlow
from .masks import Rect, around_all, common, pixels, place

NO_SECOND_MAP = np.empty(0, np.float32)
TAPS = 4  # pixels around a canvas that bicubic sampling may touch
PAINTS = 1 / 512  # share of the network's pixels from which they can be seen


@dataclass(frozen=True)
class _Face:
    """A face's canvas, and what stays the same on it.

    view:      (h, w, C) the picture on the canvas and a little around it.
    still:     (gy, gx, 2) float32 of the grid, each cell's own place in the view.
    neighbours: numbers of the faces whose canvases overlap, and what both have in common.
    """

    number: int
    region: FaceRegion
    canvas: Canvas
    view: np.ndarray
    still: np.ndarray
    neighbours: list[tuple[int, Rect]]


class HostPainter:
    """Lays moving faces into a picture (H, W, C), uint8 or uint16."""

    def __init__(self, picture: np.ndarray, faces: FaceSet, canvases: Sequence[Canvas]) -> None:
        self.picture = picture
        self._depth = np.iinfo(picture.dtype).max
        self._faces = [self._face(number, region, canvases) for number, region in enumerate(faces)]

    def begin(self, canvas_flows: Sequence[CanvasFlow], predictions: Sequence[Tensor]) -> Callable[[], np.ndarray]:
        """Frames (T, H, W, C) to be made by the call that comes back; predictions (T, C, h, w) in [0, 1]."""
        coming = [PicturesToCome(prediction) for prediction in predictions]

        def finish() -> np.ndarray:
            painted = [each.wait() for each in coming]
            frames = np.repeat(self.picture[None], len(painted[0]) if painted else 1, axis=0)
            for frame, now, crops in zip(
                frames,
                zip(*map(CanvasFlow.frames, canvas_flows), strict=True),
                zip(*painted, strict=True),
                strict=False,
            ):
                self._compose(frame, now, crops)
            return frames

        return finish

    def flow(self, canvas_flows: Sequence[CanvasFlow]) -> np.ndarray:
        """Of one frame (H, W, 2): the way from each pixel to its source."""
        result = np.zeros((*self.picture.shape[:2], 2), np.float32)
        for face, canvas_flow in zip(self._faces, canvas_flows, strict=True):
            result[pixels(face.canvas.rect)] += on_canvas(canvas_flow.displacement.numpy(), face.canvas)
        return result

    def _compose(self, frame: np.ndarray, canvas_flows: Sequence[CanvasFlow], crops: Sequence[np.ndarray]) -> None:
        for face, canvas_flow in zip(self._faces, canvas_flows, strict=True):
            if not any(canvas_flows[number].displacement.any() for number in (face.number, *dict(face.neighbours))):
                continue
            places = on_canvas(canvas_flow.displacement.numpy() + face.still, face.canvas)
            for number, shared in face.neighbours:
                other = self._faces[number].canvas
                more = on_canvas(canvas_flows[number].displacement.numpy(), other)
                places[place(shared, face.canvas.rect)] += more[place(shared, other.rect)]
            # In a mirror without its first pixel (101), a single pixel has nothing to show.
            mirrored = cv2.BORDER_REFLECT_101 if min(face.view.shape[:2]) > 1 else cv2.BORDER_REFLECT
            moved = cv2.remap(face.view, places, NO_SECOND_MAP, cv2.INTER_CUBIC, borderMode=mirrored)
            frame[pixels(face.canvas.rect)] = moved.reshape(*moved.shape[:2], -1)
        for face, canvas_flow, crop in zip(self._faces, canvas_flows, crops, strict=True):
            self._paint(frame, face, canvas_flow.share.numpy(), crop)

    def _paint(self, frame: np.ndarray, face: _Face, share: np.ndarray, crop: np.ndarray) -> None:
        """Lay the network's pixels (h, w, 3) of the crop over the frame."""
        canvas = face.canvas
        part = _part(share, canvas)
        if part is None:
            return
        rows, columns, rect = part
        weight = cv2.resize(share[rows, columns], None, fx=canvas.cell, fy=canvas.cell, interpolation=cv2.INTER_LINEAR)
        left, top = canvas.corner[0] + columns.start * canvas.cell, canvas.corner[1] + rows.start * canvas.cell
        weight = weight[rect[1] - top : rect[3] - top, rect[0] - left : rect[2] - left]
        there = frame[pixels(rect)]
        there[..., :3] = self._mixed(there[..., :3], _laid(crop, face.region, rect), np.ascontiguousarray(weight))

    def _mixed(self, below: np.ndarray, above: np.ndarray, weight: np.ndarray) -> np.ndarray:
        if below.dtype == np.uint8:
            return cv2.blendLinear(np.ascontiguousarray(below), above, 1 - weight, weight)
        deeper = above.astype(np.float32) * (self._depth / 255)
        return np.rint(below + weight[..., None] * (deeper - below)).clip(0, self._depth)

    def _face(self, number: int, region: FaceRegion, canvases: Sequence[Canvas]) -> _Face:
        canvas = canvases[number]
        overlaps = [(other, common(canvas.rect, each.rect)) for other, each in enumerate(canvases) if other != number]
        neighbours = [(other, rect) for other, rect in overlaps if rect[0] < rect[2]]
        # A neighbour's movement may bring in what lies on its own canvas.
        x0, y0, x1, y1 = around_all([canvas.rect, *(canvases[other].rect for other, _ in neighbours)])
        around = masks.clip((x0 - TAPS, y0 - TAPS, x1 + TAPS, y1 + TAPS), self.picture.shape[:2])
        rows, columns = canvas.room.shape
        x = canvas.corner[0] + (np.arange(columns, dtype=np.float32) + 0.5) * canvas.cell - 0.5 - around[0]
        y = canvas.corner[1] + (np.arange(rows, dtype=np.float32) + 0.5) * canvas.cell - 0.5 - around[1]
        still = np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)
        view = np.ascontiguousarray(self.picture[pixels(around)])
        return _Face(number, region, canvas, view, still, neighbours)


def on_canvas(grid: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Values (gy, gx, C) of a canvas's grid at each of its pixels, (h, w, C)."""
    fine = cv2.resize(grid, None, fx=canvas.cell, fy=canvas.cell, interpolation=cv2.INTER_LINEAR)
    x0, y0, x1, y1 = canvas.rect
    return fine[y0 - canvas.corner[1] : y1 - canvas.corner[1], x0 - canvas.corner[0] : x1 - canvas.corner[0]]


def _part(share: np.ndarray, canvas: Canvas) -> tuple[slice, slice, Rect] | None:
    """Rows and columns of the grid where the network has a share, and their pixels; None where it has none."""
    there = share > PAINTS
    if not there.any():
        return None
    rows, columns = (_span(np.flatnonzero(there.any(axis=axis)), there.shape[1 - axis]) for axis in (1, 0))
    x0, x1 = (canvas.corner[0] + at * canvas.cell for at in (columns.start, columns.stop))
    y0, y1 = (canvas.corner[1] + at * canvas.cell for at in (rows.start, rows.stop))
    rect = common((x0, y0, x1, y1), canvas.rect)
    return (rows, columns, rect) if rect[0] < rect[2] and rect[1] < rect[3] else None


def _span(used: np.ndarray, length: int) -> slice:
    """From the first to the last of these indices, and one more at either end."""
    return slice(max(int(used[0]) - 1, 0), min(int(used[-1]) + 2, length))


def _laid(crop: np.ndarray, region: FaceRegion, rect: Rect) -> np.ndarray:
    """A face's crop (h, w, 3) of any size where it lies in the picture, on the pixels of ``rect``."""
    x0, y0, x1, y1 = pixel_box(region.crop_px)
    crop = resize_picture(crop, (min(crop.shape[0], y1 - y0), min(crop.shape[1], x1 - x0)))
    to_picture = crop_matrix(region, crop.shape[:2])
    back = np.linalg.inv(np.vstack([to_picture, [0, 0, 1]]))
    here = (back @ np.array([[1.0, 0, rect[0]], [0, 1, rect[1]], [0, 0, 1]]))[:2]
    size = rect[2] - rect[0], rect[3] - rect[1]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(np.ascontiguousarray(crop), here, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
