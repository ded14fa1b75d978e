"""What the points of a face mean: five, or the 68 and 98 that landmark networks find.

68 are those of iBUG's 300-W, 98 those of WFLW: the outline of the jaw, brows, nose, eyes and mouth, from the left of
the picture to the right. Five are the eyes, the tip of the nose and the corners of the mouth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import UsageError
from ..types import Box, FaceRegion
from .boxes import area

COUNTS = (98, 68)
_FIVE: dict[int, tuple[Sequence[int], ...]] = {
    98: (range(60, 68), range(68, 76), (54,), (76,), (82,)),
    68: (range(36, 42), range(42, 48), (30,), (48,), (54,)),
}
"""Which points' mean each of the five is. The lids' and not the pupils', which wander with the gaze."""
_BROWS_IN_98 = ((33,), (34, 41), (35, 40), (36, 39), (37, 38), (42, 50), (43, 49), (44, 48), (45, 47), (46,))
_EYES_IN_98 = (60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75)
_LINES: dict[int, tuple[tuple[range, bool], ...]] = {  # and whether the line ends where it began
    98: (
        (range(33), False), (range(33, 42), True), (range(42, 51), True), (range(51, 55), False),
        (range(55, 60), False), (range(60, 68), True), (range(68, 76), True), (range(76, 88), True),
        (range(88, 96), True),
    ),
    68: (
        (range(17), False), (range(17, 22), False), (range(22, 27), False), (range(27, 31), False),
        (range(31, 36), False), (range(36, 42), True), (range(42, 48), True), (range(48, 60), True),
        (range(60, 68), True),
    ),
}  # fmt: skip
# Of a detector's box, as shares of it: its middle lies so far from the eyes to the mouth, which are so far apart, and
# the eyes so far from one another. From the medians of YuNet's boxes on 79 upright faces.
_MIDDLE, _DOWN, _ACROSS = 0.313, 0.335, 0.47
TALL = 1.37  # heights of a face's box for one width: median of YuNet's on 162 upright faces


def to_68(points: np.ndarray) -> np.ndarray:
    """Of 98 points (98, 2) the 68 that mean the same; those of the brows lie between two of them.

    68 stay as they are; for other sets it raises UsageError.
    """
    if len(points) == 68:
        return points
    if len(points) != 98:
        raise UsageError(f"68 points are made of 98 of a face, not of {len(points)}. Find them with landmarks=98.")
    brows = [points[list(pair)].mean(axis=0) for pair in _BROWS_IN_98]
    return np.concatenate([points[0:33:2], brows, points[51:60], points[list(_EYES_IN_98)], points[76:96]])


def five_of(points: Iterable[Sequence[float]] | np.ndarray | None) -> np.ndarray | None:
    """Eyes, nose and mouth corners (5, 2) of 5, 68 or 98 points; None for none, and for sets of another meaning."""
    if points is None:
        return None
    found = np.array(list(points), dtype=np.float64).reshape(-1, 2)
    if len(found) == 5:
        return found
    if len(found) not in _FIVE:
        return None
    return np.stack([found[list(members)].mean(axis=0) for members in _FIVE[len(found)]])


def lines(count: int) -> list[tuple[list[int], bool]]:
    """Which points are joined in a drawing, and whether the line is closed; nothing for five."""
    return [(list(members), closed) for members, closed in _LINES.get(count, ())]


def steady_box(box: Box, points: Sequence[Sequence[float]] | np.ndarray | None) -> Box:
    """Where a detector's box around these 68 or 98 points usually lies, upright; the box itself without so many.

    The mean of many points trembles less than a box, and does not grow as the mouth opens.
    """
    found = five_of(points)
    if points is None or found is None or len(points) == 5:
        return box
    eye, other_eye, _, mouth, other_mouth = found
    eyes, lips = (eye + other_eye) / 2, (mouth + other_mouth) / 2
    height = max(float(np.linalg.norm(lips - eyes)) / _DOWN, float(np.linalg.norm(other_eye - eye)) / _ACROSS * TALL)
    x, y = (eyes + _MIDDLE * (lips - eyes)).tolist()
    steady = (x - height / TALL / 2, y - height / 2, x + height / TALL / 2, y + height / 2)
    return steady if float(area(np.array([steady]))[0]) > 0 else box


def standing_box(face: FaceRegion) -> Box:
    """The box along a head before it is turned about its middle by the face's roll; of an upright one its box."""
    if not face.roll_deg:
        return face.box_px
    x0, y0, x1, y1 = face.box_px
    # The upright box around a turned ellipse has the diagonal of the box that stands along it, whatever the turn.
    width = float(np.hypot(x1 - x0, y1 - y0) / np.hypot(1, TALL))
    x, y, across, down = (x0 + x1) / 2, (y0 + y1) / 2, width / 2, TALL * width / 2
    return (x - across, y - down, x + across, y + down)
