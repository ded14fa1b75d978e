"""Faces on a picture, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..types import FaceRegion, FaceSet
from .parsing import on_picture
from .points import lines
from .regions import crop_matrix, pixel_box

PART_COLOURS = np.array(  # of fom_core.faces.parsing.PARTS
    [
        (0, 0, 0), (230, 190, 160), (240, 150, 90), (90, 220, 230), (60, 120, 255), (60, 120, 255), (150, 90, 40),
        (150, 90, 40), (240, 120, 170), (240, 120, 170), (120, 0, 40), (220, 40, 60), (240, 80, 100), (190, 60, 220),
        (110, 60, 240), (255, 220, 60), (220, 230, 110), (160, 200, 120), (60, 150, 100),
    ],
    np.uint8,
)  # fmt: skip
COLOURS = ((230, 60, 60), (60, 160, 230), (70, 190, 90), (230, 170, 40), (170, 90, 220), (40, 190, 190))

POINTS = (90, 255, 120)
SHIFT = 4  # binary digits of a pixel's fraction


def draw_faces(picture: np.ndarray, faces: FaceSet, *, first: int = 0, parsed: Sequence[np.ndarray] = ()) -> np.ndarray:
    """A copy of the picture with each face's box, its crop as a thin line, its number, its score and its points.

    Numbers are ids, counted on from ``first``. ``parsed`` are the parts of each head, see
    :func:`~.parsing.parse_heads`; each part is tinted.
    """
    drawn = np.ascontiguousarray(picture)
    drawn = drawn.copy() if drawn is picture else drawn
    tint_parts(drawn, faces, parsed)
    thick = max(1, round(max(picture.shape[:2]) / 400))
    for face in faces:
        colour = COLOURS[face.id % len(COLOURS)]
        _draw_points(drawn, face)
        corners = crop_corners(face)
        cv2.polylines(drawn, [corners], True, colour, 1, cv2.LINE_AA)
        if face.roll_deg:  # the top of the head
            cv2.line(drawn, corners[0].tolist(), corners[1].tolist(), colour, thick + 1, cv2.LINE_AA)
        x0, y0, x1, y1 = (round(value) for value in face.box_px)
        cv2.rectangle(drawn, (x0, y0), (x1, y1), colour, thick, cv2.LINE_AA)
        _label(drawn, f"{face.id + first}  {face.score:.2f}", (max(x0, 0), y0), colour)
    return drawn


def part_colours(labels: np.ndarray) -> np.ndarray:
    """A parsed head (h, w) in colours: (h, w, 3) uint8, black where nothing of it is."""
    return PART_COLOURS[labels]


def tint_parts(picture: np.ndarray, faces: FaceSet, parsed: Sequence[np.ndarray]) -> None:
    """Colour the parts of heads half through, in place."""
    for crop, face in zip(parsed, faces, strict=False):
        labels = on_picture(crop, face)
        there = labels > 0
        mixed = picture[there].astype(np.uint16) + part_colours(labels[there])
        picture[there] = (mixed // 2).astype(np.uint8)


def _draw_points(picture: np.ndarray, face: FaceRegion) -> None:
    """The points of a face as dots, those of a part joined; of five the dots alone."""
    if face.landmarks_px is None:
        return
    places = np.array(face.landmarks_px) - 0.5  # from the corner to centres of pixels
    side = max(face.box_px[2] - face.box_px[0], face.box_px[3] - face.box_px[1])
    radius = max(1, round(side / 120))
    for members, closed in lines(len(places)):
        cv2.polylines(picture, [_fixed(places[members])], closed, POINTS, max(1, radius // 2), cv2.LINE_AA, SHIFT)
    for place in _fixed(places):
        cv2.circle(picture, place.tolist(), radius << SHIFT, POINTS, -1, cv2.LINE_AA, SHIFT)


def _fixed(places: np.ndarray) -> np.ndarray:
    """Pixels as OpenCV draws between them."""
    return np.rint(places * (1 << SHIFT)).astype(np.int32)


def crop_corners(face: FaceRegion) -> np.ndarray:
    """Outermost pixels of the crop where it lies in the picture, turned as the head is: (4, 2), clockwise."""
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    width, height = x1 - x0, y1 - y0
    ends = np.array([(0, 0, 1), (width - 1, 0, 1), (width - 1, height - 1, 1), (0, height - 1, 1)])
    return np.rint(ends @ crop_matrix(face, (height, width)).T).astype(np.int32)


def _label(picture: np.ndarray, text: str, corner: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """White text on a bar of the face's colour, above the corner or, at the picture's top, below it."""
    scale = max(0.4, max(picture.shape[:2]) / 1600)
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x, bottom = corner[0], max(corner[1], height + base)
    cv2.rectangle(picture, (x, bottom - height - base), (x + width, bottom), colour, -1)
    cv2.putText(
        picture, text, (x, bottom - base // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA
    )
