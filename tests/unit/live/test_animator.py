"""Frames in, frames out: what a picture does for a driver who is seen, moves, goes and comes back."""

import numpy as np
import pytest

from fom_core import animate_picture
from fom_core.errors import UsageError
from fom_core.faces.detection import Detection
from fom_core.live import LiveAnimator
from fom_core.types import MotionTransfer

FPS = 25.0


class Whenever:
    """A detector that sees a face only while it is told so."""

    name = "whenever"
    there = True

    def detect(self, image):
        height, width = image.shape[:2]
        return [Detection((0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height), 0.9)] if self.there else []


def lived(animator, frames, begin_s=0.0):
    return np.stack([animator(frame, begin_s + number / FPS) for number, frame in enumerate(frames)])


def test_frames_are_those_of_a_driver_who_begins_in_the_pictures_pose(animator, model, pictures, clip):
    picture, faces = pictures[0]
    expected = np.concatenate(list(animate_picture(model, picture, faces, clip, MotionTransfer())))

    live = lived(animator, [clip[0]] * 10 + list(clip))[10:]  # by then the motion has come in

    np.testing.assert_allclose(live.astype(int), expected.astype(int), atol=1)
    assert (live[6] != pictures[0][0]).any()


def test_the_first_pose_is_that_of_the_picture(animator, pictures, clip):
    np.testing.assert_array_equal(animator(clip[5], 0.0), pictures[0][0])


def test_the_motion_comes_in_smoothly(animator, clip):
    frames = lived(animator, [clip[0], *[clip[6]] * 20]).astype(int)

    steps = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    assert steps[0] < steps[3] and steps[-1] == 0 < steps[:8].max()


def test_calibrating_lets_the_pose_of_now_be_that_of_the_picture(animator, pictures, clip):
    lived(animator, [clip[0]] * 10 + [clip[6]] * 10)
    assert (animator(clip[6], 1.0) != pictures[0][0]).any()

    animator.calibrate()
    after = lived(animator, [clip[6]] * 12, 1.04)

    np.testing.assert_array_equal(after[-1], pictures[0][0])
    assert (after[0] != after[-1]).any()  # glides there


def test_calibrating_before_there_is_a_driver_does_nothing(model, pictures, clip):
    detector = Whenever()
    detector.there = False
    animator = LiveAnimator(model, pictures, detector, crop="face")
    animator.calibrate()

    np.testing.assert_array_equal(animator(clip[0], 0.0), pictures[0][0])
    assert not animator.seen


def test_a_driver_who_is_gone_lets_the_face_wait_and_go_home(model, pictures, clip):
    detector = Whenever()
    animator = LiveAnimator(model, pictures, detector, crop="face", smoothing=0)
    moved = lived(animator, [clip[0]] * 10 + [clip[6]] * 10)[-1]
    detector.there = False

    away = lived(animator, [clip[6]] * 40, 0.8)
    detector.there = True
    back = lived(animator, [clip[6]] * 15, 2.4)

    np.testing.assert_array_equal(away[12], moved)  # half a second after the last look
    np.testing.assert_array_equal(away[-1], pictures[0][0])
    np.testing.assert_array_equal(back[-1], moved)


def test_another_picture_takes_over_and_they_go_round(animator, pictures, clip):
    lived(animator, [clip[0]] * 10)
    sizes = []
    for step in (1, 1, -1):
        animator.switch(step)
        assert animator(clip[6], 1.0).shape[:2] == animator.size
        sizes.append(animator.size)

    assert sizes == [(64, 64), (96, 96), (64, 64)]
    assert animator.shown == 1


def test_smoothing_calms_a_driver_who_trembles(model, pictures, clip):
    noise = np.random.default_rng(0).integers(-25, 25, (30, *clip[0].shape))
    trembling = list(np.clip(clip[0].astype(int) + noise, 0, 255).astype(np.uint8))

    def unrest(smoothing):
        frames = lived(LiveAnimator(model, pictures, None, smoothing=smoothing), trembling)[10:].astype(int)
        return np.abs(np.diff(frames, axis=0)).mean()

    assert unrest(1.0) < 0.7 * unrest(0.0)


def test_poses_are_copied_where_the_motion_is_not_relative(model, pictures, clip):
    copied = MotionTransfer(relative_motion=False, relative_jacobian=False)
    animator = LiveAnimator(model, pictures, None, smoothing=0, transfer=copied)
    picture, faces = pictures[0]
    expected = np.concatenate(list(animate_picture(model, picture, faces, clip[6:7], copied)))

    live = lived(animator, [clip[6]] * 12)[-1]

    np.testing.assert_allclose(live.astype(int), expected[0].astype(int), atol=1)


def test_no_picture_is_refused(model):
    with pytest.raises(UsageError, match="needs a picture"):
        LiveAnimator(model, [], None)


def test_calibrating_twice_in_a_row_goes_on_from_where_it_is(animator, clip):
    def after_a_second_time(moment_s):
        animator.calibrate()
        frame = animator(clip[3], moment_s)
        before = animator(clip[3], moment_s + 0.08)
        animator.calibrate()
        return frame, before, animator(clip[3], moment_s + 0.08)

    lived(animator, [clip[0]] * 10 + [clip[6]] * 10)
    _, before, after = after_a_second_time(0.8)

    np.testing.assert_allclose(before.astype(int), after.astype(int), atol=1)
    assert (animator(clip[3], 2.0) != after).any()  # it was on its way


def test_a_picture_with_alpha_is_shown_in_its_colours(model, pictures, clip):
    picture, faces = pictures[0]
    alpha = np.dstack([picture, np.full(picture.shape[:2], 90, np.uint8)])
    with_alpha, without = (LiveAnimator(model, [(each, faces)], None, smoothing=0) for each in (alpha, picture))
    frames = [clip[0]] * 10 + [clip[6]] * 2

    np.testing.assert_array_equal(lived(with_alpha, frames), lived(without, frames))
