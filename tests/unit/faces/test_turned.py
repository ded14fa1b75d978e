"""Heads on their side and upside down."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fom_core.faces.detect import detect_faces, load_detector
from fom_core.faces.detection import Detection, around, scaled
from fom_core.faces.following import follow_faces
from fom_core.faces.landmarks import LandmarkDetector
from fom_core.faces.regions import crop_face, regions_from_detections, turn
from fom_core.faces.second_look import second_look
from fom_core.faces.steadying import steadied_rolls
from fom_core.faces.turned import TurningDetector, leaning, normal
from fom_core.media import VideoReader
from fom_core.media.pictures import read_picture

PORTRAITS = ("portrait_lady1.jpg", "fom_source_image.png")
ROLLS = (0, 45, 90, 135, 180, -60)


class Arrow:
    """Finds a white bar over a dark one, the better the more upright; as a toy for what detectors do with heads."""

    name = "arrow"

    def __init__(self, eyes: bool = False):
        self.eyes, self.looks = eyes, 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.looks += 1
        y, x = np.nonzero(image[..., 0] > 200)
        below, beside = np.nonzero(image[..., 0] < 40)
        if not len(x) or not len(below):
            return []
        top, bottom = np.array([x.mean(), y.mean()]), np.array([beside.mean(), below.mean()])
        down = (bottom - top) / np.hypot(*(bottom - top))
        middle, half = (top + bottom) / 2, np.hypot(*(bottom - top))
        box = (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)
        score = 0.5 + 0.48 * float(down[1])
        across = np.array([down[1], -down[0]]) * half / 2
        points = (top - across, top + across, middle, bottom - across, bottom + across)
        landmarks = tuple((float(px), float(py)) for px, py in points) if self.eyes else None
        return [Detection(box, score, landmarks)] if score > 0.3 else []


def arrow(roll_deg: float) -> np.ndarray:
    picture = np.full((260, 320, 3), 120, np.uint8)
    picture[90:110, 130:170] = 255
    picture[130:150, 130:170] = 0
    matrix = turn(roll_deg, (150.0, 120.0))
    return cv2.warpAffine(picture, matrix, (320, 260), borderMode=cv2.BORDER_CONSTANT, borderValue=(120, 120, 120))


@pytest.mark.parametrize("eyes", [False, True])
@pytest.mark.parametrize("roll", [45, 70, 90, 160, 180, -30, -120])
def test_a_turned_head_is_found_with_its_roll(roll, eyes):
    (face,) = detect_faces(arrow(roll), Arrow(eyes))
    assert abs(normal(face.roll_deg - roll)) < 5
    x0, y0, x1, y1 = face.box_px
    np.testing.assert_allclose([(x0 + x1) / 2, (y0 + y1) / 2], [150, 120], atol=3)


@pytest.mark.parametrize("roll", [0, 45, 90, -120])
def test_further_points_change_nothing_of_how_a_head_is_found(roll):
    def anywhere(view: np.ndarray) -> np.ndarray:
        return np.random.default_rng(0).random((98, 2)) * view.shape[1::-1]

    (plain,) = detect_faces(arrow(roll), Arrow(eyes=True))
    (pointed,) = detect_faces(arrow(roll), LandmarkDetector(Arrow(eyes=True), anywhere))
    assert replace(pointed, landmarks_px=None) == replace(plain, landmarks_px=None)


def test_an_upright_head_is_found_as_ever_and_looked_at_once():
    detector = Arrow()
    (face,) = detect_faces(arrow(10), detector)
    assert face.roll_deg == 0 and detector.looks == 1
    assert face == detect_faces(arrow(10), Arrow(), turned=False)[0]


def test_a_head_that_leans_a_little_counts_as_upright():
    (face,) = detect_faces(arrow(15), Arrow(eyes=True))
    assert face.roll_deg == 0


@pytest.mark.parametrize("eyes", [False, True])
@pytest.mark.parametrize(
    "rolls", [np.full(40, 60.0), np.full(40, -90.0), np.linspace(40, 110, 60), np.linspace(200, 160, 40)]
)
def test_a_turned_head_is_followed_through_a_video_as_it_lies(rolls, eyes):
    (track,) = follow_faces([arrow(roll) for roll in rolls], Arrow(eyes), fps=25.0)

    assert track.rolls is not None and not np.isnan(track.boxes).any()
    assert max(abs(normal(float(found - roll))) for found, roll in zip(track.rolls, rolls, strict=True)) < 8
    np.testing.assert_allclose(
        (track.boxes[:, :2] + track.boxes[:, 2:]) / 2, np.tile([150, 120], (len(rolls), 1)), atol=4
    )
    face = track.region(20, (260, 320), "square", 0.75)
    assert face is not None and face.roll_deg == track.rolls[20]


@pytest.mark.parametrize("eyes", [False, True])
def test_a_head_that_leans_over_and_comes_back_is_never_lost(eyes):
    rolls = 80 * np.sin(np.linspace(0, np.pi, 75))
    (track,) = follow_faces([arrow(roll) for roll in rolls], Arrow(eyes), fps=25.0)

    assert track.rolls is not None and not np.isnan(track.boxes).any()
    assert np.abs(track.rolls - rolls).max() < 40 and np.abs(track.rolls - rolls)[30:45].max() < 15


def test_an_upright_head_is_followed_as_ever():
    detector = Arrow()
    (track,) = follow_faces([arrow(5)] * 50, detector, fps=25.0)
    assert track.rolls is None and detector.looks == 11  # at every fifth, and at the last


def test_the_roll_of_one_scene_does_not_reach_into_another():
    rolls = steadied_rolls({0: 90.0, 5: 90.0, 10: 0.0, 15: 0.0}, [10], 20, 25.0)
    assert rolls is not None
    np.testing.assert_allclose(rolls, np.repeat([90, 0], 10), atol=1e-4)
    assert steadied_rolls({0: 0.0, 5: 0.0}, [], 10, 25.0) is None


def test_a_roll_goes_the_short_way_over_half_a_turn():
    rolls = steadied_rolls({0: 170.0, 10: -170.0}, [], 11, 25.0)
    assert rolls is not None
    assert [normal(float(rolls[frame])) for frame in (0, 5, 10)] == pytest.approx([170, 180, -170], abs=0.1)


def test_a_picture_without_a_head_has_none_whichever_way_it_is_turned():
    assert not len(detect_faces(np.full((90, 120, 3), 120, np.uint8), Arrow()))


def test_the_wrapped_detector_keeps_its_name():
    assert TurningDetector(Arrow()).name == "arrow"


def test_the_lean_of_eyes_and_mouth_is_counted_from_the_roll_they_were_seen_at():
    (face,) = Arrow(eyes=True).detect(arrow(30))
    assert leaning(face) == pytest.approx(30, abs=2)
    assert leaning(Detection(face.box_px, face.score, face.landmarks_px, 40.0)) == pytest.approx(-10, abs=2)


@pytest.mark.parametrize(("degrees", "same"), [(190, -170), (-180, 180), (180, 180), (-359, 1), (0, 0)])
def test_turns_are_told_from_minus_to_plus_180_degrees(degrees, same):
    assert normal(degrees) == same


def test_the_upright_box_around_a_turned_face_holds_the_ellipse_in_it():
    face = Detection((100, 100, 140, 160), 0.9)
    assert around(face) == face.box_px
    np.testing.assert_allclose(around(Detection(face.box_px, 0.9, None, 90.0)), (90, 110, 150, 150))
    x0, _, x1, _ = around(Detection(face.box_px, 0.9, None, 45.0))
    assert x1 - x0 == pytest.approx(np.hypot(40, 60) / np.sqrt(2))


@pytest.mark.parametrize("crop", ["square", "paddlegan", "box"])
def test_the_crop_of_a_turned_head_has_room_for_the_hair_where_the_hair_is(crop):
    found = [Detection((100, 100, 140, 160), 0.9, None, roll) for roll in (0.0, 90.0)]
    upright, rolled = (regions_from_detections([face], (300, 300), crop)[0] for face in found)
    x0, y0, x1, y1 = upright.crop_px
    left, top, right, bottom = rolled.crop_px
    assert (right - left, bottom - top) == (x1 - x0, y1 - y0) and rolled.roll_deg == 90
    lifted = 130 - (y0 + y1) / 2  # above the box's middle; the hair is to the right of a head that lies clockwise
    np.testing.assert_allclose([(left + right) / 2 - 120, (top + bottom) / 2 - 130], [lifted, 0], atol=1.01)


def test_a_second_look_finds_the_same_face_and_nothing_else():
    picture = arrow(0)
    (face,) = Arrow().detect(picture)
    again = second_look(picture, Arrow(), face.box_px)
    assert again is not None
    np.testing.assert_allclose(again.box_px, face.box_px, atol=2)
    assert second_look(picture, Arrow(), (200, 150, 230, 190)) is None
    assert second_look(picture, Arrow(), (400, 150, 430, 190)) is None  # outside the picture


def turned(picture: np.ndarray, roll_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """The whole picture turned clockwise on a grey ground, and the map from its pixels to the new ones."""
    height, width = picture.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    matrix = turn(roll_deg, ((width - 1) / 2, (height - 1) / 2))
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    return cv2.warpAffine(picture, matrix, (side, side), borderValue=(127, 127, 127)), matrix


@pytest.mark.parametrize("name", ["embedded", "yunet"])
@pytest.mark.parametrize("file", PORTRAITS)
def test_portraits_are_found_however_they_are_turned(shared, file, name):
    weights = shared / "data/weights/yunet_n_640_640.onnx"
    detector = load_detector(name, weights=weights if name == "yunet" else None)
    picture = read_picture(shared / "data/media" / file)
    (upright,) = detect_faces(picture, detector)
    expected = crop_face(picture, upright, (64, 64)).astype(int)
    x0, y0, x1, y1 = upright.box_px
    for roll in ROLLS:
        view, matrix = turned(picture, roll)
        faces = detect_faces(view, detector)
        face = max(faces, key=lambda face: face.score)
        assert abs(normal(face.roll_deg - roll)) < 20, roll
        middle = matrix @ [(x0 + x1) / 2, (y0 + y1) / 2, 1]
        left, top, right, bottom = face.box_px
        assert np.hypot(*(middle - [(left + right) / 2, (top + bottom) / 2])) < 0.15 * (y1 - y0), roll
        assert face.crop_px[2] - face.crop_px[0] == pytest.approx(upright.crop_px[2] - upright.crop_px[0], rel=0.15)
        assert np.abs(crop_face(view, face, (64, 64)) - expected)[16:48, 16:48].mean() < 45, roll


def test_a_lying_portrait_is_found_where_it_lies(shared):
    weights = shared / "data/weights/yunet_n_640_640.onnx"
    for detector in (load_detector("embedded"), load_detector("yunet", weights=weights)):
        (face,) = detect_faces(read_picture(shared / "cases/f_90.png"), detector)
        assert abs(face.roll_deg + 90) < 10
        np.testing.assert_allclose(face.box_px, (76, 86, 320, 254), atol=25)


def test_a_face_in_a_picture_of_another_size_stays_turned():
    face = Detection((10, 20, 30, 40), 0.8, ((12.0, 22.0),), roll_deg=90)

    assert scaled(face, 2, 3) == Detection((20, 60, 60, 120), 0.8, ((24.0, 66.0),), roll_deg=90)


@pytest.mark.parametrize("roll", [30, -45, 90])
def test_a_turned_head_of_a_real_clip_is_followed_as_it_lies(shared, roll):
    reader = VideoReader(shared / "data/media/talk_audio_524.mp4")
    frames = [
        turned(cv2.resize(frame[..., :3], (300, 300)), roll)[0] for frame, _ in zip(reader, range(30), strict=False)
    ]

    (track,) = follow_faces(frames, "embedded", fps=25.0)

    assert track.rolls is not None and not np.isnan(track.boxes).any()
    assert abs(float(np.median(track.rolls)) - roll) < 15
    assert np.abs(np.diff(track.rolls)).max() < 3
