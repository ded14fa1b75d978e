"""Masks brought along, moving backgrounds, and what pasting says about the pixels it touches."""

from typing import get_args

import numpy as np
import pytest
import torch

from fom_core.compose.masks import Mask
from fom_core.compose.paste import Paster, paste
from fom_core.errors import UsageError
from fom_core.types import FaceSet

SIZE = (90, 120)
CROPS = [(10, 20, 70, 80), (50, 10, 100, 60)]
FACES = FaceSet.from_crops(CROPS, SIZE)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def faces_of(count, length=3):
    return [noise(length, 32, 32, 3, seed=10 + index) for index in range(count)]


def covered(paster, time=0):
    whole = np.zeros(SIZE, np.float32)
    for (x0, y0, x1, y1), part in paster.parts(time):
        whole[y0:y1, x0:x1] = np.maximum(whole[y0:y1, x0:x1], part)
    return whole


@pytest.mark.parametrize("mask", get_args(Mask))
def test_masks_of_one_change_nothing(mask):
    picture, frames = noise(*SIZE, 3), faces_of(2)
    expected = paste(picture, FACES, frames, mask=mask)
    np.testing.assert_array_equal(paste(picture, FACES, frames, mask=mask, face_masks=[np.ones((8, 8))]), expected)


@pytest.mark.parametrize("mask", get_args(Mask))
def test_masks_of_zero_leave_the_picture(mask):
    picture = noise(*SIZE, 3)
    result = paste(picture, FACES, faces_of(2), mask=mask, ratio=1.0, face_masks=[torch.zeros(1, 8, 8)])
    assert (result == picture).all()


def test_a_mask_limits_its_own_face_to_its_own_part():
    picture = noise(*SIZE, 3)
    left_half = np.repeat([[1.0, 0.0]], 2, axis=0).repeat(30, axis=0).repeat(30, axis=1)
    apart = FaceSet.from_crops([(0, 0, 40, 40), (60, 40, 120, 90)], SIZE)
    paster = Paster(picture, apart, "box", face_masks=[left_half, np.ones((4, 4))])
    whole = covered(paster)
    assert (whole[:40, :19] == 1).all() and (whole[:40, 21:40] == 0).all() and (whole[40:, 60:] == 1).all()


def test_where_one_face_is_masked_out_the_other_has_the_pixels():
    picture, frames = np.zeros((*SIZE, 3), np.uint8), [np.full((1, 8, 8, 3), value, np.uint8) for value in (100, 200)]
    result = paste(picture, FACES, frames, "box", face_masks=[np.zeros((4, 4)), np.ones((4, 4))])[0]
    assert (result[10:60, 50:100] == 200).all() and (result[60:80, 10:50] == 0).all()


def test_moving_masks_follow_the_frames_through_chunks_and_hold_their_last():
    picture, frames = noise(*SIZE, 3), faces_of(2, length=5)
    moving = np.random.default_rng(3).random((3, 6, 6))
    paster = Paster(picture, FACES, face_masks=[moving])
    chunks = [paster([face[start : start + 2] for face in frames], start=start) for start in (0, 2, 4)]
    singly = [
        paste(picture, FACES, [face[time : time + 1] for face in frames], face_masks=[moving[min(time, 2)]])
        for time in range(5)
    ]
    np.testing.assert_array_equal(np.concatenate(chunks), np.concatenate(singly))


@pytest.mark.parametrize("mask", ["soft", "paddlegan"])
def test_a_background_video_is_pasted_into_frame_by_frame(mask):
    pictures, frames = noise(3, *SIZE, 4), faces_of(2)
    result = Paster(pictures[0], FACES, mask)(frames, pictures=pictures)
    singly = [paste(pictures[t], FACES, [face[t : t + 1] for face in frames], mask=mask)[0] for t in range(3)]
    np.testing.assert_array_equal(result, np.stack(singly))


@pytest.mark.parametrize("mask", get_args(Mask))
def test_pixels_that_no_part_covers_are_the_pictures(mask):
    picture = noise(*SIZE, 3)
    paster = Paster(picture, FACES, mask)
    untouched = covered(paster) == 0
    assert 0.3 < untouched.mean() < 0.9
    assert (paster(faces_of(2))[:, untouched] == picture[untouched]).all()


def test_a_face_between_two_joined_ones_is_kept():
    """The common rectangle of two faces that touch may hold a third that touches neither."""
    faces = FaceSet.from_crops([(60, 0, 90, 20), (0, 0, 50, 50), (40, 40, 120, 90)], SIZE)
    result = paste(np.zeros((*SIZE, 3), np.uint8), faces, [np.full((1, 8, 8, 3), 200, np.uint8)] * 3, mask="box")[0]
    assert (result[:20, 60:90] == 200).all()


def test_wrong_masks_and_backgrounds_are_refused_with_the_reason():
    picture, frames = noise(*SIZE, 3), faces_of(2)
    with pytest.raises(UsageError, match="one face mask for all faces or 2"):
        Paster(picture, FACES, face_masks=[np.ones((4, 4))] * 3)
    with pytest.raises(UsageError, match=r"\[T, h, w\] of numbers"):
        Paster(picture, FACES, face_masks=[np.full((4, 4), np.nan)])
    with pytest.raises(UsageError, match="feather is a number from 0 to 1"):
        Paster(picture, FACES, feather=1.5)
    with pytest.raises(UsageError, match="colour match is a number from 0 to 1"):
        Paster(picture, FACES, colour_match=-1)
    with pytest.raises(UsageError, match="pictures"):
        Paster(picture, FACES)(frames, pictures=noise(2, *SIZE, 3))
