"""What a pose may ask for at once: the flow of a real face stays whole."""

from itertools import product

import numpy as np
import pytest
import torch

from fom_core.backends.load import load_model
from fom_core.demo import demo_picture
from fom_core.evaluation.animated import AnimatedPicture
from fom_core.evaluation.looks import folded_in
from fom_core.evaluation.view import View
from fom_core.faces.detect import detect_faces
from fom_core.faces.selection import select_faces
from fom_core.motion import load_directions, pose_motion
from fom_core.types import Keypoints, Motion

ENDS = [
    dict(zip(("yaw", "pitch", "roll", "shift_x", "shift_y"), values, strict=True)) | {"zoom": 0.85, "mouth_open": 1.0}
    for values in product((-20, 20), (-15, 15), (-20, 20), (-0.2, 0.2), (0.2,))
]
MOST = 0.0005  # folded share of a flow that nobody sees


@pytest.fixture(scope="module")
def folds():
    """The folded share of the composed flow of a photographed face, frame by frame."""
    picture = demo_picture()
    faces = select_faces(detect_faces(picture, "embedded"), None, picture=picture)
    animated = AnimatedPicture(load_model("mini", device="cpu"), picture, faces)
    view = View.around(picture.shape[:2], faces[0].crop_px, faces[0].box_px)

    def measure(motion: Motion) -> np.ndarray:
        frames = animated.frames(motion, range(len(motion)))
        return np.array([folded_in(view.flow(flow), view.crop) for _, flows in frames for flow in flows])

    return measure


def test_with_all_controls_at_their_ends_a_face_stays_whole(folds):
    alone = [pose_motion(values, seconds=0.04) for values in ENDS]
    together = Keypoints.cat([motion.keypoints for motion in alone])
    assert folds(Motion(together, 25.0, "mini", (256, 256), neutral=alone[0].neutral)).max() <= MOST


def test_without_the_bound_it_would_not(folds):
    directions = load_directions("mini")
    controls = {name: torch.tensor([float(values[name]) for values in ENDS]) for name in ENDS[0]}
    unbounded = directions.keypoints(controls)
    motion = Motion(unbounded, 25.0, "mini", directions.image_size, neutral=directions.neutral)
    assert folds(motion).max() > MOST
