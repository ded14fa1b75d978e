"""Overlapping and batching change when things happen, not what comes out."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from fom_core.backends.pytorch import PyTorchModel
from fom_core.compose.paste import Paster
from fom_core.faces.regions import crop_face
from fom_core.parallel.batching import Batch
from fom_core.pipeline import (
    _moving_faces,
    animate,
    animate_picture,
    driving_keypoints,
    read_motion,
    track_keypoints,
)
from fom_core.types import FaceSet, MotionTransfer

FACES = FaceSet.from_crops([(2, 3, 42, 43), (36, 20, 76, 60)], (70, 90))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 255, (70, 90, 3), np.uint8)


@pytest.mark.parametrize("mask", ["soft", "paddlegan"])
def test_overlapping_leaves_every_bit_as_it_is(tiny_model, picture, clip, mask):
    crops = [crop_face(picture, face, (64, 64)) for face in FACES]
    paster = Paster(picture, FACES, mask=mask)
    one_by_one = [paster(chunk) for chunk in animate(tiny_model, crops, clip, chunk_size=5)]

    overlapped = list(animate_picture(tiny_model, picture, FACES, clip, mask=mask, chunk_size=5))

    assert [len(chunk) for chunk in overlapped] == [5, 5, 2]
    for ours, expected in zip(overlapped, one_by_one, strict=True):
        assert (ours == expected).all()


def test_reading_ahead_leaves_every_bit_as_it_is(tiny_model, clip):
    batch = torch.from_numpy(np.stack([crop_face(frame, (0, 0, 80, 80), (64, 64)) for frame in clip]))
    expected = driving_keypoints(tiny_model, batch.movedim(-1, 1) / 255, chunk_size=5)
    found = track_keypoints(tiny_model, iter(clip), chunk_size=5)
    assert torch.equal(found.value, expected.value)


def test_a_motion_tells_the_size_at_which_it_was_seen(tiny_model, clip):
    assert read_motion(tiny_model.at_size(128), clip, 25).image_size == (64, 64)


def test_faces_in_one_batch_are_the_faces_one_by_one(tiny_model, picture, clip):
    crops = [crop_face(picture, face, (64, 64)) for face in FACES]
    faces, length = _moving_faces(tiny_model, crops, clip, MotionTransfer(), 8)
    together = Batch(faces)
    for part in (slice(0, 5), slice(5, length)):
        for ours, face in zip(together.generate(tiny_model, part), faces, strict=True):
            (alone,) = Batch([face]).generate(tiny_model, part)
            torch.testing.assert_close(ours.prediction, alone.prediction, rtol=0, atol=1e-5)
            assert ours.dense_motion is not None and alone.dense_motion is not None
            torch.testing.assert_close(ours.dense_motion.deformation, alone.dense_motion.deformation, rtol=0, atol=1e-5)


def test_a_face_that_stands_still_is_painted_once_with_the_same_bits(tiny_model, picture, clip, monkeypatch):
    crop = crop_face(picture, FACES[0], (64, 64))
    (face,), _ = _moving_faces(tiny_model, [crop], clip, MotionTransfer(), 8)
    face = face.only([0, 1, 2, 2, 2, 1, 1, 4])
    expected = tiny_model.generate(face.source, face.keypoints)
    generate, asked = tiny_model.generate, []

    def counted(source, keypoints):
        asked.append(len(keypoints))
        return generate(source, keypoints)

    monkeypatch.setattr(tiny_model, "generate", counted)
    (painted,) = Batch([face]).generate(tiny_model, slice(0, 8))

    assert asked == [5]
    assert torch.equal(painted.prediction, expected.prediction)
    ours, alone = painted.dense_motion, expected.dense_motion
    assert ours is not None and ours.occlusion_map is not None
    assert alone is not None and alone.occlusion_map is not None
    assert torch.equal(ours.deformation, alone.deformation)
    assert torch.equal(ours.occlusion_map, alone.occlusion_map)


@pytest.mark.parametrize("faces", [FACES, FACES[:1]], ids=["two faces", "one face"])
def test_the_number_of_threads_never_changes_a_pixel(tiny_model, picture, clip, faces):
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            model = PyTorchModel.of(tiny_model)  # whose form several threads want at once
            results.append(np.concatenate(list(animate_picture(model, picture, faces, clip, chunk_size=5))))
    finally:
        torch.set_num_threads(before)
    assert (results[0] == results[1]).all() and (results[0] == results[2]).all()


def test_stopping_early_leaves_no_thread(tiny_model, picture, clip):
    before = threading.active_count()
    chunks = animate_picture(tiny_model, picture, FACES, clip, chunk_size=2)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_driver_that_breaks_off_is_heard_of(tiny_model, clip):
    def torn():
        yield clip[0]
        raise OSError("the cable is out")

    with pytest.raises(OSError, match="cable"):
        track_keypoints(tiny_model, torn(), chunk_size=1)


def test_progress_that_raises_stops_the_work(tiny_model, picture, clip):
    class Stopped(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        raise Stopped

    before = threading.active_count()
    with pytest.raises(Stopped):
        list(animate_picture(tiny_model, picture, FACES, clip, chunk_size=2, progress=stop))
    assert threading.active_count() == before


@pytest.mark.parametrize(("roll", "turns"), [(-90.0, 1), (180.0, 2), (90.0, 3)])
def test_a_head_on_its_side_moves_as_it_does_upright(tiny_model, picture, clip, roll, turns):
    square = np.ascontiguousarray(picture[:70, :70])
    upright = FaceSet.from_crops([(3, 3, 67, 67)], (70, 70))
    rolled = FaceSet((replace(upright[0], roll_deg=roll),), (70, 70))

    def moved(source, faces):
        return np.concatenate(list(animate_picture(tiny_model, source, faces, clip[:4])))

    expected = moved(square, upright)
    result = moved(np.ascontiguousarray(np.rot90(square, turns)), rolled)

    assert (expected[3] != square).any()
    off = np.abs(np.rot90(result, -turns, (1, 2)).astype(int) - expected)
    assert off.max() <= 8 and (off > 1).mean() < 1e-4  # the flow is rounded along other axes
