"""A video as the source: its frames, and what the driver may change of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fom_core.backends.pytorch import PyTorchModel
from fom_core.compose import Composition, canvas_box
from fom_core.compose.windows import FaceWindows
from fom_core.driver import read_motion
from fom_core.errors import UsageError
from fom_core.faces.tracks import FaceTrack, FaceTracks
from fom_core.motion import chorus, fit_length, resample
from fom_core.source_video import SourceOptions, animate_video, compose_video, moving_tracks
from fom_core.types import Keypoints, Motion, MotionTransfer, RunOptions

COUNT, SIZE = 20, (90, 120)
LOUD = MotionTransfer(gain=2.0)


@pytest.fixture(scope="module")
def video() -> np.ndarray:
    """Twenty frames of noise that moves."""
    noise = np.random.default_rng(1).integers(0, 255, (90, 200, 3), np.uint8)
    return np.stack([noise[:, 2 * t : 2 * t + 120] for t in range(COUNT)])


@pytest.fixture(scope="module")
def tracks() -> FaceTracks:
    """Two faces: one on its way to the right, one that leaves after twelve frames."""
    moving = np.array([[10 + t, 20, 34 + t, 44] for t in range(COUNT)], np.float32)
    leaving = np.array([[85, 50, 105, 70]] * COUNT, np.float32)
    leaving[12:] = np.nan
    shown = np.ones(COUNT, np.float32)
    gone = np.where(np.arange(COUNT) < 12, shown, 0).astype(np.float32)
    return FaceTracks((FaceTrack(0, moving, shown, 0.9), FaceTrack(1, leaving, gone, 0.9)), SIZE, COUNT)


@pytest.fixture(scope="module")
def driving(tiny_model, clip) -> Motion:
    return read_motion(tiny_model, clip, 25.0)


@pytest.fixture(scope="module")
def loaded(tiny_model) -> PyTorchModel:
    """The tiny model as it is loaded."""
    return PyTorchModel.of(tiny_model)


def animated(*args, **options) -> np.ndarray:
    return np.concatenate(list(animate_video(*args, **options)))


def test_chunks_of_any_size_give_the_same_pixels(loaded, video, tracks, driving):
    results = [animated(loaded, video, tracks, driving, LOUD, fps=25.0, chunk_size=size) for size in (1, 3, 8, 20)]
    assert all((result == results[0]).all() for result in results[1:])
    assert (results[0] != video).any()


def test_the_number_of_threads_never_changes_a_pixel(loaded, video, tracks, driving):
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(animated(loaded, video, tracks, driving, LOUD, fps=25.0))
    finally:
        torch.set_num_threads(before)
    assert (results[0] == results[1]).all()


@pytest.mark.parametrize("mask", ["flow", "soft"])
def test_outside_the_faces_each_frame_is_itself_bit_for_bit(tiny_model, video, tracks, driving, mask):
    result = animated(tiny_model, video, tracks, driving, LOUD, fps=25.0, mask=mask)

    assert result.shape == video.shape
    for number in range(COUNT):
        outside = np.ones(SIZE, bool)
        for face in tracks.at(number):
            x0, y0, x1, y1 = canvas_box(face)
            outside[y0:y1, x0:x1] = False
        assert outside.any() and (result[number] == video[number])[outside].all()
    late = result[15] != video[15]
    assert late.any() and not late[:, 110:].any()  # the face that left moves nothing any more


@pytest.mark.parametrize("roll", [-30.0, 45.0, 90.0])
def test_a_turned_head_moves_in_its_own_turned_canvas_and_all_outside_stays(tiny_model, video, tracks, driving, roll):
    rolls = np.linspace(roll, roll + 10, COUNT, dtype=np.float32)
    lying = replace(tracks, tracks=(replace(tracks.tracks[0], rolls=rolls),))

    result = animated(tiny_model, video, lying, driving, LOUD, fps=25.0)

    assert (
        result != animated(tiny_model, video, replace(tracks, tracks=tracks.tracks[:1]), driving, LOUD, fps=25.0)
    ).any()
    for number in range(COUNT):
        (face,) = lying.at(number)
        x0, y0, x1, y1 = canvas_box(face)
        outside = np.ones(SIZE, bool)
        outside[y0:y1, x0:x1] = False
        assert face.roll_deg == rolls[number]
        assert outside.any() and (result[number] == video[number])[outside].all()
    assert (result[15] != video[15]).any()
    assert (animated(tiny_model, video, lying, driving, LOUD, fps=25.0, frames=[7, 15]) == result[[7, 15]]).all()


def test_a_driver_who_stands_still_leaves_every_bit_as_it_is(tiny_model, video, tracks, driving):
    still = driving.pick([0] * COUNT)
    assert (animated(tiny_model, video, tracks, still, fps=25.0) == video).all()


def test_each_face_has_its_own_driver(tiny_model, video, tracks, driving):
    still = driving.pick([0] * len(driving))
    result = animated(tiny_model, video, tracks, [still, driving], LOUD, fps=25.0)
    moved = np.concatenate([np.abs(result[t].astype(int) - video[t]).max(axis=2)[None] for t in range(12)])
    assert moved[:, 55:65, 90:100].any() and not moved[:, :30, :40].any()


@pytest.mark.parametrize("length", ["hold", "loop"])
def test_with_a_phase_every_face_is_further_in_the_motion_than_the_one_before(
    tiny_model, video, tracks, driving, length
):
    goes_on = COUNT if length == "loop" else None
    each = [fit_length(motion, COUNT, "hold") for motion in chorus([driving], 2, 0.2, initial=0, length=goes_on)]

    apart = animated(tiny_model, video, tracks, driving, LOUD, fps=25.0, length=length, phase_s=0.2)

    assert (apart == animated(tiny_model, video, tracks, each, LOUD, fps=25.0)).all()
    together = animated(tiny_model, video, tracks, [each[0], each[0]], LOUD, fps=25.0)
    assert (apart[:, :30, :40] == together[:, :30, :40]).all() and (apart != together).any()


def test_a_phase_counts_from_the_drivers_own_frame_at_any_rate(tiny_model, video, tracks, driving):
    slow, first = replace(driving, fps=12.5), MotionTransfer(initial_frame=6, gain=2.0)
    ours = animated(tiny_model, video, tracks, slow, first, fps=25.0, phase_s=0.2)
    expected = animated(
        tiny_model, video, tracks, resample(slow, 12.5, 25.0), replace(first, initial_frame=12), fps=25.0, phase_s=0.2
    )
    assert (ours == expected).all()
    with pytest.raises(UsageError, match="one of the 12 driving frames"):
        animated(tiny_model, video, tracks, slow, replace(first, initial_frame=12), fps=25.0, phase_s=0.2)


@pytest.mark.parametrize(("length", "count"), [("hold", 20), ("loop", 20), ("shortest", 12)])
def test_the_source_decides_how_long_the_result_is_unless_the_shorter_one_does(
    tiny_model, video, tracks, driving, length, count
):
    assert len(animated(tiny_model, video, tracks, driving, fps=25.0, length=length)) == count
    longer = driving.pick([*range(12)] * 4)
    assert len(animated(tiny_model, video, tracks, longer, fps=25.0, length=length)) == 20


def test_the_driver_is_brought_to_the_sources_clock(tiny_model, video, tracks, driving):
    slow = replace(driving, fps=12.5)
    ours = animated(tiny_model, video, tracks, slow, LOUD, fps=25.0)
    expected = animated(tiny_model, video, tracks, resample(slow, 12.5, 25.0), LOUD, fps=25.0)
    assert (ours == expected).all() and (ours != video).any()


def test_some_frames_can_be_painted_alone(tiny_model, video, tracks, driving):
    whole = animated(tiny_model, video, tracks, driving, LOUD, fps=25.0)
    some = animated(tiny_model, video, tracks, driving, LOUD, fps=25.0, frames=[0, 7, 16])
    assert some.shape == (3, *whole.shape[1:])
    assert (some == whole[[0, 7, 16]]).all()
    with pytest.raises(UsageError, match="in their order"):
        animated(tiny_model, video, tracks, driving, fps=25.0, frames=[3, 2])


@pytest.mark.parametrize("look", [{}, {"mask": "soft", "colour_match": 0.5}], ids=["composed", "colours matched"])
@pytest.mark.parametrize("chunk_size", [1, 3])
def test_a_frame_is_the_same_alone_as_in_the_whole_video(loaded, video, tracks, driving, look, chunk_size):
    late = np.array([[85, 50, 105, 70]] * COUNT, np.float32)
    late[:5] = np.nan
    both = replace(tracks, tracks=(tracks.tracks[0], FaceTrack(1, late, np.ones(COUNT, np.float32), 0.9)))
    whole = animated(loaded, video, both, driving, LOUD, fps=25.0, **look)

    some = animated(loaded, video, both, driving, LOUD, fps=25.0, frames=[9, 10, 18], chunk_size=chunk_size, **look)

    assert (some == whole[[9, 10, 18]]).all()


def fewer(motion: Motion) -> Motion:
    """The same as a model with three keypoints would have read it."""
    points = motion.keypoints
    assert points.jacobian is not None
    return replace(motion, keypoints=Keypoints(points.value[:, :3], points.jacobian[:, :3]))


@pytest.mark.parametrize("other", [fewer, lambda motion: replace(motion, model="before", fingerprint=None)])
def test_a_motion_of_another_model_is_refused(tiny_model, video, tracks, driving, other):
    motion, own = other(driving), [driving.pick([0] * COUNT)] * 2

    with pytest.raises(UsageError, match="This motion was read with"):
        animated(tiny_model, video, tracks, motion, fps=25.0)
    with pytest.raises(UsageError, match="This motion was read with"):
        next(
            compose_video(
                tiny_model, video, tracks, own, [motion],
                fps=25.0, transfer=None, options=SourceOptions(), composition=Composition(), run=RunOptions(),
            )
        )  # fmt: skip
    with pytest.raises(UsageError, match="This motion was read with"):
        moving_tracks(tiny_model, tracks, own, [motion], transfer=MotionTransfer(), options=SourceOptions(), fps=25.0)


def test_a_motion_of_a_namesake_is_warned_of_once(tiny_model, video, tracks, driving, caplog):
    assert driving.fingerprint is not None
    elsewhere = replace(driving, fingerprint=driving.fingerprint[::-1])
    animated(tiny_model, video, tracks, elsewhere, fps=25.0, frames=[0])
    assert [record.getMessage().split(" that")[0] for record in caplog.records] == [
        "This motion was read with another model"
    ]


@pytest.mark.parametrize("number", [12, np.int64(12), 19, -1])
def test_an_initial_frame_beyond_the_driver_is_refused_however_long_the_source(
    tiny_model, video, tracks, driving, number
):
    with pytest.raises(UsageError, match="one of the 12 driving frames, 0 to 11"):
        animated(tiny_model, video, tracks, driving, MotionTransfer(initial_frame=number), fps=25.0)


def test_the_initial_frame_counts_the_drivers_own_frames_whatever_kind_of_number_it_is(
    tiny_model, video, tracks, driving
):
    number: Any = np.int64(6)
    slow, by_numpy = replace(driving, fps=12.5), MotionTransfer(initial_frame=number, gain=2.0)
    ours = animated(tiny_model, video, tracks, slow, by_numpy, fps=25.0)
    expected = animated(
        tiny_model, video, tracks, resample(slow, 12.5, 25.0), replace(by_numpy, initial_frame=12), fps=25.0
    )
    assert type(by_numpy.initial_frame) is int
    assert (ours == expected).all()


@pytest.mark.parametrize(("length", "count"), [("hold", 20), ("shortest", 12)])
def test_without_faces_it_is_as_long_as_with_them(tiny_model, video, driving, length, count):
    result = animated(tiny_model, video, FaceTracks((), SIZE, COUNT), driving, fps=25.0, length=length)
    assert (result == video[:count]).all() and len(result) == count


@pytest.mark.parametrize(
    "wrong", [{"source_motion": "both"}, {"keep_head": "yes"}, {"length": "longest"}, {"phase_s": -1}]
)
def test_options_of_another_kind_are_refused_before_the_source_is_read(tiny_model, driving, wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} is"):
        SourceOptions(**wrong)
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} is"):
        animated(tiny_model, np.zeros((3, 64, 64, 3), np.uint8), None, driving, **wrong)


def test_alpha_and_depth_stay(tiny_model, video, tracks, driving):
    alpha = np.full((*video.shape[:3], 1), 200, np.uint8)
    result = animated(tiny_model, np.concatenate([video, alpha], axis=-1), tracks, driving, fps=25.0)
    assert result.shape[-1] == 4 and (result[..., 3] == 200).all()


def test_heads_are_kept_unless_asked_otherwise(tiny_model, video, tracks, driving):
    kept, free = (
        animated(tiny_model, video, tracks, driving, LOUD, fps=25.0, keep_head=keep) for keep in (True, False)
    )
    assert (kept != free).any()


def test_progress_hears_of_every_frame(tiny_model, video, tracks, driving):
    heard = []
    animated(tiny_model, video, tracks, driving, fps=25.0, progress=lambda *each: heard.append(each))
    assert heard == [(8, 20), (16, 20), (20, 20)]


def test_a_window_goes_along_and_holds_the_canvas_in_every_frame(tracks):
    for index, track in enumerate(tracks):
        windows = FaceWindows(track, tracks)
        for number in range(COUNT):
            x0, y0, x1, y1 = windows.rect(number)
            assert (y1 - y0, x1 - x0) == windows.size and x0 >= 0 and y0 >= 0 and x1 <= 120 and y1 <= 90
            for face in (face for face in tracks.at(number) if face.id == index):
                left, top, right, bottom = canvas_box(face)
                assert x0 <= left and y0 <= top and x1 >= right and y1 >= bottom
