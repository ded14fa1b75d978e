"""A fixed view of the driver: one square that holds the face during the whole driving video."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from ..errors import NoFaceFound
from ..types import Box
from .boxes import iou
from .detect import face_side
from .detection import Detection, Detector
from .regions import LIFT, MARGIN

log = logging.getLogger(__name__)
PRESENT = 0.9  # a driver seen in a smaller share of the frames is worth a warning
ROOM = 1.12  # the view is at least this much larger than everything the face passes through …
WIDEST = 2.3  # … but no larger than this many faces, or the face would be too small for the model
SNUGGEST = 1.4  # a view that passes the frame's border shrinks to this many faces before the border is reflected
VIEWS = 60  # of the driving video are looked at to find its face
PREPARED = 0.75  # a view this large, in short sides of the frame, means that the video is cropped to the face already

DrivingCrop = Literal["auto", "face", "none"]
"""Look at a fixed square around the driver's face, or at the whole frame; auto: whole if it shows little else."""


def driving_view(
    frames: Iterable[np.ndarray],
    frame_size: tuple[int, int],
    detector: Detector,
    choice: DrivingCrop = "auto",
    *,
    frame_count: int,
    choose: int | None = None,
    name: str = "the driving video",
    progress: Callable[[int, int | None], None] | None = None,
) -> Box | None:
    """The part of the driving video to look at; None for the whole frame.

    frames:      (H, W, 3) uint8 of ``frame_size``, about ``frame_count`` of them; read once, none is held.
    choose:      whose face, see :func:`driving_crop`; the view is around it then, whatever else is seen.
    name:        how messages call the video.
    Raises NoFaceFound where a face was asked for and none is seen.
    """
    if choice == "none":
        return None
    box = driving_crop(
        frames, detector, every=max(5, frame_count // VIEWS), choose=choose, name=name, progress=progress
    )
    if box is None:
        message = f"No face was found in {name} by the detector {detector.name}"
        if choice == "face" or choose is not None:
            raise NoFaceFound(f"{message}. Choose another face detector, or the driving crop none.")
        log.warning("%s; the whole frame drives.", message)
        return None
    short, long = sorted(frame_size)
    prepared = box[2] - box[0] >= PREPARED * short and long <= 1.25 * short
    return None if prepared and choice == "auto" and choose is None else box


def driving_crop(
    frames: Iterable[np.ndarray],
    detector: Detector,
    *,
    every: int = 5,
    margin: float = MARGIN,
    choose: int | None = None,
    name: str = "the driving video",
    progress: Callable[[int, int | None], None] | None = None,
) -> Box | None:
    """A square in whole pixels around the driver's face for the whole video, or None if no frame shows one.

    One fixed view keeps the driver's movement and adds no jitter of its own. Looks at every n-th of the frames
    (H, W, 3) uint8 and holds none. It follows the largest face of the first frame that has one, or number ``choose``
    from the left there, counted from 1; framed as in training: 1 + ``margin`` times the median face side, wider if the
    face travels. ``progress`` hears of every frame. Raises NoFaceFound for a number beyond the faces of that frame.
    """
    boxes: list[np.ndarray] = []
    frame_size, looked_at = (0, 0), 0
    for index, frame in enumerate(frames):
        if index % every == 0:
            looked_at += 1
            frame_size = frame.shape[0], frame.shape[1]
            found = detector.detect(frame)
            if choose is not None and not boxes and found:
                found = [_from_the_left(found, choose, name)]
            same = _same_face(boxes[-1] if boxes else None, found)
            if same is not None:
                boxes.append(np.array(same.box_px))
        if progress:
            progress(index + 1, None)
    if boxes and len(boxes) < PRESENT * looked_at:
        log.warning(
            "The driver's face is out of sight in %d of %d looked-at frames; the result will be torn there.",
            looked_at - len(boxes),
            looked_at,
        )
    return fixed_view(np.array(boxes), frame_size, margin) if boxes else None


def _from_the_left(found: list[Detection], number: int, name: str) -> Detection:
    if not 1 <= number <= len(found):
        raise NoFaceFound(
            f"The first frame of {name} that shows a face shows {len(found)}, so there is no face {number} from the "
            "left to drive. Choose a lower number, or the largest."
        )
    return sorted(found, key=lambda face: face.box_px[0] + face.box_px[2])[number - 1]


def _same_face(last: np.ndarray | None, found: list[Detection]) -> Detection | None:
    """The detection that continues the track: the largest at first, then the one that overlaps the last box most."""
    if not found:
        return None
    if last is None:
        return max(found, key=face_side)
    overlap = iou(last, np.array([detection.box_px for detection in found]))
    return found[int(overlap.argmax())] if overlap.max() > 0 else None


def fixed_view(boxes: np.ndarray, frame_size: tuple[int, int], margin: float) -> Box:
    """The square for boxes (T, 4), moved into the frame as far as it fits."""
    face_side_px = float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))
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
