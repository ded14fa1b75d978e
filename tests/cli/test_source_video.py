"""``fom animate --source_video``: two videos in, one out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from fom_core.errors import UsageError
from fom_core.media import VideoReader, VideoWriter, read_picture
from fom_core.media.sound import read_sound
from fom_core.motion import save_motion
from fom_core.types import Keypoints, Motion


@pytest.fixture(scope="session")
def driver_file(clip, tmp_path_factory):
    """The clip as a silent video, 15 frames a second."""
    path = tmp_path_factory.mktemp("driver") / "driver.mkv"
    with VideoWriter(path, 15, synthetic=False) as writer:
        writer.write(clip)
    return path


@pytest.fixture
def of_videos(sound_clip, driver_file, tiny_weights) -> list[object]:
    """A command that animates the faces of two seconds of a test picture; add ``--output``."""
    return ["animate", "--source_video", sound_clip, "--driving_video", driver_file, "--model", tiny_weights,
            "--source_crop", "face", "--driving_crop", "none", "--image_size", 64, "--cpu"]  # fmt: skip


def test_the_result_has_the_sources_frames_rate_size_and_sound(fom, of_videos, tmp_path, two_faces):
    outcome = fom(*of_videos, "--multi_person", "--output", tmp_path / "out.mp4")

    result = VideoReader(tmp_path / "out.mp4")
    assert outcome.status == 0 and outcome.results == [str(tmp_path / "out.mp4")]
    assert outcome.messages[-1] == "2 faces, 60 frames, 29.97 frames/s, with sound."
    assert (result.frame_count, result.rate, result.size) == (60, Fraction(30000, 1001), (64, 96))


def test_outside_the_face_each_frame_is_bit_identical(fom, of_videos, tmp_path, two_faces, sound_clip):
    fom(*of_videos, "--faces", "2", "--gain", 2, "--output", tmp_path / "f.png")

    moved = []
    for number, frame in enumerate(VideoReader(sound_clip)):
        painted = read_picture(tmp_path / f"f_{number:06}.png")
        np.testing.assert_array_equal(painted[:, :15], frame[:, :15])
        moved.append(bool((painted != frame).any()))
    assert len(moved) == 60 and sum(moved) > 30


@pytest.mark.parametrize(
    ("options", "sound"),
    [([], True), (["--audio", "source"], True), (["--audio", "none"], False), (["--audio"], False)],
)
def test_the_sound_is_whose_it_is_said_to_be(fom, of_videos, tmp_path, two_faces, options, sound):
    outcome = fom(*of_videos, *options, "--output", tmp_path / "out.mp4")

    assert VideoReader(tmp_path / "out.mp4").has_audio == sound
    assert any("no such sound" in line for line in outcome.messages) == (options == ["--audio"])


def test_the_drivers_sound_goes_first(fom, of_videos, tmp_path, two_faces, sound_clip, ffmpeg):
    loud = tmp_path / "loud.mp4"
    tone = ["-f", "lavfi", "-i", "sine=frequency=2000:duration=2"]
    ffmpeg("-i", sound_clip, *tone, "-map", "0:v", "-map", "1:a", "-c:v", "copy", loud)
    words = [loud if word is of_videos[4] else word for word in of_videos]

    fom(*words, "--output", tmp_path / "out.mp4")

    samples, rate = read_sound(VideoReader(tmp_path / "out.mp4"), 2.0) or (np.zeros((1, 1)), 1)
    spectrum = np.abs(np.fft.rfft(samples[0]))
    assert abs(spectrum.argmax() * rate / len(samples[0]) - 2000) < 20


@pytest.mark.parametrize(("length", "frames"), [("hold", 60), ("loop", 60), ("shortest", 24)])
def test_a_shorter_driver_holds_starts_anew_or_ends_the_result(fom, of_videos, tmp_path, two_faces, length, frames):
    fom(*of_videos, "--length", length, "--output", tmp_path / "out.mp4")
    assert VideoReader(tmp_path / "out.mp4").frame_count == frames


def test_with_a_phase_the_second_face_is_ahead(fom, of_videos, tmp_path, two_faces, sound_clip):
    words = [*of_videos, "--multi_person", "--gain", 2, "--mask", "soft"]
    for name, further in (("a", []), ("b", ["--phase", 0.3, "--blend", 0]), ("c", ["--phase", 0.0])):
        outcome = fom(*words, *further, "--output", tmp_path / f"{name}.png")
        assert not any("--phase has no effect" in line for line in outcome.messages)
    together, apart, none = (read_picture(tmp_path / f"{name}_000020.png") for name in ("a", "b", "c"))
    assert (together == none).all() and (together[20:45, 45:70] != apart[20:45, 45:70]).any()


def test_source_and_driver_are_shown_beside_the_result_frame_by_frame(fom, of_videos, tmp_path, two_faces, sound_clip):
    fom(*of_videos, "--side_by_side", "--output", tmp_path / "f.png")

    for number, frame in enumerate(VideoReader(sound_clip)):
        if number in (0, 31, 59):
            row = read_picture(tmp_path / f"f_{number:06}.png")
            np.testing.assert_array_equal(row[:, :96], frame)
            assert row.shape[1] > 2 * 96


def test_a_preview_shows_some_moments(fom, of_videos, tmp_path, two_faces):
    outcome = fom(*of_videos, "--preview", 4, "--output", tmp_path / "out.mp4")

    assert outcome.results == [str(tmp_path / "out.png")]
    assert outcome.messages[-1].startswith("1 face, 4 frames")


def test_a_smaller_size_is_that_of_the_frames(fom, of_videos, tmp_path, two_faces):
    fom(*of_videos, "--max_size", 80, "--output", tmp_path / "out.mp4")
    assert max(VideoReader(tmp_path / "out.mp4").size) == 80


def test_whole_frames_move_without_a_detector(fom, of_videos, tmp_path):
    words = ["none" if word == "face" else word for word in of_videos]
    outcome = fom(*words, "--output", tmp_path / "out.mp4")
    assert outcome.status == 0 and VideoReader(tmp_path / "out.mp4").frame_count == 60


def test_options_without_effect_are_told(fom, of_videos, whole_picture, tmp_path, two_faces):
    video = fom(*of_videos, "--head_gain", 0.5, "--output", tmp_path / "a.mp4")
    picture = fom(*whole_picture, "--source_motion", "replace", "--no_keep_head", "--output", tmp_path / "b.mp4")

    assert any("--head_gain has no effect" in line for line in video.messages)
    assert sum("it is for --source_video" in line for line in picture.messages) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--source_image", "a.png"], "not both"),
        (["--no_relative"], "a video has its own"),
        (["--faces", "3"], "asks for face 3"),
        (["--initial_frame", "500"], "initial frame must be"),
        (["--initial_frame", "12"], "one of the 12 driving frames, 0 to 11"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(fom, of_videos, tmp_path, two_faces, options, words):
    outcome = fom(*of_videos, *options, "--output", tmp_path / "out.mp4")
    assert outcome.status and words in outcome.messages[-1]
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("points", [3, 4])
def test_a_motion_of_another_model_is_refused_in_a_line(fom, of_videos, tmp_path, two_faces, points):
    eyes = torch.eye(2).expand(5, points, 2, 2)
    motion = Motion(Keypoints(torch.rand(5, points, 2), eyes), 25.0, "before", (64, 64))
    save_motion(motion, tmp_path / "other.safetensors")
    words = ["--motion" if word == "--driving_video" else word for word in of_videos]
    words[words.index("--motion") + 1] = tmp_path / "other.safetensors"

    outcome = fom(*words, "--output", tmp_path / "out.mp4")

    assert outcome.status == 2 and "This motion was read with the model 'before'" in outcome.messages[-1]
    assert not any("reading the faces" in line for line in outcome.messages)
    assert not (tmp_path / "out.mp4").exists()


def test_a_video_without_a_face_says_what_to_do(fom, of_videos, tmp_path):
    outcome = fom(*of_videos, "--face_detector", "embedded", "--output", tmp_path / "out.mp4")
    assert outcome.status == 1 and "No face was found in" in outcome.messages[-1]


def test_a_picture_has_no_sound_to_give(fom, whole_picture, tmp_path):
    outcome = fom(*whole_picture, "--audio", "source", "--output", tmp_path / "out.mp4")
    assert outcome.status == 2 and "A picture has no sound" in outcome.messages[-1]
    fom(*whole_picture, "--audio", "none", "--output", tmp_path / "out.mp4")
    assert not VideoReader(tmp_path / "out.mp4").has_audio


def test_an_output_over_the_source_is_refused(fom, of_videos, sound_clip, two_faces):
    outcome = fom(*of_videos, "--output", sound_clip)
    assert outcome.status and VideoReader(sound_clip).frame_count == 60


@pytest.mark.parametrize("moving", [True, False])
def test_a_video_of_one_frame_is_told_to_be_a_picture(fom, of_videos, picture_file, clip, tmp_path, two_faces, moving):
    still = picture_file
    if moving:
        still = tmp_path / "one.mkv"
        with VideoWriter(still, 15, synthetic=False) as writer:
            writer.write(clip[:1])
    words = [*of_videos[:2], still, *of_videos[3:]]

    outcome = fom(*words, "--output", tmp_path / "out.mp4")

    assert outcome.status == 2 and len(outcome.messages) == 1
    assert f"{still} has one frame, so it is a picture: give it by --source_image" in outcome.messages[0]


def test_a_video_as_the_picture_is_told_its_option(fom, of_videos, tmp_path):
    outcome = fom("animate", "--source_image", *of_videos[2:], "--output", tmp_path / "out.mp4")
    assert outcome.status == 1
    assert "--source_video" in outcome.messages[-1]


@pytest.mark.parametrize("words", [["--pose", "yaw=10,roll=5,smile=1"], ["--motion", "sleepy"]])
def test_what_a_pose_does_to_the_head_is_left_out_where_heads_are_kept(fom, of_videos, tmp_path, two_faces, words):
    given = [*of_videos[:3], *words, "--model", "mini", "--source_crop", "face", "--face_detector", "embedded", "--cpu"]
    given += ["--preview", 2, "--output", tmp_path / "out.png"]

    kept, moved = fom(*given), fom(*given, "--no_keep_head")

    told = [line for line in kept.messages if "of the pose" in line]
    assert (kept.status, moved.status) == (0, 0)
    assert len(told) == 1 and "--no_keep_head" in told[0]
    assert not any("of the pose" in line for line in moved.messages)


def test_a_choice_beyond_the_faces_names_what_numbers_those_of_a_video(fom, of_videos, tmp_path, two_faces):
    outcome = fom(*of_videos, "--faces", 12, "--output", tmp_path / "out.mp4")
    assert outcome.status == 2
    assert "`fom faces VIDEO --output FILE` shows them" in outcome.messages[-1]


def test_a_phase_of_one_face_has_no_effect(fom, of_videos, tmp_path, two_faces):
    outcome = fom(*of_videos, "--phase", 0.3, "--preview", 2, "--output", tmp_path / "out.png")
    assert any("--phase has no effect: one face moves" in line for line in outcome.messages)


def test_a_saved_motion_chooses_its_own_model_for_a_video_as_for_a_picture(fom, sound_clip, monkeypatch, tmp_path):
    asked = []

    def opened(args):
        asked.append(args.model)
        raise UsageError("seen enough")

    monkeypatch.setattr("fom_core.cli.jobs.open_backend", opened)
    fom("animate", "--source_video", sound_clip, "--motion", "nod", "--output", tmp_path / "a.mp4")
    assert asked == ["mini"]
