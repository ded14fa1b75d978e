"""Meshes of faces: where they are found, what they tell, and portraits that are turned by them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.errors import MediaError, UnsupportedModel
from fom_core.faces.detect import load_detector
from fom_core.files.paths import ASSETS
from fom_core.media import VideoReader
from fom_core.training.data.face_shape import FaceShape, canonical, known_meshes, similarity
from fom_core.training.data.landmarks import find_landmarks
from fom_core.training.data.mesh import (
    CHIN,
    LEFT_EAR,
    LEFT_EYE,
    POINTS,
    RIGHT_EAR,
    RIGHT_EYE,
    MeshFinder,
    agrees,
    find_meshes,
    five_points,
    looks_of,
)
from fom_core.training.data.sampler import RawPairs
from fom_core.training.data.turning import HeadTurns, borrowed, thin_plate, turn_portraits
from tests.drawn_meshes import face, opened, posed

SHAPE = FaceShape.of_face(canonical(face()[None]))
UNKNOWN = np.full((POINTS, 3), np.nan)
REAL = os.environ.get("FOM_MESH", "")


def many() -> np.ndarray:
    angles = np.random.default_rng(1).normal(0, 10, (20, 3))
    angles[0] = 0
    return np.stack([posed(face(), *each) for each in angles.tolist()])


def test_the_usual_face_looks_straight_ahead_whichever_way_its_meshes_look():
    found = canonical(many())

    scale, turn, shift = similarity(found, face())
    np.testing.assert_allclose(turn, np.eye(3), atol=0.06)
    np.testing.assert_allclose(scale * found @ turn.T + shift, face(), atol=0.02)


def test_many_meshes_are_fitted_at_once_as_one_by_one():
    together = similarity(face(), many())

    for number, mesh in enumerate(many()):
        alone = similarity(face(), mesh)
        for ours, theirs in zip(together, alone, strict=True):
            np.testing.assert_allclose(ours[number], theirs, atol=1e-12)


def test_points_know_their_mirror_image():
    shape = FaceShape.of_meshes(np.concatenate([many(), UNKNOWN[None]]).astype(np.float32))

    assert shape is not None
    assert [shape.partner[each] for each in (RIGHT_EYE, RIGHT_EAR, 61, CHIN)] == [LEFT_EYE, LEFT_EAR, 291, CHIN]


def test_there_is_no_usual_face_where_no_mesh_is_known():
    assert FaceShape.of_meshes(np.stack([UNKNOWN] * 3)) is None


def test_a_turned_head_hides_its_far_side_and_an_unknown_one_shows_nothing():
    ahead, right, left, unknown = SHAPE.seen(np.stack([posed(face()), posed(face(), 50), posed(face(), -50), UNKNOWN]))

    assert ahead[[RIGHT_EYE, LEFT_EYE, 4]].all()
    assert not (right[RIGHT_EAR] and right[LEFT_EAR])
    assert right[RIGHT_EYE] != right[LEFT_EYE] and right[RIGHT_EYE] == left[LEFT_EYE]
    assert not unknown.any()


def test_a_mesh_that_is_elsewhere_than_the_landmarks_or_small_is_not_believed():
    mesh, small = posed(face()), posed(face(), size=0.05)
    five = five_points(mesh)

    told = agrees(np.stack([mesh, mesh, small, UNKNOWN]), np.stack([five, five + 0.2, five_points(small), five]))

    assert told.tolist() == [True, False, False, False]


class Follower:
    """Finds the mesh that each picture says by the brightness of its corner, and notes where it was looked for."""

    def __init__(self, meshes: list[np.ndarray], side: int) -> None:
        self.meshes, self.side, self.squares = meshes, side, []

    def __call__(self, picture, square):
        self.squares.append(square)
        return (self.meshes[picture[0, 0, 0]] + [1, 1, 0]) * (self.side - 1) / 2

    def around(self, picture, square):
        self.squares.append("anew")
        return square


def test_the_mesh_is_followed_from_frame_to_frame_and_sought_anew_behind_a_gap():
    meshes = [posed(face(), turn) for turn in (0, 5, 10, 15, 20)]
    frames = [np.full((64, 64, 3), number, np.uint8) for number in range(5)]
    five = [five_points(mesh).astype(np.float32) for mesh in meshes]
    five[2] = np.full((5, 2), np.nan, np.float32)
    finder = Follower(meshes, 64)

    found = find_meshes(frames, five, finder)  # type: ignore[arg-type]

    assert known_meshes(found).tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(found[3], meshes[3], atol=1e-5)
    assert [each == "anew" for each in finder.squares] == [True, False, False, True, False, False]


def test_open_mouths_and_turned_heads_are_told_whatever_their_size():
    meshes = np.stack([posed(face()), posed(opened(face(), 0.4)), posed(face(), 20, size=0.2), posed(face(), -20)])

    mouth, turned = looks_of(meshes)

    assert mouth[1, 0] > mouth[0, 0] + 0.2
    assert mouth[2, 0] == pytest.approx(mouth[0, 0], abs=0.01)
    assert turned[2, 0] == pytest.approx(-turned[3, 0]) and abs(turned[2, 0]) > 0.3


@pytest.mark.parametrize("content", [b"no network", b"\x1c\0\0\0TFL2" + bytes(99)])
def test_another_file_in_the_place_of_the_mesh_is_refused_in_a_line(tmp_path, content):
    (tmp_path / "mesh.tflite").write_bytes(content)

    with pytest.raises(UnsupportedModel, match=r"Give face_landmark.tflite out of a wheel of mediapipe 0\.10\.14\.$"):
        MeshFinder(tmp_path / "mesh.tflite")
    with pytest.raises(MediaError, match="does not exist"):
        MeshFinder(tmp_path / "none.tflite")


@pytest.mark.skipif(not Path(REAL).is_file(), reason="FOM_MESH names no face_landmark.tflite")
def test_the_mesh_of_a_real_face_lies_where_its_landmarks_are(shared):
    with VideoReader(ASSETS / "check_frames.mp4") as video:
        frames = list(video)[:3]
    detector = load_detector("yunet", weights=shared / "data/weights/yunet_n_640_640.onnx")

    found = find_meshes(frames, [find_landmarks(frame, detector) for frame in frames], MeshFinder(Path(REAL)))

    assert known_meshes(found).all()
    shape = FaceShape.of_meshes(found)
    assert shape is not None and shape.seen(found)[:, [RIGHT_EYE, LEFT_EYE, 4]].all()


def test_a_thin_plate_bends_only_where_it_must():
    random = np.random.default_rng(0)
    points, places = random.uniform(-1, 1, (30, 2)), random.uniform(-1, 1, (50, 2))
    slope, shift = np.array([[1.1, 0.2], [-0.1, 0.9]]), np.array([0.1, -0.2])

    np.testing.assert_allclose(thin_plate(points, points @ slope + shift, places), places @ slope + shift, atol=1e-9)
    bent = points + 0.1 * np.sin(3 * points)
    assert np.abs(thin_plate(points, bent, points) - bent).max() < 0.01


def portraits(meshes: np.ndarray, lent: np.ndarray | None = None) -> RawPairs:
    count = len(meshes)
    frames, mesh = torch.zeros(count, 8, 8, 3, dtype=torch.uint8), torch.from_numpy(meshes).float()
    five = torch.from_numpy(five_points(meshes)).float()
    given = None if lent is None else torch.from_numpy(lent).float()
    return RawPairs(frames, frames, five, five, torch.ones(count, dtype=torch.bool), (), mesh, mesh, given)


def test_heads_that_do_not_turn_stay_where_they_are():
    still = HeadTurns.random(2, 0.0, torch.Generator().manual_seed(0))

    turned = turn_portraits(SHAPE, portraits(np.stack([posed(face()), UNKNOWN])), still)

    assert turned.rows.tolist() == [0]
    axis = torch.linspace(-1, 1, turned.maps.shape[1])
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    torch.testing.assert_close(turned.maps[0], grid, rtol=0, atol=1e-3)
    torch.testing.assert_close(turned.mesh[0], torch.from_numpy(posed(face())).float(), rtol=0, atol=1e-5)
    assert turned.mesh[1].isnan().all()


def test_maps_of_turned_heads_lead_from_their_points_back_to_those_of_the_portrait():
    raw = portraits(many()[:4])

    turned = turn_portraits(SHAPE, raw, HeadTurns.random(4, 1.0, torch.Generator().manual_seed(2)))

    assert raw.source_mesh is not None
    places = turned.mesh[..., :2]
    back = torch.nn.functional.grid_sample(turned.maps.movedim(-1, 1), places[:, None], align_corners=True)[:, :, 0].mT
    seen = torch.from_numpy(SHAPE.seen(raw.source_mesh.numpy()) & SHAPE.seen(turned.mesh.numpy()))
    before = (places - raw.source_mesh[..., :2]).norm(dim=-1)[seen]
    assert before.mean() > 0.05
    assert (back - raw.source_mesh[..., :2]).norm(dim=-1)[seen].mean() < 0.1 * before.mean()
    torch.testing.assert_close(turned.landmarks, torch.from_numpy(five_points(turned.mesh.numpy())), rtol=0, atol=1e-5)


def test_expressions_are_taken_over_without_the_pose_they_came_in():
    first, second = posed(face(), 5, 10, -3), posed(opened(face(), 0.4), -12, 3, 8, size=0.3)
    other = posed(face(), 20, size=0.2)

    change = borrowed(np.stack([[first, second], [first, UNKNOWN]]), np.stack([other, other]))

    wanted = posed(opened(face(), 0.4), 20, size=0.2) - other
    np.testing.assert_allclose(change[0], wanted, atol=1e-3)
    assert np.abs(wanted).max() > 0.05
    np.testing.assert_allclose(change[1], 0, atol=1e-12)


def test_portraits_take_over_so_much_of_an_expression_that_lips_part_hardly_further():
    shut, wide = posed(face()), posed(opened(face(), 0.4))
    raw = portraits(np.stack([shut, wide, wide]), np.stack([[shut, wide], [wide, shut], [shut, wide]]))
    still = replace(HeadTurns.random(3, 0.0, torch.Generator().manual_seed(0)), borrow=np.ones(3))
    assert raw.driving_mesh is not None

    turned = turn_portraits(SHAPE, raw, still)

    before, after = (looks_of(mesh.numpy())[0][:, 0] for mesh in (raw.driving_mesh, turned.mesh))
    assert after[0] - before[0] == pytest.approx(0.02, abs=2e-3)  # closed ones that should open
    assert after[1] < 0.5 * before[1]  # open ones that should close
    assert after[2] == pytest.approx(1.5 * before[2], rel=0.02)  # open ones that should open on
