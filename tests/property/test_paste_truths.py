"""What pasting promises for any picture and any faces."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fom_core.compose.masks import Mask, circle
from fom_core.compose.paste import Paster, paste
from fom_core.faces.regions import crop_face
from fom_core.types import FaceSet

HEIGHT, WIDTH = 90, 120


@st.composite
def crops(draw):
    """One to three squares, which may overlap and reach past the border."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        side = draw(st.integers(8, 70))
        x, y = draw(st.integers(1 - side, WIDTH - 1)), draw(st.integers(1 - side, HEIGHT - 1))
        found.append((x, y, x + side, y + side))
    return found


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@settings(max_examples=40, deadline=None)
@given(crops(), st.sampled_from([mask for mask in get_args(Mask) if mask != "paddlegan"]), st.integers(0, 99))
def test_cropping_then_pasting_untouched_faces_restores_the_picture(rects, mask, seed):
    picture, faces = noise(seed), FaceSet.from_crops(rects, (HEIGHT, WIDTH))
    frames = [
        crop_face(picture, face, (int(face.crop_px[3] - face.crop_px[1]), int(face.crop_px[2] - face.crop_px[0])))[None]
        for face in faces
    ]
    np.testing.assert_allclose(paste(picture, faces, frames, mask=mask)[0].astype(int), picture, atol=1)


@pytest.mark.parametrize("size", [70, 96, 128, 200])
def test_a_crop_enlarged_for_the_model_comes_back_within_two_levels(size):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([128 + 100 * np.sin(x / 4) * np.cos(y / 5), 255 * x / WIDTH, 255 * y / HEIGHT], axis=-1)
    picture = picture.astype(np.uint8)
    faces = FaceSet.from_crops([(-10, 5, 60, 75)], (HEIGHT, WIDTH))
    result = paste(picture, faces, [crop_face(picture, faces[0], (size, size))[None]])
    np.testing.assert_allclose(result[0].astype(int), picture, atol=2)


@settings(max_examples=40, deadline=None)
@given(
    crops(),
    st.sampled_from(get_args(Mask)),
    st.integers(0, 99),
    st.sampled_from([0.1, 0.4, 1.5]),
)
def test_pixels_outside_the_masks_are_those_of_the_source(rects, mask, seed, ratio):
    picture, faces = noise(seed), FaceSet.from_crops(rects, (HEIGHT, WIDTH))
    touched = np.zeros((HEIGHT, WIDTH), bool)
    for rect in rects:
        x0, y0, x1, y1 = rect
        if mask == "paddlegan" and len(rects) > 1:
            (x0, y0, x1, y1), _ = circle(rect, ratio, (HEIGHT, WIDTH))
        touched[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    frames = [np.random.default_rng(seed + 1).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)] * len(rects)
    result = paste(picture, faces, frames, mask=mask, ratio=ratio)
    assert (result[:, ~touched] == picture[~touched]).all()


@settings(max_examples=40, deadline=None)
@given(crops(), st.sampled_from(get_args(Mask)), st.floats(0, 1), st.floats(0, 1))
def test_parts_name_every_pixel_that_changes(rects, mask, colour_match, feather):
    picture, faces = noise(1), FaceSet.from_crops(rects, (HEIGHT, WIDTH))
    face_masks = [np.random.default_rng(2).random((2, 9, 9)) > 0.3]
    paster = Paster(picture, faces, mask, feather=feather, colour_match=colour_match, face_masks=face_masks)
    frames = [np.random.default_rng(3).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)] * len(rects)
    for time, result in enumerate(paster(frames)):
        covered = np.zeros((HEIGHT, WIDTH), bool)
        for (x0, y0, x1, y1), part in paster.parts(time):
            assert part.min() >= 0 and part.max() <= 1
            covered[y0:y1, x0:x1] |= part > 0
        assert (result[~covered] == picture[~covered]).all()
