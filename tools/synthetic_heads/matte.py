"""What of a portrait is the person, and what lies behind."""

from __future__ import annotations

import cv2
import numpy as np

from .sampling import disc

WORK = 192  # side at which people are told from what is behind
PLAIN = 14.0  # spread of a border's colours up to which the background is one colour


def silhouette(points: np.ndarray, triangles: np.ndarray, side: int) -> np.ndarray:
    """(side, side) uint8: what triangles of points (V, 3), x and y up in [-1, 1], cover."""
    flat = np.rint((points[:, :2] * [1, -1] + 1) / 2 * side * 16).astype(np.int32)
    mask = np.zeros((side, side), np.uint8)
    for triangle in flat[triangles]:
        cv2.fillConvexPoly(mask, triangle, 1, cv2.LINE_8, 4)
    return mask


def person_matte(picture: np.ndarray, covered: np.ndarray, head: np.ndarray) -> np.ndarray:
    """(S, S) float32 in [0, 1] of a picture (S, S, 3); what a body, and its head alone, cover of it: (WORK, WORK)."""
    small = cv2.resize(picture, (WORK, WORK), interpolation=cv2.INTER_AREA)
    core, near = cv2.erode(head, disc(9)) > 0, cv2.dilate(covered, disc(31)) > 0
    mask = np.where(near, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[cv2.dilate(covered, disc(75)) == 0] = cv2.GC_BGD
    mask[:6] = cv2.GC_BGD
    border = np.concatenate([small[:5].reshape(-1, 3), small[:90, :5].reshape(-1, 3), small[:90, -5:].reshape(-1, 3)])
    usual = np.median(border.astype(np.float32), axis=0)
    if np.abs(border - usual).mean() < PLAIN:
        like = np.abs(small.astype(np.float32) - usual).max(axis=-1) < 20
        _, areas = cv2.connectedComponents(like.astype(np.uint8))
        outside = np.isin(areas, np.setdiff1d(np.concatenate([areas[0], areas[:90, 0], areas[:90, -1]]), [0]))
        mask[outside & like] = cv2.GC_BGD
    mask[core] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(small), mask, (0, 0, 1, 1), *models, 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    person = cv2.morphologyEx(person, cv2.MORPH_OPEN, disc(3))
    _, areas = cv2.connectedComponents(person)
    person = np.isin(areas, np.setdiff1d(areas[core], [0])).astype(np.float32)
    large = cv2.resize(person, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(large, (0, 0), picture.shape[0] / 220)
    return np.clip((soft - 0.35) / 0.5, 0, 1)


def background_of(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The picture (S, S, 3) uint8 with what is around the person spread over it."""
    return _spread(picture, cv2.dilate(matte, disc(27)) < 0.02, (3, 7, 15, 31, 63))


def spread_person(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The picture (S, S, 3) uint8 with the person's colours beyond the person's edge."""
    return _spread(picture, cv2.erode(matte, disc(5)) > 0.9, (1, 2, 4, 8, 16, 32))


def _spread(picture: np.ndarray, kept: np.ndarray, sigmas: tuple[int, ...]) -> np.ndarray:
    weight = kept.astype(np.float32)
    total = picture * weight[..., None]
    result, found = total.copy(), weight.copy()
    for sigma in sigmas:
        sums = cv2.GaussianBlur(weight, (0, 0), sigma)
        share = (1 - found) * np.clip(sums * 12, 0, 1)
        result += (share / np.maximum(sums, 1e-6))[..., None] * cv2.GaussianBlur(total, (0, 0), sigma)
        found += share
    return (result / np.maximum(found, 1e-3)[..., None]).clip(0, 255).astype(np.uint8)
