"""Measures of how an animated picture looks, on pictures whose faults are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fom_core.compose.flow import cell_places
from fom_core.evaluation import looks
from fom_core.evaluation.view import View, crop_distance, moved

CROP, FACE = (60.0, 50.0, 188.0, 178.0), (90.0, 80.0, 160.0, 160.0)
SHAPE = (240, 260)


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    """Blobs of a few pixels, sharp enough to show what blurs and what doubles: (h, w) luma."""
    noise = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return np.clip(128 + 220 * cv2.GaussianBlur(noise, (0, 0), 2), 0, 255)


@pytest.fixture(scope="module")
def shift() -> np.ndarray:
    """Everything comes from 9 pixels to the right and 5 below."""
    return np.broadcast_to(np.array([9, 5], np.float32), (*SHAPE, 2))


def blurred_in(luma: np.ndarray, where: np.ndarray, sigma: float = 3) -> np.ndarray:
    return np.where(where, cv2.GaussianBlur(luma, (0, 0), sigma), luma)


def test_the_moved_source_has_neither_seam_nor_step_nor_ghost(source, shift):
    result = moved(source, shift)

    assert looks.seam_and_step(result, moved(source, shift), CROP) == (0, 0)
    assert looks.ghost(result, source, shift, CROP) == pytest.approx(0, abs=1e-4)


def test_moving_looks_where_the_flow_points(source, shift):
    assert np.abs(moved(source, shift)[:-5, :-9] - source[5:, 9:]).max() < 1e-3


def test_a_double_exposure_is_a_ghost(source, shift):
    both = (moved(source, shift) + source) / 2

    assert looks.ghost(both, source, shift, CROP) > 0.98


def test_a_faint_double_exposure_is_a_fainter_ghost(source, shift):
    tenth = 0.9 * moved(source, shift) + 0.1 * source

    assert looks.ghost(tenth, source, shift, CROP) == pytest.approx(4 * 0.9 * 0.1, abs=0.04)


def test_a_pale_double_exposure_counts_by_its_strength(source, shift):
    pale = 0.3 * moved(source, shift) + 0.3 * source + 50

    assert looks.ghost(pale, source, shift, CROP) == pytest.approx(0.6, abs=0.02)


def test_what_is_taken_away_of_the_source_is_no_ghost(source, shift):
    assert looks.ghost(1.4 * moved(source, shift) - 0.4 * source, source, shift, CROP) == pytest.approx(0, abs=0.01)


def test_ghosts_outside_the_rounded_square_do_not_count(source, shift):
    went = moved(source, shift)
    corners = crop_distance(SHAPE, CROP) > 1.02

    assert looks.ghost(np.where(corners, (went + source) / 2, went), source, shift, CROP) < 1e-3


def test_a_plain_source_shows_no_ghost(source, shift):
    plain = 100 + source / 100

    assert np.isnan(looks.ghost((moved(plain, shift) + plain) / 2, plain, shift, CROP))


def test_a_picture_that_stayed_is_no_ghost(source, shift):
    assert looks.ghost(source, source, shift, CROP) == pytest.approx(0, abs=1e-4)


def test_a_grey_face_is_no_ghost(source, shift):
    assert looks.ghost(np.full_like(source, 128), source, shift, CROP) == 0


def test_where_hardly_anything_moves_no_ghost_can_be_seen(source, shift):
    assert np.isnan(looks.ghost(source, source, 0.3 * shift, CROP))


def test_a_patch_of_another_brightness_has_a_seam_at_its_border(source):
    patch = source + 60 * (crop_distance(SHAPE, CROP) < 0.9)

    seam, step = looks.seam_and_step(patch, source, CROP)

    assert seam > 1
    assert step >= seam


def test_a_change_far_from_the_contours_is_no_seam(source):
    patch = source + 60 * (crop_distance(SHAPE, CROP) < 0.4)

    assert looks.seam_and_step(patch, source, CROP) == (0, 0)


def test_a_soft_disc_in_a_sharp_picture_is_a_step_and_no_seam(source):
    soft = blurred_in(source, crop_distance(SHAPE, CROP) < 0.88)

    seam, step = looks.seam_and_step(soft, source, CROP)

    assert seam < 0.15
    assert step > 0.5


def test_flat_surroundings_are_no_step(source):
    flat = np.full_like(source, 90)

    assert looks.seam_and_step(flat + 0.1 * source / 255, flat, CROP) == (0, 0)


def test_a_blurred_face_is_less_sharp_and_one_blurred_elsewhere_is_not(source):
    y, x = np.indices(SHAPE)
    face = (abs(x - 125) < 40) & (abs(y - 120) < 45)

    assert looks.sharpness(source, source, FACE) == 1
    assert looks.sharpness(blurred_in(source, face), source, FACE) < 0.6
    assert looks.sharpness(blurred_in(source, ~face), source, FACE) == pytest.approx(1, abs=0.01)


def test_steady_differences_do_not_flicker_and_alternating_ones_do(source):
    went = np.stack([source] * 4)
    change = np.array([0, 1, 0, 1], np.float32)[:, None, None]

    assert looks.flicker(went + 7, went, CROP, FACE) == pytest.approx((0, 0), abs=1e-4)
    assert looks.flicker(went + 8 * change, went, CROP, FACE) == pytest.approx((8, 8), abs=1e-4)


def test_flicker_is_told_apart_by_place(source):
    went = np.stack([source] * 3)
    ring = 8 * (crop_distance(SHAPE, CROP) > 0.75) * np.array([0, 1, 0], np.float32)[:, None, None]

    outer, face = looks.flicker(went + ring, went, CROP, FACE)

    assert outer == pytest.approx(8, abs=1e-4)
    assert face == 0


def test_two_frames_cannot_flicker(source):
    assert np.isnan(looks.flicker(source[None], source[None], CROP, FACE)).all()


def test_at_rest_only_the_crop_counts(source):
    inside = crop_distance(SHAPE, CROP) < 1

    assert looks.at_rest(source + 5 * inside, source, CROP) == pytest.approx(5, abs=1e-4)
    assert looks.at_rest(source + 5 * ~inside, source, CROP) == 0


@pytest.mark.parametrize(
    ("stretch", "share"), [((0.0, 0.0), 0), ((-0.5, -0.5), 0), ((-0.7, -0.7), 1), ((-2.0, 0.0), 1), ((-2.0, -2.0), 0)]
)
def test_what_shrinks_below_a_fifth_or_turns_inside_out_is_folded(stretch, share):
    y, x = np.indices((20, 30))
    displacement = np.stack([stretch[0] * x, stretch[1] * y], axis=-1)
    face, wall = np.zeros_like(displacement), np.ones_like(displacement)

    assert looks.folded_cells(displacement, face, (1.0, 1.0)).mean() == share
    assert not looks.folded_cells(displacement, wall, (1.0, 1.0)).any()


def test_turning_the_picture_does_not_fold_it():
    y, x = np.indices((20, 30))
    turn = np.stack([-x - y, x - y], axis=-1)  # by a quarter

    assert not looks.folded_cells(turn, np.zeros_like(turn), (1.0, 1.0)).any()


def test_folds_are_counted_by_their_area_in_the_units_of_the_grid():
    _, x = np.mgrid[-1:1:32j, -1:1:32j]
    displacement = np.stack([np.where(x < 0, -2 * x, 0), 0 * x], axis=-1)

    folds = looks.folded_cells(displacement, np.zeros_like(displacement), (2 / 31, 2 / 31))

    assert folds.mean() == pytest.approx(0.5, abs=1 / 32)


def test_folds_count_in_the_face_and_not_where_the_flow_goes_home():
    still = np.zeros((40, 40, 2))
    inside, rim = still.copy(), still.copy()
    inside[:, 20:22, 0] = 0.2
    rim[:, 38:, 0] = 0.2
    share = {name: looks.folded_share(d, cell_places(d)) for name, d in (("rim", rim), ("inside", inside))}

    assert share["rim"] == looks.folded_share(still, cell_places(still)) == 0
    assert 0 < share["inside"] < 0.2


def test_folds_of_a_flow_are_sought_in_the_face_in_the_middle_of_the_crop():
    y, x = np.indices(SHAPE, np.float32)
    crop = (20, 10, 120, 110)
    to_nothing = np.stack([70 - x, 60 - y], axis=-1)  # everything shows one point of it
    left, beside = (np.where((x < edge)[..., None], to_nothing, 0) for edge in (45, 10))

    assert looks.folded_in(to_nothing, crop) == 1
    assert looks.folded_in(left, crop) == pytest.approx(0.51, abs=0.04)  # a quarter of the crop, and as much is whole
    assert looks.folded_in(beside, crop) == 0
    assert looks.folded_in(np.stack([119 - x, 60 - y], axis=-1), crop) == 0  # or one of the wall


def test_all_measures_of_a_faithful_result_are_faultless(source, shift):
    still = np.zeros_like(shift)
    results = np.stack([moved(source, shift), source, source, source])

    figures = looks.measure_looks(source, results, np.stack([shift, still, still, still]), CROP, FACE, consecutive=3)

    assert tuple(figures) == looks.MEASURES
    assert figures["sharpness"] == pytest.approx(1, abs=0.15)  # another part of the picture is in the face's place
    for name in ("seam", "step", "ghost", "folded", "flicker_ring", "flicker_face"):
        assert figures[name] == pytest.approx(0, abs=1e-4), name


def test_flicker_is_of_the_last_frames_and_all_else_of_the_others(source, shift):
    ghostly = (moved(source, shift) + source) / 2
    results = np.stack([ghostly, source, 255 - source, source])

    figures = looks.measure_looks(source, results, np.stack([shift] * 4), CROP, FACE, consecutive=3)

    assert figures["ghost"] > 0.98
    assert figures["flicker_face"] > 20


def test_where_all_frames_follow_one_another_all_are_measured(source, shift):
    steady = np.stack([(moved(source, shift) + source) / 2] * 3)

    figures = looks.measure_looks(source, steady, np.stack([shift] * 3), CROP, FACE, consecutive=3)

    assert figures["ghost"] > 0.98
    assert figures["flicker_face"] == 0


def test_a_view_shrinks_large_crops_and_leaves_small_ones():
    large = View.around((2000, 3000), (1000, 500, 2024, 1524), (1200, 700, 1800, 1400))
    small = View.around((2000, 3000), (1000, 500, 1100, 600), (1020, 520, 1080, 590))

    assert large.crop[2] - large.crop[0] == pytest.approx(512, abs=1)
    assert large.crop[0] == pytest.approx(256, abs=1)
    assert small.crop == (50, 50, 150, 150)
    assert small.size == (200, 200)


def test_a_view_shrinks_the_flow_as_it_shrinks_the_picture():
    view = View.around((2000, 3000), (1000, 500, 2024, 1524), (1200, 700, 1800, 1400))

    assert np.abs(view.flow(np.full((2000, 3000, 2), 8, np.float32)) - 4).max() < 0.01


def test_a_view_of_a_crop_in_the_corner_stays_inside_the_picture():
    view = View.around(SHAPE, (-40, -30, 88, 98), FACE)
    picture = np.random.default_rng(1).integers(0, 256, (*SHAPE, 3), np.uint8)

    assert view.crop == (-40, -30, 88, 98)
    assert view.luma(picture).shape == (162, 152)
    assert view.luma(picture)[7, 9] == pytest.approx(picture[7, 9] @ [0.299, 0.587, 0.114], abs=1e-3)
