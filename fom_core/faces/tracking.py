"""A fixed view of the driver: one square that holds the face during the whole driving video."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from ..errors import NoFaceFound, UsageError
from ..types import Box, Progress
from .detection import Detection, Detector
from .driver_face import DriverFace
from .landmarks import LandmarkDetector, without_points
from .points import steady_box
from .regions import LIFT, MARGIN
from .selection import NEAR_BEST

log = logging.getLogger(__name__)
PRESENT = 0.9  # a driver seen in a smaller share of the frames is worth a warning
ROOM = 1.12  # the view is at least this much larger than everything the face passes through …
WIDEST = 2.3  # … but no larger than this many faces, or the face would be too small for the model
SNUGGEST = 1.4  # a view that passes the frame's border shrinks to this many faces before the border is reflected
VIEWS = 60  # of the driving video are looked at to find its face
ENTRANCE, CLOSELY = 150, 3  # so many frames from the start every third is looked at until there is a face
CLEAR = 0.6  # a face with a smaller share of its usual contrast fades in or out: keypoints are 0.02 off there, and more
PREPARED = 0.75  # a view this large, in short sides of the frame, means that the video is cropped to the face already

DrivingCrop = Literal["auto", "face", "none"]
"""Look at a fixed square around the driver's face, or at the whole frame; auto: whole if it shows little else."""


@dataclass(frozen=True)
class DrivingView:
    """Which part of a driving video to look at, and where its driver is in sight.

    box:  None for the whole frame.
    seen: for every frame, whether the driver's face is there, and not faded in or out; between two frames in which it
          was found it counts as seen. None where nobody looked, or no frame shows a face.
    face_px: the longer side of the driver's face, the median of the frames in which it was found; None without one.
    looked:  whether anybody looked for a face.
    covered: for every frame, whether somebody else is where the driver was seen before and is seen again.
    faces:   how many faces the first frame that shows any has, without doubtful ones; the driver is one of them.
    """

    box: Box | None = None
    seen: tuple[bool, ...] | None = None
    face_px: float | None = None
    faces: int = 0
    looked: bool = False
    covered: tuple[bool, ...] | None = None


