"""The names of the library: all there, typed, and plain about what they want."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import fom_core
from fom_core.types import FaceSet

FACES = FaceSet.from_crops([(2, 3, 42, 43)], (70, 90))
PICTURE = np.zeros((70, 90, 3), np.uint8)


def test_every_name_is_there_and_known_to_type_checkers():
    tree = ast.parse(Path(fom_core.__file__).read_text(encoding="utf-8"))
    typed = next(node for node in tree.body if isinstance(node, ast.If))
    known = [alias.name for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names]

    assert sorted(known) == sorted(fom_core.__all__)
    assert all(getattr(fom_core, name).__name__ == name for name in fom_core.__all__)
    assert (Path(fom_core.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("name", ["photo.png", Path("photo.png")])
@pytest.mark.parametrize(
    "call",
    [
        lambda model, name: fom_core.detect_faces(name),
        lambda model, name: fom_core.crop_face(name, FACES[0], (8, 8)),
        lambda model, name: fom_core.paste(name, FACES, [PICTURE[None]]),
        lambda model, name: fom_core.paste(name, FACES, [PICTURE[None]], mask="box"),
        lambda model, name: list(fom_core.animate_picture(model, name, FACES, PICTURE[None])),
        lambda model, name: list(fom_core.animate(model, [name], PICTURE[None])),
    ],
)
def test_a_name_in_the_place_of_a_picture_says_what_reads_it(tiny_model, call, name):
    with pytest.raises(fom_core.UsageError, match=r'Read it: fom_core.read_picture\("photo.png"\)'):
        call(tiny_model, name)


@pytest.mark.parametrize(
    "call",
    [
        lambda model, name: fom_core.read_driver(model, name, 25),
        fom_core.find_view,
        lambda model, name: fom_core.read_motion(model, name, 25),
        lambda model, name: list(fom_core.animate_picture(model, PICTURE, FACES, name)),
        lambda model, name: list(fom_core.animate(model, [PICTURE], name)),
    ],
)
def test_a_name_in_the_place_of_a_driver_says_what_opens_it(tiny_model, call):
    with pytest.raises(fom_core.UsageError, match=r'Open it: fom_core.VideoReader\("driver.mp4"\)'):
        call(tiny_model, "driver.mp4")


def test_a_motion_s_name_in_the_place_of_a_driver_says_what_opens_it(tiny_model):
    with pytest.raises(fom_core.UsageError, match=r'Open it: fom_core.load_motion\("m.safetensors"\)'):
        list(fom_core.animate_picture(tiny_model, PICTURE, FACES, "m.safetensors"))  # type: ignore[arg-type]


@pytest.mark.parametrize("faces", [FACES[0], [FACES[0]], (FACES[0],)])
def test_faces_of_a_picture_may_be_one_or_a_list(tiny_model, faces):
    driver = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)

    ours = np.concatenate(list(fom_core.animate_picture(tiny_model, PICTURE, faces, driver)))
    theirs = np.concatenate(list(fom_core.animate_picture(tiny_model, PICTURE, FACES, driver)))

    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("faces", [None, [(2, 3, 42, 43)], np.zeros((1, 4))])
def test_what_are_no_faces_is_told(tiny_model, faces):
    with pytest.raises(fom_core.UsageError, match=r"Expected the faces of a picture, as fom_core.detect_faces gives"):
        list(fom_core.animate_picture(tiny_model, PICTURE, faces, PICTURE[None]))


def test_a_crop_s_size_may_be_the_side_of_a_square():
    picture = np.random.default_rng(0).integers(0, 256, PICTURE.shape, np.uint8)
    np.testing.assert_array_equal(
        fom_core.crop_face(picture, FACES[0], 16), fom_core.crop_face(picture, FACES[0], (16, 16))
    )


@pytest.mark.parametrize("value", [None, [[1, 2], [3, 4]], np.zeros((2, 3, 4, 3), np.uint8)])
def test_what_is_no_picture_is_told_apart(value):
    with pytest.raises(fom_core.UsageError, match=r"Expected a picture \(H, W, 3\) of uint8, found"):
        fom_core.detect_faces(value)


def test_a_short_video_is_read_at_once(clip_file, clip):
    frames, fps = fom_core.read_video(clip_file)

    np.testing.assert_array_equal(frames, clip)
    assert fps == 25
    assert len(fom_core.read_video(clip_file, from_s=0.2, length_s=0.1)[0]) == 3
