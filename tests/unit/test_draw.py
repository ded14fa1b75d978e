"""Motion as pictures."""

import numpy as np
import torch

from fom_core.draw import draw_keypoints, flow_picture, keypoint_colour, occlusion_picture
from fom_core.geometry import identity_grid

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


def test_occlusion_is_grey_from_black_to_white():
    occlusion = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]).repeat_interleave(4, 2).repeat_interleave(4, 1)
    picture = occlusion_picture(occlusion, (16, 16))
    assert (picture[:, 1] == 0).all() and (picture[:, -2] == 255).all()
    assert (picture[..., 0] == picture[..., 2]).all()
