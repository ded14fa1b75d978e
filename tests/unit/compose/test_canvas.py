import numpy as np
import pytest

from fom_core.compose.canvas import REACH, canvas_box, canvases, units
from fom_core.types import FaceRegion, FaceSet

SIZE = (300, 400)


def region(x0, y0, side, roll=0.0):
    crop = (float(x0), float(y0), float(x0 + side), float(y0 + side))
    return FaceRegion(crop, crop, 1.0, 0, SIZE, roll_deg=roll)


def on_grid(values, canvas, x, y):
    """A grid's value at a pixel, to the nearest cell."""
    column, row = (int((at - corner) // canvas.cell) for at, corner in zip((x, y), canvas.corner, strict=True))
    return values[row, column]


def test_a_canvas_is_half_as_large_again_as_the_crop_and_cut_at_the_border():
    assert canvas_box(region(150, 100, 100), REACH) == (125, 75, 275, 225)
    assert canvas_box(region(0, 0, 100), REACH) == (0, 0, 125, 125)


def test_units_put_the_crops_sides_at_one():
    to_picture = units(region(150, 100, 100))
    np.testing.assert_allclose(to_picture @ [0, 0, 1], [199.5, 149.5])
    np.testing.assert_allclose(to_picture @ [1, 1, 1], [249.5, 199.5])


def test_the_canvas_of_a_head_on_its_side_is_the_same_square():
    assert canvas_box(region(150, 100, 100, roll=90.0)) == canvas_box(region(150, 100, 100))


def test_there_is_room_in_the_middle_and_none_on_the_rim():
    (canvas,) = canvases(FaceSet((region(150, 100, 100),), SIZE))
    assert on_grid(canvas.room, canvas, 200, 150) == pytest.approx(REACH, abs=0.05)
    assert on_grid(canvas.room, canvas, 126, 150) < 0.05
    assert canvas.room[0].max() == canvas.room[:, 0].max() == 0  # the ring around the canvas


def test_a_side_at_the_pictures_border_is_no_rim():
    (canvas,) = canvases(FaceSet((region(-20, 100, 100),), SIZE))
    assert on_grid(canvas.room, canvas, 0, 150) == pytest.approx(REACH, abs=0.1)
    assert on_grid(canvas.borders[0], canvas, 0, 150) < 1  # but no colour comes from beyond it


def test_room_and_painting_end_between_two_faces():
    faces = FaceSet((region(100, 100, 100), region(200, 100, 100)), SIZE)
    left, right = canvases(faces)
    assert on_grid(left.room, left, 200, 150) < 0.05
    assert on_grid(left.painted, left, 200, 150) < 0.05
    assert on_grid(left.room, left, 215, 150) == 0
    np.testing.assert_allclose(left.room, right.room[:, ::-1], atol=1e-3)


def test_a_face_that_is_not_chosen_holds_its_place_too():
    alone, beside = (
        canvases(FaceSet((region(100, 100, 100),), SIZE, others))[0] for others in ((), (region(200, 100, 100),))
    )
    assert on_grid(alone.room, alone, 215, 150) > 0.1
    assert on_grid(beside.room, beside, 215, 150) == 0


@pytest.mark.parametrize("roll", [20.0, 45.0, 60.0, 90.0, 135.0])
@pytest.mark.parametrize("corner", [(-30, 60), (60, -40), (250, 150), (-30, -30)])
def test_nothing_moves_on_a_rim_inside_the_picture_however_a_head_lies(roll, corner):
    (canvas,) = canvases(FaceSet((region(corner[0], corner[1], 120, roll=roll),), SIZE))
    (height, width), (x0, y0, x1, y1) = SIZE, canvas.rect
    edges = [(canvas.room[:, 1], x0 > 0), (canvas.room[:, -2], x1 < width)]
    edges += [(canvas.room[1], y0 > 0), (canvas.room[-2], y1 < height)]
    for room, inside in edges:
        assert not inside or room.max() < 0.08  # a cell's worth


def test_a_face_whose_middle_is_above_the_picture_keeps_its_sides():
    (canvas,) = canvases(FaceSet((region(100, -70, 120),), SIZE))
    assert canvas.rect[1] == 0
    assert max(canvas.room[:, 1].max(), canvas.room[:, -2].max()) < 0.08
