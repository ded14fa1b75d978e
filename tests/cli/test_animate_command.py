"""``fom animate`` and ``fom motion`` from files to files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fom_core.cli import build_parser
from fom_core.cli.names import output_path
from fom_core.media import VideoReader, read_picture, write_picture


def test_the_result_has_the_drivers_frames_rate_and_sound_and_the_pictures_size(
    fom, whole_picture, tmp_path, sound_clip
):
    outcome = fom(*whole_picture, "--output", tmp_path / "out")

    result = VideoReader(tmp_path / "out" / "result.mp4")
    assert outcome.status == 0
    assert outcome.results == [str(tmp_path / "out" / "result.mp4")]
    assert outcome.messages[-1] == "1 face, 60 frames, 29.97 frames/s, with sound."
    assert (result.frame_count, result.rate, result.size) == (60, Fraction(30000, 1001), (70, 90))
    assert result.has_audio
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result.mp4"]


def test_pictures_out_move_inside_and_stay_bit_identical_outside_the_face(fom, whole_picture, tmp_path, two_faces):
    words = [word if word != "none" else "face" for word in whole_picture]

    outcome = fom(*words, "--output", tmp_path / "frames.png")

    source = read_picture(tmp_path / "in" / "picture.png")
    first, later = (read_picture(tmp_path / f"frames_{index:06}.png") for index in (0, 30))
    assert outcome.results == [str(tmp_path / "frames_%06d.png")]
    assert "1 of 2 faces moves; --multi_person moves all." in outcome.messages
    assert "warning: Numbered pictures hold no sound; that of " in "\n".join(outcome.messages)
    assert outcome.messages[-1] == f"60 pictures in {tmp_path}: frames_000000.png to frames_000059.png."
    np.testing.assert_array_equal(first, source)  # the driver's first frame stands for the face as it is
    np.testing.assert_array_equal(later[:, :18], source[:, :18])  # the large face alone: its canvas begins there
    assert (later[20:45, 45:70] != source[20:45, 45:70]).mean() > 0.5


def test_multi_person_animates_every_face(fom, whole_picture, tmp_path, two_faces):
    words = [word if word != "none" else "face" for word in whole_picture]

    outcome = fom(*words, "--multi-person", "--output", tmp_path / "frames.png")

    source, frame = read_picture(tmp_path / "in" / "picture.png"), read_picture(tmp_path / "frames_000010.png")
    assert outcome.messages[-2].startswith("2 faces")
    assert not any("moves all" in line for line in outcome.messages)
    assert (frame[22:30, 6:14] != source[22:30, 6:14]).mean() > 0.5


@pytest.mark.parametrize(
    ("options", "left_moves", "right_moves"),
    [
        (["--faces", "1"], True, False),
        (["--faces", "2"], False, True),
        (["--faces", "1", "--order", "largest first"], False, True),
        (["--faces", "all"], True, True),
    ],
)
def test_faces_are_chosen_by_their_numbers_in_the_order_asked_for(
    fom, whole_picture, tmp_path, two_faces, options, left_moves, right_moves
):
    words = [word if word != "none" else "face" for word in whole_picture]

    fom(*words, *options, "--output", tmp_path / "frames.png")

    source, frame = read_picture(tmp_path / "in" / "picture.png"), read_picture(tmp_path / "frames_000010.png")
    assert (frame[22:30, 6:14] != source[22:30, 6:14]).any() == left_moves
    assert (frame[25:40, 50:65] != source[25:40, 50:65]).any() == right_moves


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--faces", "3"], "asks for face 3, but there are 2 faces"),
        (["--faces", "left"], "chosen by number"),
        (["--driving_face", "3"], "no face 3 from the left"),
    ],
)
def test_a_number_that_no_face_has_is_refused_in_one_line(fom, whole_picture, tmp_path, two_faces, options, said):
    words = [word if word != "none" else "face" for word in whole_picture]

    outcome = fom(*words, *options, "--output", tmp_path / "out.mp4")

    assert outcome.status and said in outcome.messages[-1]
    assert not (tmp_path / "out.mp4").exists()


def test_faces_are_not_chosen_where_the_whole_picture_moves(fom, whole_picture, tmp_path):
    outcome = fom(*whole_picture, "--faces", "1", "--output", tmp_path / "out.mp4")

    assert outcome.status == 2 and "--source_crop face" in outcome.messages[-1]


def test_the_driver_is_chosen_by_number_or_is_the_largest(fom, whole_picture, tmp_path, two_faces):
    words = [word if word != "none" else "face" for word in whole_picture]

    for choice in ("largest", "1", "2"):
        fom(*words, "--driving_face", choice, "--output", tmp_path / f"{choice}.png")

    largest, left, right = (read_picture(tmp_path / f"{name}_000010.png") for name in ("largest", "1", "2"))
    np.testing.assert_array_equal(largest, right)
    assert (left != right).any()


@pytest.mark.parametrize("option", [["--colour_match", 1], ["--feather", 0.9]])
def test_colour_match_and_feather_change_the_face_and_nothing_outside(fom, whole_picture, tmp_path, two_faces, option):
    words = [*(word if word != "none" else "face" for word in whole_picture), "--mask", "soft"]

    fom(*words, "--output", tmp_path / "plain.png")
    fom(*words, *option, "--output", tmp_path / "fitted.png")

    plain, fitted = (read_picture(tmp_path / f"{name}_000010.png") for name in ("plain", "fitted"))
    np.testing.assert_array_equal(fitted[:, :30], plain[:, :30])
    assert (fitted[20:45, 45:70] != plain[20:45, 45:70]).mean() > 0.5


def test_a_saved_motion_drives_like_its_video(fom, whole_picture, tmp_path, sound_clip, tiny_weights):
    motion = tmp_path / "motion.safetensors"
    how = ["--driving_crop", "none", "--image_size", 64, "--cpu"]
    saved = fom("motion", sound_clip, "--output", motion, "--model", tiny_weights, *how)
    from_video = fom(*whole_picture, "--output", tmp_path / "a.png")
    words = [
        "--motion" if word == "--driving_video" else motion if word == sound_clip else word for word in whole_picture
    ]

    from_motion = fom(*words, "--output", tmp_path / "b.png")

    assert saved.results == [str(motion)]
    assert (from_video.status, from_motion.status) == (0, 0)
    for index in (0, 59):
        np.testing.assert_array_equal(
            read_picture(tmp_path / f"a_{index:06}.png"), read_picture(tmp_path / f"b_{index:06}.png")
        )


def test_transparency_of_the_source_reaches_the_pictures(fom, whole_picture, tmp_path, picture_file):
    rgba = np.dstack([read_picture(picture_file), np.tile(np.arange(90, dtype=np.uint8), (70, 1))])
    write_picture(picture_file, rgba)

    fom(*whole_picture, "--output", tmp_path / "a.png")

    np.testing.assert_array_equal(read_picture(tmp_path / "a_000003.png", alpha=True)[..., 3], rgba[..., 3])


def test_frames_do_not_depend_on_the_chunk(fom, whole_picture, tmp_path):
    for size in (3, 60):
        fom(*whole_picture, "--chunk_size", size, "--output", tmp_path / f"chunk{size}.png")

    for index in (0, 31, 59):
        one, other = (read_picture(tmp_path / f"chunk{size}_{index:06}.png").astype(int) for size in (3, 60))
        assert np.abs(one - other).max() <= 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "output/result.mp4"),
        ("--output here", "here/result.mp4"),
        ("--output here --filename a.gif", "here/a.gif"),
        ("--output here/a.webm", "here/a.webm"),
        ("--output out.v2", "out.v2/result.mp4"),
        ("--output 28.11", "28.11/result.mp4"),
        ("--output a.mpp/", "a.mpp/result.mp4"),
        ("--output a.mp4/", "a.mp4/result.mp4"),
        ("--output frames.png", "frames.png"),
        ("--output odd.mp4 --filename b.mp4", "odd.mp4"),
        ("--output odd.mp4/ --filename b.mp4", "odd.mp4/b.mp4"),
        ("--output my.data --filename b.mp4", "my.data/b.mp4"),
        ("--output here --filename .gif", "here/result.gif"),
        ("--output here/f_%06d.jpg", "here/f_%06d.jpg"),
        ("--output here/a.jpg --preview", "here/a.jpg"),
    ],
)
def test_output_is_a_folder_or_a_file(options, expected):
    words = ["animate", "--source_image", "a.png", "--driving_video", "b.mp4", *options.split()]

    assert output_path(build_parser().parse_args(words)) == Path(expected)


@pytest.mark.parametrize("option", ["--output", "--filename"])
@pytest.mark.parametrize("name", ["a.mpp", "a.avi", "here/a.mp44"])
def test_an_ending_that_is_not_written_is_told_with_those_that_are(fom, picture_file, option, name):
    outcome = fom("animate", "--source_image", picture_file, "--driving_video", "b.mp4", option, name)
    assert outcome.status == 2
    assert f"{option} {name} ends in {Path(name).suffix}, which is not written. Name it .mp4, " in outcome.messages[-1]


@pytest.mark.parametrize("option", ["--output", "--filename"])
@pytest.mark.parametrize("name", ["x.jpg", "x.jpeg", "x.bmp", "x.TIF"])
def test_a_name_of_one_picture_is_refused_with_the_names_there_are(fom, whole_picture, tmp_path, option, name):
    where = ["--output", tmp_path / name] if option == "--output" else ["--output", tmp_path, option, name]

    outcome = fom(*whole_picture, *where)

    assert outcome.status == 2
    assert f"{name} names one picture, and the result has many. One file is .mp4, " in outcome.messages[-1]
    assert f"numbered pictures are x_%06d{Path(name).suffix} or .png." in outcome.messages[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("name", ["gif", "frames"])
def test_a_filename_without_an_ending_is_refused(fom, picture_file, name):
    outcome = fom("animate", "--source_image", picture_file, "--driving_video", "b.mp4", "--filename", name)
    assert outcome.status == 2
    assert f"--filename {name} has no ending that says what to write. Name it .mp4, " in outcome.messages[-1]


def test_filename_beside_an_output_that_is_a_file_is_told_to_have_no_effect(fom, whole_picture, tmp_path):
    outcome = fom(*whole_picture, "--duration", 0.1, "--output", tmp_path / "a.mp4", "--filename", "b.mp4")

    assert outcome.results == [str(tmp_path / "a.mp4")]
    assert "warning: --filename has no effect: --output names the file." in outcome.messages


def test_a_folder_with_the_ending_of_a_file_is_one_where_it_is_there(tmp_path):
    (tmp_path / "a.mpp").mkdir()
    args = build_parser().parse_args(["animate", "--output", str(tmp_path / "a.mpp")])
    assert output_path(args) == tmp_path / "a.mpp" / "result.mp4"


def test_results_say_that_they_are_synthetic(fom, whole_picture, tmp_path, ffmpeg):
    from fom_core.media.label import comment

    fom(*whole_picture, "--output", tmp_path / "out.mp4")

    assert comment() in ffmpeg("-i", tmp_path / "out.mp4")


@pytest.mark.parametrize(("words", "corner"), [(["--mark"], "bottom right"), (["--mark", "top left"], "top left")])
def test_the_mark_is_shown_in_the_corner_that_is_asked_for(fom, whole_picture, tmp_path, words, corner):
    from fom_core.media.mark import marked

    fom(*whole_picture, "--output", tmp_path / "plain.png")
    fom(*whole_picture, *words, "--output", tmp_path / "marked.png")

    plain, with_mark = (read_picture(tmp_path / f"{name}_000010.png") for name in ("plain", "marked"))
    np.testing.assert_array_equal(with_mark, marked(plain[None], corner)[0])
