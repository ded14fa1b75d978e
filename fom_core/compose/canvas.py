"""Where the movement of each face may show: a canvas larger than its crop, on whose rim everything stands still.

Places relative to a face are in half sides of its crop, (u, v) from the crop's middle: the crop is [-1, 1]². Distances
from the middle are (|u|⁴ + |v|⁴)^¼, so that lines of equal distance are rounded squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..faces.regions import crop_matrix, pixel_box
from ..types import FaceRegion, FaceSet
from .masks import Rect, clip

REACH = 1.5  # how far from the middle anything may move
RIM = 1.58  # how far a canvas reaches that is handed to other nodes: around what may move, a frame of the still picture
CELLS = 64  # of the grid on which flow and shares are computed, per side of the crop
WITHIN_BORDER = 0.6  # share of the way to the picture's border that a colour may come from
PAINTED = (0.7, 0.98)  # distance over which the network's pixels fade out
SEAM = 0.08  # the same towards another face, from the border between the two
FACE = (0.0, 0.09, 0.42, 0.57)  # the ellipse of a face in the crop that a detected one gets


Ellipse = tuple[float, float, float, float]
"""Middle (x, y) and half axes, in half sides of a crop from its middle."""


@dataclass(frozen=True)
class Canvas:
    """The geometry of one face's movement, the same in all frames.

    rect:    pixels of the picture on which the face may move anything.
    corner:  (x, y) of the grid's first pixel: the grid is a cell larger than ``rect`` all around.
    cell:    side of a cell in pixels.
    places:  (gy, gx, 2) float32, where the cells' middles lie in the crop, in half sides.
    room:    (gy, gx) how far a colour may come, in half sides: 0 on the rim and on the border to another face.
    borders: (4, gy, gx) how far colours may come from the left, top, right and bottom, in pixels.
    painted: (gy, gx) greatest share of the network's pixels.
    axes:    (2, 2) from half sides to pixels of the picture.
    face:    where in the crop the face is.
    """

    rect: Rect
    corner: tuple[int, int]
    cell: int
    places: np.ndarray
    room: np.ndarray
    borders: np.ndarray
    painted: np.ndarray
    axes: np.ndarray
    face: Ellipse


def canvases(faces: FaceSet) -> list[Canvas]:
    """The canvas of each face. Others of the picture, chosen or not, hold their place: flows vanish between faces."""
    everybody = (*faces, *faces.others)
    return [_canvas(face, [other for other in everybody if other is not face]) for face in faces]


def canvas_box(face: FaceRegion, reach: float = RIM) -> Rect:
    """The pixels of the picture that a face's canvas covers."""
    to_picture = units(face)
    corners = to_picture @ np.array([[-reach, reach, -reach, reach], [-reach, -reach, reach, reach], [1, 1, 1, 1]])
    low, high = np.floor(corners.min(axis=1) + 0.5), np.ceil(corners.max(axis=1) + 0.5)
    return clip((int(low[0]), int(low[1]), int(high[0]), int(high[1])), face.frame_size)


def units(face: FaceRegion) -> np.ndarray:
    """From half sides of a face's crop to pixels of the picture, whose centres are whole numbers: (2, 3)."""
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    width, height = x1 - x0, y1 - y0
    crop_pixels = np.array([[width / 2, 0, (width - 1) / 2], [0, height / 2, (height - 1) / 2], [0, 0, 1]])
    return crop_matrix(face, (height, width)) @ crop_pixels


def superellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """From the middle of a face, in half sides."""
    u, v = u * u, v * v
    return np.sqrt(np.sqrt(u * u + v * v))  # of powers, ten times as fast as numpy's


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smoothly from 0 at ``low`` to 1 at ``high``."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _canvas(face: FaceRegion, others: Sequence[FaceRegion]) -> Canvas:
    height, width = face.frame_size
    to_picture = units(face)
    rect = canvas_box(face, REACH)
    cell = max(1, math.floor(max(map(_length, to_picture[:, :2].T)) * 2 / CELLS))
    gx, gy = (math.ceil((high - low) / cell) + 2 for low, high in ((rect[0], rect[2]), (rect[1], rect[3])))
    corner = rect[0] - cell, rect[1] - cell
    x = corner[0] + (np.arange(gx) + 0.5) * cell - 0.5
    y = corner[1] + (np.arange(gy) + 0.5) * cell - 0.5
    u, v = in_crop(face, x, y)
    near = np.inf if not others else np.min([superellipse(*in_crop(other, x, y)) for other in others], axis=0)
    ahead = (near - superellipse(u, v)) / 2  # of the border to the nearest other face
    room = np.minimum(REACH - superellipse(*counted(face, u, v)), ahead)
    ones = np.ones((gy, gx))
    borders = np.stack([x * ones, y[:, None] * ones, (width - 1 - x) * ones, (height - 1 - y[:, None]) * ones])
    painted = (1 - smooth_step(superellipse(*counted(face, u, v, 1.0)), *PAINTED)) * smooth_step(ahead, 0, SEAM)
    return Canvas(
        rect,
        corner,
        cell,
        np.stack([u, v], axis=-1).astype(np.float32),
        np.maximum(room, 0).astype(np.float32),
        np.maximum(WITHIN_BORDER * borders, 0).astype(np.float32),
        painted.astype(np.float32),
        to_picture[:, :2],
        face_in_crop(face),
    )


def face_in_crop(face: FaceRegion) -> Ellipse:
    """The ellipse in a face's box; where a usual crop has it, if the box is the crop itself or the head is rolled."""
    if face.roll_deg or face.box_px == face.crop_px:
        return FACE
    (x0, y0, x1, y1), (left, top, right, bottom) = face.box_px, face.crop_px
    width, height = right - left, bottom - top
    return (x0 + x1 - left - right) / width, (y0 + y1 - top - bottom) / height, (x1 - x0) / width, (y1 - y0) / height


def in_crop(face: FaceRegion, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(gy, gx) u and v of the picture's columns x and rows y."""
    back = np.linalg.inv(np.vstack([units(face), [0, 0, 1]]))
    u, v = (back[i, 0] * x[None] + back[i, 1] * y[:, None] + back[i, 2] for i in (0, 1))
    return u, v


def counted(face: FaceRegion, u: np.ndarray, v: np.ndarray, reach: float = REACH) -> tuple[np.ndarray, np.ndarray]:
    """The same places, with those towards a side that passes the picture's border as if in the middle.

    There is nothing beyond to stay in step with. Of a head that is rolled by no quarter turn all sides count: none of
    them passes the border from end to end.
    """
    if face.roll_deg % 90:
        return u, v
    height, width = face.frame_size
    to_picture = units(face)

    def passes(side_u: float, side_v: float) -> bool:
        x, y = to_picture @ [side_u, side_v, 1]
        across, down = to_picture[:, :2] @ [side_u, side_v]
        if abs(across) > abs(down):
            return bool(x <= -0.5 if across < 0 else x >= width - 0.5)
        return bool(y <= -0.5 if down < 0 else y >= height - 0.5)

    if passes(-reach, 0):
        u = np.maximum(u, 0)
    if passes(reach, 0):
        u = np.minimum(u, 0)
    if passes(0, -reach):
        v = np.maximum(v, 0)
    if passes(0, reach):
        v = np.minimum(v, 0)
    return u, v


def _length(vector: np.ndarray) -> float:
    return float(np.hypot(*vector))
