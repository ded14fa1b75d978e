"""Putting composed canvases back where they were cut out, whatever other nodes did to them in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch

from ..pictures import resize_picture, to_levels
from ..types import FaceRegion, FaceSet
from . import colour_fit, masks
from .canvas import REACH, RIM, SEAM, Canvas, canvas_box, canvases, counted, in_crop, smooth_step, superellipse
from .host import on_canvas
from .masks import Layer, Rect, hull_of, place
from .paste import backgrounds, coloured, frame_count, to_masks

OVER_MOVING = (1.0, REACH)  # distance over which canvases fade out into a background that moves
IN_CROP = (-0.999, 0.999)  # places that a face's mask has values for


class CanvasPaster:
    """Lays the canvas of each face (see :func:`.canvas_box`) into the picture that it was cut out of.

    picture:      (H, W, 3 or 4) uint8, or grey, which comes back as RGB.
    colour_match: how much of the difference in colour on the canvases' rim, where nothing moves, is taken out of them,
                  0 to 1; it is read once, from the first frame.
    face_masks:   as :class:`~.paste.Paster` takes them; outside the crop the nearest value counts.
    moving:       the background is another in each frame, so the canvases fade out further inside: a copy would freeze
                  what lies around the faces.

    Of canvases that are as they were cut out, the result is what they were cut out of, bit for bit. They fade out only
    beyond what composing may touch, so that those that were changed leave no hard edge.
    """

    def __init__(
        self,
        picture: np.ndarray,
        faces: FaceSet,
        *,
        colour_match: float = 0.0,
        face_masks: Sequence[np.ndarray | torch.Tensor] | None = None,
        moving: bool = False,
    ) -> None:
        self.picture = coloured(picture, faces)
        self.faces = faces
        self.colour_match = colour_match
        self._moving = moving
        self._layers = [_layer(number, faces, canvas, moving) for number, canvas in enumerate(canvases(faces))]
        self._face_masks = to_masks(face_masks, len(faces)) if face_masks else []
        self._corrections: dict[int, colour_fit.Correction] = {}
        self._last: tuple[int, tuple[list[Layer], list[Layer]]] | None = None

    def __call__(
        self, frames: Sequence[np.ndarray | torch.Tensor], *, pictures: np.ndarray | None = None, start: int = 0
    ) -> np.ndarray:
        """Lay in N × [T, h, w, 3 or 4] (uint8, or floats in [0, 1]) of any size → (T, H, W, C) uint8.

        pictures, start: as of :class:`~.paste.Paster`.
        """
        pixels = [to_bytes(each) for each in frames]
        result = backgrounds(self.picture, pictures, frame_count(pixels, len(self.faces)))
        for time, frame in enumerate(result):
            if self.colour_match and not self._corrections:
                self._corrections = {layer.face: self._match(layer, pixels[layer.face][0]) for layer in self._layers}
            for layer in self._at(start + time)[1]:
                self._lay(frame, layer, pixels[layer.face][time])
        return result

    def parts(self, time: int = 0) -> list[tuple[Rect, np.ndarray]]:
        """Where frame ``time`` may differ from the picture: rectangles, and how much of each pixel is new (h, w)."""
        return [(layer.rect, layer.weight) for layer in self._at(time)[0]]

    def _lay(self, frame: np.ndarray, layer: Layer, canvas: np.ndarray) -> None:
        left, top, right, bottom = layer.rect
        fitted = resize_picture(canvas, (bottom - top, right - left), average_from=3.0)
        if self._corrections:
            colours = np.rint(self._corrections[layer.face](fitted[..., :3])).astype(np.uint8)
            fitted = np.concatenate([colours, fitted[..., 3:]], axis=-1)
        channels = min(frame.shape[2], fitted.shape[2])
        there = frame[top:bottom, left:right, :channels]
        above = np.ascontiguousarray(fitted[..., :channels])
        there[...] = cv2.blendLinear(np.ascontiguousarray(there), above, 1 - layer.weight, layer.weight)

    def _at(self, time: int) -> tuple[list[Layer], list[Layer]]:
        """How much each face covers at a time, and with what weights they are laid over one another, in this order."""
        time = min(time, max((len(mask) for mask in self._face_masks), default=1) - 1)
        if self._last is None or self._last[0] != time:
            layers = [replace(layer, weight=self._narrowed(layer, time)) for layer in self._layers]
            stacked = [layer for group in masks.touching(layers) for layer in _stacked(group)]
            self._last = time, (layers, stacked)
        return self._last[1]

    def _narrowed(self, layer: Layer, time: int) -> np.ndarray:
        if not self._face_masks:
            return layer.weight
        mask = self._face_masks[layer.face]
        return layer.weight * over_canvas(mask[min(time, len(mask) - 1)], self.faces[layer.face], layer.rect)

    def _match(self, layer: Layer, canvas: np.ndarray) -> colour_fit.Correction:
        """What takes a canvas's colours to those of the picture on its rim."""
        left, top, right, bottom = layer.rect
        there = self.picture[top:bottom, left:right, :3]
        rim = (_away(self.faces[layer.face], layer.rect, REACH) >= REACH).astype(np.float32)
        ring = cv2.resize(rim, (colour_fit.SIDE, colour_fit.SIDE), interpolation=cv2.INTER_AREA)
        return colour_fit.fit_correction(canvas[..., :3], there, ring, there.shape[:2], self.colour_match)


