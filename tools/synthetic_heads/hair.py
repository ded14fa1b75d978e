"""Hair out of a portrait: where it grows, how far it stands off the head, and the sheet that shows what hangs loose."""

from __future__ import annotations

import cv2
import numpy as np

from fom_core.compose.canvas import smooth_step
from fom_core.training.data.mesh import FOREHEAD, LEFT_EAR, RIGHT_EAR

from .fit import Fit
from .sampling import sample

GRID = 44  # points along each side of the sheet
NAPE = -1.0  # height below the eyes, in decimetres
LOWEST = -1.3
MOST = 0.55  # decimetres that hair stands off
RAYS, STRIDE = 61, 0.02
BEHIND_EARS = 0.22


def hairiness(usual: np.ndarray, marks: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(V,): whether hair grows at vertices (V, 3) of the usual head, of which ``skin`` are skin; marks (468, 3)."""
    head = usual[skin]
    back = head[head[:, 1] > -0.9][:, 2].min()
    hairline, nape = marks[FOREHEAD][1:] + np.array([0.10, 0.0]), np.array([NAPE, back + 0.25])
    along = nape - hairline
    across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    across *= np.sign(across @ (np.array([0.9, back]) - hairline))
    depth = (usual[:, 1:] - hairline) @ across
    depth -= 0.30 * np.clip(np.abs(usual[:, 0]) - 0.35, 0, 1) * (usual[:, 2] > -1.0)  # temples are free
    grows = smooth_step(depth, -0.06, 0.16) * (usual[:, 1] > LOWEST) * (1 - _ears(usual))
    return grows * np.isin(np.arange(len(usual)), skin)


def _ears(usual: np.ndarray) -> np.ndarray:
    x, y = np.abs(usual[:, 0]), usual[:, 1]
    widest = np.percentile(x[(y > 0.2) & (y < 1.0)], 99.5)
    return smooth_step(x, widest - 0.02, widest + 0.05) * (np.abs(y + 0.1) < 0.5)


def hair_volume(
    seen: np.ndarray, ears: np.ndarray, hairy: np.ndarray, *, matte: np.ndarray, covered: np.ndarray, scale: float
) -> np.ndarray:
    """(V,): decimetres by which the scalp swells to reach the outline of the hair in the picture.

    seen (V, 3) and ears (2, 3) in [-1, 1] of the picture, y up; ``covered`` is what the bald head covers of it.
    """
    middle = ears.mean(axis=0)[:2] + np.array([0, 0.25 * scale])
    angles = np.linspace(-0.15 * np.pi, 1.15 * np.pi, RAYS)
    extra = _beyond(middle, angles, matte, covered, scale)
    off = seen[:, :2] - middle
    angle = np.arctan2(off[:, 1], off[:, 0])
    angle = np.where(angle < -np.pi / 2, angle + 2 * np.pi, angle)
    rim = smooth_step(np.linalg.norm(off, axis=1) / scale, 0.2, 0.75)
    here = rim * np.interp(angle, angles, extra) + (1 - rim) * np.median(extra)
    fade = smooth_step(angle, -0.3, 0.15) * smooth_step(np.pi - angle, -0.3, 0.15)
    return hairy**1.5 * here * (0.35 + 0.65 * fade)


def _beyond(middle: np.ndarray, angles: np.ndarray, matte: np.ndarray, covered: np.ndarray, scale: float) -> np.ndarray:
    """How far the person reaches beyond the bald head in each direction, in decimetres, evenly from one to the next."""
    reach = np.arange(0, 2.2, STRIDE) * scale
    rays = middle + reach[None, :, None] * np.stack([np.cos(angles), np.sin(angles)], -1)[:, None]
    flat = (rays * [1, -1] + 1) / 2
    inside = np.all((flat > 0) & (flat < 1), -1)
    person = (sample(matte, flat.reshape(-1, 2)).reshape(inside.shape) > 0.5) & inside
    bald = sample(covered.astype(np.float32), flat.reshape(-1, 2)).reshape(inside.shape) > 0.5
    whole = person | bald
    hair_ends = np.where(whole.all(axis=1), whole.shape[1], np.argmin(whole, axis=1))
    head_ends = np.where(bald.any(axis=1), bald.shape[1] - np.argmax(bald[:, ::-1], axis=1), 0)
    extra = np.clip((hair_ends - head_ends) * STRIDE, 0, MOST).astype(np.float32)
    return cv2.GaussianBlur(extra[None], (0, 0), 2, borderType=cv2.BORDER_REPLICATE)[0]


def sheet(fit: Fit, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The picture stood up through the ears: points (G, 3), their places in the picture from 0 to 1, and triangles."""
    line = np.linspace(0, 1, GRID)
    place = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    middle = marks[[RIGHT_EAR, LEFT_EAR]].mean(axis=0) - [0, 0, BEHIND_EARS]
    flat = place * [2, -2] + [-1, 1]
    points = np.concatenate([flat, np.full((len(flat), 1), fit.placed(middle)[2])], axis=1)
    points = (points - fit.shift) @ fit.turn / fit.scale
    corner = (np.arange(GRID - 1)[:, None] * GRID + np.arange(GRID - 1)).reshape(-1)
    lower = np.stack([corner, corner + GRID, corner + 1], axis=1)
    upper = np.stack([corner + 1, corner + GRID, corner + GRID + 1], axis=1)
    return points, place, np.concatenate([lower, upper])
