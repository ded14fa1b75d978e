import pytest

from fom_core.errors import UsageError
from fom_core.faces.regions import regions_from_boxes
from fom_core.faces.selection import chosen, in_order, most_prominent

BOXES = [(0, 60, 10, 70), (30, 0, 60, 30), (70, 70, 90, 90)]


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(0, 40, 20, 60), (40, 40, 62, 62)], 1),  # about as large, but in the middle
        ([(0, 0, 60, 60), (45, 45, 55, 55)], 0),  # at the side, but much larger
    ],
)
def test_the_most_prominent_face_is_large_and_near_the_middle(boxes, expected):
    assert most_prominent(regions_from_boxes(boxes, (100, 100))).id == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("left to right", [0, 30, 70]),
        ("largest first", [30, 70, 0]),
        ("most prominent first", [30, 70, 0]),
        ("top to bottom", [30, 0, 70]),
    ],
)
def test_faces_are_numbered_in_the_order_asked_for(order, expected):
    faces = in_order(regions_from_boxes(BOXES, (100, 100)), order)
    assert [face.box_px[0] for face in faces] == expected
    assert [face.id for face in faces] == [0, 1, 2]


def test_an_unknown_order_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="left to right, largest first"):
        in_order(regions_from_boxes(BOXES, (100, 100)), "smallest")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("all", [0, 1, 2, 3]),
        (" ALL ", [0, 1, 2, 3]),
        ("", [0, 1, 2, 3]),
        ("2", [1]),
        ("3, 1", [0, 2]),
        ("2-4 3", [1, 2, 3]),
    ],
)
def test_faces_are_chosen_by_number_counted_from_one(choice, expected):
    assert chosen(choice, 4) == expected


@pytest.mark.parametrize("choice", ["5", "0", "2-9", "4-2"])
def test_a_number_without_a_face_is_named(choice):
    with pytest.raises(UsageError, match="numbered 1 to 4"):
        chosen(choice, 4)


@pytest.mark.parametrize("choice", ["left", "1.5", "-1", "1--2", "99999999999-3"])
def test_a_choice_that_is_no_number_is_refused(choice):
    with pytest.raises(UsageError, match="by number"):
        chosen(choice, 4)
