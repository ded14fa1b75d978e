"""Mattes: where people are found, what is believed, and how it is kept."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from fom_core.errors import MediaError, UnsupportedModel
from fom_core.files.paths import ASSETS
from fom_core.media import VideoReader, write_picture
from fom_core.training.data.clips import find_entries
from fom_core.training.data.frame_cache import FrameCache
from fom_core.training.data.matte import MatteFinder, find_mattes, hold_faces
from fom_core.training.data.mesh import MeshFinder

REAL, MESH = os.environ.get("FOM_MATTE", ""), os.environ.get("FOM_MESH", "")


class Finder:
    """Finds the right half of every picture, as a file of that digest would."""

    def __init__(self, digest: str) -> None:
        self.digest, self.asked = digest, 0

    def __call__(self, picture, side):
        self.asked += 1
        matte = np.zeros((side, side), np.uint8)
        matte[:, side // 2 :] = 255
        return matte


@pytest.fixture
def build(tmp_path):
    folder = tmp_path / "data" / "anna"
    folder.mkdir(parents=True)
    for number in range(3):
        write_picture(folder / f"{number}.png", np.full((40, 40, 3), 40 * number, np.uint8))

    def made(matte: Finder | None) -> FrameCache:
        return FrameCache.build(tmp_path / "cache", find_entries(tmp_path / "data"), 32, matte=matte)  # type: ignore[arg-type]

    return made


def test_mattes_are_kept_with_the_frames_until_another_file_finds_them(build, tmp_path):
    without, first, again, other = build(None), Finder("a"), Finder("a"), Finder("b")
    assert without.matte is None

    kept = build(first)
    assert build(again).matte is not None and again.asked == 0
    build(other)
    small = kept.resized(tmp_path / "small", 16)

    assert first.asked == other.asked == 3
    assert kept.matte is not None and small.matte is not None
    assert kept.matte.shape == (3, 16, 16) and kept.matte.dtype == np.uint8
    assert (kept.matte[:, :, 8:] == 255).all() and not kept.matte[:, :, :8].any()
    assert small.matte.shape == (3, 8, 8) and (small.matte[:, :, 4:] == 255).all()
    assert build(None).matte is None and not (tmp_path / "cache" / "matte.npy").exists()


def test_mattes_that_do_not_belong_to_the_frames_are_told(build, tmp_path):
    build(Finder("a"))
    np.save(tmp_path / "cache" / "matte.npy", np.zeros((3, 32, 32), np.uint8))

    with pytest.raises(MediaError, match="do not belong together"):
        FrameCache(tmp_path / "cache")


def test_a_matte_is_believed_where_it_holds_all_of_the_face():
    face = np.array([[-0.4, -0.3], [0.4, -0.3], [0.0, 0.0], [-0.3, 0.4], [0.3, 0.4]], np.float32)
    whole, half = np.full((16, 16), 255, np.uint8), np.zeros((16, 16), np.uint8)
    half[:, 8:] = 255
    landmarks = np.stack([face, face, np.full_like(face, np.nan), face / 3 + [0.5, 0]])

    assert hold_faces(np.stack([whole, half, whole, half]), landmarks).tolist() == [True, False, False, True]


@pytest.mark.parametrize("content", [b"no network", b"\x1c\0\0\0TFL2" + bytes(99)])
def test_another_file_in_the_place_of_the_matte_is_refused_in_a_line(tmp_path, content):
    (tmp_path / "matte.tflite").write_bytes(content)

    with pytest.raises(
        UnsupportedModel, match=r"Give selfie_segmentation.tflite out of a wheel of mediapipe 0\.10\.14"
    ):
        MatteFinder(tmp_path / "matte.tflite")
    with pytest.raises(MediaError, match="does not exist"):
        MatteFinder(tmp_path / "none.tflite")


@pytest.mark.skipif(not Path(REAL).is_file(), reason="FOM_MATTE names no selfie_segmentation.tflite")
def test_the_matte_of_a_real_picture_holds_the_face_and_not_the_corners():
    with VideoReader(ASSETS / "check_frames.mp4") as video:
        frames = list(video)[:2]

    mattes = find_mattes(frames, MatteFinder(Path(REAL)))

    side = len(frames[0]) // 2
    assert all(matte.shape == (side, side) and matte.dtype == np.uint8 for matte in mattes)
    assert all(matte[side // 2, side // 2] > 230 and matte[:4, [0, -1]].max() < 60 for matte in mattes)


@pytest.mark.skipif(not Path(REAL).is_file() or not Path(MESH).is_file(), reason="FOM_MATTE or FOM_MESH names no file")
def test_the_files_of_mesh_and_matte_are_not_taken_for_one_another():
    with pytest.raises(UnsupportedModel, match="The matte file"):
        MatteFinder(Path(MESH))
    with pytest.raises(UnsupportedModel, match="The mesh file"):
        MeshFinder(Path(REAL))
