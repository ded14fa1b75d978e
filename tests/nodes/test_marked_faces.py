"""Faces that other nodes marked: masks, segments, boxes of numbers, points."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
import torch

SEG = namedtuple("SEG", "cropped_image cropped_mask confidence crop_region bbox label control_net_wrapper")
LEFT, RIGHT = (10, 20, 40, 50), (80, 30, 120, 70)  # corners


@pytest.fixture
def detect(execute, picture):
    def run(image=None, **inputs):
        return execute("FOMDetectFaces", image=picture if image is None else image, **inputs).args

    return run


@pytest.fixture
def refused(detect):
    from fom_pack.fom_core.errors import FomError

    def run(**inputs):
        with pytest.raises(FomError) as error:
            detect(**inputs)
        return str(error.value)

    return run


def mask_with(*corners, size=(96, 128)):
    mask = torch.zeros(*size)
    for x0, y0, x1, y1 in corners:
        mask[y0:y1, x0:x1] = 1
    return mask


def boxes(args):
    return [[tuple(round(box[key]) for key in ("x", "y", "width", "height")) for box in each] for each in args[1]]


def test_every_spot_of_a_mask_is_a_face(detect):
    assert boxes(detect(marked_faces=mask_with(LEFT, RIGHT)[None])) == [[(10, 20, 30, 30), (80, 30, 40, 40)]]


def test_of_a_batch_of_masks_each_is_a_face(detect):
    hands = mask_with((10, 20, 20, 50), (30, 20, 40, 50))  # two spots of one face
    found = detect(marked_faces=torch.stack([mask_with(RIGHT), hands]))

    assert boxes(found) == [[(10, 20, 30, 30), (80, 30, 40, 40)]]
    left = found[5][0]
    assert (
        0.05 < float(left.mean()) < float(detect(bboxes=[{"x": 10, "y": 20, "width": 30, "height": 30}])[5][0].mean())
    )


def test_several_pictures_have_a_mask_each(detect, picture):
    masks = torch.stack([mask_with(LEFT), mask_with(LEFT, RIGHT)])

    assert [len(each) for each in boxes(detect(picture.repeat(2, 1, 1, 1), marked_faces=masks))] == [1, 2]


def test_a_mask_of_another_size_is_brought_to_the_pictures(detect):
    small = mask_with((5, 10, 20, 25), size=(48, 64))

    assert boxes(detect(marked_faces=small[None])) == [[(10, 20, 30, 30)]]


@pytest.mark.parametrize(("size", "told"), [((48, 48), True), ((48, 64), False), ((143, 191), False)])
@pytest.mark.parametrize("segments", [False, True], ids=["mask", "segs"])
def test_what_is_marked_on_another_shape_is_told_to_be_stretched(detect, caplog, size, told, segments):
    mask = mask_with((5, 10, 30, 35), size=size)
    segs = (size, [SEG(None, None, 1.0, (0, 0, 40, 40), (5, 10, 30, 35), "face", None)])

    detect(marked_faces=segs if segments else mask[None])

    assert ("48x48 pixels and the picture has 128x96, another shape" in caplog.text) == told


def test_segments_come_with_their_masks_and_scores(detect):
    part = np.zeros((40, 50), np.float32)
    part[10:40, 5:35] = 1
    segs = ((96, 128), [SEG(None, part, np.array([0.75]), (5, 10, 55, 50), LEFT, "face", None)])
    found = detect(marked_faces=segs)

    assert boxes(found) == [[(10, 20, 30, 30)]]
    assert found[1][0][0]["score"] == 0.75
    assert 0.2 < float(found[5][0].mean()) < 0.5


def test_segments_of_a_smaller_picture_are_scaled(detect):
    segs = ((48, 64), [SEG(None, None, 1.0, (0, 0, 64, 48), (5, 10, 20, 25), "face", None)])

    assert boxes(detect(marked_faces=segs)) == [[(10, 20, 30, 30)]]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ((10, 20, 30, 30), "auto"),
        ([(10, 20, 30, 30)], "auto"),
        ([[(10, 20, 30, 30)]], "xywh"),
        ([LEFT], "xyxy"),
        (torch.tensor([[10.0, 20.0, 30.0, 30.0]]), "auto"),
    ],
)
def test_boxes_of_four_numbers_come_in_many_forms(detect, value, form):
    assert boxes(detect(marked_faces=value, bbox_format=form)) == [[(10, 20, 30, 30)]]


def test_corners_are_seen_where_nothing_else_is_possible(detect):
    assert boxes(detect(marked_faces=[LEFT, RIGHT])) == [[(10, 20, 30, 30), (80, 30, 40, 40)]]


def test_points_choose_among_faces(detect):
    marked = mask_with(LEFT, RIGHT)[None]

    for points in ('[{"x": 100, "y": 50}]', "[[100, 50]]"):
        assert boxes(detect(marked_faces=marked, points=points)) == [[(80, 30, 40, 40)]]
    assert len(boxes(detect(marked_faces=marked, points="[]"))[0]) == 2


def test_the_faces_that_are_not_pointed_at_hold_their_place(detect):
    faces, *_ = detect(marked_faces=mask_with(LEFT, RIGHT)[None], points='[{"x": 100, "y": 50}]')

    assert [round(face.box_px[0]) for face in faces.sets[0].others] == [10]


def test_the_masks_fit_the_crops_and_paste_faces(detect, execute, picture):
    faces, _, _, crops, count, masks, *_ = detect(marked_faces=mask_with(LEFT, RIGHT)[None])

    assert count == len(masks) == 2
    assert [mask.shape[1:] for mask in masks] == [crop.shape[1:3] for crop in crops]
    black = [torch.zeros(1, 40, 40, 3) for _ in masks]
    pasted = execute(
        "FOMPasteFaces", image=[picture], faces=[faces], animated_faces=black, mask=["box"], face_masks=masks
    ).args[0][0]
    changed = (pasted[0] - picture[0]).abs().amax(dim=-1) > 0.1
    assert changed[25:45, 15:35].all() and changed[40:60, 90:110].all()
    assert not changed[:, 60:70].any()


def test_what_does_not_fit_is_said(refused, picture):
    marked = mask_with(LEFT)[None]

    assert "Disconnect" in refused(marked_faces=marked, bboxes=[{"x": 1, "y": 1, "width": 20, "height": 20}])
    assert "hold no face" in refused(marked_faces=torch.zeros(1, 96, 128))
    assert "hold no face" in refused(marked_faces=((96, 128), []))
    assert "no face at the point 64, 5" in refused(marked_faces=marked, points='[{"x": 64, "y": 5}]')
    assert "JSON" in refused(marked_faces=marked, points="left eye")
    assert "four numbers" in refused(marked_faces=[(1, 2, 3)])
    assert "3 masks for 2 pictures" in refused(image=picture.repeat(2, 1, 1, 1), marked_faces=marked.repeat(3, 1, 1))
