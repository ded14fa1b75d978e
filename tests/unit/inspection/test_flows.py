"""How a face's flow is measured over a driver."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fom_core.inspection.flows import GAINS, Course, FaceFlow
from fom_core.pipeline import encode_face, read_motion
from fom_core.types import MotionTransfer


def test_marked_frames_next_to_one_another_are_one_part():
    course = Course(np.array([3, 8, 13, 18]), np.zeros(4), np.zeros(4))

    assert course.parts(np.array([True, True, False, True])) == ((3, 8), (18, 18))
    assert course.parts(np.zeros(4, bool)) == ()


@pytest.fixture
def moving(tiny_model, clip):
    motion = read_motion(tiny_model, clip, 25.0)
    return FaceFlow(tiny_model, encode_face(tiny_model, clip[2]), motion)


def test_a_course_has_a_figure_for_every_frame_and_none_of_movement_at_the_initial_one(moving):
    course = moving.course(MotionTransfer(initial_frame=2), [2, 5, 11])

    assert course.frames.tolist() == [2, 5, 11]
    assert course.folded.shape == course.turned.shape == (3,)
    assert course.turned[0] < course.turned[1:].min()


@pytest.mark.parametrize(("limit", "expected"), [(0.05, None), (0.1, 0.1), (0.73, 0.7), (1.0, 1.0), (9.0, GAINS[-1])])
def test_the_largest_gain_is_found(moving, monkeypatch, limit, expected):
    def folds_beyond(transfer, frames):
        return Course(np.array(frames), np.array([float(transfer.gain > limit)]), np.zeros(1))

    monkeypatch.setattr(moving, "course", folds_beyond)

    assert moving.largest_gain(MotionTransfer(), [5], [5], 0.01) == expected


@pytest.mark.parametrize(
    ("limits", "expected"), [((1.8, 9.0, 1.2), 1.2), ((1.8, 1.5, 1.2), 1.2), ((9.0, 9.0, 0.05), None)]
)
def test_the_largest_gain_holds_in_frames_too_that_fold_least_without_it(moving, monkeypatch, limits, expected):
    """Of three frames the first one folds most as the motion is, and others from a lower gain on."""

    def folds_beyond(transfer, frames):
        return Course(
            np.array(frames), np.array([float(transfer.gain > limits[frame]) for frame in frames]), np.zeros(1)
        )

    monkeypatch.setattr(moving, "course", folds_beyond)

    assert moving.largest_gain(MotionTransfer(), [0, 1, 2], [0], 0.01) == expected


def test_progress_hears_of_every_painted_frame(tiny_model, clip):
    heard = []
    motion = read_motion(tiny_model, clip, 25.0)
    moving = FaceFlow(
        tiny_model, encode_face(tiny_model, clip[0]), motion, 4, lambda done, total: heard.append((done, total))
    )
    with torch.inference_mode():
        moving.course(MotionTransfer(), range(6))
        moving.course(MotionTransfer(), [1])

    assert heard == [(4, None), (6, None), (7, None)]
