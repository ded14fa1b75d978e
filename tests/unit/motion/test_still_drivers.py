"""A driver that shows one picture only is warned of where nothing can come of it."""

from __future__ import annotations

import logging

import pytest
import torch

from fom_core.motion import transfer_sequence
from fom_core.motion.initial import with_initial_frame
from fom_core.types import Keypoints, Motion, MotionTransfer


def motion(frames: int, *, moving: bool = False) -> Motion:
    points = torch.rand(1, 4, 2, generator=torch.Generator().manual_seed(0)).repeat(frames, 1, 1)
    if moving:
        points[1:] += 0.1
    return Motion(Keypoints(points, None), 25.0, "tiny", (64, 64))


@pytest.mark.parametrize("initial_frame", [0, "medoid", "best"])
@pytest.mark.parametrize("frames", [1, 5])
def test_a_still_driver_of_relative_motion_is_warned_of_once(caplog, frames, initial_frame):
    with caplog.at_level(logging.WARNING):
        with_initial_frame(motion(frames), MotionTransfer(initial_frame=initial_frame))

    (record,) = caplog.records
    assert "--no_relative" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_the_pose_of_a_picture_is_taken_as_it_is():
    driver, source = motion(1), Keypoints(torch.zeros(1, 4, 2))
    moved = transfer_sequence(source, driver, MotionTransfer(relative_motion=False, fade_in_s=0.3))
    assert torch.equal(moved.value, driver.keypoints.value)


def test_poses_of_a_moving_driver_fade_in():
    driver, source = motion(5, moving=True), Keypoints(torch.zeros(1, 4, 2))
    moved = transfer_sequence(source, driver, MotionTransfer(relative_motion=False, fade_in_s=0.3))
    assert torch.equal(moved.value[:1], source.value)


def test_poses_of_a_still_driver_and_moving_drivers_pass_without_a_word(caplog):
    with caplog.at_level(logging.WARNING):
        with_initial_frame(motion(1), MotionTransfer(relative_motion=False))
        with_initial_frame(motion(5, moving=True), MotionTransfer())

    assert not caplog.records
