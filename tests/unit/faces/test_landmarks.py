"""Points of faces: read off heatmaps, and carried by a detector's faces."""

from dataclasses import replace

import numpy as np
import pytest

from fom_core.errors import MissingPackage, UnsupportedModel, UsageError
from fom_core.faces.detect import detect_faces, load_detector
from fom_core.faces.detection import Detection
from fom_core.faces.following import follow_faces
from fom_core.faces.landmarks import LandmarkDetector, load_points, peaks, points_of
from fom_core.faces.live_view import LiveView
from fom_core.faces.selection import most_prominent
from fom_core.faces.tracking import face_view

PICTURE = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
FACE = Detection((40.0, 30.0, 80.0, 90.0), 0.9)


class Corners:
    """98 points: the corners of the view and its middle, again and again."""

    def __call__(self, view):
        height, width = view.shape[:2]
        places = np.array([(0, 0), (width, 0), (width, height), (0, height), (width / 2, height / 2)], np.float64)
        return np.resize(places, (98, 2))


class Finds:
    name = "finds"

    def __init__(self, *faces):
        self.faces = list(faces)

    def detect(self, image):
        return self.faces


def test_a_peak_leans_a_quarter_of_a_cell_to_its_higher_neighbour():
    heatmaps = np.zeros((3, 8, 8), np.float32)
    heatmaps[:, 3, 5] = 1
    heatmaps[0, 3, 6] = heatmaps[0, 2, 5] = 0.5
    heatmaps[1, 3, 4] = 0.5
    np.testing.assert_array_equal(peaks(heatmaps), [(5.75, 3.25), (5.25, 3.5), (5.5, 3.5)])


def test_a_peak_on_the_border_is_its_cells_middle_and_takes_no_other_point_along():
    heatmaps = np.zeros((2, 8, 8), np.float32)
    heatmaps[0, 7, 7] = 1
    heatmaps[1, 3, 5], heatmaps[1, 4, 5] = 1, 0.5
    np.testing.assert_array_equal(peaks(heatmaps), [(7.5, 7.5), (5.5, 3.75)])


def test_points_lie_in_the_picture_where_the_view_was_cut_out():
    found = points_of(Corners(), PICTURE, FACE.box_px)
    np.testing.assert_allclose(found[:5], [(40, 30), (80, 30), (80, 90), (40, 90), (60, 60)])


def test_the_points_of_a_rolled_head_are_turned_with_it():
    found = points_of(Corners(), PICTURE, FACE.box_px, roll_deg=90.0)  # the top of the head is at the right
    np.testing.assert_allclose(found[:5], [(90, 40), (90, 80), (30, 80), (30, 40), (60, 60)], atol=1e-9)


@pytest.mark.parametrize("count", [98, 68])
def test_faces_carry_their_points_and_keep_their_boxes(count):
    detector = LandmarkDetector(Finds(FACE), Corners(), count)
    (face,) = detect_faces(PICTURE, detector, turned=False)
    assert face.landmarks_px is not None and len(face.landmarks_px) == count
    assert face.box_px == FACE.box_px and detector.name == "finds"


class Counted(Corners):
    """The same, and how many views were looked at."""

    def __init__(self):
        self.views = 0

    def __call__(self, view):
        self.views += 1
        return super().__call__(view)


DOUBTFUL = Detection((40.0, 30.0, 80.0, 90.0), 0.6)  # so that every turned look is taken
OTHERS = [Detection((100.0, 40.0, 108.0, 50.0), 0.5), Detection((5.0, 5.0, 15.0, 15.0), 0.3)]


def test_points_are_sought_of_the_faces_that_are_left_alone():
    counted = Counted()
    detector = LandmarkDetector(Finds(DOUBTFUL, *OTHERS), counted)
    faces = detect_faces(PICTURE, detector, threshold=0.4, max_faces=1)

    assert counted.views == len(faces) == 1
    assert faces[0].landmarks_px is not None and len(faces[0].landmarks_px) == 98


def test_of_a_driver_only_its_own_face_is_looked_at_for_points():
    counted = Counted()
    face_view([PICTURE] * 11, LandmarkDetector(Finds(FACE, *OTHERS), counted), every=5)

    assert counted.views == 3


def test_where_no_points_are_wanted_none_are_sought():
    counted = Counted()
    detector = LandmarkDetector(Finds(FACE, *OTHERS), counted)
    follow_faces([PICTURE] * 10, detector, fps=10)
    LiveView(detector)(PICTURE)
    most_prominent(detect_faces(PICTURE, Finds(DOUBTFUL)), PICTURE, detector)

    assert counted.views == 0


def test_many_points_say_how_a_head_leans_as_five_do():
    from fom_core.faces.turned import leaning

    five = ((40.0, 40.0), (60.0, 60.0), (40.0, 60.0), (25.0, 55.0), (45.0, 75.0))  # leans by 45 degrees
    many = np.zeros((68, 2))
    for place, members in zip(five, (range(36, 42), range(42, 48), [30], [48], [54]), strict=True):
        many[list(members)] = place
    dense = replace(FACE, landmarks_px=tuple(map(tuple, many.tolist())))
    assert leaning(dense) == leaning(replace(FACE, landmarks_px=five)) == pytest.approx(45, abs=15)


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path))
    return tmp_path


def test_98_points_need_weights_and_a_line_says_how_to_get_them(no_weights):
    with pytest.raises(UnsupportedModel, match="fom weights download awing_fan"):
        load_detector("embedded", landmarks=98)


def test_without_facexlib_one_line_says_what_is_missing(no_weights, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "facexlib", None)
    (no_weights / "points.pth").touch()
    with pytest.raises(MissingPackage, match="pip install facexlib torchvision"):
        load_points(no_weights / "points.pth")


def test_other_counts_are_refused():
    with pytest.raises(UsageError, match="98 or 68"):
        LandmarkDetector(Finds(), Corners(), 5)
