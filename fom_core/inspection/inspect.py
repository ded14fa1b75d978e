"""From a picture and a driver's motion to an inspection: measured, judged and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..backends import Backend
from ..compose import open_composer
from ..compose.canvas import face_in_crop
from ..driver import look_at
from ..errors import NoFaceFound
from ..faces.regions import as_face_set, crop_face
from ..faces.tracking import DrivingView
from ..pictures import require_frames, require_picture, to_pictures
from ..pipeline import driving_motions, encode_face
from ..types import CHUNK_SIZE, Box, FaceRegion, FaceSet, Motion, MotionTransfer, Progress
from .drawing import course_picture, words
from .findings import FOLDS, Finding, Measured, findings_of
from .flows import Course, FaceFlow
from .measure import badness, measure
from .sheet import COLUMNS, SIZE, TILE, Moment, Tile, driver_tiles, laid_out, moment_tiles, source_tiles

MOMENTS, APART = 2, 0.1  # on the sheet, and how far from one another, in lengths of the driver


@dataclass(frozen=True)
class Inspection:
    """What is to be expected of a picture and a driver.

    model:         by its name, and ``face`` that was looked at.
    initial_frame: of the driver, from which relative motion counts; None where it counts from a pose at rest, or the
                   motion is not relative.
    course:        the flow over the driver; None for a model without one.
    gain:          the largest gain, in tenths up to 2, at which the face stays whole; None where none does, or where
                   the motion is not relative.
    findings:      the verdict, sentence by sentence; those that warn come first.
    sheet:         (H, 1600, 3) uint8: source, crop, keypoints, driver, the worst moments, and the verdict.
    """

    model: str
    face: FaceRegion
    initial_frame: int | None
    course: Course | None
    gain: float | None
    findings: tuple[Finding, ...]
    sheet: np.ndarray

    @property
    def verdict(self) -> str:
        """The sentences, one a line: ``!`` before those that warn, ``-`` before the others."""
        return "\n".join(finding.line for finding in self.findings)


@torch.inference_mode()
def inspect_animation(
    model: Backend,
    picture: np.ndarray,
    faces: FaceSet | FaceRegion | Sequence[FaceRegion],
    motion: Motion,
    transfer: MotionTransfer | None = None,
    *,
    frames: Iterable[np.ndarray] = (),
    view: DrivingView | None = None,
    further: Sequence[Finding] = (),
    chunk_size: int = CHUNK_SIZE,
    progress: Progress | None = None,
) -> Inspection:
    """Look at a picture and a driver before they are animated: what will go wrong, where, and what may help.

    picture:  (H, W, 3) uint8, or RGBA.
    faces:    those of the picture, see :func:`~fom_core.select_faces`; the first one is looked at.
    motion:   the driver's, see :func:`~fom_core.read_driver`. ``frames`` (H, W, 3) uint8 are its pictures, if the
              sheet is to show them.
    view:     what :func:`~fom_core.find_view` gave for it: tells how large its face is, and whether there are others.
    further:  sentences that the verdict is to hold as well, such as what was told of the files.
    progress: hears how many frames were painted; they are some 250, seldom 100 more.
    Raises NoFaceFound without a face, UsageError for a motion of another model and an initial frame beyond its end.
    """
    require_picture(picture)
    require_frames(frames)
    every = as_face_set(faces, picture.shape[:2])
    if not len(every):
        raise NoFaceFound("There is no face to look at. Take a picture with a visible face, or another detector.")
    crop = crop_face(picture, every[0], model.config.image_size)
    (motion,) = driving_motions(model, motion, 1)
    source, face = encode_face(model, crop), face_in_crop(every[0])
    moving = FaceFlow(model, source, motion, chunk_size, progress, face=face)
    transfer = transfer or MotionTransfer()
    transfer = replace(transfer, initial_frame=moving.first(transfer))
    measured = measure(moving, every, transfer, view)
    findings = findings_of(measured, further)

    worst = _worst(measured.course)
    pictures = _picked(frames, {measured.first, *worst})
    box = None if view is None else view.box
    views = {number: look_at(model, frame, box) for number, frame in pictures.items()}
    tiles = source_tiles(picture, every, crop, moving.source.keypoints)
    tiles += _driver(measured, motion, pictures, views, box)
    if measured.course is not None:
        tiles.append((course_picture(measured.course, FOLDS, SIZE), "folded share of the flow"))
    rows = [tiles, *_moments(moving, picture, every[:1], transfer, {number: views.get(number) for number in worst})]
    verdict = words([(finding.line, finding.warns) for finding in findings], COLUMNS * TILE)
    sheet = laid_out(rows, verdict)
    return Inspection(model.name, every[0], measured.counts_from, measured.course, measured.gain, findings, sheet)


def _worst(course: Course | None) -> list[int]:
    """Numbers of the frames in which most folds, or the head turns furthest; apart from one another."""
    if course is None:
        return []
    chosen: list[int] = []
    least = APART * (course.frames[-1] - course.frames[0])
    for place in badness(course).argsort()[::-1]:
        frame = int(course.frames[place])
        if all(abs(frame - other) >= max(least, 1) for other in chosen):
            chosen.append(frame)
        if len(chosen) == MOMENTS:
            break
    return chosen


def _picked(frames: Iterable[np.ndarray], numbers: set[int]) -> dict[int, np.ndarray]:
    """The frames of these numbers; reading ends with the last one."""
    found: dict[int, np.ndarray] = {}
    for number, frame in enumerate(frames):
        if number in numbers:
            found[number] = frame
            if len(found) == len(numbers):
                break
    return found


def _driver(
    measured: Measured,
    motion: Motion,
    pictures: Mapping[int, np.ndarray],
    views: Mapping[int, np.ndarray],
    box: Box | None,
) -> list[Tile]:
    """The driver where its motion counts from: in its initial frame, or at rest; of what has no such, in a frame."""
    first = measured.first
    if measured.relative and motion.neutral is not None and first not in pictures:
        return driver_tiles(None, None, None, motion.neutral, "at rest")
    moment = f"frame {first}" if measured.counts_from is None else f"initial frame {first}"
    return driver_tiles(pictures.get(first), box, views.get(first), motion.keypoints.pick([first]), moment)


def _moments(
    moving: FaceFlow,
    picture: np.ndarray,
    faces: FaceSet,
    transfer: MotionTransfer,
    views: Mapping[int, np.ndarray | None],
) -> list[list[Tile]]:
    """A row of tiles for each of the frames that ``views`` has, with the face as it is animated."""
    composer = open_composer(moving.model, picture, faces, [moving.source])
    rows = []
    for number, view in views.items():
        (generated,) = moving.generated(transfer, [number])
        if composer is None:
            result = to_pictures(generated.prediction)[0]
        else:
            result = crop_face(composer([generated])[0], faces[0], SIZE)
        driver, moved = moving.motion.keypoints.pick([number]), moving.keypoints(transfer, [number])
        moment = Moment(number, view, driver, moved, result, generated.dense_motion)
        rows.append(moment_tiles(moment, moving.model.config.flow_unit, moving.face))
    return rows
