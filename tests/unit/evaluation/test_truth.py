"""Measures of how near a frame is to the truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fom_core.evaluation import truth
from fom_core.evaluation.view import mouth_of

BOX = (40.0, 40.0, 120.0, 120.0)
SHAPE = (160, 160)


@pytest.fixture(scope="module")
def wanted() -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return np.clip(128 + 220 * cv2.GaussianBlur(noise, (0, 0), 2), 0, 255)


def test_the_truth_itself_is_faultless(wanted):
    assert truth.l1_in(wanted, wanted, BOX) == 0
    assert truth.ssim_map(wanted, wanted) == pytest.approx(1)
    assert truth.gradients_ratio(wanted, wanted, BOX) == 1
    assert truth.edges_agree(wanted, wanted, BOX) == pytest.approx(1)


def test_only_what_is_in_the_box_counts(wanted):
    other = wanted.copy()
    other[:40] = 0

    assert truth.l1_in(other, wanted, BOX) == 0
    assert truth.l1_in(other, wanted, (0, 0, 160, 40)) > 50


def test_similarity_agrees_with_its_formula_on_flat_pictures():
    dark, bright = np.full(SHAPE, 50, np.float32), np.full(SHAPE, 100, np.float32)

    expected = (2 * 50 * 100 + 2.55**2) / (50**2 + 100**2 + 2.55**2)

    assert truth.ssim_map(dark, bright) == pytest.approx(expected, abs=1e-6)


def test_similarity_agrees_with_the_windowed_sums(wanted):
    other = wanted[::-1].astype(np.float64)
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    (a, b) = (luma[60:71, 70:81].astype(np.float64) for luma in (other, wanted))
    mean_a, mean_b = (window * a).sum(), (window * b).sum()
    spread = (window * (a - mean_a) ** 2).sum() + (window * (b - mean_b) ** 2).sum()
    common = (window * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1) * (2 * common + c2) / (spread + c2)

    assert truth.ssim_map(other, wanted)[65, 75] == pytest.approx(expected, abs=1e-6)


def test_similarity_is_a_map(wanted):
    other = wanted.copy()
    other[:40] = wanted[40:80]

    similarity = truth.ssim_map(other, wanted)

    assert similarity[:30].mean() < 0.3
    assert similarity[60:] == pytest.approx(1)


def test_a_blurred_picture_has_fewer_gradients_and_its_edges_still_agree(wanted):
    soft = cv2.GaussianBlur(wanted, (0, 0), 2)

    assert truth.gradients_ratio(soft, wanted, BOX) < 0.7
    assert truth.edges_agree(soft, wanted, BOX) > 0.8


def test_edges_in_other_places_do_not_agree(wanted):
    assert abs(truth.edges_agree(np.roll(wanted, 30, axis=1), wanted, BOX)) < 0.2
    assert truth.edges_agree(255 - wanted, wanted, BOX) == pytest.approx(-1)


def test_nothing_is_said_of_flat_pictures(wanted):
    flat = np.full(SHAPE, 100, np.float32)

    assert np.isnan(truth.edges_agree(flat, wanted, BOX))
    assert np.isnan(truth.gradients_ratio(wanted, flat, BOX))


def test_all_measures_look_at_crop_face_and_mouth(wanted):
    x0, y0, x1, y1 = (round(value) for value in mouth_of(BOX))
    spoilt = wanted.copy()
    spoilt[y0:y1, x0:x1] = 255 - spoilt[y0:y1, x0:x1]

    figures = truth.compare_with_truth(spoilt, wanted, (20, 20, 140, 140), BOX)

    assert tuple(figures) == truth.MEASURES
    assert figures["l1_mouth"] > 3 * figures["l1_face"] > 3 * figures["l1"] > 0
    assert figures["ssim_face"] < figures["ssim"] < 1
    assert figures["edges"] < 0.9
