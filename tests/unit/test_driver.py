"""From a driving video to its motion, in one call."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from fom_core.driver import align_drivers, find_view, needs_face, read_driver, read_motion
from fom_core.errors import MediaError, NoFaceFound, UsageError
from fom_core.faces.detection import Detection
from fom_core.media import VideoReader
from fom_core.motion import smooth


class Late:
    """A detector that sees the blob of the clip from the fourth picture it is shown on."""

    name = "late"

    def __init__(self):
        self.shown = 0

    def detect(self, image):
        self.shown += 1
        return [Detection((20, 20, 44, 44), 0.9)] if self.shown > 3 else []


def test_a_driver_is_found_and_read_in_one_call(tiny_model, clip):
    motion = read_driver(tiny_model, clip, 12.5, Late())
    view = find_view(tiny_model, clip, Late())
    expected = read_motion(tiny_model, clip, 12.5, box=view.box)
    assert view.box is not None
    assert torch.equal(motion.keypoints.value, expected.keypoints.value)
    assert (motion.fps, motion.model, motion.image_size) == (12.5, "tiny", (64, 64))
    # Frames 0, 3, 5, 6, … are looked at while there is no face.
    assert motion.seen == (False,) * 6 + (True,) * 6


def test_a_video_file_drives_as_its_frames_do(tiny_model, clip, clip_file):
    with VideoReader(clip_file) as video:
        read = read_driver(tiny_model, video, video.fps, Late())
    expected = read_driver(tiny_model, clip, 25.0, Late())
    torch.testing.assert_close(read.keypoints.value, expected.keypoints.value)
    assert read.seen == expected.seen


@pytest.mark.parametrize(("detector", "crop"), [(None, "auto"), (None, "face"), (Late(), "none"), ("embedded", "none")])
def test_whole_frames_drive_where_nobody_looks_for_a_face(tiny_model, clip, detector, crop):
    motion = read_driver(tiny_model, clip, 25.0, detector, crop=crop)
    assert torch.equal(motion.keypoints.value, read_motion(tiny_model, clip, 25.0).keypoints.value)
    assert motion.seen is None


def test_a_detector_by_name_is_for_models_of_faces_or_where_a_face_is_asked_for(tiny_model, clip, caplog):
    dancers: Any = SimpleNamespace(name="taichi-256")
    assert needs_face(tiny_model, "auto") and needs_face(dancers, "face")
    assert not needs_face(dancers, "auto") and not needs_face(tiny_model, "none")
    assert find_view(dancers, clip, "embedded").seen is None
    assert caplog.records == []
    with pytest.raises(NoFaceFound, match=r"blob\.mp4 by the detector embedded"):
        read_driver(tiny_model, clip, 25.0, "embedded", crop="face", name="blob.mp4")


def test_a_view_that_was_found_before_is_not_sought_again(tiny_model, clip):
    view = find_view(tiny_model, clip, Late())
    motion = read_driver(tiny_model, clip, 25.0, view=view)
    assert motion.seen == view.seen
    assert torch.equal(motion.keypoints.value, read_driver(tiny_model, clip, 25.0, Late()).keypoints.value)


def test_each_stage_tells_of_all_its_frames(tiny_model, clip):
    told = []

    @contextmanager
    def stages(stage):
        calls = []
        yield lambda done, total: calls.append(done)
        told.append((stage, calls))

    read_driver(tiny_model, clip, 25.0, Late(), chunk_size=5, stages=stages)

    assert told == [("looking for the driver", [*range(1, 13)]), ("reading the motion", [5, 10, 12])]


def test_another_reader_can_take_the_place_of_the_usual_one(tiny_model, clip):
    def read(model, frames, fps, *, box, chunk_size, progress):
        return replace(read_motion(model, frames, fps, box=box), metadata={"chunk": str(chunk_size)})

    motion = read_driver(tiny_model, clip, 25.0, Late(), chunk_size=3, read=read)

    assert motion.metadata == {"chunk": "3"}
    assert motion.seen is not None


def test_a_video_without_frames_is_an_error(tiny_model):
    with pytest.raises(MediaError, match="no frames"):
        read_driver(tiny_model, np.zeros((0, 80, 80, 3), np.uint8), 25.0, Late())


def test_drivers_come_to_one_clock_smoothed_at_their_own_rates(tiny_model, clip):
    one, other = read_motion(tiny_model, clip, 25.0), read_motion(tiny_model, clip[:6], 12.5)
    first, second = align_drivers([one, other], 25.0, smoothing=0.5, length="hold")
    assert torch.equal(first.keypoints.value, smooth(one, 0.5).keypoints.value)
    assert torch.equal(second.keypoints.value[::2], smooth(other, 0.5).keypoints.value)
    assert [len(first), len(second)] == [12, 12]
    with pytest.raises(UsageError):
        align_drivers([one], 25.0, smoothing=2.0)


def test_what_is_read_where_no_driver_is_seen_reaches_no_other_frame(tiny_model, clip):
    whole = read_motion(tiny_model, clip, 25.0)
    torn = replace(whole, keypoints=whole.keypoints.pick([0, 11, 2, *range(3, 12)]), seen=(False, False) + (True,) * 10)
    (aligned,) = align_drivers([torn], 25.0, smoothing=0.3)
    (expected,) = align_drivers(
        [replace(whole, keypoints=whole.keypoints.pick([2, 2, *range(2, 12)]))], 25.0, smoothing=0.3
    )
    assert torch.equal(aligned.keypoints.value, expected.keypoints.value)


def test_an_unknown_crop_is_refused(tiny_model, clip):
    with pytest.raises(UsageError, match="The driving crop is one of auto, face, none; got 'whole'"):
        find_view(tiny_model, clip, None, crop="whole")  # type: ignore[arg-type]


def test_a_motion_marks_each_of_its_frames(tiny_model, clip):
    motion = read_driver(tiny_model, clip, 25.0, None)
    with pytest.raises(UsageError, match="for each of its 12 frames whether the driver is seen; got 3 marks"):
        replace(motion, seen=(True,) * 3)
