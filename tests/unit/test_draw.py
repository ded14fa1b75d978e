"""Motion as pictures."""

import numpy as np
import torch

from fom_core.draw import draw_keypoints, explain, flow_picture, keypoint_colour
from fom_core.geometry import identity_grid, resize_map
from fom_core.pipeline import animate_details, driving_keypoints
from fom_core.types import MotionTransfer

GREY = np.full((401, 801, 3), 128, np.uint8)


def test_keypoints_are_drawn_where_they_are_each_in_its_colour_with_a_white_outline():
    drawn = draw_keypoints(GREY, torch.tensor([[0.0, 0.0], [-0.5, 0.5]]))
    assert drawn[200, 400].tolist() == list(keypoint_colour(0, 2))
    assert drawn[300, 200].tolist() == list(keypoint_colour(1, 2))
    assert (drawn[200] == 255).all(axis=-1).any()
    assert (drawn[:190] == 128).all() and (GREY == 128).all()


def test_keypoints_beyond_the_picture_leave_it_as_it_is():
    assert (draw_keypoints(GREY, torch.tensor([[-3.0, 0.0], [0.0, 9.0]])) == GREY).all()


def test_keypoints_have_different_colours():
    assert len({keypoint_colour(index, 15) for index in range(15)}) == 15


def test_no_flow_is_white_and_directions_have_their_colours():
    flow = identity_grid(8, 8, like=torch.zeros(1))
    assert (flow_picture(flow, (20, 30)) == 255).all()
    for shift, colour in (([0.5, 0.0], (255, 0, 0)), ([-0.5, 0.0], (0, 255, 255)), ([0.0, 0.5], (128, 255, 0))):
        picture = flow_picture(flow + torch.tensor(shift), (20, 30))
        assert picture.shape == (20, 30, 3)
        np.testing.assert_allclose(picture[10, 10], colour, atol=1)


def test_a_small_flow_is_pale_against_a_given_largest_one():
    flow = identity_grid(8, 8, like=torch.zeros(1)) + torch.tensor([0.1, 0.0])
    np.testing.assert_allclose(flow_picture(flow, (8, 8), largest=0.4)[4, 4], (255, 191, 191), atol=1)


def test_a_moment_is_explained_by_source_driver_and_result(tiny_model, clip):
    driving = driving_keypoints(tiny_model, clip)
    keypoints, flow, occlusion = explain(tiny_model, clip[2], driving, 7, view=clip[7])
    assert keypoints.shape == (384, 3 * 384, 3)
    assert flow.shape == (384, 384, 3)
    assert occlusion.shape == (1, 64, 64)
    expected = next(animate_details(tiny_model, [clip[2]], driving, chunk_size=12))[0].dense_motion
    assert expected is not None and expected.occlusion_map is not None
    torch.testing.assert_close(occlusion, resize_map(expected.occlusion_map, (64, 64))[7], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(flow, flow_picture(expected.deformation[7], (384, 384)), atol=2)


def test_at_the_initial_frame_the_source_stays_in_its_pose(tiny_model, clip):
    driving = driving_keypoints(tiny_model, clip)
    keypoints, _, _ = explain(tiny_model, clip[2], driving, 2, MotionTransfer(initial_frame=2), view=clip[2])
    source, driver, _ = np.hsplit(keypoints, 3)
    np.testing.assert_array_equal(source, driver)
