"""The moment in which the driver corresponds to the source."""

import logging
from dataclasses import replace

import pytest
import torch

from fom_core.errors import UsageError
from fom_core.motion import find_medoid, holds_one_pose, initial_frame, stands_still, with_initial_frame
from fom_core.pipeline import animate
from fom_core.types import INITIAL_FRAME, Keypoints, Motion, MotionTransfer

SQUARE = torch.tensor([[0.0, 0.0], [0.4, 0.0], [0.4, 0.4], [0.0, 0.4]])


def at(*places):
    """A square face that goes through these places along x."""
    return Keypoints(torch.stack([SQUARE + torch.tensor([float(place), 0.0]) for place in places]))


def motion(*places, seen=None):
    return Motion(at(*places), 25.0, "tiny", (64, 64), seen=seen)


def first(driving, choice, seen):
    return initial_frame(driving[:1], driving, MotionTransfer(initial_frame=choice), seen)


def test_the_first_frame_is_the_first_in_which_the_driver_is_seen():
    assert first(at(5, 5, 0, 1), 0, (False, False, True, True)) == 2
    assert first(at(5, 5, 0, 1), 0, None) == 0


@pytest.mark.parametrize(("asked", "expected"), [(0, 1), (1, 1), (2, 1), (3, 4), (4, 4), (5, 4)])
def test_a_numbered_frame_becomes_the_nearest_in_which_the_driver_is_seen(asked, expected):
    assert first(at(*range(6)), asked, (False, True, False, False, True, False)) == expected


def test_a_driver_who_is_never_seen_counts_in_every_frame():
    assert first(at(*range(3)), 2, (False,) * 3) == 2


def test_the_best_frame_is_sought_where_the_driver_is_seen():
    stretched = [SQUARE * torch.tensor([1.0, height]) for height in (1.0, 3.0, 1.2, 2.0)]
    driving = Keypoints(torch.stack(stretched))
    assert first(driving, "best", None) == 0
    assert first(driving, "best", (False, True, True, True)) == 2


def test_the_medoid_is_the_frame_from_which_no_other_is_far():
    assert find_medoid(at(0, 1, 2, 3, 4, 5, 6)) == 3
    assert find_medoid(at(4, 0, 0, 0.1, 0.2, 0.1, -0.1)) in (1, 2, 3, 5)
    assert find_medoid(at(7)) == 0


def test_a_medoid_is_sought_where_the_driver_is_seen():
    driving = at(90, 90, 90, 90, 1, 2, 3)
    assert first(driving, "medoid", (False,) * 4 + (True,) * 3) == 5


def test_the_medoid_of_a_long_video_is_found_among_frames_spread_over_it():
    long = Keypoints(torch.linspace(0, 1, 20_000)[:, None, None].expand(-1, 4, 2))
    assert 8_900 < find_medoid(long) < 11_100  # nine tenths are equally near to all in the middle tenth


def test_another_frame_than_the_one_asked_for_is_told_once_for_all_faces(caplog, tiny_model, clip):
    with torch.inference_mode():
        keypoints = tiny_model.detect_keypoints(torch.from_numpy(clip[:, :64, :64]).movedim(-1, 1).float() / 255)
    driver = Motion(keypoints, 25.0, "tiny", (64, 64), seen=(False,) * 4 + (True,) * 8)
    with caplog.at_level(logging.INFO):
        frames = [chunk[0] for chunk in animate(tiny_model, [clip[0], clip[3]], driver)]
        expected = [chunk[0] for chunk in animate(tiny_model, [clip[0]], keypoints, MotionTransfer(initial_frame=4))]

    torch.testing.assert_close(torch.cat(frames)[4:], torch.cat(expected)[4:])
    assert [record.message for record in caplog.records] == [
        "The driver's face is not seen in frame 0: its motion counts from frame 4 on."
    ]


@pytest.mark.parametrize("transfer", [MotionTransfer(initial_frame=1), MotionTransfer(relative_motion=False)])
def test_nothing_is_told_where_the_frame_is_as_asked_or_does_not_matter(caplog, transfer):
    with caplog.at_level(logging.INFO):
        with_initial_frame(motion(0, 1, seen=(False, True)), transfer)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("seen", "told"), [(None, True), ((True, True), True), ((False, False), False), ((True, False), False)]
)
def test_a_still_driver_is_told_unless_its_face_is_out_of_sight(caplog, seen, told):
    with_initial_frame(motion(0, 0, seen=seen), MotionTransfer())
    assert ("Nothing in the driver moves" in caplog.text) == told
    assert "still picture" not in caplog.text


@pytest.mark.parametrize(("pose", "told"), [(0, True), (1, False)])
def test_a_motion_that_stays_at_its_pose_at_rest_is_told_and_a_held_pose_is_not(caplog, pose, told):
    resting = replace(motion(pose, pose, pose), neutral=at(0))
    with_initial_frame(resting, MotionTransfer())
    assert stands_still(resting) == told and holds_one_pose(resting)
    assert ("all of it is its pose at rest" in caplog.text) == told

    with_initial_frame(resting, MotionTransfer(relative_motion=False))
    assert caplog.text.count("pose at rest") == told


def test_a_driver_of_one_frame_is_called_a_still_picture(caplog):
    with_initial_frame(motion(0), MotionTransfer())
    assert "The driver is a still picture" in caplog.text and "relative_motion off (fom: --no_relative)" in caplog.text


def test_the_best_frame_is_left_to_each_source():
    transfer = MotionTransfer(initial_frame="best")
    assert with_initial_frame(motion(0, 1), transfer) is transfer


@pytest.mark.parametrize("number", [-1, 3])
def test_a_frame_beyond_the_video_is_refused(number):
    with pytest.raises(UsageError, match="0 to 2"):
        with_initial_frame(motion(0, 1, 2), MotionTransfer(initial_frame=number))


def test_the_first_frame_is_usual():
    assert MotionTransfer().initial_frame == INITIAL_FRAME == 0
