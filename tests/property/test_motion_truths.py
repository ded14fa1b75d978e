"""What must hold for any motion transfer."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fom_core.motion import find_best_frame, movement_scale, transfer_motion
from fom_core.types import Keypoints, MotionTransfer


@st.composite
def keypoint_sets(draw, frames=1):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    value = torch.rand(frames, 10, 2, generator=generator) * 1.6 - 0.8
    jacobian = torch.eye(2) + 0.3 * (torch.rand(frames, 10, 2, 2, generator=generator) - 0.5)
    return Keypoints(value, jacobian)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), keypoint_sets(), st.booleans(), st.floats(0, 3))
def test_driving_equal_to_initial_gives_the_sources_keypoints(source, driving, adapt, gain):
    moved = transfer_motion(source, driving, driving, MotionTransfer(adapt_movement_scale=adapt, gain=gain))
    torch.testing.assert_close(moved.value, source.value)
    torch.testing.assert_close(moved.jacobian, source.jacobian, rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), keypoint_sets(frames=3), keypoint_sets(), keypoint_sets())
def test_absolute_motion_ignores_the_initial_frame(source, driving, one, another):
    absolute = MotionTransfer(relative_motion=False)
    first, second = (transfer_motion(source, driving, initial, absolute) for initial in (one, another))
    assert torch.equal(first.value, second.value)
    assert torch.equal(first.value, driving.value)
    assert first.jacobian is not None and second.jacobian is not None
    assert torch.equal(first.jacobian, second.jacobian)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), keypoint_sets(frames=4))
def test_gain_scales_the_movement(source, driving):
    def shift(gain):
        return transfer_motion(source, driving, driving[:1], MotionTransfer(gain=gain)).value - source.value

    torch.testing.assert_close(shift(2.0), 2 * shift(1.0), rtol=1e-4, atol=1e-5)
    assert shift(0.0).abs().max() == 0


gains = st.floats(0.05, 2.0)
GAINS_OF_ONE = MotionTransfer(head_gain=1 + 1e-7, expression_gain=1.0)


def like(driving, angle, size, shift):
    """The driver's keypoints after a similarity: the head as a whole moves, and nothing besides."""
    angle = torch.tensor(angle)
    turn = size * torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    middle = driving.value.mean(dim=1, keepdim=True)
    return Keypoints((driving.value - middle) @ turn.T + middle + shift, turn @ driving.jacobian)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), keypoint_sets(), gains, gains)
def test_driving_equal_to_initial_gives_the_source_whatever_the_gains(source, driving, head, expression):
    transfer = MotionTransfer(head_gain=head, expression_gain=expression)
    moved = transfer_motion(source, driving, driving, transfer)
    torch.testing.assert_close(moved.value, source.value, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(moved.jacobian, source.jacobian, rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), keypoint_sets(frames=4))
def test_gains_of_nearly_one_give_the_driver_back_on_its_own_face(driving, frames):
    initial = driving
    near = Keypoints(initial.value + 0.1 * frames.value, frames.jacobian)
    plain = transfer_motion(initial, near, initial, MotionTransfer())
    apart = transfer_motion(initial, near, initial, GAINS_OF_ONE)
    torch.testing.assert_close(apart.value, plain.value, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(apart.jacobian, plain.jacobian, rtol=1e-3, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), keypoint_sets(), st.floats(-1, 1), st.floats(0.7, 1.4), st.floats(-0.3, 0.3), gains)
def test_the_head_gain_is_a_power_of_the_heads_movement(source, initial, angle, size, shift, gain):
    assume(gain != 1)  # then points move by the driver's own way, as the authors have it
    moved = transfer_motion(
        source, like(initial, angle, size, shift), initial, MotionTransfer(head_gain=gain, adapt_movement_scale=False)
    )
    expected = like(source, angle * gain, size**gain, shift * gain)
    torch.testing.assert_close(moved.value, expected.value, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(moved.jacobian, expected.jacobian, rtol=1e-3, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), keypoint_sets(), st.floats(-1, 1), st.floats(0.7, 1.4), st.floats(-0.3, 0.3), gains)
def test_the_expression_gain_leaves_the_heads_movement_alone(source, initial, angle, size, shift, gain):
    driving = like(initial, angle, size, shift)
    plain, gained = (
        transfer_motion(source, driving, initial, MotionTransfer(head_gain=1 + 1e-7, expression_gain=each))
        for each in (1.0, gain)
    )
    torch.testing.assert_close(gained.value, plain.value, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(gained.jacobian, plain.jacobian, rtol=1e-3, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), st.floats(-0.8, 0.8), st.floats(-0.2, 0.2), gains)
def test_what_one_part_does_besides_follows_the_expression_gain(face, angle, shift, gain):
    spoken = face.value.clone()
    spoken[0, 3] += torch.tensor([0.0, 0.05])  # as a jaw that drops, seen from the head
    driving = like(Keypoints(spoken, face.jacobian), angle, 1.0, shift)
    transfer = MotionTransfer(head_gain=0.0, expression_gain=gain)
    moved = transfer_motion(face, driving, face, transfer).value - face.value
    torch.testing.assert_close(moved[0, 3], torch.tensor([0.0, 0.05 * gain]), rtol=0, atol=5e-3)
    others = torch.cat([moved[0, :3], moved[0, 4:]])
    assert others.norm(dim=-1).max() < 5e-3


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), keypoint_sets(frames=3), gains)
def test_a_gain_of_nothing_freezes_head_and_expression(source, driving, head):
    moved = transfer_motion(source, driving, driving[:1], MotionTransfer(gain=0.0, head_gain=head))
    torch.testing.assert_close(moved.value, source.value.expand(3, -1, -1), rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), keypoint_sets(frames=3), keypoint_sets(), gains)
def test_each_frame_goes_its_way_whatever_frames_are_beside_it(source, driving, initial, head):
    transfer = MotionTransfer(head_gain=head, expression_gain=0.7)
    together = transfer_motion(source, driving, initial, transfer)
    for frame in range(3):
        alone = transfer_motion(source, driving[frame : frame + 1], initial, transfer)
        torch.testing.assert_close(alone.value[0], together.value[frame], rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(), st.floats(0.3, 3), st.floats(-0.2, 0.2))
def test_movement_scale_is_the_ratio_of_the_faces_sizes(source, factor, shift):
    other = Keypoints(source.value / factor + shift)
    assert movement_scale(source, other) == pytest.approx(factor, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(keypoint_sets(frames=6), st.integers(0, 5), st.floats(0.5, 2), st.floats(-0.3, 0.3))
def test_the_best_frame_has_the_sources_pose_wherever_the_face_is(driving, index, scale, shift):
    source = Keypoints(driving.value[index : index + 1] * scale + shift)
    assert find_best_frame(source, driving) == index


def test_two_keypoints_span_no_area_and_leave_the_movement_alone():
    points = Keypoints(torch.tensor([[[0.1, 0.2], [0.3, 0.4]]]))
    assert movement_scale(points, Keypoints(points.value * 2)) == 1.0
