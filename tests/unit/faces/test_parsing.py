"""The parts of heads: which they are, where they lie, and the mask they make."""

import numpy as np
import pytest
import torch
from torch import nn

from fom_core.errors import UnsupportedModel, UsageError
from fom_core.faces.drawing import draw_faces, part_colours
from fom_core.faces.parsing import (
    NOT_HEAD,
    PARSERS,
    PARTS,
    HeadParser,
    head_mask,
    head_masks,
    load_parser,
    on_picture,
    parse_heads,
    shares,
)
from fom_core.types import FaceRegion, FaceSet

SKIN, HAIR, CLOTHES = (PARTS.index(part) for part in ("skin", "hair", "clothes"))


class ByColour(nn.Module):
    """Class 1 where the picture is red, 13 where it is green, 18 where it is blue, else the background."""

    def forward(self, faces):
        scores = torch.zeros(len(faces), 19, *faces.shape[2:])
        scores[:, [1, 13, 18]] = faces
        return scores, faces


def picture() -> np.ndarray:
    """Hair above skin in the middle, clothes at the bottom."""
    made = np.zeros((100, 120, 3), np.uint8)
    made[20:40, 40:80, 1] = made[40:70, 40:80, 0] = made[80:, :, 2] = 255
    return made


def face(crop=(30.0, 10.0, 90.0, 70.0), roll_deg=0.0) -> FaceRegion:
    return FaceRegion(crop, crop, 1.0, 0, (100, 120), roll_deg=roll_deg)


@pytest.mark.parametrize("name", PARSERS)
def test_every_network_knows_every_part(name):
    labels = HeadParser(name, None, network=Counting())(np.zeros((19, 19, 3), np.uint8))
    assert sorted(np.unique(labels)) == list(range(len(PARTS)))


class Counting(nn.Module):
    """Class after class from left to right."""

    def forward(self, faces):
        classes = torch.arange(512) * 19 // 512
        return nn.functional.one_hot(classes, 19).T[None, :, None].expand(1, 19, 512, 512).float()


def test_parts_lie_over_the_crop_upright():
    parser = HeadParser("parsenet", None, network=ByColour())
    (upright,) = parse_heads(picture(), face(), parser)
    (lying,) = parse_heads(np.rot90(picture(), -1).copy(), turned(), parser)
    assert upright.shape == (60, 60)
    assert (upright[15:25, 15:45] == HAIR).all() and (upright[35:55, 15:45] == SKIN).all() and upright[5, 5] == 0
    assert (upright == lying).mean() > 0.97


def turned() -> FaceRegion:
    """The same face in the picture turned clockwise."""
    crop = (30.0, 30.0, 90.0, 90.0)
    return FaceRegion(crop, crop, 1.0, 0, (120, 100), roll_deg=90.0)


def test_a_crop_that_is_no_square_keeps_its_proportions():
    parser = HeadParser("parsenet", None, network=ByColour())
    (labels,) = parse_heads(picture(), face((40.0, 20.0, 80.0, 100.0)), parser)
    assert labels.shape == (80, 40)
    assert (labels[2:18] == HAIR).all() and (labels[22:48] == SKIN).all() and (labels[62:] == CLOTHES).all()


@pytest.mark.parametrize("roll_deg", [0.0, 30.0])
def test_parts_go_back_to_where_the_crop_was_cut_out(roll_deg):
    parser = HeadParser("parsenet", None, network=ByColour())
    (labels,) = parse_heads(picture(), face(roll_deg=roll_deg), parser)
    there = on_picture(labels, face(roll_deg=roll_deg))
    inside = np.zeros((100, 120), bool)
    inside[24:36, 48:72] = True
    assert there.shape == (100, 120) and (there[inside] == HAIR).all() and not there[90].any()


def test_the_mask_is_the_head_without_neck_and_clothes_and_fades_softly():
    labels = np.zeros((100, 100), np.uint8)
    labels[30:60, 30:60], labels[60:, 20:80] = SKIN, CLOTHES
    mask = head_mask(labels)
    assert mask.dtype == np.float32 and mask.shape == (100, 100)
    assert mask[35:55, 35:55].min() > 0.99 and mask[80:].max() == 0 and mask[:20].max() == 0
    assert 0 < mask[45, 25] < 1 and np.abs(np.diff(mask, axis=1)).max() < 0.4
    assert head_mask(np.full((50, 50), PARTS.index("hat"), np.uint8)).min() == 1
    assert all(head_mask(np.full((50, 50), PARTS.index(part), np.uint8)).max() == 0 for part in NOT_HEAD)


def test_each_head_of_a_picture_gets_its_mask_and_without_a_parser_none_does():
    parser = HeadParser("parsenet", None, network=ByColour())
    faces = FaceSet((face(), face((20.0, 20.0, 80.0, 90.0))), picture().shape[:2])
    masks = head_masks(picture(), faces, parser)
    assert masks is not None and len(masks) == 2
    for mask, labels in zip(masks, parse_heads(picture(), faces, parser), strict=True):
        np.testing.assert_array_equal(mask, head_mask(labels))
    assert head_masks(picture(), faces, None) is None


def test_shares_add_up_and_come_largest_first():
    labels = np.array([[SKIN, SKIN, HAIR, 0]], np.uint8)
    assert list(shares(labels).items()) == [("skin", 0.5), ("background", 0.25), ("hair", 0.25)]


def test_parts_are_tinted_in_the_drawing_and_nothing_else_is():
    grey = np.full((100, 120, 3), 100, np.uint8)
    faces = FaceSet((face(),), (100, 120))
    labels = np.zeros((60, 60), np.uint8)
    labels[20:40, 20:40] = SKIN
    plain, drawn = draw_faces(grey, faces), draw_faces(grey, faces, parsed=[labels])
    changed = (plain != drawn).any(axis=2)
    assert changed[30:50, 50:70].mean() > 0.9 and changed.sum() <= 400
    assert tuple(drawn[40, 60]) == tuple((100 + part_colours(np.array(SKIN)).astype(int)) // 2)


def test_missing_weights_and_unknown_names_are_told_in_a_line(monkeypatch, tmp_path):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path))
    with pytest.raises(UnsupportedModel, match="fom weights download parsenet"):
        load_parser()
    with pytest.raises(UsageError, match="parsenet or bisenet"):
        load_parser("segment")
