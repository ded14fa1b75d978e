"""What must hold for any animation."""

import itertools

import cv2
import numpy as np
import pytest
import torch

from fom_core.backends.load import load_model
from fom_core.compose import canvas_box
from fom_core.errors import MediaError, UsageError
from fom_core.files.paths import ASSETS
from fom_core.media import VideoReader
from fom_core.pictures import resize_picture, to_batch
from fom_core.pipeline import (
    animate,
    animate_details,
    animate_picture,
    driving_keypoints,
    encode_face,
    read_motion,
    track_keypoints,
)
from fom_core.types import FaceSet, MotionTransfer


def frames_of(chunks, face=0):
    return torch.cat([faces[face] for faces in chunks])


class Cramped(torch.nn.Module):
    """A model on a device with room for so many pictures at once."""

    def __init__(self, model, room):
        super().__init__()
        self.model, self.room = model, room

    def __getattr__(self, name):
        return super().__getattr__(name) if name == "model" else getattr(self.model, name)

    def detect_keypoints(self, images):
        return self.model.detect_keypoints(self._fitting(images))

    def generate(self, source, keypoints, details=False):
        return self.model.generate(source, self._fitting(keypoints), details)

    def _fitting(self, batch):
        if len(batch) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return batch


@pytest.mark.parametrize("chunk_size", [1, 3, 5, 100])
def test_chunk_size_leaves_the_frames_unchanged(tiny_model, clip, chunk_size):
    expected = frames_of(animate(tiny_model, [clip[3]], clip, chunk_size=4))
    actual = frames_of(animate(tiny_model, [clip[3]], clip, chunk_size=chunk_size))
    assert len(actual) == len(clip)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("chunk_size", "room"), [(8, 5), (8, 1), (5, 2), (100, 3)])
def test_running_out_of_memory_leaves_the_frames_unchanged(tiny_model, clip, chunk_size, room):
    expected = frames_of(animate(tiny_model, [clip[3], clip[7]], clip), face=1)
    calls = []
    chunks = animate(
        Cramped(tiny_model, room),  # type: ignore[arg-type]
        [clip[3], clip[7]],
        clip,
        chunk_size=chunk_size,
        progress=lambda done, total: calls.append((done, total)),
    )
    actual = frames_of(chunks, face=1)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    assert calls[-1] == (12, 12) and calls == sorted(set(calls))


def test_no_room_for_a_single_frame_raises_the_devices_error(tiny_model, clip):
    driving = driving_keypoints(tiny_model, clip)
    source = encode_face(tiny_model, clip[0])
    with pytest.raises(torch.cuda.OutOfMemoryError):
        list(animate(Cramped(tiny_model, 0), [source], driving))  # type: ignore[arg-type]


def test_details_hold_the_same_predictions_and_the_flow_of_each_frame(tiny_model, clip):
    chunks = list(animate_details(tiny_model, [clip[0]], clip, chunk_size=5))
    predictions = torch.cat([chunk[0].prediction for chunk in chunks])
    assert torch.equal(predictions, frames_of(animate(tiny_model, [clip[0]], clip, chunk_size=5)))
    motions = [chunk[0].dense_motion for chunk in chunks]
    assert [len(motion.deformation) for motion in motions if motion] == [5, 5, 2]


def test_each_face_moves_like_its_own_driver_and_the_last_driver_moves_the_rest(tiny_model, clip):
    first, second = (driving_keypoints(tiny_model, frames) for frames in (clip, clip[::-1].copy()))
    together = list(animate(tiny_model, [clip[0], clip[5], clip[7]], [first, second]))
    for face, (crop, driving) in enumerate(((clip[0], first), (clip[5], second), (clip[7], second))):
        torch.testing.assert_close(frames_of(together, face), frames_of(animate(tiny_model, [crop], driving)))


def test_the_best_initial_frame_is_sought_for_each_face_in_its_own_driver(tiny_model, clip):
    first, second = (driving_keypoints(tiny_model, frames) for frames in (clip, clip[::-1].copy()))
    chunks = list(animate(tiny_model, [clip[4], clip[4]], [first, second], MotionTransfer(initial_frame="best")))
    torch.testing.assert_close(frames_of(chunks, 0), frames_of(chunks, 1).flip(0), rtol=1e-3, atol=1e-4)


def test_more_drivers_than_faces_are_refused(tiny_model, clip):
    driving = driving_keypoints(tiny_model, clip)
    with pytest.raises(UsageError, match=r"2 drivers for 1 face"):
        list(animate(tiny_model, [clip[0]], [driving, driving]))


def test_drivers_of_unequal_length_are_refused(tiny_model, clip):
    driving = driving_keypoints(tiny_model, clip)
    with pytest.raises(UsageError, match=r"12, 7 frames"):
        list(animate(tiny_model, [clip[0], clip[1]], [driving, driving[:7]]))


