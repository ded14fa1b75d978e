"""What is measured: the surroundings of a face's crop as luma, at a size that makes figures comparable.

Luma is 0.299 R + 0.587 G + 0.114 B, 0 to 255. Rectangles are x0, y0, x1, y1 in pixels of the array that they go with.
A flow is a displacement in pixels, (h, w, 2), last axis (x, y): the result at p has the colour of the source at
p + flow[p].
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..pictures import LUMA
from ..types import Box

REACH = 2.0  # of the view, in half sides of the crop from its middle: far enough for what moves in from outside
SIDE_PX = 512  # of the crop; larger ones are shrunk to it


@dataclass(frozen=True)
class View:
    """The part of a picture around a crop, and how much it is shrunk.

    rect:  whole pixels of the picture, inside of it.
    size:  height and width of the view.
    crop, face: rectangles in pixels of the view; they may reach past its border.
    """

    rect: tuple[int, int, int, int]
    size: tuple[int, int]
    crop: Box
    face: Box

    @classmethod
    def around(cls, frame_size: tuple[int, int], crop_px: Box, face_px: Box, *, side: int = SIDE_PX) -> View:
        """The view of a picture of (height, width), such that the crop's longer side has at most ``side`` pixels."""
        x0, y0, x1, y1 = crop_px
        more_x, more_y = (x1 - x0) * (REACH - 1) / 2, (y1 - y0) * (REACH - 1) / 2
        left, right = (int(np.clip(round(x), 0, frame_size[1])) for x in (x0 - more_x, x1 + more_x))
        top, bottom = (int(np.clip(round(y), 0, frame_size[0])) for y in (y0 - more_y, y1 + more_y))
        shrink = min(1.0, side / max(x1 - x0, y1 - y0))
        width, height = max(1, round((right - left) * shrink)), max(1, round((bottom - top) * shrink))
        scale_x, scale_y = width / (right - left), height / (bottom - top)

        def placed(box: Box) -> Box:
            return (
                (box[0] - left) * scale_x, (box[1] - top) * scale_y,
                (box[2] - left) * scale_x, (box[3] - top) * scale_y,
            )  # fmt: skip

        return cls((left, top, right, bottom), (height, width), placed(crop_px), placed(face_px))

    def luma(self, picture: np.ndarray) -> np.ndarray:
        """The view of a picture (H, W, 3 or 4) uint8 as luma (h, w) float32."""
        return self._resized(self._cut(picture)[..., :3].astype(np.float32) @ np.array(LUMA, np.float32))

    def flow(self, flow: np.ndarray) -> np.ndarray:
        """The view of a flow (H, W, 2) in pixels of the picture, in pixels of the view."""
        left, top, right, bottom = self.rect
        scale = self.size[1] / (right - left), self.size[0] / (bottom - top)
        return self._resized(self._cut(flow).astype(np.float32)) * np.array(scale, np.float32)

    def _cut(self, array: np.ndarray) -> np.ndarray:
        left, top, right, bottom = self.rect
        return array[top:bottom, left:right]

    def _resized(self, array: np.ndarray) -> np.ndarray:
        if array.shape[:2] == self.size:
            return np.ascontiguousarray(array)
        return cv2.resize(np.ascontiguousarray(array), self.size[::-1], interpolation=cv2.INTER_AREA)


def moved(source: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The source (h, w) sampled at p + flow[p]: bicubic, reflected past the border.

    OpenCV before 5.0 reads at places rounded to 1/32 of a pixel.
    """
    y, x = np.indices(source.shape, np.float32)
    return cv2.remap(source, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def gradients(luma: np.ndarray) -> np.ndarray:
    """Levels per pixel to the right and down, (h, w, 2), by Sobel's 3x3."""
    luma = luma.astype(np.float32, copy=False)
    return np.stack([cv2.Sobel(luma, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1))], axis=-1)


def crop_distance(shape: tuple[int, ...], crop: Box) -> np.ndarray:
    """How far pixels lie from the crop's middle, (h, w): (|u|⁴ + |v|⁴)^(1/4) in half sides, 1 on the outline."""
    u, v = _half_sides(shape, crop)
    return ((u**4)[None] + (v**4)[:, None]) ** 0.25


def outward(shape: tuple[int, ...], crop: Box) -> np.ndarray:
    """The direction in which :func:`crop_distance` grows, (h, w, 2), unit length."""
    u, v = _half_sides(shape, crop)
    slope = np.empty((*shape[:2], 2), np.float32)
    slope[..., 0], slope[..., 1] = u**3 / (crop[2] - crop[0]), (v**3 / (crop[3] - crop[1]))[:, None]
    return slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-12)


def ellipse(shape: tuple[int, ...], box: Box) -> np.ndarray:
    """The pixels (h, w) in the ellipse that fills a box."""
    u, v = _half_sides(shape, box)
    return (u**2)[None] + (v**2)[:, None] < 1


def slices_of(shape: tuple[int, ...], box: Box) -> tuple[slice, slice]:
    """Rows and columns of the pixels whose middles are in a box."""
    x0, x1 = (int(np.clip(round(x), 0, shape[1])) for x in (box[0], box[2]))
    y0, y1 = (int(np.clip(round(y), 0, shape[0])) for y in (box[1], box[3]))
    return slice(y0, y1), slice(x0, x1)


def mouth_of(face: Box) -> Box:
    """Where the mouth is in a face's box."""
    x0, y0, x1, y1 = face
    width, height = x1 - x0, y1 - y0
    return (x0 + 0.2 * width, y0 + 0.62 * height, x0 + 0.8 * width, y0 + 0.95 * height)


def _half_sides(shape: tuple[int, ...], box: Box) -> tuple[np.ndarray, np.ndarray]:
    x0, y0, x1, y1 = box
    u = (np.arange(shape[1], dtype=np.float32) + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)
    v = (np.arange(shape[0], dtype=np.float32) + 0.5 - (y0 + y1) / 2) / ((y1 - y0) / 2)
    return u, v
