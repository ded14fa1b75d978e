"""The driver's view while the video is still going on: nothing is known of the frames to come."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import Box
from .boxes import iou
from .detect import face_side
from .detection import Detection, Detector, scaled, scaled_size
from .driver_face import SAME
from .landmarks import without_points
from .regions import MARGIN, as_box
from .second_look import second_look
from .tracking import PREPARED, WIDEST, DrivingCrop, fixed_view

EVERY = 10  # frames from one look at the face to the next while all is well …
SEARCHING = 3  # … and while it is not where it was, or nowhere
SEARCH_PX = (384, 384, 640)  # longer side of the frame in which a face is sought, by turns: small faces are rare
SMALLEST = (
    0.08  # of the frame's shorter side: who sits before a camera is no smaller, what is taken for a face often is
)
AWAY = 3  # looks without the driver until somebody else may take the place
BEYOND = 0.05  # face sides by which the face may pass the view's border before the view follows
SMALL, LARGE = 1.5, 1.2 * WIDEST  # view sides a face: outside of these it has come so near, or gone so far
GLIDE = 0.12  # of the way to the face that the view goes in a frame: no jump, and there in a second


class LiveView:
    """Which part of each frame shows the driver, found from the frames so far. Call it with them in their order.

    The view stands still as for a whole video, so that it adds no jitter of its own and the head's movement is seen. It
    glides after a face that leaves it, and begins anew with a face that comes after the driver was lost. Mostly every
    tenth frame is looked at, and only around the face.

    detector: None looks at whole frames, and counts the driver as seen.
    crop:     "face" follows the face; "auto" takes whole frames for as long as they show little else; "none" always.
    box:      the view of the last frame; None for the whole of it.
    seen:     whether the driver was there at the last look.
    """

    def __init__(
        self, detector: Detector | None, crop: DrivingCrop = "auto", *, every: int = EVERY, margin: float = MARGIN
    ) -> None:
        self._detector = None if crop == "none" or detector is None else without_points(detector)
        self._crop, self._every, self._margin = crop, every, margin
        self._face: np.ndarray | None = None  # where it was seen last
        self._goal: np.ndarray | None = None  # the view that is glided to
        self._view: np.ndarray | None = None
        self._whole = False
        self._looks_without, self._frames_since = AWAY, self._every
        self.seen = self._detector is None

    @property
    def box(self) -> Box | None:
        return None if self._whole or self._view is None else as_box(self._view)

    def __call__(self, frame: np.ndarray) -> Box | None:
        """The view of the next frame (H, W, 3) uint8."""
        if self._detector is None:
            return None
        self._frames_since += 1
        if self._frames_since >= (self._every if self.seen else min(self._every, SEARCHING)):
            self._frames_since = 0
            self._look(frame, self._detector)
        if self._goal is not None and self._view is not None:
            self._view = self._view + GLIDE * (self._goal - self._view)
            if np.abs(self._goal - self._view).max() < 0.5:
                self._view, self._goal = self._goal, None
        return self.box

    def _look(self, frame: np.ndarray, detector: Detector) -> None:
        found = None
        if self._face is not None and self._looks_without < AWAY:
            found = second_look(frame, detector, as_box(self._face), overlap=SAME) or self._same(frame, detector)
        else:
            found = self._newcomer(frame, detector)
        self.seen = found is not None
        if found is None:
            self._looks_without += 1
            return
        anew, self._looks_without = self._looks_without >= AWAY, 0
        self._face = np.array(found.box_px)
        wanted = np.array(fixed_view(self._face[None], frame.shape[:2], self._margin))
        little_else = self._crop == "auto" and _shows_little_else(wanted, frame)
        if anew or self._view is None:
            self._whole = little_else
            everything = np.array([0.0, 0.0, frame.shape[1], frame.shape[0]])
            self._view, self._goal = everything if self._whole else wanted, None
        elif not self._holds(self._face):
            self._whole = self._whole and little_else
            self._goal = None if self._whole else wanted

    def _search(self, frame: np.ndarray, detector: Detector) -> list[Detection]:
        """The faces of a shrunken copy of the whole frame."""
        longest = max(frame.shape[:2])
        scale = min(1.0, SEARCH_PX[self._looks_without % len(SEARCH_PX)] / longest)
        if scale == 1.0:
            return detector.detect(frame)
        small = cv2.resize(frame, scaled_size(frame, scale), interpolation=cv2.INTER_AREA)
        across, down = frame.shape[1] / small.shape[1], frame.shape[0] / small.shape[0]
        return [scaled(face, across, down) for face in detector.detect(small)]

    def _newcomer(self, frame: np.ndarray, detector: Detector) -> Detection | None:
        """The largest face that is one in a closer look, too."""
        least = SMALLEST * min(frame.shape[:2])
        large = sorted(self._search(frame, detector), key=face_side, reverse=True)
        return next(
            (face for face in large if face_side(face) >= least and second_look(frame, detector, face.box_px)), None
        )

    def _same(self, frame: np.ndarray, detector: Detector) -> Detection | None:
        """The face of the whole frame that overlaps the last place most."""
        found = self._search(frame, detector)
        overlaps = iou(np.array(self._face), np.array([face.box_px for face in found]).reshape(-1, 4))
        return found[int(overlaps.argmax())] if found and overlaps.max() >= SAME else None

    def _holds(self, face: np.ndarray) -> bool:
        """Whether the view still suits the face, in place and size."""
        assert self._view is not None
        side = float((face[2:] - face[:2]).max())
        inside = (face[:2] >= self._view[:2] - BEYOND * side).all() and (
            face[2:] <= self._view[2:] + BEYOND * side
        ).all()
        return bool(inside) and SMALL <= float((self._view[2:] - self._view[:2]).max()) / side <= LARGE


def _shows_little_else(view: np.ndarray, frame: np.ndarray) -> bool:
    """Whether the view of a face is nearly the whole frame."""
    short, long = sorted(frame.shape[:2])
    return bool(view[2] - view[0] >= PREPARED * short and long <= 1.25 * short)