def test_several_faces_are_animated_as_each_alone(tiny_model, clip):
    together = list(animate(tiny_model, [clip[0], clip[5]], clip))
    for face, crop in enumerate((clip[0], clip[5])):
        torch.testing.assert_close(frames_of(together, face), frames_of(animate(tiny_model, [crop], clip)))


def test_frames_as_they_come_and_a_saved_motion_give_the_same(tiny_model, clip):
    motion = read_motion(tiny_model, iter(clip), fps=25.0)
    torch.testing.assert_close(
        frames_of(animate(tiny_model, [clip[2]], motion)), frames_of(animate(tiny_model, [clip[2]], iter(clip)))
    )


def test_absolute_motion_ignores_the_initial_frame(tiny_model, clip):
    def run(index):
        return frames_of(
            animate(tiny_model, [clip[0]], clip, MotionTransfer(relative_motion=False, initial_frame=index))
        )

    assert torch.equal(run(0), run(7))


@pytest.mark.parametrize("index", [0, 4, 11])
def test_the_initial_frame_reconstructs_the_source(tiny_model, clip, index):
    source = encode_face(tiny_model, clip[index])
    still = tiny_model.generate(source, source.keypoints).prediction
    for initial in (index, "best"):
        transfer = MotionTransfer(initial_frame=initial)
        frames = frames_of(animate(tiny_model, [source], clip, transfer))
        torch.testing.assert_close(frames[index : index + 1], still, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("mask", "reach"), [("flow", 1.5), ("soft", 1.0)])
def test_pixels_outside_the_faces_are_bit_identical(tiny_model, clip, mask, reach):
    picture = np.random.default_rng(1).integers(0, 256, (150, 260, 3), dtype=np.uint8)
    faces = FaceSet.from_crops([(20, 30, 90, 100), (150, 40, 230, 120)], (150, 260))
    frames = np.concatenate(list(animate_picture(tiny_model, picture, faces, clip, mask=mask)))
    outside = np.ones(picture.shape[:2], bool)
    for x0, y0, x1, y1 in (canvas_box(face, reach) for face in faces):
        outside[y0:y1, x0:x1] = False
        assert (frames[:, y0:y1, x0:x1] != picture[y0:y1, x0:x1]).any()
    assert outside.mean() > 0.1
    assert (frames[:, outside] == picture[outside]).all()


def test_a_driving_box_is_the_same_as_cropping_first(tiny_model, clip):
    boxed = track_keypoints(tiny_model, clip, box=(8, 8, 72, 72))
    cropped = track_keypoints(tiny_model, clip[:, 8:72, 8:72])
    torch.testing.assert_close(boxed.value, cropped.value)


def test_progress_counts_every_frame_once(tiny_model, clip):
    calls = []
    list(animate(tiny_model, [clip[0]], clip, chunk_size=5, progress=lambda done, total: calls.append((done, total))))
    assert calls == [(5, 12), (10, 12), (12, 12)]


def test_stopping_from_progress_stops_the_work(tiny_model, clip):
    class Stop(Exception):
        pass

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        list(animate(tiny_model, [clip[0]], clip, chunk_size=2, progress=stop))


def test_the_callers_gradient_mode_is_left_alone(tiny_model, clip):
    for _ in animate(tiny_model, [clip[0]], clip):
        assert not torch.is_inference_mode_enabled()


def test_no_frames_is_an_error_that_says_so(tiny_model, clip):
    with pytest.raises(MediaError, match="no frames"):
        list(animate(tiny_model, [clip[0]], iter(())))
    with pytest.raises(MediaError, match="no frames"):
        list(animate(tiny_model, [clip[0]], torch.zeros(0, 3, 64, 64)))


def test_an_initial_frame_beyond_the_video_is_refused(tiny_model, clip):
    with pytest.raises(UsageError, match="0 to 11"):
        list(animate(tiny_model, [clip[0]], clip, MotionTransfer(initial_frame=12)))


@pytest.mark.parametrize("size", [128, 256, 512, 1024])
def test_a_face_in_its_own_pose_is_painted_in_its_own_place_at_every_size(size):
    model = load_model("mini", device="cpu", dtype="float32").at_size(size)
    frame = next(iter(VideoReader(ASSETS / "check_frames.mp4")))
    picture = to_batch(resize_picture(frame, (size, size))[None], channels=3, device="cpu")
    with torch.inference_mode():
        source = model.encode_source(picture)
        painted = model.generate(source, source.keypoints).prediction
    before, after = (batch.mean(dim=(0, 1)).numpy() for batch in (picture, painted))
    part, window = size // 2, cv2.createHanningWindow((size // 2, size // 2), cv2.CV_32F)
    for top, left in itertools.product((0, (size - part) // 2, size - part), repeat=2):
        here = np.s_[top : top + part, left : left + part]
        (right, down), _ = cv2.phaseCorrelate(before[here] * window, after[here] * window)
        assert abs(right) < 0.3 and abs(down) < 0.3, (top, left, right, down)
