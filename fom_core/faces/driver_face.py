"""Which of the faces of a driving video is the driver's, from look to look, though others pass in front of it."""

from __future__ import annotations

from collections import deque

import numpy as np

from .boxes import iou
from .detect import face_side
from .detection import Detection
from .likeness import alike, look_of

SAME = 0.05  # least overlap with where the face was; something small in its place is not the driver
REMEMBERED = 12  # looks at other people


class DriverFace:
    """Follows the largest face of the first look that shows one.

    It goes by place, and where faces meet or are fewer than before, by what they look like: who was seen beside the
    driver is not taken for the driver when only that face is left.

    box:     (4,) where the driver was seen last; None before.
    covered: whether the last look showed somebody else where the driver is awaited.
    """

    def __init__(self) -> None:
        self.box: np.ndarray | None = None
        self.covered = False
        self._look: np.ndarray | None = None
        self._seen = 0  # faces, when the driver was last seen
        self._others: deque[np.ndarray] = deque(maxlen=REMEMBERED)

    def among(self, frame: np.ndarray, found: list[Detection]) -> Detection | None:
        """The driver's face among those of a frame (H, W, C); None where it is out of sight."""
        self.covered = False
        if not found:
            return None
        boxes = np.array([face.box_px for face in found])
        looks = [look_of(frame, box) for box in boxes]
        if self.box is None:
            mine: int | None = max(range(len(found)), key=lambda index: face_side(found[index]))
        else:
            mine = self._again(boxes, looks)
        if mine is not None:
            self._keep(boxes[mine], looks[mine], alone=bool((iou(boxes[mine], boxes) > 0).sum() == 1))
            self._seen = len(found)
        beside = iou(self.box, boxes) < SAME if self.box is not None else np.zeros(len(found), bool)
        hidden = mine is None and self.covered
        self._others.extend(look for index, look in enumerate(looks) if index != mine and (beside[index] or hidden))
        return None if mine is None else found[mine]

    def _again(self, boxes: np.ndarray, looks: list[np.ndarray]) -> int | None:
        assert self.box is not None and self._look is not None
        overlaps = iou(self.box, boxes)
        near = [index for index in range(len(boxes)) if overlaps[index] >= SAME]
        own = {index: alike(looks[index], self._look) for index in near}
        mine = near
        if len(boxes) < self._seen or _meet(boxes):
            mine = [index for index in near if all(own[index] >= alike(looks[index], other) for other in self._others)]
        self.covered = bool(near) and not mine
        return max(mine, key=lambda index: overlaps[index] + own[index]) if mine else None

    def _keep(self, box: np.ndarray, look: np.ndarray, alone: bool) -> None:
        """Take a look into account; of faces that cover one another the look tells nothing of who they are."""
        self.box = box
        if self._look is None:
            self._look = look
        elif alone:
            self._look = 0.8 * self._look + 0.2 * look


def _meet(boxes: np.ndarray) -> bool:
    """Whether any two of the boxes (N, 4) cover one another."""
    return any(bool((iou(box, boxes[:index]) > 0).any()) for index, box in enumerate(boxes))
