"""Which faces of a picture, and in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ..errors import NoFaceFound, UsageError
from ..types import FaceRegion, FaceSet
from .detect import load_detector
from .detection import Detector
from .regions import to_rgb
from .second_look import second_look

LEFT_TO_RIGHT = "left to right"
PROMINENT_FIRST = "most prominent first"
NEAR_BEST = 0.15  # scores further below the best are of something else than a face, more often than not
SURE = 0.9  # no second look is needed
ORDERS: Mapping[str, Callable[[FaceRegion], float]] = MappingProxyType(
    {
        LEFT_TO_RIGHT: lambda face: face.box_px[0] + face.box_px[2],
        "largest first": lambda face: -face_area(face),
        PROMINENT_FIRST: lambda face: -prominence(face),
        "top to bottom": lambda face: face.box_px[1] + face.box_px[3],
    }
)


def select_faces(
    faces: FaceSet,
    choice: str | None = "all",
    *,
    order: str = LEFT_TO_RIGHT,
    picture: np.ndarray | None = None,
    detector: Detector | str | None = None,
) -> FaceSet:
    """Those of the faces of a picture that are to be animated, as ``fom animate`` chooses them.

    choice:   "all", or numbers from 1 such as "2", "1,3" or "2-4", as its --faces; None is the most prominent one:
              large and near the middle.
    order:    in which they are numbered, and so which driver moves which: "left to right", "largest first", "most
              prominent first" or "top to bottom".
    picture, detector: what they were found in and by; with both, doubtful ones are looked at once more before they
              count as prominent.
    The rest stay as ``others``, so that nothing of them moves. Raises NoFaceFound, UsageError.
    """
    if not len(faces):
        raise NoFaceFound("There is no face to choose from. Take a picture with a visible face, or another detector.")
    if isinstance(detector, str):
        detector = load_detector(detector)
    if choice is None:
        return picked(faces, [faces.faces.index(most_prominent(faces, picture, detector))])
    ordered = in_order(faces, order, picture, detector)
    return picked(ordered, chosen(choice, len(ordered)))


def in_order(
    faces: FaceSet, order: str = LEFT_TO_RIGHT, picture: np.ndarray | None = None, detector: Detector | None = None
) -> FaceSet:
    """The faces sorted by one of :data:`ORDERS`, with ids from 0. Raises UsageError for another word.

    With the picture (H, W, 3) uint8 and the detector that found them, the most prominent first are those that
    :func:`most_prominent` takes for faces.
    """
    if order not in ORDERS:
        raise UsageError(f"The order of faces is one of {', '.join(ORDERS)}; got {order!r}.")
    ordered = sorted(faces, key=ORDERS[order])
    if order == PROMINENT_FIRST:
        convincing = list(_convincing(faces, picture, detector))
        ordered = convincing + [face for face in ordered if face not in convincing]
    return replace(faces, faces=tuple(replace(face, id=index) for index, face in enumerate(ordered)))


def chosen(choice: str, count: int, what: str = "PICTURE", *, shown: str = "") -> list[int]:
    """Indices from 0 for a choice such as "all", "2", "1,3" or "2-4", counted from 1; sorted, each once.

    what:  in which they are, "PICTURE" or "VIDEO". shown: what shows the numbers, if not a command.
    Raises UsageError for words that are no numbers, numbers beyond ``count``, and ranges that run backwards.
    """
    text = choice.strip().lower()
    if text in ("", "all"):
        return list(range(count))
    numbers: set[int] = set()
    for part in re.split(r"[,;\s]+", text.strip(" ,;")):
        found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part)
        if not found:
            raise UsageError(f'Faces are chosen by number, such as "1,3", "2-4" or "all"; got {choice!r}.')
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise UsageError(f"The choice {choice!r} has the range {part}, which runs backwards: write {last}-{first}.")
        numbers.update(range(first, last + 1))
    missing = sorted(number for number in numbers if not 1 <= number <= count)
    if missing:
        there = f"there are {count} faces, numbered 1 to {count}" if count > 1 else f"there is {count or 'no'} face"
        raise UsageError(
            f"The choice {choice!r} asks for face {missing[0]}, but {there}. Another face detector may find more; "
            + (shown or f"`fom faces {what} --output FILE` shows them.")
        )
    return sorted(number - 1 for number in numbers)


def picked(faces: FaceSet, indices: Iterable[int]) -> FaceSet:
    """These faces alone, in this order; the rest stay as ``others``, as far as they are faces of somebody else.

    A box that scores far below the best is none, nor is one whose middle lies in a picked one or that holds its middle.
    """
    kept = tuple(faces[index] for index in dict.fromkeys(indices))
    best = max((face.score for face in faces), default=0.0)
    rest = (face for face in (*faces, *faces.others) if face not in kept and face.score >= best - NEAR_BEST)
    others = tuple(face for face in rest if not any(_same_place(face, one) for one in kept))
    return FaceSet(kept, faces.frame_size, others)


def _same_place(face: FaceRegion, other: FaceRegion) -> bool:
    """Whether one box holds the middle of the other."""

    def holds(outer: FaceRegion, inner: FaceRegion) -> bool:
        (x0, y0, x1, y1), (a, b, c, d) = outer.box_px, inner.box_px
        return x0 <= (a + c) / 2 <= x1 and y0 <= (b + d) / 2 <= y1

    return holds(face, other) or holds(other, face)


def most_prominent(faces: FaceSet, picture: np.ndarray | None = None, detector: Detector | None = None) -> FaceRegion:
    """The largest face, where a face in the corner counts half as large as one in the middle.

    Boxes whose score is far below the best are no match for it, however large. With the picture (H, W, 3) uint8 that
    the faces were found in and the detector, a doubtful one must also be seen in a closer look at its surroundings.
    """
    return next(_convincing(faces, picture, detector), None) or max(faces, key=lambda face: face.score)


def _convincing(faces: FaceSet, picture: np.ndarray | None, detector: Detector | None) -> Iterator[FaceRegion]:
    """The faces that hold for one, most prominent first; looked at again only when they are asked for."""
    best = max((face.score for face in faces), default=0.0)
    for face in sorted(faces, key=prominence, reverse=True):
        if face.score < best - NEAR_BEST:
            continue
        if face.score >= SURE or picture is None or detector is None or seen_again(face, picture, detector):
            yield face


def seen_again(face: FaceRegion, picture: np.ndarray, detector: Detector) -> bool:
    """Whether the detector finds the face in the part of the picture around it, too; a rolled one was found there."""
    return face.roll_deg != 0 or second_look(to_rgb(picture), detector, face.box_px) is not None


def prominence(face: FaceRegion) -> float:
    """Area of the box in square pixels, halved in the picture's corner."""
    (height, width), (x0, y0, x1, y1) = face.frame_size, face.box_px
    off_centre = np.hypot((x0 + x1) / width - 1, (y0 + y1) / height - 1) / np.sqrt(2)  # 0 middle, 1 corner
    return face_area(face) * (1 - 0.5 * float(off_centre))


def face_area(face: FaceRegion) -> float:
    """Area of the box in square pixels."""
    x0, y0, x1, y1 = face.box_px
    return (x1 - x0) * (y1 - y0)
