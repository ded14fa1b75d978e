"""Faces on a picture, for people to look at."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import FaceRegion, FaceSet
from .regions import crop_matrix, pixel_box

COLOURS = ((230, 60, 60), (60, 160, 230), (70, 190, 90), (230, 170, 40), (170, 90, 220), (40, 190, 190))


def draw_faces(picture: np.ndarray, faces: FaceSet, *, first: int = 0) -> np.ndarray:
    """A copy of the picture with each face's box, its crop as a thin line, its number and its score.

    Numbers are ids, counted on from ``first``.
    """
    drawn = np.ascontiguousarray(picture)
    drawn = drawn.copy() if drawn is picture else drawn
    thick = max(1, round(max(picture.shape[:2]) / 400))
    for face in faces:
        colour = COLOURS[face.id % len(COLOURS)]
        corners = crop_corners(face)
        cv2.polylines(drawn, [corners], True, colour, 1, cv2.LINE_AA)
        if face.roll_deg:  # the top of the head
            cv2.line(drawn, corners[0].tolist(), corners[1].tolist(), colour, thick + 1, cv2.LINE_AA)
        x0, y0, x1, y1 = (round(value) for value in face.box_px)
        cv2.rectangle(drawn, (x0, y0), (x1, y1), colour, thick, cv2.LINE_AA)
        _label(drawn, f"{face.id + first}  {face.score:.2f}", (max(x0, 0), y0), colour)
    return drawn


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
