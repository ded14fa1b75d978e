"""Meshes that lie beside clips are taken for what they are, and nothing else is."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from fom_core.errors import MediaError
from fom_core.media import VideoWriter
from fom_core.training.data.clips import find_entries
from fom_core.training.data.face_shape import known_meshes
from fom_core.training.data.frame_cache import FrameCache
from fom_core.training.data.given_meshes import given_mesh, meshes_of, read_given_mesh
from fom_core.training.data.mesh import POINTS
from tests.drawn_meshes import face, posed

FRAMES = 3


@pytest.fixture
def meshes() -> np.ndarray:
    return np.stack([posed(face(), turn) for turn in (0, 10, 20)]).astype(np.float32)


def write_clip(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, 200, 32)[None, None, :, None] + np.arange(FRAMES)[:, None, None, None] * 9
    with VideoWriter(folder / name, 25) as writer:
        writer.write(np.broadcast_to(ramp, (FRAMES, 32, 32, 3)).astype(np.uint8))
    return folder / name


def test_a_clip_takes_the_meshes_beside_it_and_one_without_has_none(tmp_path, meshes):
    data = tmp_path / "data"
    write_clip(data, "drawn.mp4")
    write_clip(data, "filmed.mp4")
    np.save(data / "drawn.mesh.npy", meshes)

    cache = FrameCache.build(tmp_path / "cache", find_entries(data), 16)

    assert cache.mesh is not None
    assert known_meshes(cache.mesh).tolist() == [True] * FRAMES + [False] * FRAMES
    np.testing.assert_array_equal(cache.mesh[:FRAMES], meshes)


def test_meshes_beside_clips_go_before_a_finder(tmp_path, meshes):
    class Finder:
        digest = "of no file"

        def __call__(self, *_):
            raise AssertionError("asked")

    write_clip(tmp_path / "data", "drawn.mp4")
    np.save(tmp_path / "data" / "drawn.mesh.npy", meshes)

    cache = FrameCache.build(tmp_path / "cache", find_entries(tmp_path / "data"), 16, mesh=Finder())  # type: ignore[arg-type]

    np.testing.assert_array_equal(np.array(cache.mesh), meshes)


def test_other_meshes_beside_a_clip_are_read_anew(tmp_path, meshes):
    write_clip(tmp_path / "data", "drawn.mp4")
    FrameCache.build(tmp_path / "cache", find_entries(tmp_path / "data"), 16)

    np.save(tmp_path / "data" / "drawn.mesh.npy", meshes)
    cache = FrameCache.build(tmp_path / "cache", find_entries(tmp_path / "data"), 16)

    np.testing.assert_array_equal(np.array(cache.mesh), meshes)


def test_meshes_beside_a_clip_that_breaks_off_are_not_laid_on_the_frames_before(tmp_path, meshes):
    np.save(tmp_path / "clip.mesh.npy", meshes)
    frames = [np.zeros((16, 16, 3), np.uint8)] * (FRAMES - 1)

    found = meshes_of(tmp_path / "clip.mp4", frames, [np.zeros((5, 2))] * len(frames), None, whole=False)

    assert found.shape == (FRAMES - 1, POINTS, 3) and np.isnan(found).all()


def test_folders_of_frames_have_their_meshes_beside_them(tmp_path):
    (tmp_path / "some.one").mkdir()
    (tmp_path / "some.one.mesh.npy").touch()

    assert given_mesh(tmp_path / "some.one") == tmp_path / "some.one.mesh.npy"


def test_a_mesh_of_which_a_point_is_unknown_is_unknown(tmp_path, meshes):
    meshes[1, 200, 2], meshes[2, 3, 0] = np.nan, np.inf
    np.save(tmp_path / "clip.mesh.npy", meshes)

    found = read_given_mesh(tmp_path / "clip.mesh.npy", FRAMES)

    assert known_meshes(found).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            np.zeros((2, POINTS, 3), np.float32),
            r"holds float32 of the shape \(2, 468, 3\), and the clip's 3 frames want",
        ),
        (np.zeros((3, POINTS, 3)), "holds float64"),
        (np.zeros((3, POINTS - 1, 3), np.float32), "467"),
        (np.array(["text"], object), "is damaged"),
    ],
)
def test_an_array_that_does_not_fit_the_clip_is_refused_in_a_line(tmp_path, values, told):
    write_clip(tmp_path / "data", "drawn.mp4")
    np.save(tmp_path / "data" / "drawn.mesh.npy", values, allow_pickle=True)

    with pytest.raises(MediaError, match=told) as refusal:
        FrameCache.build(tmp_path / "cache", find_entries(tmp_path / "data"), 16)

    assert "\n" not in str(refusal.value) and "Take it away" in str(refusal.value)


def test_a_file_that_is_no_array_or_is_cut_off_is_refused_in_a_line(tmp_path, meshes):
    path = tmp_path / "clip.mesh.npy"
    np.save(path, meshes)
    whole = path.read_bytes()

    header = whole[: whole.index(b"\n") + 1]
    nested = header[:8] + (6000).to_bytes(2, "little") + b"1+" * 2999 + b"1\n"
    for content in (b"", b"no array", whole[:5000], whole.replace(b"(3, 468, 3)", b"(9999999999"), nested):
        path.write_bytes(content)
        with pytest.raises(MediaError, match="is damaged"):
            read_given_mesh(path, FRAMES)


def test_nothing_is_missed_where_meshes_lie_beside_the_clips(tmp_path, caplog, meshes):
    from fom_core.training.given import TrainingInputs, open_mesh

    write_clip(tmp_path / "data", "drawn.mp4")
    np.save(tmp_path / "data" / "drawn.mesh.npy", meshes)
    inputs = TrainingInputs("mini", tmp_path / "data")
    config = inputs.named_in(_configs()).config()

    with caplog.at_level(logging.WARNING):
        assert open_mesh(config, inputs, None, find_entries(tmp_path / "data")) is None
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        open_mesh(config, inputs, None)
    assert "what finds them is not given" in caplog.text


def _configs() -> Path:
    from fom_core.training.train import CONFIGS

    return CONFIGS
