"""What a verdict goes by: the flow of a face over a driver, from other initial frames, and at other gains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..faces.tracking import DrivingView
from ..motion import holds_one_pose, pose_distances, stands_still
from ..types import FaceSet, MotionTransfer
from .findings import FOLDS, Measured
from .flows import Course, FaceFlow

LOOKS = 48  # frames of the driver whose flow is looked at, spread over it
WORST = 12  # of them by which the gain is sought


def measure(moving: FaceFlow, faces: FaceSet, transfer: MotionTransfer, view: DrivingView | None) -> Measured:
    """All about the first of the faces of a picture, which is the one that moves.

    transfer: with the number of its initial frame.
    """
    motion, first = moving.motion, moving.first(transfer)
    seen = [frame for frame, here in enumerate(motion.seen or ()) if here] or list(range(len(motion)))
    apart = dict(zip(seen, pose_distances(moving.source.keypoints, motion.keypoints.pick(seen)), strict=True))
    known = Measured(
        face=faces[0], faces=len(faces) + len(faces.others), number=faces[0].id + 1, view=view, seen=motion.seen,
        one_pose=holds_one_pose(motion), still=stands_still(motion), relative=transfer.relative_motion,
        first=first, begins=seen[0], nearest=min(seen, key=apart.__getitem__), apart=apart, asked=transfer.gain,
        rested=motion.neutral is not None,
    )  # fmt: skip
    if moving.model.config.generator.dense_motion is None:
        return known
    frames = [seen[place] for place in np.linspace(0, len(seen) - 1, min(LOOKS, len(seen))).round().astype(int)]
    course = moving.course(transfer, frames)
    if known.still or not known.relative:
        return replace(known, course=course)
    worst = [frames[place] for place in badness(course).argsort()[::-1][:WORST]]
    return replace(
        known,
        course=course,
        better=_best_start(moving, transfer, course, seen[0]),
        gain=moving.largest_gain(transfer, frames, worst, FOLDS),
    )


def badness(course: Course) -> np.ndarray:
    """(N,) how bad each frame is: by its folds, and between those alike by how far the head is turned."""
    return course.folded + 1e-3 * course.turned


def _best_start(moving: FaceFlow, transfer: MotionTransfer, course: Course, begins: int) -> tuple[int, Course]:
    """The initial frame from which least folds, of those that can be asked for by a word, and its course."""
    asked = moving.first(transfer)
    starts = {begins, *(moving.first(replace(transfer, initial_frame=choice)) for choice in ("best", "medoid"))}
    courses = {asked: course}
    for start in sorted(starts - {asked}):
        courses[start] = moving.course(replace(transfer, initial_frame=start), course.frames.tolist())
    return min(courses.items(), key=lambda item: item[1].usual)
