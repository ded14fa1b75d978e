"""Learning poses: what a mesh tells of a face, and where keypoints go for it."""

import numpy as np
import pytest

from fom_core.training.data.face_shape import similarity
from fom_core.training.data.mesh import CHIN, FOREHEAD, LEFT_EYE, LOWER_LIP, RIGHT_EYE, UPPER_LIP
from tools.learn_pose import MEASURES, Table, slopes
from tools.pose.state import LIDS, state_of


@pytest.fixture
def face():
    """A canonical face of random points whose named ones are where they are in faces."""
    points = np.random.default_rng(0).normal(size=(468, 3))
    for index, place in (
        (RIGHT_EYE, (-0.8, -0.2, 0)), (LEFT_EYE, (0.8, -0.2, 0)), (CHIN, (0, 2, 0)), (FOREHEAD, (0, -1, 0)),
        (UPPER_LIP, (0, 1.0, -0.4)), (LOWER_LIP, (0, 1.0, -0.4)),
    ):  # fmt: skip
        points[index] = place
    for upper, lower in LIDS:
        points[lower] = points[upper] + [0, 0.1, 0]
    return points


def turned(face, yaw, pitch, roll):
    """The mesh of a head that turns to the right, looks up and leans clockwise, in degrees; twice as large."""
    y, p, r = np.radians([-yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return 2 * face @ (about_z @ about_y @ about_x).T + [30, 40, 0]


def test_a_mesh_tells_how_the_head_is_turned(face):
    assert state_of(turned(face, 20, 0, 0), face).measures[MEASURES.index("yaw")] == pytest.approx(20)
    leaning = state_of(turned(face, 0, 0, 10), face)
    assert (np.degrees(leaning.roll), leaning.scale) == (pytest.approx(10), pytest.approx(2))
    assert state_of(turned(face, 0, 15, 0), face).measures[MEASURES.index("pitch")] == pytest.approx(15)


def test_a_mesh_tells_mouth_and_lids_whatever_the_head_does(face):
    wide = face.copy()
    wide[LOWER_LIP] += [0, 0.4, 0]
    measures = state_of(turned(wide, 12, -5, 8), face).measures
    assert measures[MEASURES.index("mouth_open")] == pytest.approx(0.4 / 1.6)
    assert measures[MEASURES.index("blink")] == pytest.approx(-0.1 / 1.6)


def test_fitting_finds_scale_turn_and_shift(face):
    scale, turn, shift = similarity(face, turned(face, 10, 5, -20))
    np.testing.assert_allclose(scale * face @ turn.T + shift, turned(face, 10, 5, -20), atol=1e-9)


def test_slopes_find_where_keypoints_go_for_each_measure_beside_their_clips_mean():
    random = np.random.default_rng(1)
    measures = random.normal(size=(400, len(MEASURES)))
    way = random.normal(size=(len(MEASURES), 3, 2)) * 0.1
    clip = np.repeat([0, 1], 200)
    value = np.tensordot(measures, way, axes=1) + clip[:, None, None] * 0.5
    jacobian = np.eye(2) + 0.2 * measures[:, 2, None, None, None] * np.ones((400, 3, 2, 2)) / 10
    _, _, found, change, explained = slopes(Table(measures, value, jacobian, clip))
    np.testing.assert_allclose(found[: len(MEASURES)], way, atol=0.002)
    np.testing.assert_allclose(change[MEASURES.index("mouth_open")], 0.02, atol=0.002)
    assert explained > 0.99
