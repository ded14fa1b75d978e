"""Poses on faces whose heads stay as they are."""

from __future__ import annotations

import pytest
import torch

from fom_core.motion import amplified, embedded_motion, mixed, pose_motion, with_pose, without_head

TOLERANCE = {"rtol": 0, "atol": 1e-4}


def test_a_pose_without_its_head_is_the_rest_of_it(caplog):
    left = without_head(pose_motion("0:yaw=0,smile=0;1:yaw=10,roll=5,smile=0.5"))

    expected = pose_motion("0:smile=0;1:smile=0.5").keypoints
    torch.testing.assert_close(left.keypoints.value, expected.value, **TOLERANCE)
    torch.testing.assert_close(left.keypoints.jacobian, expected.jacobian, **TOLERANCE)
    assert caplog.messages == [
        "The head of a face in a video stays as it is, so yaw, roll of the pose are left out. --no_keep_head "
        "(keep_head off) moves the head, too."
    ]


def test_nothing_is_told_a_second_time(caplog):
    left = without_head(pose_motion("yaw=10,smile=1"))
    caplog.clear()
    assert without_head(left) is left
    assert caplog.messages == []


def test_a_pose_on_top_of_a_motion_loses_its_head_alone():
    talk = embedded_motion("talk")

    def posed(text):
        return with_pose(talk, pose_motion(text, fps=talk.fps, seconds=len(talk) / talk.fps))

    left, expected = without_head(posed("yaw=8,smile=0.5")), posed("smile=0.5")

    torch.testing.assert_close(left.keypoints.value, expected.keypoints.value, **TOLERANCE)
    torch.testing.assert_close(left.keypoints.jacobian, expected.keypoints.jacobian, rtol=0, atol=1e-3)


def test_a_motion_by_hand_that_moves_the_head_alone_stands_still(caplog):
    left = without_head(embedded_motion("shake"))
    still = left.keypoints.value
    assert float((still - still[:1]).abs().max()) < 2e-3
    assert "nothing else is in it" in caplog.text


@pytest.mark.parametrize(
    "motion",
    [
        amplified(pose_motion("yaw=10,smile=1"), 0.5),
        pose_motion("yaw=10,smile=1").pick(range(7)),
        mixed(pose_motion("smile=1"), [(pose_motion("yaw=10"), 0.5)]),
        embedded_motion("shake").pick(range(9)),
    ],
    ids=["smaller", "shorter", "mixed", "a part"],
)
def test_an_edited_pose_stays_and_is_told(motion, caplog):
    assert without_head(motion) is motion
    assert "cannot be left out" in caplog.text


def test_the_motion_of_a_video_stays_as_it_is(caplog):
    motion = embedded_motion("talk")
    assert without_head(motion) is motion
    assert caplog.messages == []
