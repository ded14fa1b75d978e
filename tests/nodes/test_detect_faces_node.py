"""Detect Faces: numbers, boxes, masks and crops, from the detector or from other nodes' boxes."""

from pathlib import Path

import numpy as np
import pytest
import torch

INPUTS = Path(__file__).resolve().parents[2] / "workflows" / "inputs"
BOX = {"x": 10, "y": 20, "width": 30, "height": 30, "score": 0.5}
OTHER = {"x": 80, "y": 30, "width": 40, "height": 40, "score": 0.9}


@pytest.fixture(scope="module")
def group(pack) -> torch.Tensor:
    """A wall with three prints of a portrait."""
    from fom_pack.fom_core import read_picture

    return torch.from_numpy(read_picture(INPUTS / "fom_group.jpg"))[None].float() / 255


@pytest.fixture(scope="module")
def portrait(pack) -> torch.Tensor:
    from fom_pack.fom_core import read_picture

    return torch.from_numpy(read_picture(INPUTS / "fom_portrait.jpg"))[None].float() / 255


def test_people_are_found_and_numbered_from_left_to_right(execute, group):
    faces, bboxes, mask, crops, count, *_ = execute("FOMDetectFaces", image=group).args
    assert count == len(faces) == len(crops) == len(bboxes[0]) == 3
    assert bboxes[0][0]["x"] < bboxes[0][1]["x"]
    assert mask.shape == group.shape[:3]
    for box in bboxes[0]:
        assert mask[0, int(box["y"] + box["height"] / 2), int(box["x"] + box["width"] / 2)] == 1
    assert 0 < mask.mean() < 0.5


def test_a_head_on_its_side_is_found_and_its_crop_is_upright(execute, portrait):
    upright = execute("FOMDetectFaces", image=portrait, detector="embedded").args[3][0]
    faces, _, _, (crop,), count, *_ = execute(
        "FOMDetectFaces", image=portrait.rot90(1, (1, 2)), detector="embedded"
    ).args
    assert count == 1
    assert all(abs(face.roll_deg + 90) < 20 for _, face in faces)  # the picture was turned counter-clockwise
    assert abs(crop.shape[1] / upright.shape[1] - 1) < 0.2
    assert (crop.mean() - upright.mean()).abs() < 0.05


def test_the_preview_shows_every_face_that_was_found(execute, group):
    result = execute("FOMDetectFaces", image=group, face_choice="2")
    assert result.args[4] == 1
    assert len(result.ui.as_dict()["images"]) == 1


@pytest.mark.parametrize("bboxes", [BOX, [BOX], [[BOX]]])
def test_boxes_come_in_three_shapes(execute, picture, bboxes):
    faces, out, *_ = execute("FOMDetectFaces", image=picture, bboxes=bboxes).args
    assert len(faces) == 1
    assert {key: out[0][0][key] for key in BOX} == pytest.approx(BOX)


def test_one_list_of_boxes_holds_for_every_picture_of_a_batch(execute, picture):
    faces, _, _, crops, count, *_ = execute(
        "FOMDetectFaces", image=picture.repeat(3, 1, 1, 1), bboxes=[BOX, OTHER]
    ).args
    assert count == len(crops) == 6
    assert [len(each) for each in faces.sets] == [2, 2, 2]


def test_numbers_run_on_from_picture_to_picture(execute, picture):
    faces, *_ = execute(
        "FOMDetectFaces", image=picture.repeat(2, 1, 1, 1), bboxes=[[BOX, OTHER], [OTHER]], face_choice="2-3"
    ).args
    assert [[face.box_px[0] for face in each] for each in faces.sets] == [[80], [80]]


def test_the_log_says_how_many_animations_pictures_become(execute, picture, caplog):
    with caplog.at_level("INFO"):
        execute("FOMDetectFaces", image=picture, bboxes=BOX)
        assert "animation" not in caplog.text
        execute("FOMDetectFaces", image=picture.repeat(3, 1, 1, 1), bboxes=BOX)

    assert "3 pictures with 3 faces, each to become an animation of its own" in caplog.text
    assert "set batch to 'frames of one video'" in caplog.text


def test_the_preview_numbers_faces_as_a_choice_does(execute, picture, monkeypatch):
    from fom_pack.nodes import face_outputs

    shown = []
    draw = face_outputs.draw_faces
    monkeypatch.setattr(
        face_outputs,
        "draw_faces",
        lambda each, faces, first: shown.append([face.id + first for face in faces]) or draw(each, faces, first=first),
    )
    execute("FOMDetectFaces", image=picture.repeat(3, 1, 1, 1), bboxes=[[BOX, OTHER], [], [OTHER]])
    assert shown == [[1, 2], [], [3]]


