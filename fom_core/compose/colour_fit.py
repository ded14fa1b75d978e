"""Fitting an animated face's colours to the picture around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..pictures import resize_picture
from .masks import Rect, clip

SIDE = 64  # colours are compared on a grid this fine over the crop, where small movements matter little
RIM = 3  # outermost grid cells of the crop, which networks paint badly: convolutions see the padding there
RING = 6  # grid cells over which even a hard mask's edge counts as its surroundings
REACH = 25.0  # levels (of 255) by which a face's colours may well be off; much more is taken with caution
OUTLIER = 6.0  # levels beyond which a place counts less and less: something moved there
MIX = 96.0  # at a ring of this mean level, half of a difference is exposure, which scales colours, and half a shift


@dataclass(frozen=True)
class Correction:
    """What a face's colours need to meet the picture at the mask's edge. It stays the same for all frames.

    scale: (3,) per channel, a factor; shift: (h, w, 3) in levels of 255, a plane over the crop.
    """

    scale: np.ndarray
    shift: np.ndarray

    def __call__(self, face: np.ndarray) -> np.ndarray:
        """Correct a face (h, w, 3) uint8 → float32 in 0 to 255."""
        return np.clip(face * self.scale + self.shift, 0, 255)


def fit_correction(
    face: np.ndarray, crop: np.ndarray, ring: np.ndarray, size: tuple[int, int], strength: float
) -> Correction:
    """The correction for an animated face, from one frame of it and what the picture shows at its place.

    face, crop: (h, w, 3) uint8 of any size; the face may be in another pose.
    ring:       (SIDE, SIDE) how much each place counts, see :func:`surroundings`.
    size:       (height, width) of the faces to correct.
    strength:   from 0, nothing, to 1, all of the difference.

    Per channel the difference is a plane a + b·x + c·y over the crop, fitted with Huber's weights, since hair or
    shoulders that moved are no matter of colour, and with a prior of 0. The difference d at the ring's mean colour m
    means d·(m·colour + MIX²) / (m² + MIX²) at another colour: most of it scales in a bright picture, in a dark one it
    is shifted.
    """
    before, after = (resize_picture(picture, (SIDE, SIDE)).astype(np.float32) for picture in (face, crop))
    scale, planes = np.ones(3, np.float32), np.zeros((3, 3), np.float32)
    total = float(ring.sum())
    if total > 0:
        for channel in range(3):
            difference = after[..., channel] - before[..., channel]
            mean = float((ring * before[..., channel]).sum()) / total
            plane = strength * _plane(difference.ravel(), ring.ravel() / total)
            scale[channel] += plane[0] * mean / (mean**2 + MIX**2)
            planes[channel] = plane * [MIX**2 / (mean**2 + MIX**2), 1, 1]
    y, x = (np.linspace(-1, 1, length, dtype=np.float32) for length in size)
    shift = planes[:, 0] + x[None, :, None] * planes[:, 1] + y[:, None, None] * planes[:, 2]
    return Correction(scale, shift.astype(np.float32))


def surroundings(weight: np.ndarray, crop: Rect, frame_size: tuple[int, int]) -> np.ndarray:
    """Where a mask fades out, most where it is one half: (SIDE, SIDE) over the crop.

    weight: (h, w) the mask on the part of the crop inside the picture. The picture's border is no edge of the mask.
    """
    part = clip(crop, frame_size)
    past = part[1] - crop[1], crop[3] - part[3], part[0] - crop[0], crop[2] - part[2]  # top, bottom, left, right
    whole = cv2.copyMakeBorder(weight, *past, cv2.BORDER_REPLICATE)
    inside = cv2.copyMakeBorder(np.ones_like(weight), *past, cv2.BORDER_CONSTANT, value=0)
    edges = crop[1] > 0, crop[3] < frame_size[0], crop[0] > 0, crop[2] < frame_size[1]
    return ring(whole, inside, edges)


def ring(whole: np.ndarray, inside: np.ndarray, edges: tuple[bool, bool, bool, bool]) -> np.ndarray:
    """Where a mask (h, w) over the whole crop is about one half: (SIDE, SIDE).

    inside: (h, w) 1 inside the picture.
    edges:  whether it ends at the crop's top, bottom, left and right; not where that is the picture's border.
    """
    whole, inside = (cv2.resize(values, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for values in (whole, inside))
    whole = np.pad(whole, 2 * RING, mode="edge")
    for edge, strip in zip(
        edges, (np.s_[: 2 * RING], np.s_[-2 * RING :], np.s_[:, : 2 * RING], np.s_[:, -2 * RING :]), strict=True
    ):
        if edge:
            whole[strip] = 0
    smooth = cv2.GaussianBlur(whole, (0, 0), RING / 2)[2 * RING : -2 * RING, 2 * RING : -2 * RING]
    found = np.zeros_like(inside)
    well_painted = np.s_[RIM:-RIM, RIM:-RIM]
    found[well_painted] = (4 * smooth * (1 - smooth) * inside)[well_painted]
    return np.where(found > 1e-3, found, 0)  # a blurred 1 is not quite 1


def _plane(difference: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Coefficients (1, x, y) of the plane through differences (SIDE²,) with weights that add up to 1."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    terms = np.stack([np.ones(SIDE**2), x.ravel(), y.ravel()], axis=1)
    prior = np.eye(3) / REACH**2
    plane = np.zeros(3)
    for _ in range(8):
        off = np.abs(difference - terms @ plane)
        trusted = weight * OUTLIER / np.maximum(off, OUTLIER)
        weighted = terms * trusted[:, None]
        plane = np.linalg.solve(terms.T @ weighted + prior, weighted.T @ difference)
    return plane