def look_for_driver(
    frames: Iterable[np.ndarray],
    frame_size: tuple[int, int],
    detector: Detector,
    choice: DrivingCrop = "auto",
    *,
    frame_count: int,
    choose: int | None = None,
    name: str = "the driving video",
    progress: Progress | None = None,
) -> DrivingView:
    """The part of the driving video to look at, and the frames that show its face.

    frames:      (H, W, 3) uint8 of ``frame_size``, about ``frame_count`` of them; read once, none is held.
    choose:      whose face, see :func:`face_view`; the view is around it then, whatever else is seen.
    name:        how messages call the video.
    Raises NoFaceFound where a face was asked for and none is seen.
    """
    if choice == "none":
        return DrivingView()
    every = max(5, frame_count // VIEWS)
    view = face_view(frames, detector, every=every, choose=choose, name=name, progress=progress)
    if view.box is None:
        message = f"No face was found in {name} by the detector {detector.name}"
        if choice == "face" or choose is not None:
            raise NoFaceFound(f"{message}. Choose another face detector, or the driving crop none.")
        log.warning("%s; the whole frame drives.", message)
        return view
    short, long = sorted(frame_size)
    prepared = view.box[2] - view.box[0] >= PREPARED * short and long <= 1.25 * short
    return replace(view, box=None) if prepared and choice == "auto" and choose is None else view


def driving_view(
    frames: Iterable[np.ndarray],
    frame_size: tuple[int, int],
    detector: Detector,
    choice: DrivingCrop = "auto",
    *,
    frame_count: int,
    choose: int | None = None,
    name: str = "the driving video",
    progress: Progress | None = None,
) -> Box | None:
    """The box of :func:`look_for_driver` alone; None for the whole frame."""
    return look_for_driver(
        frames, frame_size, detector, choice, frame_count=frame_count, choose=choose, name=name, progress=progress
    ).box


def driving_crop(
    frames: Iterable[np.ndarray],
    detector: Detector,
    *,
    every: int = 5,
    margin: float = MARGIN,
    choose: int | None = None,
    name: str = "the driving video",
    progress: Progress | None = None,
) -> Box | None:
    """The box of :func:`face_view` alone, or None if no frame shows a face."""
    return face_view(frames, detector, every=every, margin=margin, choose=choose, name=name, progress=progress).box


def face_view(
    frames: Iterable[np.ndarray],
    detector: Detector,
    *,
    every: int = 5,
    margin: float = MARGIN,
    choose: int | None = None,
    name: str = "the driving video",
    progress: Progress | None = None,
) -> DrivingView:
    """A square in whole pixels around the driver's face for the whole video.

    One fixed view keeps the driver's movement and adds no jitter of its own. Looks at every n-th of the frames
    (H, W, 3) uint8, at the start more closely until there is a face, and holds none. It follows the largest face of the
    first frame that has one, or number ``choose`` from the left there, counted from 1; framed as in training: 1 +
    ``margin`` times the median face side, wider if the face travels. ``progress`` hears of every frame.
    Raises UsageError for a number beyond the faces of that frame.
    """
    boxes: dict[int, np.ndarray] = {}  # by the number of the frame
    found: dict[int, bool] = {}
    contrasts: dict[int, float] = {}  # of the face, where it is or was last
    hidden: dict[int, bool] = {}  # behind somebody else
    driver = DriverFace()
    frame_size, count, first_faces = (0, 0), 0, 0
    for index, frame in enumerate(frames):
        closely = index < ENTRANCE and index % CLOSELY == 0
        if index % every == 0 or (closely and driver.box is None):
            frame_size = frame.shape[0], frame.shape[1]
            faces = without_points(detector).detect(frame)
            first_faces = first_faces or _convincing_ones(faces)
            if choose is not None and driver.box is None and faces:
                faces = [_from_the_left(faces, choose, name)]
            same = driver.among(frame, faces)
            found[index], hidden[index] = same is not None, driver.covered
            if same is not None and isinstance(detector, LandmarkDetector):
                same = detector.pointed(frame, same)
            if same is not None:
                boxes[index] = np.array(steady_box(same.box_px, same.landmarks_px))
        if driver.box is not None and (closely or index in boxes):
            contrasts[index] = _contrast(frame, driver.box)
        count = index + 1
        if progress:
            progress(count, None)
    if not boxes:
        return DrivingView(looked=True)
    looks = [there for index, there in found.items() if index % every == 0]
    _tell_hidden(looks, name)
    clear = CLEAR * float(np.median([contrasts[index] for index in boxes]))
    faded = {index: contrast < clear for index, contrast in contrasts.items()}
    kept = [box for index, box in boxes.items() if not faded[index]]
    seen = zip(_between(found, count), _lasting(faded, count), strict=True)
    return DrivingView(
        fixed_view(np.array(kept), frame_size, margin),
        tuple(here and not pale for here, pale in seen),
        usual_side(np.array(kept)),
        first_faces,
        looked=True,
        covered=_covered(found, hidden, count),
    )


def _tell_hidden(looks: list[bool], name: str) -> None:
    """A warning where looks, spread over the whole video, often find no face."""
    if not any(looks):
        log.warning(
            "None of the %d looked-at frames of %s shows the driver's face, so nothing or little moves. Choose "
            "another part of it, or another video.", len(looks), name,
        )  # fmt: skip
    elif sum(looks) < PRESENT * len(looks):
        log.warning(
            "The driver's face is out of sight in %d of %d looked-at frames: the result holds still before it comes "
            "and after it goes; where it goes and comes back, the result may be torn.",
            len(looks) - sum(looks),
            len(looks),
        )


def _between(found: dict[int, bool], count: int) -> tuple[bool, ...]:
    """For each of ``count`` frames whether the face is there: where it was found, and between two such frames.

    After the last frame that was looked at, all is as in that one.
    """
    looked = sorted(found)
    seen = []
    for frame, following in zip(looked, [*looked[1:], count], strict=True):
        rest = found[frame] and found.get(following, True)
        seen += [found[frame]] + [rest] * (following - frame - 1)
    return tuple(seen)


def _covered(found: dict[int, bool], hidden: dict[int, bool], count: int) -> tuple[bool, ...] | None:
    """For each of ``count`` frames whether the face is behind somebody else, and seen before and after; None for never.

    From one look that shows it to the next, where one in between finds somebody else in its place.
    """
    if not any(hidden.values()):
        return None
    covered = np.zeros(count, bool)
    there = [frame for frame in sorted(found) if found[frame]]
    for before, after in pairwise(there):
        covered[before + 1 : after] = any(hidden[frame] for frame in found if before < frame < after)
    return tuple(covered.tolist())


def _lasting(marks: dict[int, bool], count: int) -> list[bool]:
    """For each of ``count`` frames the last mark up to it."""
    lasting, mark = [], False
    for frame in range(count):
        mark = marks.get(frame, mark)
        lasting.append(mark)
    return lasting


def _contrast(frame: np.ndarray, box: np.ndarray) -> float:
    """Standard deviation of the grey levels in a box, which may reach past the frame."""
    x0, y0, x1, y1 = (max(0, round(float(place))) for place in box)
    part = frame[y0:y1, x0:x1]
    if not part.size:
        return 0.0
    threefold = sum(part[..., colour].astype(np.uint16) for colour in range(3))  # means of three are slow to take
    return float(np.std(threefold)) / 3


def _from_the_left(found: list[Detection], number: int, name: str) -> Detection:
    if not 1 <= number <= len(found):
        raise UsageError(
            f"The first frame of {name} that shows a face shows {len(found)}, so there is no face {number} from the "
            "left to drive. Choose a lower number, or the largest."
        )
    return sorted(found, key=lambda face: face.box_px[0] + face.box_px[2])[number - 1]


def fixed_view(boxes: np.ndarray, frame_size: tuple[int, int], margin: float) -> Box:
    """The square for boxes (T, 4), moved into the frame as far as it fits."""
    face_side_px = usual_side(boxes)
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    extent = float((high - low).max())
    side = max((1 + margin) * face_side_px, min(ROOM * extent, WIDEST * face_side_px))
    side = round(min(side, max(SNUGGEST * face_side_px, min(frame_size))))
    middle = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
    # What the face passes through stays in view when the view is wide enough for it; else the usual place does.
    middle = np.clip(middle, np.minimum(high - side / 2, middle), np.maximum(low + side / 2, middle))
    middle[1] -= LIFT * face_side_px
    corner = []
    for centre, limit in zip(middle, (frame_size[1], frame_size[0]), strict=True):
        start = round(centre - side / 2)
        corner.append(min(max(start, 0), limit - side) if side <= limit else round((limit - side) / 2))
    x0, y0 = (float(value) for value in corner)
    return (x0, y0, x0 + side, y0 + side)


def _convincing_ones(faces: list[Detection]) -> int:
    """How many of the faces of a frame score near the best of them; the others are mistakes, more often than not."""
    best = max((face.score for face in faces), default=0.0)
    return sum(face.score >= best - NEAR_BEST for face in faces)


def usual_side(boxes: np.ndarray) -> float:
    """The median of the longer sides of boxes (T, 4)."""
    return float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))