def to_bytes(frames: np.ndarray | torch.Tensor) -> np.ndarray:
    """Frames (T, h, w, 3 or 4) of uint8, or of floats in [0, 1], as uint8."""
    given = frames if isinstance(frames, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(frames))
    pixels = (given if given.dtype == torch.uint8 else to_levels(given).to(torch.uint8)).cpu().numpy()
    return np.repeat(pixels, 3, axis=3) if pixels.shape[3] == 1 else pixels


def _layer(number: int, faces: FaceSet, canvas: Canvas, moving: bool) -> Layer:
    """How much of the picture a face's canvas covers: all that composing may touch, and a fade around it."""
    face = faces[number]
    rect = canvas_box(face, RIM)
    u, v = _places(face, rect)
    away = superellipse(u, v)
    low, high = OVER_MOVING if moving else (REACH, RIM)
    weight = 1 - smooth_step(_away(face, rect, high), low, high)
    for other in faces.others:
        weight *= smooth_step((superellipse(*_places(other, rect)) - away) / 2, -SEAM, 0)
    weight = weight.astype(np.float32)
    if not moving:
        touched = on_canvas((canvas.room > 0).astype(np.float32), canvas) > 0
        weight[place(canvas.rect, rect)][touched] = 1
    return Layer(number, rect, weight, away.astype(np.float32))


def _stacked(group: Sequence[Layer]) -> Iterator[Layer]:
    """Layers with the weights that share overlaps out when they are laid over one another in the given order."""
    hull = hull_of(group)
    left = np.ones((hull[3] - hull[1], hull[2] - hull[0]), np.float32)  # what later layers leave of earlier ones
    result = []
    for layer in reversed(masks.partition(group) if len(group) > 1 else group):
        here = left[place(layer.rect, hull)]
        result.append(replace(layer, weight=np.clip(layer.weight / np.maximum(here, 1e-6), 0, 1)))
        here -= layer.weight
    return reversed(result)


def _places(face: FaceRegion, rect: Rect) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) u and v of the picture's pixels on ``rect``, in half sides of the face's crop."""
    return in_crop(face, np.arange(rect[0], rect[2], dtype=np.float64), np.arange(rect[1], rect[3], dtype=np.float64))


def _away(face: FaceRegion, rect: Rect, reach: float) -> np.ndarray:
    """(h, w) distances from a face's middle, with sides that pass the picture's border as if in the middle."""
    return superellipse(*counted(face, *_places(face, rect), reach))


def over_canvas(face_mask: np.ndarray, face: FaceRegion, rect: Rect) -> np.ndarray:
    """A mask (h, w) over the crop on the pixels of ``rect``; outside the crop its nearest value."""
    u, v = (np.clip(places, *IN_CROP).astype(np.float32) for places in _places(face, rect))
    height, width = face_mask.shape
    x, y = (u + 1) * (width / 2) - 0.5, (v + 1) * (height / 2) - 0.5
    return cv2.remap(face_mask, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
