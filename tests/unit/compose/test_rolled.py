"""Faces of rolled heads are pasted where they lie."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from fom_core.compose.masks import Mask
from fom_core.compose.paste import Paster, paste
from fom_core.faces.regions import crop_face
from fom_core.types import FaceSet

SIZE = (120, 150)
RED = (255, 0, 0)


def faces(*crops, roll_deg):
    given = FaceSet.from_crops(crops, SIZE)
    return replace(given, faces=tuple(replace(face, roll_deg=roll_deg) for face in given))


def waves():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    picture = [128 + 100 * np.sin(x / 7) * np.cos(y / 8), 255 * x / SIZE[1], 255 * y / SIZE[0]]
    return np.stack(picture, axis=-1).astype(np.uint8)


def untouched(picture, found, size):
    return [crop_face(picture, face, (size, size))[None] for face in found]


@pytest.mark.parametrize("mask", get_args(Mask))
@pytest.mark.parametrize("roll", [30.0, 90.0, 180.0, -45.0])
def test_cropping_then_pasting_an_untouched_face_restores_the_picture(roll, mask):
    picture, found = waves(), faces((40, 25, 104, 89), roll_deg=roll)
    frames = untouched(picture, found, 96)
    np.testing.assert_allclose(paste(picture, found, frames, mask=mask)[0].astype(int), picture, atol=3)


@pytest.mark.parametrize("roll", [90.0, 180.0, -90.0])
def test_a_head_turned_by_quarters_comes_back_exactly(roll):
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    found = faces((40, 25, 104, 89), roll_deg=roll)
    np.testing.assert_array_equal(paste(picture, found, untouched(picture, found, 64), mask="box")[0], picture)


@pytest.mark.parametrize("mask", get_args(Mask))
def test_pixels_outside_the_turned_crop_are_those_of_the_picture(mask):
    picture, found = waves(), faces((40, 25, 104, 89), roll_deg=30.0)
    result = paste(picture, found, [np.full((1, 32, 32, 3), RED, np.uint8)], mask=mask)[0]
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    along = (x - 71.5) * np.cos(np.pi / 6) + (y - 56.5) * np.sin(np.pi / 6)
    across = (y - 56.5) * np.cos(np.pi / 6) - (x - 71.5) * np.sin(np.pi / 6)
    outside = np.maximum(abs(along), abs(across)) > 33
    np.testing.assert_array_equal(result[outside], picture[outside])
    assert (result[np.maximum(abs(along), abs(across)) < 15] == RED).all()


def test_the_top_of_the_face_lies_where_the_top_of_the_head_is():
    face = np.zeros((1, 64, 64, 3), np.uint8)
    face[:, :32] = RED
    dark = np.zeros((*SIZE, 3), np.uint8)
    result = paste(dark, faces((40, 25, 104, 89), roll_deg=90.0), [face], mask="box")[0]
    assert tuple(result[56, 95]) == RED and tuple(result[56, 45]) == (0, 0, 0)  # clockwise: to the right


def test_a_head_that_lies_at_the_border_does_not_fade_towards_it():
    dark = np.zeros((*SIZE, 3), np.uint8)
    result = paste(dark, faces((-10, 30, 54, 94), roll_deg=90.0), [np.full((1, 8, 8, 3), RED, np.uint8)])[0]
    assert tuple(result[62, 0]) == RED and tuple(result[62, 54]) == (0, 0, 0) and result[62, 51, 0] < 60


def test_a_face_mask_lies_turned_as_the_face_does():
    upper = np.zeros((64, 64), np.float32)
    upper[:32] = 1
    dark, found = np.zeros((*SIZE, 3), np.uint8), faces((40, 25, 104, 89), roll_deg=90.0)
    paster = Paster(dark, found, "box", face_masks=[upper])
    result = paster([np.full((1, 64, 64, 3), RED, np.uint8)])[0]
    assert (result[26:88, 74:103] == RED).all() and not result[26:88, 41:69].any()
    (rect, part) = paster.parts()[0]
    assert rect == (40, 25, 104, 89) and part[:, 33:].min() == 1 and part[:, :30].max() == 0


def test_colours_of_a_rolled_face_are_fitted_to_what_lies_around_it():
    grey = np.full((*SIZE, 3), 120, np.uint8)
    found = faces((40, 25, 104, 89), roll_deg=-45.0)
    tinted = [np.full((1, 64, 64, 3), (130, 120, 110), np.uint8)]
    plain, fitted = (paste(grey, found, tinted, colour_match=match)[0, 57, 72].astype(int) for match in (0.0, 1.0))
    assert tuple(plain) == (130, 120, 110)
    assert np.abs(fitted - 120).max() <= 2


def test_a_rolled_and_an_upright_face_share_their_border():
    upright, rolled = faces((10, 20, 74, 84), roll_deg=0.0)[0], faces((60, 20, 124, 84), roll_deg=180.0)[0]
    both = FaceSet((upright, replace(rolled, id=1)), SIZE)
    frames = [np.full((1, 8, 8, 3), 200, np.uint8)] * 2
    result = paste(np.zeros((*SIZE, 3), np.uint8), both, frames, mask="box")[0]
    assert (result[22:82, 12:122] >= 199).all()
