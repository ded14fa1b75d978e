"""Colours out of a portrait: of what it does not show, of eyes, teeth and mouth, and the light."""

from __future__ import annotations

import cv2
import numpy as np

from fom_core.training.data.mesh import EYES

from .sampling import sample

RINGS = EYES[: len(EYES) // 2], EYES[len(EYES) // 2 :]
OUTER_LIPS = [0, 37, 267, 17, 84, 314]
IRISES = np.array([[0.30, 0.40, 0.48], [0.32, 0.38, 0.26], [0.34, 0.22, 0.11], [0.16, 0.10, 0.06]])
OTHER_IRIS = 0.25  # share of people whose eyes get one of these
SURE = 400  # vertices that tell the colours of others


def eye_zone(place: np.ndarray, marks: np.ndarray, rim: float) -> np.ndarray:
    """(V,) from 0 to 1: which places (V, 2) of a picture lie in or near an open eye.

    marks (468, 2) in the same unit, from 0 to 1; ``rim``: breadth of what is near, of the eye's width, half outside.
    """
    mask = np.zeros((768, 768), np.uint8)
    for ring in RINGS:
        around = marks[ring] * len(mask)
        hull = cv2.convexHull(np.rint(around).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 255)
        cv2.polylines(mask, [hull], True, 255, max(1, round(rim * float(np.ptp(around[:, 0])))))
    return sample(cv2.GaussianBlur(mask, (0, 0), 4), place) / 255


def colours_around(
    usual: np.ndarray, hairy: np.ndarray, lids: np.ndarray, sure: np.ndarray, colours: np.ndarray
) -> np.ndarray:
    """(V, 4): colours for what the picture does not show, from near vertices that are ``sure``; and whether it is hair.

    usual (V, 3) places, of which left and right count alike; lids (V,) take colours from farther around.
    """
    places = usual.copy()
    places[:, 0] = np.abs(places[:, 0])
    places[:, 1] *= np.where(places[:, 1] < -1.3, 2.5, 1)  # clothes from clothes, not from the neck
    found = []
    for chosen in (hairy < 0.2, hairy > 0.8):
        known = np.flatnonzero((sure > 0.75) & chosen)
        if len(known) < 20:
            found.append(found[0] if found else np.tile(np.median(colours, axis=0), (len(usual), 1)))
            continue
        known = known[:: max(1, len(known) // SURE)]
        apart = ((places[:, None] - places[known][None]) ** 2).sum(-1)
        weight = 1 / (apart + 0.02 + 0.12 * lids[:, None]) ** 4
        found.append(weight @ colours[known] / weight.sum(axis=1, keepdims=True))
    mixed = found[0] * (1 - hairy[:, None]) + found[1] * 0.85 * hairy[:, None]
    return np.concatenate([mixed, hairy[:, None]], axis=1)


def eyes_and_mouth(picture: np.ndarray, marks: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray | float]:
    """Colours of the shader by name, from what a picture (S, S, 3) shows at its mesh's points (468, 2) from 0 to 1."""
    flat = marks * len(picture)
    mask, irises = np.zeros(picture.shape[:2], np.uint8), []
    for ring in RINGS:
        cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(flat[ring]).astype(np.int32)), 1)
        x, y = np.rint(flat[ring].mean(axis=0)).astype(int)
        irises.append(picture[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3))
    eye = picture[mask > 0] / 255
    bright = eye[eye.sum(1) >= np.percentile(eye.sum(1), 75)].mean(axis=0) if len(eye) else np.full(3, 0.6)
    level = float(np.clip(bright.mean() * 1.15, 0.42, 0.86))
    white = level * (0.7 + 0.3 * bright / bright.mean()) * [1.0, 0.985, 0.97]
    seen = np.concatenate(irises)
    iris = np.median(seen, axis=0) / 255 if len(seen) else np.full(3, 0.2)
    if rng.random() < OTHER_IRIS:
        iris = IRISES[rng.integers(len(IRISES))] * level * 1.3
    lip = np.median(sample(picture, marks[OUTER_LIPS]), axis=0) / 255
    return {
        "iris": np.clip(iris * 1.25, 0.05, 0.6),
        "pupil": rng.uniform(0.15, 0.24),
        "white": white,
        "teeth": white * rng.uniform(1.1, 1.3) * np.array([1.0, 0.95, 0.86]),
        "tongue": np.clip(lip * [1.0, 0.72, 0.74], 0.2, 0.7),
        "throat": np.clip(lip * [0.42, 0.22, 0.22], 0.02, 0.25),
        "lashes": np.array([0.08, 0.06, 0.05]),
    }


def random_light(rng: np.random.Generator) -> dict[str, np.ndarray | float]:
    """A light, which changes that of the picture a little as the head turns."""
    sun = np.array([rng.normal(0, 0.6), rng.uniform(0.0, 0.7), rng.uniform(0.5, 1.0)])
    strong = rng.uniform(0.3, 0.85)
    return {
        "light": sun / np.linalg.norm(sun),
        "light_tone": strong * 1.15 * np.clip(rng.normal(1, 0.06, 3), 0.8, 1.2),
        "ambient": (1 - 0.72 * strong) * np.clip(rng.normal(1, 0.05, 3), 0.8, 1.2),
        "lit": rng.uniform(0.2, 0.6),
        "gloss": rng.uniform(0.0, 0.07),
    }
