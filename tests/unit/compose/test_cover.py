"""Telling a face's canvas from its crop, and cutting the one out of the other."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fom_core.compose import canvas_box, covered, cut_crop
from fom_core.compose.cover import covers_canvas
from fom_core.errors import UsageError
from fom_core.faces.regions import crop_face, pixel_box
from fom_core.pictures import resize_picture
from fom_core.types import FaceRegion, FaceSet

SIZE = (240, 320)
UPRIGHT = FaceSet.from_crops([(100, 70, 200, 170), (-20, -30, 90, 80), (210, 40, 300, 140)], SIZE)
FACES = {
    "inside": UPRIGHT[0],
    "past the border": UPRIGHT[1],
    "PaddleGAN's": UPRIGHT[2],
    "rolled": replace(UPRIGHT[0], roll_deg=40.0),
}


@pytest.fixture(scope="module")
def picture():
    """Something to see everywhere, fine and coarse."""
    noise = np.random.default_rng(0).normal(size=(*SIZE, 3)).astype(np.float32)
    smooth = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1, 4, 16))
    return np.clip(128 + 40 * smooth, 0, 255).astype(np.uint8)


def canvas_of(picture: np.ndarray, face: FaceRegion) -> np.ndarray:
    x0, y0, x1, y1 = canvas_box(face)
    return picture[y0:y1, x0:x1]


@pytest.mark.parametrize("face", FACES.values(), ids=list(FACES))
@pytest.mark.parametrize("change", ["as it was", "384 pixels square", "enlarged", "small", "darker", "softer"])
def test_canvas_and_crop_are_told_apart_whatever_was_done_to_them(picture, face, change):
    for frame, is_canvas in ((canvas_of(picture, face), True), (crop_face(picture, face, (128, 128)), False)):
        assert covers_canvas(changed(frame, change), picture, face) == is_canvas


def changed(frame: np.ndarray, how: str) -> np.ndarray:
    height, width = frame.shape[:2]
    if how == "384 pixels square":
        return resize_picture(frame, (384, 384))
    if how == "enlarged":
        return resize_picture(frame, (round(height * 2.37), round(width * 2.37)))
    if how == "small":
        return resize_picture(frame, (64, 64))
    if how == "darker":
        return (frame * 0.5 + np.array([0, 20, 0])).astype(np.uint8)
    return cv2.GaussianBlur(frame, (0, 0), 3) if how == "softer" else frame


def test_a_face_that_moved_is_still_told(picture):
    face = UPRIGHT[0]
    moved = np.roll(picture, (4, -6), axis=(0, 1))
    assert covers_canvas(canvas_of(moved, face), picture, face)
    assert not covers_canvas(crop_face(moved, face, (128, 128)), picture, face)


def test_where_pictures_tell_nothing_the_shape_decides_and_then_it_is_the_canvas():
    flat = np.full((*SIZE, 3), 90, np.uint8)
    inside, border = FACES["inside"], FaceSet.from_crops([(0, 70, 100, 170)], SIZE)[0]
    assert covers_canvas(flat[:64, :64], flat, inside)
    assert not covers_canvas(flat[:64, :64], flat, border)
    assert covers_canvas(canvas_of(flat, border), flat, border)


def test_what_somebody_says_counts(picture):
    frames = [crop_face(picture, face, (64, 64)) for face in UPRIGHT]
    assert covered("auto", frames, picture, UPRIGHT) == [False] * 3
    assert covered("canvas", frames, picture, UPRIGHT) == [True] * 3
    assert covered("crop", frames, picture, UPRIGHT) == [False] * 3
    with pytest.raises(UsageError, match="auto, canvas, crop"):
        covered("whole", frames, picture, UPRIGHT)  # type: ignore[arg-type]


@pytest.mark.parametrize("face", UPRIGHT.faces, ids=list(FACES)[:3])
def test_the_crop_out_of_a_canvas_is_that_out_of_the_picture(picture, face):
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    assert np.array_equal(cut_crop(canvas_of(picture, face), face), crop_face(picture, face, (y1 - y0, x1 - x0)))


def test_so_is_the_upright_crop_of_a_rolled_head(picture):
    face = FACES["rolled"]
    found = cut_crop(canvas_of(picture, face), face).astype(int)
    assert np.abs(found - crop_face(picture, face, (100, 100))).mean() < 0.5


def test_a_canvas_of_twice_the_size_gives_twice_the_crop(picture):
    face = UPRIGHT[0]
    canvas = canvas_of(picture, face)
    found = cut_crop(resize_picture(canvas, (2 * canvas.shape[0], 2 * canvas.shape[1])), face)
    assert found.shape == (200, 200, 3)
    assert np.abs(found.astype(int) - crop_face(picture, face, (200, 200))).mean() < 1
