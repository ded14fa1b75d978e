import numpy as np
import pytest

from fom_core.errors import NoFaceFound, UsageError
from fom_core.faces.boxes import iou
from fom_core.faces.detect import detect_faces, load_detector
from fom_core.faces.detection import Detection
from fom_core.faces.regions import regions_from_boxes, regions_from_detections
from fom_core.faces.selection import chosen, in_order, most_prominent, picked, select_faces
from fom_core.media.pictures import read_picture
from fom_core.types import FaceRegion, FaceSet

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


class Sees:
    """A detector that finds a face wherever the middle of the view is white."""

    name = "white"

    def __init__(self):
        self.looks = 0

    def detect(self, image):
        self.looks += 1
        height, width = image.shape[:2]
        box = (width / 6, height / 6, width * 5 / 6, height * 5 / 6)
        return [Detection(box, 0.8)] if image[height // 2, width // 2].min() > 200 else []


def scored(*faces):
    return regions_from_detections([Detection(box, score) for box, score in faces], (100, 100))


SMALL, LARGE = (10, 10, 30, 30), (40, 40, 90, 90)


def picture(*white):
    result = np.zeros((100, 100, 3), np.uint8)
    for x0, y0, x1, y1 in white:
        result[y0:y1, x0:x1] = 255
    return result


def test_a_box_of_a_far_lower_score_is_never_the_most_prominent():
    assert most_prominent(scored((SMALL, 0.97), (LARGE, 0.72))).box_px == SMALL
    assert most_prominent(scored((SMALL, 0.97), (LARGE, 0.85))).box_px == LARGE


def test_a_doubtful_face_must_be_seen_again_to_be_the_most_prominent():
    faces = scored((SMALL, 0.95), (LARGE, 0.85))
    assert most_prominent(faces, picture(SMALL), Sees()).box_px == SMALL
    assert most_prominent(faces, picture(SMALL, LARGE), Sees()).box_px == LARGE


def test_a_sure_face_is_not_looked_at_again():
    detector = Sees()
    assert most_prominent(scored((SMALL, 0.95), (LARGE, 0.91)), picture(), detector).box_px == LARGE
    assert detector.looks == 0


def test_where_nothing_is_seen_again_the_best_score_decides():
    assert most_prominent(scored((SMALL, 0.8), (LARGE, 0.75)), picture(), Sees()).box_px == SMALL


def test_the_order_by_prominence_drops_no_face_and_puts_doubtful_ones_last():
    faces = scored((SMALL, 0.95), (LARGE, 0.85), ((60, 5, 70, 15), 0.92))
    ordered = in_order(faces, "most prominent first", picture(SMALL), Sees())
    assert [face.box_px for face in ordered] == [SMALL, (60, 5, 70, 15), LARGE]
    assert [face.id for face in ordered] == [0, 1, 2]


PORTRAITS = ["father_23.jpg", "fom_source_image.png", "portrait_lady1.jpg", "portrait_s0.jpg", "portrait_s6.jpg"]


@pytest.mark.parametrize("file", PORTRAITS)
def test_the_embedded_detector_chooses_the_face_of_a_portrait_that_yunet_is_surest_of(shared, file):
    image = read_picture(shared / "data/media" / file)
    detector = load_detector("embedded")
    yunet = load_detector("yunet", weights=shared / "data/weights/yunet_n_640_640.onnx")
    best = max(yunet.detect(image), key=lambda face: face.score)

    face = most_prominent(detect_faces(image, detector), image, detector)

    assert iou(np.array(face.box_px), np.array([best.box_px]))[0] >= 0.5


@pytest.mark.parametrize(
    ("file", "name", "box"),
    [
        ("s8.jpg", "embedded", (167, 181, 353, 427)),
        ("s8.jpg", "yunet", (167, 181, 353, 427)),
        ("d30.jpg", "embedded", (155, 162, 335, 423)),
        ("d30.jpg", "yunet", (155, 162, 335, 423)),
        ("f_90.png", "embedded", (76, 86, 320, 254)),
        ("f_90.png", "yunet", (76, 86, 320, 254)),
        ("s23.jpg", "embedded", (184, 179, 495, 486)),
        ("s23.jpg", "yunet", (184, 179, 495, 486)),
        ("lady.jpg", "embedded", (62, 76, 230, 320)),
        ("lady.jpg", "yunet", (62, 76, 230, 320)),
        ("mp12.jpg", "embedded", (1403, 533, 2490, 2060)),
        ("mp12.jpg", "yunet", (1403, 533, 2490, 2060)),
    ],
)
def test_the_face_is_chosen_and_not_what_looks_like_one(shared, file, name, box):
    weights = shared / "data/weights/yunet_n_640_640.onnx"
    detector = load_detector(name, weights=weights if name == "yunet" else None)
    image = read_picture(shared / "cases" / file)

    face = most_prominent(detect_faces(image, detector), image, detector)

    assert iou(np.array(face.box_px), np.array([box], float))[0] >= 0.4


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


@pytest.mark.parametrize("choice", ["5", "0", "2-9"])
def test_a_number_without_a_face_is_named(choice):
    with pytest.raises(UsageError, match="numbered 1 to 4"):
        chosen(choice, 4)


@pytest.mark.parametrize("choice", ["4-2", "1,4-2"])
def test_a_range_that_runs_backwards_is_told_the_other_way_round(choice):
    with pytest.raises(UsageError, match=r"4-2, which runs backwards: write 2-4\.$"):
        chosen(choice, 4)


@pytest.mark.parametrize("choice", ["left", "1.5", "-1", "1--2", "99999999999-3"])
def test_a_choice_that_is_no_number_is_refused(choice):
    with pytest.raises(UsageError, match="by number"):
        chosen(choice, 4)


def test_who_is_not_picked_stays_as_somebody_else_where_it_is_one():
    boxes = [(10, 10, 50, 60), (80, 10, 120, 60), (0, 0, 60, 110), (140, 10, 180, 60)]
    scores = (0.97, 0.95, 0.93, 0.72)  # the third is the first one's body, the last is drapery
    regions = [
        FaceRegion(box, box, score, number, (120, 200))
        for number, (box, score) in enumerate(zip(boxes, scores, strict=True))
    ]
    faces = picked(FaceSet(tuple(regions), (120, 200)), [0])
    assert (faces.faces, faces.others) == ((regions[0],), (regions[1],))
    assert picked(faces, [0]).others == (regions[1],)


@pytest.mark.parametrize(
    ("choice", "order", "expected"),
    [
        ("all", "left to right", [0, 1, 2]),
        ("1,3", "left to right", [0, 2]),
        ("1", "largest first", [1]),
        (None, "left to right", [1]),  # large, and nearest to the middle
    ],
)
def test_faces_are_selected_as_the_command_line_chooses_them(choice, order, expected):
    faces = regions_from_boxes(BOXES, (100, 100))

    selected = select_faces(faces, choice, order=order)

    assert [face.box_px for face in selected] == [faces[index].box_px for index in expected]
    assert len(selected) + len(selected.others) == len(BOXES)


def test_there_is_nothing_to_select_where_no_face_is():
    with pytest.raises(NoFaceFound, match="There is no face to choose from"):
        select_faces(FaceSet((), (100, 100)))
