"""What the frames of a face show, its canvas or its crop, and cutting the one out of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import numpy as np

from ..errors import UsageError
from ..faces.regions import crop_face, crop_matrix, pixel_box, to_rgb
from ..pictures import resize_picture
from ..types import FaceRegion, FaceSet
from .canvas import canvas_box
from .masks import Rect

Cover = Literal["auto", "canvas", "crop"]
SIDE = 48  # pixels at which frames are compared with the picture
SHAPE = 0.1  # of likeness that a fitting shape is worth: it decides where pictures tell nothing
DOUBT = 0.02  # of likeness that is no difference
SKEW = 0.03  # of aspect ratio that is rounding


def covered(cover: Cover, frames: Sequence[np.ndarray], picture: np.ndarray, faces: FaceSet) -> list[bool]:
    """Of each face, whether a frame (h, w, C) uint8 of it covers its canvas, and not its crop.

    cover:   what somebody says, or "auto": see :func:`covers_canvas`.
    picture: the one that the faces were found in.
    Raises UsageError for another cover.
    """
    if cover not in get_args(Cover):
        raise UsageError(f"Frames cover one of {', '.join(get_args(Cover))}, not {cover!r}.")
    if cover != "auto":
        return [cover == "canvas"] * len(faces)
    return [covers_canvas(frame, picture, face) for frame, face in zip(frames, faces, strict=True)]


def covers_canvas(frame: np.ndarray, picture: np.ndarray, face: FaceRegion, rect: Rect | None = None) -> bool:
    """Whether a frame of any size looks like the picture around a face's canvas rather than around its crop.

    Canvas and crop are both square as a rule, and nodes in between may enlarge or squeeze either, so the shape alone
    cannot tell. It decides where the pictures do not; in doubt it is the canvas.

    rect: what is handed out in the canvas's place, such as a face's window in a video.
    """
    x0, y0, x1, y1 = rect or canvas_box(face)
    left, top, right, bottom = pixel_box(face.crop_px)
    canvas = _likeness(frame, picture[y0:y1, x0:x1]) + SHAPE * _fits(frame, (y1 - y0, x1 - x0))
    crop = _likeness(frame, crop_face(picture, face, (SIDE, SIDE))) + SHAPE * _fits(frame, (bottom - top, right - left))
    return canvas + DOUBT >= crop


def cut_crop(canvas: np.ndarray, face: FaceRegion) -> np.ndarray:
    """A face's crop out of a frame (h, w, C) of its canvas, as finely as the frame shows it: (h', w', 3)."""
    x0, y0, x1, y1 = canvas_box(face)
    down, across = canvas.shape[0] / (y1 - y0), canvas.shape[1] / (x1 - x0)
    left, top, right, bottom = pixel_box(face.crop_px)
    size = max(round((bottom - top) * down), 1), max(round((right - left) * across), 1)
    to_canvas = np.array([[across, 0, (0.5 - x0) * across - 0.5], [0, down, (0.5 - y0) * down - 0.5], [0, 0, 1]])
    matrix = (to_canvas @ np.vstack([crop_matrix(face, size), [0, 0, 1]]))[:2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    whole = np.ascontiguousarray(to_rgb(canvas))
    return cv2.warpAffine(whole, matrix, (size[1], size[0]), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _likeness(picture: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two pictures' brightness, -1 to 1; 0 for one that is flat."""
    one, two = (resize_picture(to_rgb(each), (SIDE, SIDE)).astype(np.float64).mean(axis=2) for each in (picture, other))
    one, two = one - one.mean(), two - two.mean()
    return float((one * two).sum() / max(np.sqrt((one**2).sum() * (two**2).sum()), 1e-6))


def _fits(frame: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether a frame has the shape of (height, width), but for rounding."""
    height, width = frame.shape[:2]
    return abs(width - height * size[1] / size[0]) <= max(1.0, SKEW * width)
