"""A picture and a driver looked at before they are animated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fom_core.backends import Backend
from fom_core.backends.load import load_model
from fom_core.compose.canvas import FACE, canvases
from fom_core.compose.flow import cell_places, displacements, unlike_a_plane
from fom_core.driver import find_view, read_driver
from fom_core.errors import NoFaceFound, UsageError
from fom_core.evaluation.looks import folded_share
from fom_core.faces.detect import detect_faces, load_detector
from fom_core.faces.regions import crop_face, regions_from_boxes
from fom_core.faces.selection import select_faces
from fom_core.faces.tracking import DrivingView
from fom_core.inspection import inspect_animation, sheet
from fom_core.inspection.flows import FaceFlow, painted_cells
from fom_core.inspection.sheet import TILE, driver_tiles
from fom_core.media import VideoReader, read_picture
from fom_core.motion import load_motion, rested
from fom_core.networks import create_model
from fom_core.pipeline import encode_face, read_motion
from fom_core.types import FaceSet, Keypoints, MotionTransfer

ROOT = Path(__file__).resolve().parents[3]
PORTRAIT = ROOT / "workflows" / "inputs" / "fom_portrait.jpg"
TALK = ROOT / "fom_core" / "assets" / "motion_talk.safetensors"
WIDTH = 1600


@pytest.fixture
def whole(clip):
    return FaceSet.from_crops([(0, 0, 80, 80)], (80, 80))


@pytest.fixture
def motion(tiny_model, clip):
    return read_motion(tiny_model, clip, 25.0)


def names(found):
    return {finding.name for finding in found.findings}


def test_the_sheet_shows_source_driver_and_the_worst_moments(tiny_model, clip, whole, motion):
    found = inspect_animation(
        tiny_model, clip[2], whole, motion, MotionTransfer(initial_frame=2), frames=clip, view=DrivingView()
    )

    assert found.sheet.dtype == np.uint8 and found.sheet.shape[1:] == (WIDTH, 3)
    assert found.sheet.shape[0] > 3 * 320  # source and driver, two moments, words
    assert (found.model, found.initial_frame) == ("tiny", 2)
    assert found.course is not None and len(found.course.frames) == len(clip)
    assert found.verdict.splitlines() == [f"{'!' if each.warns else '-'} {each.text}" for each in found.findings]


@pytest.mark.parametrize(
    ("at_rest", "relative", "pictures", "caption"),
    [
        (False, True, True, "driver, initial frame 2"),
        (False, False, True, "driver, frame 2"),
        (False, False, False, "motion (no pictures), frame 2"),
        (True, True, True, "driver, frame 2"),
        (True, True, False, "motion (no pictures), at rest"),
    ],
)
def test_an_initial_frame_is_given_only_where_the_motion_counts_from_one(
    tiny_model, clip, whole, motion, monkeypatch, at_rest, relative, pictures, caption
):
    captions = []
    monkeypatch.setattr(sheet, "captioned", lambda tile, text: (captions.append(text), tile)[1])
    transfer = MotionTransfer(relative_motion=relative, initial_frame=2)

    found = inspect_animation(
        tiny_model, clip[2], whole, rested(motion) if at_rest else motion, transfer, frames=clip if pictures else ()
    )

    assert found.initial_frame == (2 if relative and not at_rest else None)
    assert captions[2] == caption


def test_a_motion_without_pictures_is_looked_at_too(tiny_model, clip, whole, motion):
    with_pictures = inspect_animation(tiny_model, clip[2], whole, motion, frames=clip)
    without = inspect_animation(tiny_model, clip[2], whole, motion)

    assert without.verdict == with_pictures.verdict
    assert without.sheet.shape == with_pictures.sheet.shape
    assert (without.sheet != with_pictures.sheet).any()


def test_only_frames_that_show_the_driver_are_looked_at(tiny_model, clip, whole, motion):
    late = replace(motion, seen=(False,) * 4 + (True,) * 8)

    found = inspect_animation(tiny_model, clip[2], whole, late)

    assert found.course is not None and found.course.frames.min() == 4
    assert found.initial_frame == 4
    assert "driver_missing" in names(found)


def test_a_still_driver_has_no_gain(tiny_model, clip, whole):
    still = read_motion(tiny_model, clip[[3, 3, 3]], 25.0)

    found = inspect_animation(tiny_model, clip[2], whole, still)

    assert "driver_still" in names(found) and found.gain is None


def test_absolute_motion_has_no_initial_frame_to_better(tiny_model, clip, whole, motion):
    found = inspect_animation(tiny_model, clip[2], whole, motion, MotionTransfer(relative_motion=False))

    assert not {"gain", "better_initial_frame", "first_frame_unlike"} & names(found)


def test_a_model_without_flow_is_looked_at_by_its_keypoints_alone(tiny_config, clip, whole):
    model = create_model(replace(tiny_config, generator=replace(tiny_config.generator, dense_motion=None))).eval()
    motion = read_motion(model, clip, 25.0)

    found = inspect_animation(model, clip[2], whole, motion, frames=clip)

    assert found.course is None and found.gain is None
    assert found.sheet.shape[1:] == (WIDTH, 3)


@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_of_any_channels_are_looked_at(tiny_model, clip, whole, motion, channels):
    picture = np.concatenate([clip[2], np.full_like(clip[2][..., :1], 255)], axis=-1)[..., :channels]

    assert inspect_animation(tiny_model, picture, whole, motion).sheet.shape[1:] == (WIDTH, 3)


def test_a_motion_of_another_model_counts_from_the_rest_that_it_is_carried_to(
    tiny_model, clip, whole, motion, monkeypatch
):
    ours = rested(motion, 5)
    other = replace(ours, model="other", neutral=motion.keypoints[9:10])
    monkeypatch.setattr("fom_core.pipeline.fitting_motion", lambda _, given: ours if given.model == "other" else given)

    carried, expected = (inspect_animation(tiny_model, clip[2], whole, given) for given in (other, ours))

    assert carried.course is not None and expected.course is not None
    assert carried.course.turned.max() > 0
    np.testing.assert_array_equal(carried.course.turned, expected.course.turned)


def test_what_cannot_be_looked_at_is_refused(tiny_model, clip, whole, motion):
    with pytest.raises(NoFaceFound, match="no face to look at"):
        inspect_animation(tiny_model, clip[2], FaceSet((), (80, 80)), motion)
    with pytest.raises(UsageError, match="read with the model 'other'"):
        inspect_animation(tiny_model, clip[2], whole, replace(motion, model="other", fingerprint=None))
    with pytest.raises(UsageError, match="12 driving frames"):
        inspect_animation(tiny_model, clip[2], whole, motion, MotionTransfer(initial_frame=12))


@pytest.fixture(scope="module")
def mini() -> Backend:
    return load_model("mini")


def look(model, picture, motion, gain=1.0):
    detector = load_detector("embedded")
    faces = select_faces(detect_faces(picture, detector), None, picture=picture, detector=detector)
    return inspect_animation(model, picture, faces, motion, MotionTransfer(initial_frame="medoid", gain=gain))


@pytest.fixture(scope="module")
def bent(mini):
    """The portrait with a motion that talks twice as wide, looked at once."""
    return look(mini, read_picture(PORTRAIT), load_motion(TALK), 2.0)


def test_the_largest_gain_takes_away_the_folds_that_the_motion_has_without_it(mini, bent):
    assert {"folds", "gain"} <= names(bent) and "fine" not in names(bent)
    assert bent.gain is not None and 1.0 < bent.gain < 2.0
    assert {"fine", "gain"} == names(look(mini, read_picture(PORTRAIT), load_motion(TALK), bent.gain))


def test_folds_and_turns_are_counted_where_the_composition_has_the_face(mini, monkeypatch):
    picture, motion = read_picture(PORTRAIT), load_motion(TALK).pick(range(0, 60, 5))
    (found,) = detect_faces(picture, load_detector("embedded"))
    faces = regions_from_boxes([found.box_px], picture.shape[:2], margin=0.3)
    transfer, drawn, tile = MotionTransfer(gain=3.0), [], np.zeros((TILE, TILE, 3), np.uint8)
    monkeypatch.setattr(sheet, "fold_picture", lambda *given: (drawn.append(given[-1]), tile)[1])

    course = inspect_animation(mini, picture, faces, motion, transfer).course

    ellipse = canvases(faces)[0].face
    source = encode_face(mini, crop_face(picture, faces[0], mini.config.image_size))
    with torch.inference_mode():
        (generated,) = FaceFlow(mini, source, motion, 12).generated(transfer, range(12))
    assert generated.dense_motion is not None
    moved, painted = displacements(generated.dense_motion, mini.config.flow_unit), painted_cells(generated.dense_motion)
    there, usual = (
        [folded_share(d, cell_places(d), None, cells, face) for d, cells in zip(moved, painted, strict=True)]
        for face in (ellipse, FACE)
    )
    assert max(there) > 0 and np.abs(np.subtract(there, usual)).max() > 0.001
    assert course is not None and drawn == [ellipse] * 2
    np.testing.assert_allclose(course.folded, there, atol=1e-3)
    np.testing.assert_allclose(course.turned, [unlike_a_plane(d, ellipse) for d in moved], atol=1e-5)


def test_a_portrait_that_is_made_small_is_told(mini, bent):
    picture = read_picture(PORTRAIT)
    detector = load_detector("embedded")
    face = detect_faces(picture, detector)[0]
    side = max(face.box_px[2] - face.box_px[0], face.box_px[3] - face.box_px[1])
    small = cv2.resize(picture, None, fx=30 / side, fy=30 / side, interpolation=cv2.INTER_AREA)
    canvas = np.full((200, 200, 3), 128, np.uint8)
    canvas[40 : 40 + small.shape[0], 40 : 40 + small.shape[1]] = small

    assert "source_small" in names(look(mini, canvas, load_motion(TALK)))
    assert "source_small" not in names(bent)


def test_real_drivers_are_told_apart(mini, shared):
    media = shared / "data" / "media"
    picture, detector = read_picture(media / "portrait_s6.jpg"), load_detector("embedded")

    def names_with(video, start_s, length_s):
        with VideoReader(media / video, from_s=start_s, length_s=length_s) as frames:
            view = find_view(mini, frames, detector)
            motion = read_driver(mini, frames, frames.fps, view=view)
        faces = detect_faces(picture, detector)
        return names(inspect_animation(mini, picture, faces, motion, MotionTransfer(initial_frame="medoid"), view=view))

    assert names_with("talk_audio_524.mp4", 0, 2) == {"fine", "gain"}
    assert {"turned_too_far", "folds"} <= names_with("mayiyahei.MP4", 2.9, 2.5)


def test_a_motion_is_shown_without_pictures_at_rest_and_a_video_by_its_initial_frame():
    points, frame = Keypoints(torch.zeros(1, 4, 2)), np.zeros((40, 60, 3), np.uint8)

    alone = [caption for _, caption in driver_tiles(None, None, None, points, "at rest")]
    video = [caption for _, caption in driver_tiles(frame, None, frame, points, "initial frame 7")]

    assert alone == ["motion (no pictures), at rest"]
    assert video == ["driver, initial frame 7", "what is looked at, keypoints"]
