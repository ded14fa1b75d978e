"""What must hold for any motion transfer."""

import pytest
import torch
from hypothesis import given, settings
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
