"""The usual face of many meshes: which points are each other's mirror image, and which of them a camera sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .mesh import CHIN, FOREHEAD, LEFT_EYE, RIGHT_EYE

RIGID = [
    1, 2, 4, 5, 6, 8, 9, 10, 33, 67, 93, 98, 103, 109, 127, 133, 151, 168, 195, 197, 234, 263, 297, 323, 327, 332, 338,
    356, 362, 454,
]  # fmt: skip
"""Points that move with the skull: nose, corners of the eyes, forehead, temples."""
OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
][::3]  # fmt: skip
"""Some points of the outline, clockwise from the top."""
SKULL = np.array([0.0, 0.3, 0.8])  # middle of the head in a canonical face, around which it turns
INSIDE = 0.9  # depth of the point from which the outward directions of the skin are taken
FACING = 0.12  # how far the skin at a point has to face the camera to be seen: the cosine of the angle
SAMPLE = 400  # meshes that tell the usual face
CONTROLS = 96  # points that tell where all others are
ALWAYS = (*OVAL, 61, 291, 13, 14, 0, 17, 78, 308, 33, 133, 263, 362, 159, 145, 386, 374, 1, 4)  # among them


def similarity(points: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale (...), turn (..., 3, 3) and shift (..., 3) that take points (..., N, 3) nearest to others (Umeyama)."""
    middle, aim = points.mean(axis=-2), target.mean(axis=-2)
    here, there = points - middle[..., None, :], target - aim[..., None, :]
    left, stretch, right = np.linalg.svd(there.swapaxes(-1, -2) @ here)
    proper = np.ones_like(stretch)
    proper[..., 2] = np.sign(np.linalg.det(left @ right))
    turn = (left * proper[..., None, :]) @ right
    scale = (stretch * proper).sum(axis=-1) / np.square(here).sum(axis=(-1, -2))
    return scale, turn, aim - scale[..., None] * (turn @ middle[..., None])[..., 0]


def canonical(meshes: np.ndarray, rounds: int = 4) -> np.ndarray:
    """The usual face of many meshes (N, 468, 3): upright, straight ahead, symmetric, x to the right, y down."""
    face = _unit(meshes[0].astype(np.float64))
    for _ in range(rounds):
        scale, turn, shift = similarity(meshes[:, RIGID], face[RIGID])
        face = _unit((scale[:, None, None] * meshes @ turn.swapaxes(1, 2) + shift[:, None]).mean(axis=0))
    image = face * [-1, 1, 1]
    partner = _nearest(image, face)
    for _ in range(10):
        scale, turn, shift = similarity(image, face[partner])
        image = scale * image @ turn.T + shift
        partner = _nearest(image, face)
    face[partner] = (face[partner] + image) / 2
    across = face[LEFT_EYE] - face[RIGHT_EYE]
    across /= np.linalg.norm(across)
    down = face[CHIN] - face[FOREHEAD]
    down -= across * (down @ across)
    down /= np.linalg.norm(down)
    return _unit(face) @ np.stack([across, down, np.cross(across, down)]).T


@dataclass(frozen=True)
class FaceShape:
    """What is the same in all faces.

    face:     (468, 3), the canonical one.
    partner:  (468,) the number of each point's mirror image.
    outward:  (468, 3) the direction of the skin at each point.
    controls: numbers of the points that tell where all others are.
    """

    face: np.ndarray
    partner: np.ndarray
    outward: np.ndarray
    controls: np.ndarray

    @classmethod
    def of_meshes(cls, meshes: np.ndarray) -> FaceShape | None:
        """From (N, 468, 3) meshes, NaN where there is none; None if there is none at all."""
        known = np.flatnonzero(known_meshes(meshes))
        if not len(known):
            return None
        return cls.of_face(canonical(np.asarray(meshes[known[:: -(-len(known) // SAMPLE)]], np.float64)))

    @classmethod
    def of_face(cls, face: np.ndarray) -> FaceShape:
        """From a canonical face (468, 3)."""
        outward = face - [0, face[RIGID, 1].mean(), INSIDE]
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        return cls(face, _nearest(face * [-1, 1, 1], face), outward, _spread(face))

    def seen(self, meshes: np.ndarray) -> np.ndarray:
        """Which points of meshes (B, 468, 3) face the camera, (B, 468) bool; none where the mesh is unknown."""
        known = known_meshes(meshes)
        turn = similarity(self.face[RIGID], np.where(known[:, None, None], meshes[:, RIGID], self.face[RIGID]))[1]
        return ((self.outward @ turn.swapaxes(1, 2))[..., 2] < -FACING) & known[:, None]


def known_meshes(meshes: np.ndarray) -> np.ndarray:
    """Which of the meshes (..., 468, 3) there are."""
    return ~np.isnan(meshes[..., 0, 0])


def _spread(face: np.ndarray) -> np.ndarray:
    """:data:`CONTROLS` points with :data:`ALWAYS` among them, each further as far as can be from those before."""
    chosen = list(dict.fromkeys(ALWAYS))
    far = np.linalg.norm(face[:, None] - face[chosen], axis=2).min(axis=1)
    while len(chosen) < CONTROLS:
        chosen.append(int(far.argmax()))
        far = np.minimum(far, np.linalg.norm(face - face[chosen[-1]], axis=1))
    return np.array(chosen)


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each point the index of the nearest of others."""
    return np.square(points[:, None] - others).sum(axis=-1).argmin(axis=1)


def _unit(face: np.ndarray) -> np.ndarray:
    face = face - face[RIGID].mean(axis=0)
    return face / np.sqrt(np.square(face[RIGID]).sum() / len(RIGID))
