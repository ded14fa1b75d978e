"""How near a frame is to the one that it should be: luma (h, w) beside luma, 0 to 255."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import Box
from .view import gradients, mouth_of, slices_of

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5  # Wang et al., 2004
SSIM_C1, SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
MEASURES = ("l1", "l1_face", "l1_mouth", "ssim", "ssim_face", "gradients", "edges")


def l1_in(result: np.ndarray, truth: np.ndarray, box: Box) -> float:
    """Mean difference in a box, in levels."""
    return _mean_in(np.abs(result - truth), box)


def ssim_map(result: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Structural similarity around each pixel, (h, w), 1 for equal pictures."""

    def blurred(luma: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(luma, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA, borderType=cv2.BORDER_REFLECT)

    result, truth = result.astype(np.float64), truth.astype(np.float64)
    ours, theirs = blurred(result), blurred(truth)
    variances = blurred(result * result) - ours * ours + blurred(truth * truth) - theirs * theirs
    covariance = blurred(result * truth) - ours * theirs
    luminance = (2 * ours * theirs + SSIM_C1) / (ours * ours + theirs * theirs + SSIM_C1)
    return luminance * (2 * covariance + SSIM_C2) / (variances + SSIM_C2)


def gradients_ratio(result: np.ndarray, truth: np.ndarray, box: Box) -> float:
    """Mean gradient in a box over the truth's: below 1 the result is softer."""
    ours, theirs = (_mean_in(np.linalg.norm(gradients(luma), axis=-1), box) for luma in (result, truth))
    return ours / theirs if theirs else np.nan


def edges_agree(result: np.ndarray, truth: np.ndarray, box: Box) -> float:
    """Correlation of the gradients in a box as vectors: 1 where edges are in the same places, 0 by chance."""
    ours, theirs = (gradients(luma)[slices_of(luma.shape, box)].astype(np.float64) for luma in (result, truth))
    energy = float((ours**2).sum() * (theirs**2).sum())
    return float((ours * theirs).sum() / energy**0.5) if energy else np.nan


def compare_with_truth(result: np.ndarray, truth: np.ndarray, crop: Box, face: Box) -> dict[str, float]:
    """All of :data:`MEASURES`: in the crop, and in the box of the face that the truth shows."""
    similarity = ssim_map(result, truth)
    figures = (
        l1_in(result, truth, crop),
        l1_in(result, truth, face),
        l1_in(result, truth, mouth_of(face)),
        _mean_in(similarity, crop),
        _mean_in(similarity, face),
        gradients_ratio(result, truth, face),
        edges_agree(result, truth, face),
    )
    return dict(zip(MEASURES, figures, strict=True))


def _mean_in(values: np.ndarray, box: Box) -> float:
    part = values[slices_of(values.shape, box)]
    return float(part.mean()) if part.size else np.nan
