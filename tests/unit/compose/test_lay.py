"""Canvases that go back into the picture, as they were cut out and changed in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fom_core.compose import CanvasPaster, canvas_box
from fom_core.compose.finish import open_composer
from fom_core.errors import UsageError
from fom_core.faces.regions import crop_face
from fom_core.pipeline import animate_details, encode_face
from fom_core.types import FaceSet

SIZE = (120, 200)
CROPS = [(24, 30, 84, 90), (96, 36, 152, 92)]


@pytest.fixture(scope="module")
def picture():
    noise = np.random.default_rng(3).integers(0, 255, (30, 50, 4), np.uint8)
    return np.ascontiguousarray(np.kron(noise, np.ones((4, 4, 1), np.uint8)))


def faces_of(kind: str) -> FaceSet:
    both = FaceSet.from_crops(CROPS, SIZE)
    if kind == "one beside another":
        return FaceSet(both.faces[:1], SIZE, others=both.faces[1:])
    if kind == "rolled":
        return FaceSet(tuple(replace(face, roll_deg=33.0) for face in both), SIZE)
    if kind == "tiny":
        return FaceSet.from_crops([(40, 40, 52, 52), (54, 42, 64, 52)], SIZE)
    if kind == "past the border":
        return FaceSet.from_crops([(-10, -14, 50, 46), (150, 70, 220, 140)], SIZE)
    return both


@pytest.fixture(scope="module")
def composed(tiny_model, picture, clip):
    """Composed frames of the picture with faces of a kind."""

    def run(faces: FaceSet, whole: np.ndarray = picture) -> np.ndarray:
        sources = [encode_face(tiny_model, crop_face(whole, face, (64, 64))) for face in faces]
        composer = open_composer(tiny_model, whole, faces, sources)
        assert composer is not None
        return np.concatenate([composer(chunk) for chunk in animate_details(tiny_model, sources, clip)])

    return run


def cut(frames: np.ndarray, faces: FaceSet) -> list[np.ndarray]:
    return [frames[:, y0:y1, x0:x1] for x0, y0, x1, y1 in map(canvas_box, faces)]


def inside(faces: FaceSet, margin: int = 0) -> np.ndarray:
    """Pixels of the picture that some canvas covers."""
    result = np.zeros(SIZE, bool)
    for x0, y0, x1, y1 in map(canvas_box, faces):
        result[max(y0 + margin, 0) : y1 - margin, max(x0 + margin, 0) : x1 - margin] = True
    return result


@pytest.mark.parametrize("kind", ["two", "one beside another", "rolled", "tiny", "past the border"])
@pytest.mark.parametrize("channels", [3, 4])
def test_canvases_go_back_bit_for_bit(composed, picture, kind, channels):
    faces, whole = faces_of(kind), np.ascontiguousarray(picture[..., :channels])
    frames = composed(faces, whole)

    again = CanvasPaster(whole, faces)(cut(frames, faces))

    assert (frames != whole).any()
    assert np.array_equal(again, frames)


def test_floats_as_other_nodes_see_them_are_the_same_bytes(composed, picture):
    faces, whole = faces_of("two"), np.ascontiguousarray(picture[..., :3])
    frames = composed(faces, whole)

    again = CanvasPaster(whole, faces)([torch.from_numpy(canvas).float() / 255 for canvas in cut(frames, faces)])

    assert np.array_equal(again, frames)


def test_changed_canvases_leave_no_edge_and_nothing_outside(picture):
    grey = np.full((*SIZE, 3), 100, np.uint8)
    faces = FaceSet.from_crops([(70, 30, 130, 90)], SIZE)
    paster = CanvasPaster(grey, faces)

    (frame,) = paster([canvas + 50 for canvas in cut(grey[None], faces)])

    (rect, cover) = paster.parts()[0]
    assert frame[60, 100].tolist() == [150] * 3
    assert (frame[~inside(faces)] == 100).all()
    steps = np.abs(np.diff(frame[60, :, 0].astype(int)))
    assert 0 < steps.max() <= 40  # over the two pixels of the rim; a hard edge is a step of 50
    covered = np.zeros(SIZE)
    covered[rect[1] : rect[3], rect[0] : rect[2]] = cover
    assert ((frame[..., 0] != 100) <= (covered > 0)).all()


def test_a_larger_canvas_has_a_wide_soft_rim():
    size = (600, 600)
    grey = np.full((*size, 3), 100, np.uint8)
    faces = FaceSet.from_crops([(150, 150, 450, 450)], size)

    (frame,) = CanvasPaster(grey, faces)([canvas + 50 for canvas in cut(grey[None], faces)])

    assert np.abs(np.diff(frame[300, :, 0].astype(int))).max() <= 8


def test_canvases_of_twice_the_size_come_back_nearly_the_same(composed, picture):
    faces, whole = faces_of("two"), np.ascontiguousarray(picture[..., :3])
    frames = composed(faces, whole)
    doubled = [canvas.repeat(2, axis=1).repeat(2, axis=2) for canvas in cut(frames, faces)]

    again = CanvasPaster(whole, faces)(doubled)

    assert np.abs(again.astype(int) - frames).mean() < 6  # noise of blocks of four pixels
    assert np.array_equal(again[:, ~inside(faces)], frames[:, ~inside(faces)])


def test_those_who_are_not_animated_keep_their_colours(picture):
    faces, whole = faces_of("one beside another"), np.ascontiguousarray(picture[..., :3])

    (frame,) = CanvasPaster(whole, faces)([255 - canvas for canvas in cut(whole[None], faces)])

    assert (frame[36:92, 110:152] == whole[36:92, 110:152]).all()
    assert (frame[50:70, 40:70] == 255 - whole[50:70, 40:70]).all()


def test_a_colour_that_another_node_gave_is_taken_out(composed, picture):
    faces, whole = FaceSet.from_crops([(70, 30, 130, 90)], SIZE), np.ascontiguousarray(picture[..., :3] // 2 + 40)
    frames = composed(faces, whole)
    tinted = [np.clip(canvas + np.array([25, 0, 0]), 0, 255).astype(np.uint8) for canvas in cut(frames, faces)]

    before, after = (CanvasPaster(whole, faces, colour_match=match)(tinted) for match in (0.0, 1.0))

    off = [np.abs(each[..., 0].astype(int) - frames[..., 0])[:, 50:70, 80:120].mean() for each in (before, after)]
    assert off[0] > 20 and off[1] < 8


def test_untouched_canvases_need_no_other_colours(composed, picture):
    faces, whole = faces_of("two"), np.ascontiguousarray(picture[..., :3])
    frames = composed(faces, whole)

    assert np.array_equal(CanvasPaster(whole, faces, colour_match=1.0)(cut(frames, faces)), frames)


def test_face_masks_hold_to_the_crop_and_reach_on_outside(composed, picture):
    faces, whole = FaceSet.from_crops([(70, 30, 130, 90)], SIZE), np.ascontiguousarray(picture[..., :3])
    frames = composed(faces, whole)
    upper = np.zeros((20, 20), np.float32)
    upper[:10] = 1

    again = CanvasPaster(whole, faces, face_masks=[upper])(cut(frames, faces))

    assert np.array_equal(again[:, :55], frames[:, :55])
    assert np.array_equal(again[:, 65:], np.broadcast_to(whole[65:], again[:, 65:].shape))


def test_a_mask_that_ends_gives_the_picture_back(composed, picture):
    faces, whole = FaceSet.from_crops([(70, 30, 130, 90)], SIZE), np.ascontiguousarray(picture[..., :3])
    frames = composed(faces, whole)
    masks = np.stack([np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)])
    paster = CanvasPaster(whole, faces, face_masks=[masks])

    again = paster(cut(frames, faces))

    assert np.array_equal(again[0], frames[0])
    assert (again[1:] == whole).all()
    assert paster.parts(0)[0][1].max() == 1 and paster.parts(5)[0][1].max() == 0


def test_a_background_that_moves_shows_around_the_faces(picture):
    faces, whole = FaceSet.from_crops([(70, 30, 130, 90)], SIZE), np.ascontiguousarray(picture[..., :3])
    scenes = np.stack([whole, 255 - whole])
    still = np.repeat(whole[None], 2, axis=0)

    again = CanvasPaster(whole, faces, moving=True)(cut(still, faces), pictures=scenes)

    assert np.array_equal(again[0], whole)
    assert (again[1, 50:70, 85:115] == whole[50:70, 85:115]).all()
    assert (again[1, :, :50] == scenes[1, :, :50]).all()
    blend = np.abs(again[1].astype(int) - scenes[1])[60].mean(axis=-1)
    assert 0 < blend[60] < blend[68]


def test_frames_that_do_not_fit_are_refused_in_a_sentence(picture):
    faces, whole = faces_of("two"), np.ascontiguousarray(picture[..., :3])
    canvases = cut(whole[None], faces)
    with pytest.raises(UsageError, match="Expected frames for 2 faces, found 1"):
        CanvasPaster(whole, faces)(canvases[:1])
    with pytest.raises(UsageError, match="same number of frames"):
        CanvasPaster(whole, faces)([canvases[0], np.repeat(canvases[1], 2, axis=0)])
    with pytest.raises(UsageError, match="Give the picture that the faces belong to"):
        CanvasPaster(whole[:100], faces)
