"""Faces drawn on a picture."""

from dataclasses import replace

import numpy as np

from fom_core.faces.drawing import crop_corners, draw_faces
from fom_core.faces.regions import regions_from_boxes
from fom_core.types import FaceSet

UPRIGHT = regions_from_boxes([(60, 60, 100, 110)], (160, 160))[0]


def test_the_crop_is_drawn_where_it_lies_in_the_picture():
    np.testing.assert_array_equal(crop_corners(UPRIGHT), [(36, 37), (123, 37), (123, 124), (36, 124)])
    rolled = crop_corners(replace(UPRIGHT, roll_deg=90.0))
    np.testing.assert_array_equal(rolled, [(123, 37), (123, 124), (36, 124), (36, 37)])  # the top is at the right


def test_a_rolled_crop_is_drawn_turned_with_its_top_marked():
    grey = np.full((160, 160, 3), 100, np.uint8)
    upright, rolled = (
        draw_faces(grey, FaceSet((replace(UPRIGHT, roll_deg=roll),), (160, 160))) != grey for roll in (0.0, 45.0)
    )
    assert upright[80, 36].any() and not rolled[80, 36].any()
    beyond_the_top_right = 80 - 44 / np.sqrt(2), 80 + 44 / np.sqrt(2)
    y, x = (round(side) for side in beyond_the_top_right)
    assert rolled[y - 3 : y + 4, x - 3 : x + 4].any()
