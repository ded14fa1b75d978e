import numpy as np
import pytest

from fom_core.errors import DownloadError, MissingPackage, UnsupportedModel, UsageError
from fom_core.faces import detect
from fom_core.faces.detect import detect_faces, load_detector
from fom_core.faces.detection import Detection, detect_at_sizes
from fom_core.media.pictures import read_picture

GROUPS = {"group_office2.jpg": 4, "fom_source_image_multi_person.jpg": 5, "two_people.jpg": 2, "portrait_lady1.jpg": 1}


class Fixed:
    """A detector that always finds the same."""

    name = "fixed"

    def __init__(self, *found):
        self.found = list(found)

    def detect(self, image):
        assert image.dtype == np.uint8 and image.shape[2] == 3
        return self.found


PICTURE = np.zeros((200, 300, 3), np.uint8)
SMALL, LARGE = Detection((10, 10, 40, 45), 0.9), Detection((150, 20, 230, 120), 0.6)


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path))
    return tmp_path


def test_max_faces_keeps_the_largest():
    faces = detect_faces(PICTURE, Fixed(SMALL, LARGE), max_faces=1)
    assert [face.box_px for face in faces] == [LARGE.box_px]


def test_small_and_doubtful_faces_are_left_out_on_request():
    assert [face.score for face in detect_faces(PICTURE, Fixed(SMALL, LARGE), min_size_px=60)] == [0.6]
    assert [face.score for face in detect_faces(PICTURE, Fixed(SMALL, LARGE), threshold=0.7)] == [0.9]


@pytest.mark.parametrize("shape", [(200, 300), (200, 300, 1), (200, 300, 4)])
def test_grey_and_transparent_pictures_are_searched_too(shape):
    assert len(detect_faces(np.zeros(shape, np.uint8), Fixed(SMALL, LARGE))) == 2


def test_anything_but_bytes_is_refused():
    with pytest.raises(UsageError, match="uint8"):
        detect_faces(np.zeros((20, 20, 3)), Fixed())


def test_boxes_of_a_shrunk_view_come_back_in_pixels_of_the_picture():
    def whole_view(view):
        return [Detection((0.0, 0.0, float(view.shape[1]), float(view.shape[0])), 0.5, ((1.0, 1.0),))]

    (found,) = detect_at_sizes(np.zeros((301, 999, 3), np.uint8), (100, 50), whole_view)
    assert found.box_px == pytest.approx((0, 0, 999, 301))
    assert found.landmarks_px is not None and found.landmarks_px[0][0] > 9


@pytest.mark.parametrize(("name", "entry"), [("retinaface", "retinaface"), ("sfd", "s3fd"), ("yunet", "yunet")])
def test_missing_weights_are_answered_with_the_command_that_gets_them(no_weights, name, entry):
    with pytest.raises(UnsupportedModel, match=f"fom weights download {entry}$"):
        load_detector(name)


def test_a_file_that_is_not_the_catalogues_is_refused(no_weights):
    (no_weights / "s3fd-619a316812.pth").write_bytes(b"half a file")
    with pytest.raises(DownloadError, match="11 bytes instead of 89843225"):
        load_detector("s3fd")


def test_a_detector_without_weights_needs_no_entry_in_the_catalogue(monkeypatch):
    monkeypatch.setitem(detect._LOADERS, "fixed", lambda weights, device: Fixed(SMALL))
    assert [face.box_px for face in detect_faces(PICTURE, load_detector("fixed"))] == [SMALL.box_px]


def test_an_unknown_detector_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="embedded, retinaface, retinaface-mobile, s3fd, yunet"):
        load_detector("viola")


def test_auto_is_the_embedded_detector_when_nothing_else_is_here(no_weights):
    assert load_detector("auto").name == "embedded"


def test_auto_prefers_downloaded_weights_whose_packages_are_here(no_weights, monkeypatch):
    (no_weights / "yunet_n_640_640.onnx").touch()
    (no_weights / "detection_Resnet50_Final.pth").touch()
    monkeypatch.setattr(detect, "has_facexlib", lambda: False)
    assert detect.best_detector() == "yunet"
    monkeypatch.setattr(detect, "has_facexlib", lambda: True)
    assert detect.best_detector() == "retinaface"


@pytest.mark.parametrize(("file", "count"), GROUPS.items())
@pytest.mark.parametrize("name", ["embedded", "yunet", "retinaface-mobile"])
def test_every_face_of_real_pictures_is_found(shared, file, count, name):
    weights = {"yunet": "yunet_n_640_640.onnx", "retinaface-mobile": "detection_mobilenet0.25_Final.pth"}
    try:
        detector = load_detector(name, weights=shared / "data/weights" / weights[name] if name in weights else None)
    except MissingPackage as missing:
        pytest.skip(str(missing))
    faces = detect_faces(read_picture(shared / "data/media" / file), detector)
    assert len(faces) == count
    assert [face.box_px[0] for face in faces] == sorted(face.box_px[0] for face in faces)


@pytest.mark.parametrize("file", ["s8.jpg", "s23.jpg", "d30.jpg", "lady.jpg"])
def test_the_embedded_detector_takes_neither_bodies_nor_eyes_for_faces(shared, file):
    assert len(load_detector("embedded").detect(read_picture(shared / "cases" / file))) == 1


@pytest.mark.parametrize("fill", ["black", "white", "noise"])
def test_the_embedded_detector_sees_no_face_where_none_is(fill):
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    picture = {"black": np.zeros_like(noise), "white": np.full_like(noise, 255), "noise": noise}[fill]
    assert len(detect_faces(picture, "embedded")) == 0


@pytest.mark.parametrize("size", [(1, 1), (13, 200), (33, 65)])
def test_the_embedded_detector_takes_pictures_of_any_size(size):
    assert len(detect_faces(np.zeros((*size, 3), np.uint8), "embedded")) == 0