def test_a_grey_picture_is_shown_and_cut_in_colour(execute, picture):
    _, _, _, crops, count, *_ = execute("FOMDetectFaces", image=picture[..., :1], bboxes=BOX).args
    assert count == 1
    assert crops[0].shape[-1] == 3


def test_mediapipe_landmarks_give_the_boxes(execute, picture):
    landmarks = {"frames": [[{"bbox_xyxy": np.array([10.0, 20.0, 40.0, 50.0]), "score": 0.5}]], "image_size": (96, 128)}
    _, bboxes, *_ = execute("FOMDetectFaces", image=picture, face_landmarks=landmarks).args
    assert {key: bboxes[0][0][key] for key in BOX} == pytest.approx(BOX)


def test_the_box_itself_can_be_the_crop(execute, picture):
    _, _, _, crops, *_ = execute("FOMDetectFaces", image=picture, bboxes=BOX, crop="box").args
    torch.testing.assert_close(crops[0], picture[:, 20:50, 10:40], atol=0.5 / 255 + 1e-6, rtol=0)


def test_small_faces_are_left_out_and_the_largest_kept(execute, picture):
    small = {"x": 50, "y": 5, "width": 8, "height": 8}
    faces, *_ = execute("FOMDetectFaces", image=picture, bboxes=[BOX, OTHER, small], max_faces=1).args
    assert [face.box_px[0] for face in faces.sets[0]] == [80]


def test_no_face_says_what_to_do(execute, picture):
    from fom_pack.fom_core.errors import NoFaceFound

    with pytest.raises(NoFaceFound, match="if_none to 'pass through'"):
        execute("FOMDetectFaces", image=picture, threshold=0.99)
    with pytest.raises(NoFaceFound, match="disconnect bboxes"):
        execute("FOMDetectFaces", image=picture, bboxes=[])


def test_pass_through_takes_the_middle_of_the_picture(execute, picture):
    faces, _, _, _, count, *_ = execute("FOMDetectFaces", image=picture, threshold=0.99, if_none="pass through").args
    assert count == 1
    assert faces.sets[0][0].crop_px == (16, 0, 112, 96)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (torch.zeros(0, 32, 32, 3), "empty batch"),
        (torch.zeros(1, 1, 1, 3), "1x1 pixels"),
        (torch.full((1, 32, 32, 3), torch.nan), "not numbers"),
        (torch.zeros(1, 32, 32, 2), "1, 3 or 4 channels"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(execute, image, words):
    from fom_pack.fom_core.errors import MediaError

    with pytest.raises(MediaError, match=words):
        execute("FOMDetectFaces", image=image)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"bboxes": [{"x": 1, "y": 2}]}, "x, y, width and height"),
        ({"bboxes": {"x": 500, "y": 2, "width": 20, "height": 20}}, "outside the picture"),
        ({"bboxes": BOX | {"width": float("nan")}}, "Mend the node"),
        ({"bboxes": BOX | {"width": 1e6}}, "Mend the node"),
        ({"bboxes": [[BOX], [BOX]]}, "boxes for 2 pictures, but 1"),
        ({"bboxes": BOX, "face_landmarks": {}}, "not from several"),
        ({"bboxes": BOX, "face_choice": "3"}, 'asks for face 3, .* the preview of Detect Faces numbers .* "all"'),
        ({"face_landmarks": {"faces": []}}, "MediaPipe"),
    ],
)
def test_boxes_that_do_not_fit_are_refused_in_a_sentence(execute, picture, inputs, words):
    from fom_pack.fom_core.errors import FomError

    with pytest.raises(FomError, match=words):
        execute("FOMDetectFaces", image=picture, **inputs)


def test_transparency_does_not_hinder_detection(execute, group):
    opaque = torch.cat([group, torch.ones(*group.shape[:3], 1)], dim=-1)
    assert execute("FOMDetectFaces", image=opaque).args[4] == 3


def test_a_detector_that_lost_its_weights_is_explained(execute, group, monkeypatch):
    from fom_pack.fom_core.errors import DownloadError
    from fom_pack.nodes import host

    def offline(*_, **__):
        raise DownloadError("the connection broke.")

    monkeypatch.setattr(host, "download", offline)
    with pytest.raises(DownloadError, match=r"^the connection broke\. Or choose the detector embedded, "):
        execute("FOMDetectFaces", image=group, detector="yunet")
