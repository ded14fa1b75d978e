"""Colours of pasted faces meet those of the picture at the mask's edge."""

from typing import get_args

import numpy as np
import pytest

from fom_core.compose import colour_fit
from fom_core.compose.masks import Mask
from fom_core.compose.paste import Paster, paste
from fom_core.faces.regions import crop_face
from fom_core.types import FaceSet

SIZE = (160, 200)
FACES = FaceSet.from_crops([(40, 30, 140, 130)], SIZE)


def scene():
    """Soft shapes of all brightnesses on a gradient."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    shapes = [90 + 60 * np.sin(x / (9 + c)) * np.cos(y / 7) + x / 4 + 10 * c for c in range(3)]
    return np.clip(np.stack(shapes, axis=-1), 0, 255).astype(np.uint8)


def still(picture, faces=FACES, count=1):
    return [np.repeat(crop_face(picture, face, (100, 100))[None], count, axis=0) for face in faces]


def scaled(frames, factors):
    return [np.clip(np.rint(face * np.array(factors)), 0, 255).astype(np.uint8) for face in frames]


def error(result, picture):
    return np.abs(result.astype(float) - picture).mean()


@pytest.mark.parametrize("mask", get_args(Mask))
@pytest.mark.parametrize("factors", [(1.1, 1, 1), (0.8, 0.8, 0.8), (1, 1.05, 1.2)])
def test_a_tint_is_taken_out(mask, factors):
    picture = scene()
    frames = scaled(still(picture), factors)
    plain, matched = (paste(picture, FACES, frames, mask=mask, colour_match=match)[0] for match in (0, 1))
    assert error(matched, picture) < 0.35 * error(plain, picture)


def test_light_that_falls_off_to_one_side_is_taken_out():
    picture = scene()
    frames = [np.clip(face + np.linspace(-20, 20, 100)[:, None], 0, 255).astype(np.uint8) for face in still(picture)]
    plain, matched = (paste(picture, FACES, frames, colour_match=match)[0] for match in (0, 1))
    assert error(matched, picture) < 0.35 * error(plain, picture)


def test_half_a_match_takes_out_half_of_the_difference():
    picture = np.full((*SIZE, 3), 100, np.uint8)
    frames = [np.full((1, 50, 50, 3), 120, np.uint8)]
    levels = [int(paste(picture, FACES, frames, colour_match=match)[0, 80, 90, 0]) for match in (0, 0.5, 1)]
    assert levels == [120, 110, 100]


def test_faces_of_the_right_colours_stay_as_they_are():
    picture = scene()
    plain, matched = (paste(picture, FACES, still(picture), colour_match=match) for match in (0, 1))
    np.testing.assert_allclose(matched.astype(int), plain, atol=1)


def test_something_that_moved_in_the_ring_changes_the_colours_little():
    picture = np.full((*SIZE, 3), 150, np.uint8)
    frames = still(picture)
    frames[0][:, 70:, :30] = 20  # a dark sleeve comes in at the corner
    result = paste(picture, FACES, frames, mask="box", colour_match=1)[0]
    assert abs(int(result[80, 90, 0]) - 150) <= 6


def test_the_correction_is_that_of_the_first_frame_in_all_frames_and_chunks():
    picture, frames = scene(), still(scene(), count=6)
    frames[0][3:] = 255 - frames[0][3:]
    whole = paste(picture, FACES, frames, colour_match=1)
    paster = Paster(picture, FACES, colour_match=1)
    pieces = [paster([frames[0][start : start + 2]], start=start) for start in (0, 2, 4)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert (whole[0] == whole[2]).all() and (whole[3] == whole[5]).all()


@pytest.mark.parametrize("mask", ["soft", "paddlegan"])
def test_a_mask_without_an_edge_in_the_picture_leaves_the_colours(mask):
    """A picture animated as a whole has no surroundings to be compared with."""
    picture = scene()
    faces = FaceSet.from_crops([(0, 0, SIZE[1], SIZE[0])], SIZE)
    frames = scaled([picture[None]], (1.1, 1, 1))
    plain, matched = (paste(picture, faces, frames, mask=mask, colour_match=match) for match in (0, 1))
    np.testing.assert_array_equal(matched, plain)


def test_pixels_outside_the_mask_stay_with_colours_matched():
    picture = scene()
    paster = Paster(picture, FACES, colour_match=1)
    result = paster(scaled(still(picture), (1.2, 1, 1)))[0]
    touched = np.zeros(SIZE, bool)
    touched[30:130, 40:140] = True
    assert (result[~touched] == picture[~touched]).all()


def test_the_ring_lies_where_the_mask_is_half_and_not_along_the_pictures_border():
    y, x = np.mgrid[-1:1:80j, -1:1:80j]
    disc = (np.hypot(x, y) < 0.7).astype(np.float32)
    ring = colour_fit.surroundings(disc, (10, 10, 90, 90), (100, 100))
    assert ring[32, 10] > 0.9 and ring[32, 32] == 0 and ring[32, 0] < 0.01
    corner = colour_fit.surroundings(np.ones((80, 80), np.float32), (0, 0, 80, 80), (100, 100))
    assert corner[32, 0] == 0 and corner[0, 32] == 0 and corner[32, 60] > 0.3 and corner[60, 32] > 0.3


def test_the_rim_of_a_crop_does_not_count_because_networks_paint_it_badly():
    picture = np.full((*SIZE, 3), 150, np.uint8)
    frames = still(picture)
    frames[0][:, [0, 1, -2, -1]] = 60
    frames[0][:, :, [0, 1, -2, -1]] = 60
    plain, matched = (paste(picture, FACES, frames, mask="box", colour_match=match)[0] for match in (0, 1))
    np.testing.assert_allclose(matched.astype(int), plain, atol=1)
