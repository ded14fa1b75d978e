"""What a face does, read off its mesh: how its head is turned, how wide its mouth is open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fom_core.training.data.face_shape import RIGID, SKULL, similarity
from fom_core.training.data.mesh import LEFT_CORNER, LEFT_EYE, LOWER_LIP, RIGHT_CORNER, RIGHT_EYE, UPPER_LIP

LIDS = ((159, 145), (386, 374), (158, 153), (385, 380))
BROWS = ((159, 105), (159, 66), (386, 334), (386, 296), (133, 107), (362, 336))
MEASURES = ("yaw", "pitch", "mouth_open", "mouth_width", "corners", "brows", "blink")


@dataclass(frozen=True)
class FaceState:
    """What a mesh tells.

    measures: of :data:`MEASURES`. yaw and pitch in degrees, to the right of the picture and up, exact for heads that
              do not lean; the rest in distances of the eyes' outer corners, an open eye's blink at about -0.08.
    middle:   of the skull in the picture, (x, y); ``scale`` the size of a canonical face there, ``roll`` in radians.
    """

    measures: np.ndarray
    middle: np.ndarray
    scale: float
    roll: float


def state_of(mesh: np.ndarray, face: np.ndarray) -> FaceState:
    """What a mesh (468, 3) tells, beside the canonical face."""
    scale, turn, shift = similarity(face[RIGID], mesh[RIGID])
    straight = (mesh - shift) @ turn / scale
    eyes = np.linalg.norm(face[LEFT_EYE] - face[RIGHT_EYE])

    def across(one: int, other: int) -> float:
        return float(np.linalg.norm(straight[one] - straight[other]))

    lips = straight[[UPPER_LIP, LOWER_LIP], 1].mean()
    measures = np.array(
        [
            -np.degrees(np.arctan2(turn[0, 2], turn[2, 2])),
            np.degrees(np.arcsin(turn[1, 2])),
            across(UPPER_LIP, LOWER_LIP) / eyes,
            across(RIGHT_CORNER, LEFT_CORNER) / eyes,
            (lips - straight[[RIGHT_CORNER, LEFT_CORNER], 1].mean()) / eyes,
            float(np.mean([straight[eye, 1] - straight[brow, 1] for eye, brow in BROWS])) / eyes,
            -float(np.mean([across(upper, lower) for upper, lower in LIDS])) / eyes,
        ]
    )
    roll = float(np.arctan2(turn[1, 0], turn[1, 1]))
    return FaceState(measures, (scale * turn @ SKULL + shift)[:2], float(scale), roll)
