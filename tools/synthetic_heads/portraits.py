"""Portraits to make people of: those of a data set in which one face looks roughly into the camera."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fom_core.errors import MediaError
from fom_core.faces.detection import Detector
from fom_core.media import read_picture
from fom_core.training.data.landmarks import find_landmarks
from fom_core.training.data.mesh import MeshFinder, find_meshes

from .fit import Fit, Fitter

log = logging.getLogger(__name__)
SIDE = 384  # at which portraits are used
MOST_TURNED, MOST_ERROR = (22.0, 20.0), 0.022  # yaw and pitch in degrees; half sides of the picture


@dataclass(frozen=True)
class Portrait:
    """A picture (SIDE, SIDE, 3) uint8 and the head in it."""

    picture: np.ndarray
    fit: Fit


def read_portrait(
    path: Path, detector: Detector, finder: MeshFinder, fitter: Fitter, *, mirrored: bool = False
) -> Portrait | None:
    """The portrait in a file: its upper middle, if it is no square.

    None where no head, or none that faces the camera, is found, and with a line for a file that cannot be read.
    """
    try:
        picture = read_picture(path)[..., :3]
    except MediaError as error:
        log.warning("%s It is left out.", error)
        return None
    side = min(picture.shape[:2])
    left = (picture.shape[1] - side) // 2
    picture = np.ascontiguousarray(picture[:side, left : left + side])
    shrink = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
    picture = cv2.resize(picture, (SIDE, SIDE), interpolation=shrink)
    if mirrored:
        picture = np.ascontiguousarray(picture[:, ::-1])
    mesh = find_meshes([picture], [find_landmarks(picture, detector)], finder)[0]
    if np.isnan(mesh).any():
        return None
    fit = fitter(mesh)
    ahead = fit.turn[:, 2]
    yaw, pitch = np.degrees(np.arctan2(ahead[0], ahead[2])), np.degrees(np.arcsin(np.clip(ahead[1], -1, 1)))
    if abs(yaw) > MOST_TURNED[0] or abs(pitch) > MOST_TURNED[1] or fit.error > MOST_ERROR:
        return None
    return Portrait(picture, fit)


def in_other_light(picture: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Another exposure, contrast and colour of the light."""
    levels = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.28 * strength))
    levels = levels * np.exp(rng.normal(0, 0.08 * strength)) * np.exp(rng.normal(0, 0.05 * strength, 3))
    return cv2.LUT(picture, (levels * 255).clip(0, 255).astype(np.uint8)[None])
