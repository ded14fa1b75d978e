"""What the 98 and 68 points of a face mean."""

import numpy as np
import pytest

from fom_core.errors import UsageError
from fom_core.faces.points import COUNTS, five_of, lines, steady_box, to_68

BOX = (100.0, 50.0, 200.0, 187.0)


def face(count: int, box: tuple[float, float, float, float] = BOX) -> np.ndarray:
    """Points whose eyes, nose and mouth corners lie as usual in a box; all others in its middle."""
    x0, y0, x1, y1 = box
    shares = {"eye": (0.27, 0.395), "other": (0.74, 0.395), "nose": (0.515, 0.59), "lip": (0.295, 0.73)}
    where = {
        98: {"eye": range(60, 68), "other": range(68, 76), "nose": [54], "lip": [76], "lip2": [82]},
        68: {"eye": range(36, 42), "other": range(42, 48), "nose": [30], "lip": [48], "lip2": [54]},
    }[count]
    points = np.tile([(x0 + x1) / 2, (y0 + y1) / 2], (count, 1))
    for name, members in where.items():
        across, down = (0.71, 0.73) if name == "lip2" else shares[name]
        points[list(members)] = [x0 + across * (x1 - x0), y0 + down * (y1 - y0)]
    return points


@pytest.mark.parametrize("count", COUNTS)
def test_five_points_are_eyes_nose_and_mouth_corners(count):
    expected = [(127, 104.115), (174, 104.115), (151.5, 130.83), (129.5, 150.01), (171, 150.01)]
    found = five_of(face(count))
    assert found is not None
    np.testing.assert_allclose(found, expected)


def test_five_points_stay_five_and_other_sets_have_none():
    five = [(1.0, 2.0)] * 5
    np.testing.assert_array_equal(five_of(five), five)
    assert five_of([(0.0, 0.0)] * 6) is None and five_of(None) is None


def test_the_gaze_does_not_move_the_eyes():
    points = face(98)
    points[[96, 97]] += 5  # the pupils
    np.testing.assert_array_equal(five_of(points), five_of(face(98)))


def test_68_of_98_points_keep_their_places():
    points = np.random.default_rng(0).random((98, 2))
    fewer = to_68(points)
    assert fewer.shape == (68, 2)
    np.testing.assert_array_equal(fewer[[0, 8, 16, 30, 48, 54]], points[[0, 16, 32, 54, 76, 82]])
    np.testing.assert_array_equal(to_68(fewer), fewer)
    with pytest.raises(UsageError, match="not of 5"):
        to_68(points[:5])


@pytest.mark.parametrize("count", COUNTS)
def test_every_line_joins_points_that_are_there(count):
    members = [index for line, _ in lines(count) for index in line]
    assert sorted(members) == sorted(set(members)) and set(members) <= set(range(count))
    assert len(members) >= count - 2  # all but the pupils


@pytest.mark.parametrize("count", COUNTS)
def test_the_steady_box_is_the_usual_box_around_the_points(count):
    np.testing.assert_allclose(steady_box((0, 0, 10, 10), face(count)), BOX, atol=1.5)


def test_the_steady_box_does_not_grow_with_an_open_mouth_and_needs_many_points():
    points = face(68)
    open_mouth = points.copy()
    open_mouth[55:60] += [0, 30]
    assert steady_box(BOX, open_mouth) == steady_box(BOX, points)
    assert steady_box(BOX, [(1.0, 2.0)] * 5) == BOX and steady_box(BOX, None) == BOX
    assert steady_box(BOX, np.zeros((68, 2))) == BOX
