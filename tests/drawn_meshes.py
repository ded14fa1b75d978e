"""Meshes of faces that nobody has: half an ellipsoid with its named points where faces have them."""

from __future__ import annotations

import numpy as np

from fom_core.training.data.mesh import LIPS, POINTS
from fom_core.training.data.turning import rotations

NAMED = {
    33: (-0.8, 0), 133: (-0.3, 0), 362: (0.3, 0), 263: (0.8, 0), 4: (0, 0.55), 1: (0, 0.6), 61: (-0.4, 1.1),
    291: (0.4, 1.1), 13: (0, 1.08), 14: (0, 1.12), 0: (0, 1), 17: (0, 1.25), 152: (0, 1.9), 10: (0, -0.9),
    234: (-1.15, 0.4), 454: (1.15, 0.4), 78: (-0.36, 1.1), 308: (0.36, 1.1), 159: (-0.55, -0.05), 145: (-0.55, 0.05),
    386: (0.55, -0.05), 374: (0.55, 0.05), 2: (0, 0.7), 5: (0, 0.45), 6: (0, 0.1), 8: (0, -0.1), 9: (0, -0.25),
    151: (0, -0.6), 168: (0, 0), 195: (0, 0.35), 197: (0, 0.25),
}  # fmt: skip
PAIRS = [(67, 297), (93, 323), (98, 327), (103, 332), (109, 338), (127, 356)]  # further ones that move with the skull


def face() -> np.ndarray:
    """(468, 3): symmetric, upright, x to the right, y down, depth away from the camera."""
    random = np.random.default_rng(0)
    places = np.zeros((POINTS, 2))
    rest = [number for number in range(POINTS) if number not in {*NAMED, *sum(PAIRS, ())}]
    pairs = [*PAIRS, *zip(rest[::2], rest[1::2], strict=False)]
    for right, left in pairs:
        places[left] = random.uniform((0.05, -0.9), (1.1, 1.9))
        places[right] = places[left] * [-1, 1]
    for number, place in NAMED.items():
        places[number] = place
    round_off = 1 - np.square(places[:, 0] / 1.2) - np.square((places[:, 1] - 0.5) / 1.6)
    return np.concatenate([places, 0.9 - 1.5 * np.sqrt(np.maximum(round_off, 0))[:, None]], axis=1)


def posed(points: np.ndarray, turn: float = 0, nod: float = 0, tilt: float = 0, size: float = 0.35) -> np.ndarray:
    """A mesh in [-1, 1] whose head is turned by degrees, its middle a little above that of the picture."""
    return size * points @ rotations(np.array([[turn, nod, tilt]]))[0].T + [0, -0.2, 0]


def opened(points: np.ndarray, wide: float) -> np.ndarray:
    """The face with its mouth further open."""
    changed = points.copy()
    changed[[number for number in LIPS if points[number, 1] > 1.1], 1] += wide
    return changed
