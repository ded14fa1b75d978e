"""What an inspection draws besides keypoints and flow: folds, their course over the driver, and words."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..compose.canvas import Ellipse
from ..compose.flow import areas, cell_places, face_share
from ..evaluation.looks import FOLDED, SHOWS
from ..pictures import resize_picture
from .flows import Course

PAPER, INK, FAINT, ALARM = (24, 24, 24), (235, 235, 235), (110, 110, 110), (245, 165, 70)
RED, SHRUNK, GROWN = (205, 30, 30), (245, 190, 80), (120, 170, 240)
FONT, LETTERS, LINE = cv2.FONT_HERSHEY_SIMPLEX, 0.55, 26  # size of letters; pixels from line to line
MARGIN = 14


def fold_picture(displacement: np.ndarray, painted: np.ndarray, size: tuple[int, int], face: Ellipse) -> np.ndarray:
    """What becomes of areas under a displacement (h, w, 2) in half sides: (height, width, 3) uint8.

    White keeps its area, orange shrinks, blue grows, up to twice; red folds the face, where that is not painted.
    """
    area, places, unseen = (
        cv2.resize(cells.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
        for cells in (areas(displacement), cell_places(displacement), painted)
    )
    folds, area = ((area < FOLDED) & (face_share(places, face) > SHOWS) & (unseen < 0.5))[..., None], area[..., None]
    shrinks, grows = np.clip((1 - area) / (1 - FOLDED), 0, 1), np.clip(area - 1, 0, 1)
    colours = 255 + shrinks * (np.array(SHRUNK) - 255.0) + grows * (np.array(GROWN) - 255.0)
    return np.where(folds, RED, np.rint(colours)).astype(np.uint8)


def course_picture(course: Course, bound: float, size: tuple[int, int]) -> np.ndarray:
    """The folded share over the driver's frames as a line, with the bound: (height, width, 3) uint8."""
    height, width = size
    canvas = np.full((height, width, 3), PAPER, np.uint8)
    left, right, top, bottom = 12, width - 12, 44, height - 34
    most = max(course.worst, 1.5 * bound)
    span = max(int(course.frames[-1] - course.frames[0]), 1)

    def place(frame: float, share: float) -> tuple[int, int]:
        x = left + (right - left) * (frame - course.frames[0]) / span
        return round(float(x)), round(float(bottom - (bottom - top) * share / most))

    limit = place(course.frames[0], bound)[1]
    cv2.line(canvas, (left, limit), (right, limit), ALARM, 1, cv2.LINE_AA)
    points = np.array([place(*pair) for pair in zip(course.frames, course.folded, strict=True)], np.int32)
    cv2.polylines(canvas, [points], False, INK, 2, cv2.LINE_AA)
    cv2.line(canvas, (left, bottom), (right, bottom), FAINT, 1)
    put(canvas, f"most {100 * course.worst:.2f} %, limit {100 * bound:.2g} %", (left, 26))
    put(canvas, f"frame {course.frames[0]}", (left, height - 10))
    last = f"{course.frames[-1]}"
    put(canvas, last, (right - text_width(last), height - 10))
    return canvas


def words(lines: Sequence[tuple[str, bool]], width: int) -> np.ndarray:
    """Sentences under one another, wrapped to ``width``: (height, width, 3) uint8. Those marked True stand out.

    What is wrapped goes on two places further in, behind the mark of the first line.
    """
    rows = [
        (part if first else "  " + part, ALARM if alarm else INK)
        for line, alarm in lines
        for first, part in _numbered(wrapped(line, width - 2 * MARGIN - text_width("  ")))
    ]
    canvas = np.full((2 * MARGIN + LINE * len(rows), width, 3), PAPER, np.uint8)
    for number, (row, colour) in enumerate(rows):
        put(canvas, row, (MARGIN, MARGIN + LINE * number + 19), colour)
    return canvas


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines that are at most so many pixels wide; a longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def in_square(picture: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 3) uint8 as large as it gets in the middle of a square on paper."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    rows, columns = (max(1, round(length * scale)) for length in (height, width))
    canvas = np.full((side, side, 3), PAPER, np.uint8)
    top, left = (side - rows) // 2, (side - columns) // 2
    canvas[top : top + rows, left : left + columns] = resize_picture(picture, (rows, columns))
    return canvas


def put(canvas: np.ndarray, text: str, corner: tuple[int, int], colour: tuple[int, int, int] = INK) -> None:
    """Write on a picture, from the lower left corner of the text."""
    cv2.putText(canvas, text, corner, FONT, LETTERS, colour, 1, cv2.LINE_AA)


def text_width(text: str) -> int:
    """In pixels."""
    return cv2.getTextSize(text, FONT, LETTERS, 1)[0][0]


def _numbered(parts: Sequence[str]) -> list[tuple[bool, str]]:
    return [(number == 0, part) for number, part in enumerate(parts)]
