"""What a pose may ask for at once: a real face stays whole, as the network moves it and as it is composed."""

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
from fom_core.faces.regions import crop_face
from fom_core.faces.selection import select_faces
from fom_core.inspection.findings import FOLDS, TURNS
from fom_core.inspection.flows import Course, FaceFlow
from fom_core.motion import load_directions, pose_motion
from fom_core.pipeline import encode_face
from fom_core.types import Keypoints, Motion, MotionTransfer

PLACES = ({"shift_x": -0.2, "shift_y": -0.2, "zoom": 1.2}, {"shift_x": 0.2, "shift_y": 0.2, "zoom": 0.85})
ENDS = [
    dict(zip(("yaw", "pitch", "roll", "smile"), values, strict=True)) | place | {"mouth_open": 1.0}
    for *values, place in product((-20, 20), (-15, 15), (-20, 20), (-0.7, 1.0), PLACES)
]
REST = {"zoom": 1.0}
MOST = 0.0005  # folded share of a composed flow that nobody sees


class PhotographedFace:
    """A face and what becomes of it, frame by frame."""

    def __init__(self) -> None:
        picture, self.model = demo_picture(), load_model("mini", device="cpu")
        faces = select_faces(detect_faces(picture, "embedded"), None, picture=picture)
        self.source = encode_face(self.model, crop_face(picture, faces[0], self.model.config.image_size))
        self.animated = AnimatedPicture(self.model, picture, faces)
        self.view = View.around(picture.shape[:2], faces[0].crop_px, faces[0].box_px)

    def folds(self, motion: Motion) -> np.ndarray:
        """The folded share of the composed flow."""
        frames = self.animated.frames(motion, range(len(motion)))
        return np.array([folded_in(self.view.flow(flow), self.view.crop) for _, flows in frames for flow in flows])

    def course(self, motion: Motion) -> Course:
        """What the network's flow is like, before it is composed."""
        with torch.inference_mode():
            return FaceFlow(self.model, self.source, motion).course(MotionTransfer(), range(len(motion)))


@pytest.fixture(scope="module")
def face() -> PhotographedFace:
    return PhotographedFace()


@pytest.fixture(scope="module")
def together() -> Motion:
    """All controls at their ends, as far as a pose lets them go at once."""
    alone = [pose_motion(values, seconds=0.04) for values in ENDS]
    points = Keypoints.cat([motion.keypoints for motion in alone])
    return Motion(points, 25.0, "mini", (256, 256), neutral=alone[0].neutral)


def unbounded(times: float = 1.0) -> Motion:
    """The same so many times as far as each control's end, and nothing less because of the others."""
    directions = load_directions("mini")
    controls = {
        name: REST.get(name, 0.0) + times * torch.tensor([float(values[name]) - REST.get(name, 0.0) for values in ENDS])
        for name in ENDS[0]
    }
    points = directions.keypoints(controls)
    return Motion(points, 25.0, "mini", directions.image_size, neutral=directions.neutral)


def test_with_all_controls_at_their_ends_a_face_neither_folds_nor_turns_too_far(face, together):
    course = face.course(together)
    assert len(course.frames) == len(ENDS)
    assert course.worst <= FOLDS
    assert course.turned.max() <= TURNS


def test_without_the_bound_it_would_do_both(face):
    course = face.course(unbounded())
    assert course.worst > FOLDS
    assert course.turned.max() > TURNS


def test_composed_with_all_controls_at_their_ends_a_face_stays_whole(face, together):
    assert face.folds(together).max() <= MOST


def test_composed_twice_as_far_as_each_control_goes_it_would_not(face):
    assert face.folds(unbounded(2.0)).max() > MOST
