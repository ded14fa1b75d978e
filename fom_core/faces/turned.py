"""Heads on their side and upside down, with detectors that know upright ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .boxes import keep_best
from .detection import Detection, Detector, around
from .points import five_of
from .second_look import looks_at_turned, second_look

CONFIDENT = 0.92  # an upright face of this score says that the picture is upright: turned heads score less
UPRIGHT_DEG = 20.0  # a head that leans by less counts as upright
STEP_DEG = 45.0
ROLLS_DEG = tuple(STEP_DEG * number for number in range(1, 8))
BETTER = 0.02  # a turned look must beat the upright one by this much
ACCEPTED = 0.88  # least score of a head that only turned looks show
PLACES = 2  # that are looked at closely in one picture
TRIED = 3  # rolls at each, besides upright
SPREAD = 0.3  # boxes of one head in views of different roll overlap by this much
INSIDE = 0.5  # an upright box of which this much lies in a rolled head's is a part of it


@dataclass(frozen=True)
class TurningDetector:
    """A detector that also finds heads that are turned in the picture plane. What is upright stays as it was found.

    Turned looks are taken only where the landmarks say that a head is turned, or where no face is surely upright.
    """

    detector: Detector

    @property
    def name(self) -> str:
        return self.detector.name

    def detect(self, image: np.ndarray) -> list[Detection]:
        found = self.as_they_lie(image, self.detector.detect(image))
        if any(face.score >= CONFIDENT and stands(face) for face in found):
            return found
        rolled = self._turned(image, found)
        kept = [face for face in found if not any(lies_in(face, head) for head in rolled)]
        return [*kept, *rolled]

    def again(self, image: np.ndarray, head: Detection) -> Detection:
        """A turned head, seen at the roll that it had a moment ago, at the roll that it has now."""
        if head.landmarks_px is None:
            return self._between(image, head)
        return self._refined(image, head, head.roll_deg + leaning(head)) or head

    def as_they_lie(self, image: np.ndarray, found: Sequence[Detection]) -> list[Detection]:
        """Faces that were found upright, turned where their eyes and mouths say so."""
        return [self._by_landmarks(image, face) for face in found]

    def _by_landmarks(self, image: np.ndarray, face: Detection) -> Detection:
        """A face whose eyes and mouth say that it is turned, as it is when seen upright; others unchanged."""
        if stands(face):
            return face
        rolled = self._refined(image, face, leaning(face))
        if rolled is None or abs(rolled.roll_deg) < UPRIGHT_DEG or rolled.score < face.score - BETTER:
            return face
        return rolled

    def _turned(self, image: np.ndarray, upright: Sequence[Detection]) -> list[Detection]:
        """Heads that look better turned than upright."""
        seen = [*upright, *looks_at_turned(image, self.detector, ROLLS_DEG)]
        boxes = np.array([around(face) for face in seen]).reshape(-1, 4)
        places = keep_best(boxes, np.array([face.score for face in seen]), SPREAD)[:PLACES]
        heads = []
        for place in places:
            if any(lies_in(seen[place], head) for head in heads):
                continue
            here = [face for face in seen if lies_in(face, seen[place]) or lies_in(seen[place], face)]
            head = self._best_roll(image, seen[place], here)
            if head is not None:
                heads.append(head)
        return heads

    def _best_roll(self, image: np.ndarray, place: Detection, seen: Sequence[Detection]) -> Detection | None:
        """The head at a place, if it looks clearly better turned than upright."""
        best_first = sorted(seen, key=lambda face: -face.score)
        rolls = [roll for roll in dict.fromkeys(face.roll_deg for face in best_first) if roll][:TRIED]
        looks = [self._look(image, place, roll) for roll in (0.0, *rolls)]
        straight = [face for face in (looks[0], *seen) if face and not face.roll_deg and stands(face)]
        upright = max((face.score for face in straight), default=0.0)
        best = max(looks, key=lambda look: look.score if look else 0.0)
        if best is None:
            return None
        if best.landmarks_px is None:
            head = self._between(image, best)
        else:
            head = self._refined(image, best, best.roll_deg + leaning(best))
        if head is None or head.score < max(ACCEPTED, upright + BETTER) or abs(head.roll_deg) < UPRIGHT_DEG:
            return None
        return head

    def _look(self, image: np.ndarray, face: Detection, roll_deg: float) -> Detection | None:
        return second_look(image, self.detector, face.box_px, normal(roll_deg), overlap=SPREAD)

    def _refined(self, image: np.ndarray, face: Detection, roll_deg: float) -> Detection | None:
        """A closer look at about this roll, and once more at the roll that its landmarks show."""
        first = self._look(image, face, roll_deg)
        if first is None or abs(leaning(first)) < 3:
            return first
        return self._look(image, first, first.roll_deg + leaning(first)) or first

    def _between(self, image: np.ndarray, face: Detection) -> Detection:
        """Without landmarks: the top of the parabola through the scores of this roll and those half a step away."""
        before, after = (self._look(image, face, face.roll_deg + side * STEP_DEG / 2) for side in (-1, 1))
        low, top, high = (0.0 if look is None else look.score for look in (before, face, after))
        bend = low - 2 * top + high
        offset = float(np.clip(0.5 * (low - high) / bend, -1, 1)) if bend < 0 else float(np.sign(high - low))
        final = self._look(image, face, face.roll_deg + offset * STEP_DEG / 2)
        looks = [look for look in (face, before, after, final) if look is not None]
        best = max(looks, key=lambda look: look.score)
        return final if final is not None and final.score >= best.score - BETTER else best


def leaning(face: Detection) -> float:
    """By how many degrees eyes and mouth lean clockwise from the roll that the face was seen at; 0 without them."""
    points = five_of(face.landmarks_px)
    if points is None:
        return 0.0
    eye, other_eye, _, mouth, other_mouth = points
    down = (mouth + other_mouth - eye - other_eye) / 2
    across = (other_eye - eye) + (other_mouth - mouth) + [down[1], -down[0]]
    return normal(float(np.degrees(np.arctan2(across[1], across[0]))) - face.roll_deg)


def stands(face: Detection) -> bool:
    """Whether nothing says that the head is turned from the roll that it was seen at."""
    return abs(leaning(face)) < UPRIGHT_DEG


def normal(degrees: float) -> float:
    """The same turn in -180 to 180 degrees, 180 rather than -180."""
    return 180.0 - (180.0 - degrees) % 360.0


def lies_in(face: Detection, other: Detection) -> bool:
    """Whether most of one upright box lies in another."""
    (x0, y0, x1, y1), (left, top, right, bottom) = around(face), around(other)
    common = max(0.0, min(x1, right) - max(x0, left)) * max(0.0, min(y1, bottom) - max(y0, top))
    return common > INSIDE * (x1 - x0) * (y1 - y0)
