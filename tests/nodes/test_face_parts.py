"""Landmarks and parsed heads in nodes, by stand-ins for the networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

INPUTS = Path(__file__).resolve().parents[2] / "workflows" / "inputs"
BOX = {"x": 60, "y": 50, "width": 40, "height": 50, "score": 0.5}


class Middle:
    """98 points along the diagonal of the view."""

    def __call__(self, view):
        height, width = view.shape[:2]
        return np.linspace((0, 0), (width, height), 98)


class SkinInTheMiddle:
    """A parser that sees skin on the inner half of the view, hair above it."""

    def __call__(self, view):
        labels = np.zeros((512, 512), np.uint8)
        labels[128:384, 128:384] = 1
        labels[64:128, 128:384] = 13
        return labels


@pytest.fixture
def networks(pack, monkeypatch):
    """Stand-ins for the networks; what would be downloaded."""
    from fom_pack.nodes import face_parts, host

    asked = []
    monkeypatch.setattr(host, "weights", lambda entry: asked.append(entry.name) or Path(f"{entry.name}.pth"))
    monkeypatch.setattr(face_parts, "load_points", lambda **_: Middle())
    monkeypatch.setattr(face_parts, "load_parser", lambda *_, **__: SkinInTheMiddle())
    return asked


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(1, 160, 200, 3, generator=torch.Generator().manual_seed(0))


def test_nothing_is_found_besides_or_downloaded_unless_asked_for(execute, networks, picture):
    *_, (mask,), landmarks, (parts,) = execute("FOMDetectFaces", image=picture, bboxes=BOX).args
    assert networks == []
    assert landmarks["frames"][0][0]["landmarks_xy"].shape == (0, 2)
    assert parts.shape == (*mask.shape, 3) and not parts.any()
    assert parts.untyped_storage().nbytes() <= 4, "a black picture that nobody asked for takes no memory"
    assert not (255.0 * parts[0].cpu().numpy()).clip(0, 255).astype(np.uint8).any(), "as the host's nodes show it"


@pytest.mark.parametrize("count", [68, 98])
def test_points_come_out_as_comfyui_passes_them_and_are_drawn(execute, networks, picture, count):
    plain = execute("FOMDetectFaces", image=picture, bboxes=BOX)
    found = execute("FOMDetectFaces", image=picture, bboxes=BOX, landmarks=str(count))
    landmarks = found.args[6]
    (face,) = landmarks["frames"][0]
    assert networks == ["awing_fan"] and landmarks["image_size"] == (160, 200)
    assert face["landmarks_xy"].shape == (count, 2) and face["bbox_xyxy"].tolist() == [60, 50, 100, 100]
    np.testing.assert_allclose(face["landmarks_xy"][0], [60, 50], atol=1e-4)
    joined = [edge for edges in landmarks["connection_sets"].values() for edge in edges]
    assert joined and max(map(max, joined)) < count
    assert len(found.args[0].sets[0][0].landmarks_px) == count
    assert plain.args[6]["connection_sets"]["face_oval"] == frozenset()


def test_the_oval_of_a_face_is_one_closed_ring(pack):
    from fom_pack.nodes.face_parts import connections

    for count in (68, 98):
        for part in ("face_oval", "left_eye", "right_eye"):
            edges = connections(count)[part]
            ends = [point for edge in edges for point in edge]
            assert len(edges) > 5 and all(ends.count(point) == 2 for point in ends)


def test_a_parsed_head_is_the_mask_and_is_shown_in_colours(execute, networks, picture):
    *_, (mask,), _, (parts,) = execute("FOMDetectFaces", image=picture, bboxes=BOX, parsing="parsenet").args
    assert networks == ["parsenet"]
    side = mask.shape[1]
    middle, edge = mask[0, side // 2, side // 2], mask[0, side // 2, 1]
    assert middle > 0.999 and edge == 0 and parts.shape == (1, *mask.shape[1:], 3)
    assert parts[0, side // 2, side // 2].any() and not parts[0, side // 2, 1].any()


def test_heads_are_counted_while_they_are_parsed_and_may_be_cancelled(execute, networks, picture, monkeypatch):
    from comfy import model_management

    from fom_pack.nodes import face_parts

    views = []

    def cancelled(view):
        views.append(view)
        model_management.interrupt_current_processing()
        return SkinInTheMiddle()(view)

    monkeypatch.setattr(face_parts, "load_parser", lambda *_, **__: cancelled)
    boxes = [BOX, BOX | {"x": 140}]
    with pytest.raises(model_management.InterruptProcessingException):
        execute("FOMDetectFaces", image=picture, bboxes=boxes, parsing="parsenet")
    assert len(views) == 1


def test_the_frames_of_a_video_have_points_in_every_frame_and_one_mask_a_face(execute, networks, pack):
    from fom_pack.fom_core import read_picture

    portrait = torch.from_numpy(read_picture(INPUTS / "fom_portrait.jpg"))[None].float() / 255
    found = execute(
        "FOMDetectFaces", image=portrait.repeat(16, 1, 1, 1), batch="frames of one video", landmarks="68",
        parsing="bisenet",
    ).args  # fmt: skip
    assert [len(frame) for frame in found[6]["frames"]] == [1] * 16
    assert len(found[5]) == len(found[7]) == len(found[3]) == 1
    assert sorted(networks) == ["awing_fan", "bisenet"]


@pytest.mark.parametrize(("inputs", "words"), [({"landmarks": "98"}, "landmarks"), ({"parsing": "bisenet"}, "parsing")])
def test_what_cannot_be_downloaded_can_be_done_without(execute, pack, monkeypatch, tmp_path, picture, inputs, words):
    from fom_pack.fom_core.errors import DownloadError

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("FOM_MODELS", str(tmp_path))

    with pytest.raises(DownloadError, match=f"get the file from https://.*Or set {words} to none"):
        execute("FOMDetectFaces", image=picture, bboxes=BOX, **inputs)
