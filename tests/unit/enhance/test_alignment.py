"""The place of a face in a clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fom_core.enhance.alignment import (
    IN_BOX,
    TEMPLATE,
    align_face,
    align_to_template,
    estimated_landmarks,
    find_alignment,
)
from fom_core.errors import NoFaceFound
from fom_core.faces.detection import Detection
from fom_core.faces.regions import turn
from fom_core.types import FaceRegion

BOX = (60.0, 40.0, 140.0, 150.0)
FACE = FaceRegion(BOX, (0.0, 0.0, 200.0, 200.0), score=1.0, id=0, frame_size=(200, 200))


class Sees:
    """A detector that finds one face in bright frames."""

    name = "bright"

    def detect(self, image: np.ndarray) -> list[Detection]:
        return [Detection(BOX, 0.9)] if image.mean() > 100 else []


def frames(*levels: int) -> np.ndarray:
    return np.stack([np.full((200, 200, 3), level, np.uint8) for level in levels])


def placed(alignment, points: np.ndarray) -> np.ndarray:
    return points @ alignment.matrix[:, :2].T + alignment.matrix[:, 2]


def test_landmarks_land_on_the_template_whatever_their_scale_rotation_and_shift():
    angle, scale = 0.4, 0.23
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = TEMPLATE @ turn.T + [31, -7]
    found = align_to_template(points)
    np.testing.assert_allclose(placed(found, points), TEMPLATE, atol=1e-6)
    assert found.scale == pytest.approx(1 / scale)


def test_points_that_fall_into_one_are_no_face():
    with pytest.raises(NoFaceFound, match="one point"):
        align_to_template(np.full((5, 2), 7.0))


def test_without_landmarks_they_are_estimated_upright_in_the_box():
    x0, y0, x1, y1 = BOX
    landmarks = tuple(map(tuple, [x0, y0] + IN_BOX * [x1 - x0, y1 - y0]))
    np.testing.assert_allclose(align_face(FACE).matrix, align_face(replace(FACE, landmarks_px=landmarks)).matrix)
    tilt = align_face(FACE).matrix[1, 0] / align_face(FACE).matrix[0, 0]
    assert abs(tilt) < 0.03


def test_the_same_spot_is_found_in_a_crop_that_was_brought_to_another_size():
    face = replace(FACE, crop_px=(20.0, 10.0, 180.0, 170.0))  # 160 pixels wide, shown on 64
    middle_of_pixel = np.array([[100.0, 90.0]])
    in_crop = (middle_of_pixel - [20, 10] + 0.5) * 64 / 160 - 0.5
    np.testing.assert_allclose(
        placed(align_face(face, (64, 64)), in_crop), placed(align_face(face), middle_of_pixel), atol=1e-6
    )


def test_the_first_frame_with_a_face_decides():
    clip = frames(0, 0, 200, 200)
    looked: list[int] = []

    def frame(index: int) -> np.ndarray:
        looked.append(index)
        return clip[index]

    found = find_alignment(frame, len(clip), Sees())
    assert looked == [0, 1, 2]
    np.testing.assert_allclose(found.matrix, align_face(FACE).matrix)


def test_a_long_clip_without_a_face_is_searched_at_a_few_places_and_then_refused():
    looked: list[int] = []

    def frame(index: int) -> np.ndarray:
        looked.append(index)
        return frames(0)[0]

    with pytest.raises(NoFaceFound, match="bright"):
        find_alignment(frame, 5000, Sees())
    assert looked[0] == 0 and looked[-1] == 4999 and len(looked) <= 10


@pytest.mark.parametrize("roll", [90.0, 180.0, -60.0])
def test_a_rolled_face_lies_in_its_upright_crop_as_the_same_face_upright_does(roll):
    x0, y0, x1, y1 = BOX
    points = [x0, y0] + IN_BOX * [x1 - x0, y1 - y0]
    upright = replace(FACE, crop_px=(20.0, 10.0, 180.0, 170.0), landmarks_px=tuple(map(tuple, points)))
    turned = np.column_stack([points, np.ones(5)]) @ turn(roll, (99.5, 89.5)).T
    rolled = replace(upright, landmarks_px=tuple(map(tuple, turned)), roll_deg=roll)
    np.testing.assert_allclose(align_face(rolled, (64, 64)).matrix, align_face(upright, (64, 64)).matrix, atol=1e-6)


@pytest.mark.parametrize("roll", [90.0, 180.0, 135.0])
def test_without_landmarks_those_of_a_rolled_face_are_estimated_along_the_roll(roll):
    face = replace(FACE, box_px=(60.0, 40.0, 140.0, 149.6))  # as high as faces are for their width
    half = np.array([80, 109.6]) / 2
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    reach = np.array([np.hypot(half[0] * cos, half[1] * sin), np.hypot(half[0] * sin, half[1] * cos)])
    box = (*(np.array([100.0, 94.8]) - reach), *(np.array([100.0, 94.8]) + reach))
    rolled = replace(face, box_px=box, roll_deg=roll)
    expected = np.column_stack([estimated_landmarks(face), np.ones(5)]) @ turn(roll, (100.0, 94.8)).T
    np.testing.assert_allclose(estimated_landmarks(rolled), expected, atol=1e-6)


def test_many_points_align_a_face_as_the_five_that_they_make():
    five = IN_BOX * [80, 110] + [60, 40]
    many = np.zeros((68, 2))
    for place, members in zip(five, (range(36, 42), range(42, 48), [30], [48], [54]), strict=True):
        many[list(members)] = place + (np.arange(len(members)) - (len(members) - 1) / 2)[:, None]
    by_five, by_many = (
        align_face(replace(FACE, landmarks_px=tuple(map(tuple, each.tolist())))) for each in (five, many)
    )
    np.testing.assert_allclose(by_many.matrix, by_five.matrix, atol=1e-9)
