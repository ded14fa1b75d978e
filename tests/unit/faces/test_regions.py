import numpy as np
import pytest

from fom_core.errors import UsageError
from fom_core.faces.boxes import iou, keep_best
from fom_core.faces.detection import Detection
from fom_core.faces.regions import crop_face, crop_matrix, regions_from_boxes, regions_from_detections
from fom_core.types import FaceRegion

FRAME = (300, 400)


def test_overlap_of_half_shifted_squares_is_a_third():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 8]], dtype=float)
    np.testing.assert_allclose(iou(boxes[0], boxes), [1, 1 / 3, 0, 0])


def test_only_the_best_of_overlapping_boxes_stays():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], dtype=float)
    assert keep_best(boxes, np.array([0.6, 0.9, 0.7]), 0.5) == [1, 2]


def test_a_chain_of_overlaps_keeps_both_ends():
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], dtype=float)
    assert keep_best(boxes, np.array([0.9, 0.8, 0.7]), 0.3) == [0, 2]


def test_duplicate_boxes_keep_the_best_score_wherever_it_stands():
    boxes = [(100, 100, 150, 160), (102, 101, 152, 161)]
    assert regions_from_boxes(boxes, FRAME, scores=[0.5, 0.9])[0].box_px == boxes[1]
    assert regions_from_boxes(boxes, FRAME, scores=[0.9, 0.5])[0].box_px == boxes[0]


def test_without_scores_the_largest_duplicate_stays():
    faces = regions_from_boxes([(100, 100, 150, 160), (98, 98, 152, 162)], FRAME)
    assert [face.box_px for face in faces] == [(98, 98, 152, 162)]


def test_faces_are_numbered_from_left_to_right():
    faces = regions_from_boxes([(300, 50, 340, 90), (10, 80, 60, 130), (150, 10, 200, 60)], FRAME)
    assert [face.box_px[0] for face in faces] == [10, 150, 300]
    assert [face.id for face in faces] == [0, 1, 2]


def test_the_square_crop_keeps_the_aspect_and_may_pass_the_border():
    face = regions_from_boxes([(2, 4, 42, 64)], FRAME)[0]
    x0, y0, x1, y1 = face.crop_px
    assert x1 - x0 == y1 - y0 == 105  # 1.75 times the longer side
    assert x0 < 0 and y0 < 0
    assert abs((x0 + x1) / 2 - 22) <= 1


def test_the_margin_sets_the_size_of_the_crop():
    x0, _, x1, _ = regions_from_boxes([(100, 100, 200, 200)], FRAME, margin=0.2)[0].crop_px
    assert x1 - x0 == 120


def test_detected_faces_are_left_to_right_under_paddlegans_rule_too():
    found = [Detection((300, 50, 340, 90), 0.9), Detection((10, 80, 60, 130), 0.8), Detection((302, 50, 342, 90), 0.95)]
    faces = regions_from_detections(found, FRAME, "paddlegan")
    assert [(face.id, face.score) for face in faces] == [(0, 0.8), (1, 0.95)]


def test_no_boxes_give_an_empty_face_set():
    faces = regions_from_boxes([], FRAME)
    assert len(faces) == 0 and faces.frame_size == FRAME


def test_an_unknown_crop_rule_is_refused():
    with pytest.raises(UsageError, match="square, paddlegan"):
        regions_from_boxes([], FRAME, crop="round")  # type: ignore[arg-type]


def test_a_crop_of_its_own_size_is_the_picture_itself():
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(crop_face(picture, (5, 7, 25, 27), (20, 20)), picture[7:27, 5:25])


def test_a_crop_past_the_border_reflects_the_picture():
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    crop = crop_face(picture, (-3, -2, 17, 18), (20, 20))
    np.testing.assert_array_equal(crop[2:, 3:], picture[:18, :17])
    np.testing.assert_array_equal(crop[2:, :3], picture[:18, 2::-1])


def test_grey_and_transparent_pictures_give_rgb_crops():
    grey = np.full((20, 20), 7, np.uint8)
    assert crop_face(grey, (0, 0, 10, 10), (8, 8)).shape == (8, 8, 3)
    assert crop_face(np.zeros((20, 20, 4), np.uint8), (0, 0, 10, 10), (8, 8)).shape == (8, 8, 3)


@pytest.mark.parametrize("crop", [(30, 3, 40, 13), (3, -15, 13, 0)])
def test_a_crop_outside_the_picture_is_refused(crop):
    with pytest.raises(UsageError, match="outside"):
        crop_face(np.zeros((20, 20, 3), np.uint8), crop, (8, 8))


def test_a_crop_much_larger_than_the_picture_still_has_its_size():
    assert crop_face(np.zeros((20, 30, 3), np.uint8), (-100, -100, 100, 100), (64, 64)).shape == (64, 64, 3)


def rolled(crop, roll_deg):
    return FaceRegion(crop, crop, score=1.0, id=0, frame_size=(40, 50), roll_deg=roll_deg)


def ripples(height=40, width=50):
    y, x = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(x / 5 + phase) * np.cos(y / 6 - phase) for phase in (0, 1, 2)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def test_the_map_of_an_upright_crop_is_the_scale_and_shift_of_a_resize():
    matrix = crop_matrix(rolled((10.0, 4.0, 30.0, 24.0), 0.0), (10, 40))
    np.testing.assert_allclose(matrix, [[0.5, 0, 9.75], [0, 2, 4.5]])
    assert matrix.dtype == np.float64


@pytest.mark.parametrize(("roll", "top_left"), [(90, (29, 4)), (180, (29, 23)), (-90, (10, 23)), (270, (10, 23))])
def test_the_map_of_a_head_that_lies_clockwise_takes_the_top_left_corner_along(roll, top_left):
    matrix = crop_matrix(rolled((10.0, 4.0, 30.0, 24.0), roll), (20, 20))
    np.testing.assert_allclose(matrix @ [0, 0, 1], top_left, atol=1e-9)
    np.testing.assert_allclose(matrix @ [9.5, 9.5, 1], [19.5, 13.5], atol=1e-9)  # the middle stays


@pytest.mark.parametrize(("roll", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_the_crop_of_a_head_that_lies_on_its_side_is_turned_upright(roll, turns):
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    crop = crop_face(picture, rolled((5, 7, 25, 27), roll), (20, 20))
    np.testing.assert_array_equal(crop, np.rot90(picture[7:27, 5:25], turns))  # counter-clockwise


@pytest.mark.parametrize("roll", [30.0, -45.0, 135.0])
def test_the_crop_of_a_rolled_head_shows_what_its_map_says(roll):
    face = rolled((10.0, 5.0, 40.0, 35.0), roll)
    crop, matrix = crop_face(ripples(), face, (60, 60)), crop_matrix(face, (60, 60))
    for x, y in [(20, 30), (33, 25), (30, 40)]:
        there_x, there_y = matrix @ [x, y, 1]
        exact = [128 + 90 * np.sin(there_x / 5 + phase) * np.cos(there_y / 6 - phase) for phase in (0, 1, 2)]
        np.testing.assert_allclose(crop[y, x], exact, atol=3)


def test_the_crop_of_a_rolled_head_past_the_border_reflects_the_picture():
    picture = np.full((40, 50, 3), 90, np.uint8)
    assert (crop_face(picture, rolled((-20.0, -20.0, 30.0, 30.0), 45.0), (64, 64)) == 90).all()


def test_the_crop_of_a_rolled_head_outside_the_picture_is_refused():
    with pytest.raises(UsageError, match="outside"):
        crop_face(ripples(), rolled((70.0, 3.0, 80.0, 13.0), 45.0), (8, 8))
