"""The options of ``fom animate`` for what a result is like: size, part, loop, comparison, preview; and idle ones."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from PIL import Image

from fom_core.cli.results import in_step
from fom_core.cli.values import moment
from fom_core.media import VideoReader, read_picture, read_sound, write_picture
from fom_core.media.label import comment
from tests.capabilities import PILLOW_READS_AVIF


@pytest.fixture
def on_faces(whole_picture, two_faces):
    """The same command, for the large face of the picture."""
    return [word if word != "none" else "face" for word in whole_picture]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["--max_size", 48], (38, 48)),
        (["--max-size", 90], (70, 90)),
        (["--scale", 0.5], (36, 44)),
        (["--scale", 2], (140, 180)),
        (["--width", 61], (46, 60)),
        (["--max_size", 48, "--scale", 2], (76, 96)),
    ],
)
def test_the_size_is_that_asked_for_with_even_sides(fom, whole_picture, tmp_path, options, size):
    outcome = fom(*whole_picture, *options, "--duration", 0.2, "--output", tmp_path / "a.mp4")

    assert outcome.status == 0
    assert VideoReader(tmp_path / "a.mp4").size == size


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ([], (48, 480)),
        (["--scale", 1], (60, 600)),
        (["--width", 300], (30, 300)),
        (["--side_by_side"], (22, 480)),
    ],
)
def test_a_gif_is_480_wide_unless_told_and_its_size_is_said(fom, whole_picture, picture_file, tmp_path, options, size):
    write_picture(picture_file, np.random.default_rng(0).integers(0, 255, (60, 600, 3), np.uint8))

    outcome = fom(*whole_picture, *options, "--duration", 0.1, "--output", tmp_path / "a.gif")

    assert VideoReader(tmp_path / "a.gif").size == size
    assert outcome.messages[-1].startswith(f"a.gif: {size[1]}x{size[0]} pixels, ")
    assert outcome.messages[-1].endswith(" kB.")


@pytest.mark.parametrize("name", ["a.webp", pytest.param("a.avif", marks=PILLOW_READS_AVIF)])
def test_animated_pictures_keep_transparency_and_say_that_they_are_synthetic(
    fom, whole_picture, picture_file, tmp_path, name
):
    rgba = np.dstack([read_picture(picture_file), np.tile(np.linspace(40, 255, 90).astype(np.uint8), (70, 1))])
    write_picture(picture_file, rgba)

    outcome = fom(*whole_picture, "--duration", 0.2, "--crf", 10, "--output", tmp_path / name)

    assert outcome.status == 0 and not any("transparent" in line for line in outcome.messages)
    assert comment().encode() in (tmp_path / name).read_bytes()
    with Image.open(tmp_path / name) as picture:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    np.testing.assert_allclose(alpha.astype(int), rgba[..., 3].astype(int), atol=16)


def test_start_and_duration_take_a_part_of_the_driver_and_its_sound(fom, whole_picture, tmp_path, ffmpeg):
    driver = tmp_path / "beep.mp4"  # a tone that begins at 1.000 s
    picture = ["-f", "lavfi", "-i", "testsrc=size=96x64:rate=30000/1001:duration=2.002"]
    tone = ["-f", "lavfi", "-i", "aevalsrc='gte(t,1)*sin(880*t*6.2832)':duration=2.002"]
    ffmpeg(*picture, *tone, "-pix_fmt", "yuv420p", driver)
    words = [driver if str(word).endswith("sound.mp4") else word for word in whole_picture]

    outcome = fom(*words, "--start", "0:00.4", "--duration", 1, "--output", tmp_path / "part.mp4")

    result = VideoReader(tmp_path / "part.mp4")
    sound = read_sound(result, 2.0)
    assert outcome.status == 0 and result.frame_count == 30  # those shown from 0.4 s on and before 1.4 s
    assert sound is not None
    samples, rate = sound
    heard = int(np.argmax(np.abs(samples[0]) > 0.3)) / rate
    assert heard == pytest.approx(1 - 12 * 1001 / 30000, abs=0.04)
    assert samples.shape[1] / rate == pytest.approx(30 * 1001 / 30000, abs=0.04)


def test_a_part_of_a_saved_motion_is_the_part_of_its_video(fom, whole_picture, tmp_path, sound_clip, tiny_weights):
    motion = tmp_path / "motion.safetensors"
    how = ["--model", tiny_weights, "--driving_crop", "none", "--image_size", 64, "--cpu"]
    part = ["--start", 0.5, "--duration", 0.3]
    fom("motion", sound_clip, "--output", motion, *how)
    fom("motion", sound_clip, "--output", tmp_path / "part.safetensors", *how, *part)
    words = ["--motion" if word == "--driving_video" else word for word in whole_picture]

    for name, file, options in (("a", motion, part), ("b", tmp_path / "part.safetensors", [])):
        used = [file if word == sound_clip else word for word in words]
        assert fom(*used, *options, "--output", tmp_path / f"{name}.png").status == 0

    assert len(list(tmp_path.glob("a_*.png"))) == len(list(tmp_path.glob("b_*.png"))) == 9
    np.testing.assert_array_equal(read_picture(tmp_path / "a_000008.png"), read_picture(tmp_path / "b_000008.png"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--start", 7], "no frame is left from 7 s on. Begin earlier."),
        (["--start", "1:70"], "must be seconds, or hours, minutes and seconds as in 0:01:02.5, got 1:70"),
        (["--duration", 0], "must be above 0, got 0"),
        (["--scale", 0], "must be above 0, got 0"),
        (["--max_size", 2], "must be at least 16 pixels, got 2"),
        (["--crf", 52], "must be from 0 (best) to 51, got 52"),
        (["--return", "soon"], "argument --return: must be a number"),
        (["--preview", 0], "must be at least 1, got 0"),
        (["--scale", 1, "--width", 90], "exclude each other"),
    ],
)
def test_values_that_make_no_sense_are_refused_in_one_line(fom, whole_picture, tmp_path, options, said):
    outcome = fom(*whole_picture, *options, "--output", tmp_path / "a.mp4")

    assert outcome.status and said in outcome.messages[-1]
    assert not (tmp_path / "a.mp4").exists()


def test_times_are_seconds_or_hours_minutes_and_seconds():
    assert [moment(text) for text in ("0", "12.5", "1:02", "1:01:02.5", "90")] == [0, 12.5, 62, 3662.5, 90]


@pytest.mark.parametrize("options", [[], ["--initial_frame", "5"], ["--no_relative"]])
def test_with_return_the_first_and_the_last_frame_are_the_picture(fom, on_faces, tmp_path, options):
    fom(*on_faces, *options, "--duration", 1, "--return", 0.2, "--output", tmp_path / "a.png")

    source = read_picture(tmp_path / "in" / "picture.png")
    frames = [read_picture(tmp_path / f"a_{index:06}.png") for index in (0, 15, 28, 29)]
    np.testing.assert_array_equal(frames[0], source)
    np.testing.assert_array_equal(frames[3], source)
    away = [np.abs(frame.astype(int) - source).mean() for frame in frames]
    assert away[1] > 0 and away[2] > 0


@pytest.mark.parametrize(("seconds", "told"), [(2, 1), (0.2, 0)])
def test_a_return_that_is_longer_than_the_result_is_told(fom, whole_picture, tmp_path, seconds, told):
    outcome = fom(*whole_picture, "--duration", 0.5, "--return", seconds, "--output", tmp_path / "a.mp4")
    assert outcome.status == 0
    assert sum("is longer than the result, 0.5" in line for line in outcome.messages) == told


def test_side_by_side_shows_source_driver_and_result(fom, on_faces, tmp_path, sound_clip):
    fom(*on_faces, "--duration", 0.4, "--output", tmp_path / "alone.png")
    fom(*on_faces, "--duration", 0.4, "--side_by_side", "--mark", "bottom left", "--output", tmp_path / "row.png")
    fom(*on_faces, "--duration", 0.4, "--side_by_side", "labelled", "--output", tmp_path / "told.png")

    row, told, alone = (read_picture(tmp_path / f"{name}_000010.png") for name in ("row", "told", "alone"))
    driver = list(VideoReader(sound_clip))[10]
    assert row.shape == (70, 90 + 105 + 90 + 1, 3)
    np.testing.assert_array_equal(row[:, :90], read_picture(tmp_path / "in" / "picture.png"))
    assert np.abs(row[:, 90:195].mean(axis=(0, 1)) - driver.mean(axis=(0, 1))).max() < 3
    np.testing.assert_array_equal(row[:40, 195:285], alone[:40])
    assert (row[50:, 195:285] != alone[50:]).any()  # the mark is on the result, not on the source
    np.testing.assert_array_equal(told[-70:, 195:285], alone)
    assert told.shape[0] > 84


def test_a_preview_paints_a_few_frames_onto_one_sheet(fom, on_faces, tmp_path):
    fom(*on_faces, "--output", tmp_path / "all.png")
    outcome = fom(*on_faces, "--preview", 4, "--output", tmp_path / "a.mp4")

    sheet = read_picture(tmp_path / "a.png")
    strip = (sheet.shape[0] - 2 * 70) // 2
    assert outcome.results == [str(tmp_path / "a.png")]
    assert outcome.messages[-1] == "1 face, 4 frames, 29.97 frames/s, without sound."
    assert sheet.shape[1] == 180 and strip > 10
    for place, number in enumerate((0, 20, 39, 59)):
        top, left = (70 + strip) * (place // 2) + strip, 90 * (place % 2)
        expected = read_picture(tmp_path / f"all_{number:06}.png")
        np.testing.assert_array_equal(sheet[top : top + 70, left : left + 90], expected)
    assert comment().encode() in (tmp_path / "a.png").read_bytes()
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize(("name", "sheet"), [("a.jpg", "a.jpg"), ("f_%03d.png", "f_preview.png"), ("a.gif", "a.png")])
def test_a_preview_is_a_picture_of_the_results_name(fom, whole_picture, tmp_path, name, sheet):
    outcome = fom(*whole_picture, "--preview", "--duration", 0.1, "--output", tmp_path / name)

    assert outcome.results == [str(tmp_path / sheet)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([sheet, "in"])


def test_a_preview_that_would_replace_the_source_is_refused(fom, whole_picture, picture_file):
    outcome = fom(*whole_picture, "--preview", "--output", picture_file.with_suffix(".mp4"))

    assert outcome.status == 2 and "would replace the input" in outcome.messages[-1]


@pytest.mark.parametrize(
    ("count", "fps", "to_fps", "length", "numbers"),
    [
        (4, 25, 25, "hold", [0, 1, 2, 3, 3, 3]),
        (4, 25, 25, "loop", [0, 1, 2, 3, 0, 1]),
        (3, 12.5, 25, "hold", [0, 1, 1, 2, 2, 2]),
        (12, 50, 25, "shortest", [0, 2, 4, 6, 8, 10]),
    ],
)
def test_a_driver_beside_the_result_is_in_step_with_its_motion(count, fps, to_fps, length, numbers):
    assert in_step(range(6), count, fps, to_fps, length) == numbers


def test_jobs_of_a_manifest_take_these_options(fom, tmp_path, picture_file, sound_clip, tiny_weights):
    common = {"source_image": str(picture_file), "driving_video": str(sound_clip), "duration": 0.2}
    jobs = [
        {"output": "a.mp4", "preview": True, "side-by-side": "labelled"},
        {"output": "b.webp", "loop": 2, "scale": 0.5, "return": 0.1, "start": "0:01"},
        {"output": "c.mp4", "max_size": 64, "crf": 30, "preview": False, "side_by_side": True},
    ]
    manifest = tmp_path / "jobs.jsonl"
    manifest.write_text(
        "\n".join(json.dumps({**common, **job, "output": str(tmp_path / job["output"])}) for job in jobs)
    )

    outcome = fom(
        "animate", "--manifest", manifest, "--model", tiny_weights, "--source_crop", "none", "--driving_crop", "none",
        "--cpu",
    )  # fmt: skip

    assert outcome.results == [str(tmp_path / name) for name in ("a.png", "b.webp", "c.mp4")]
    assert VideoReader(tmp_path / "b.webp").size == (36, 44)
    assert VideoReader(tmp_path / "c.mp4").size[1] > 128


@pytest.mark.parametrize(
    ("options", "output", "flag", "why"),
    [
        (["--crf", 20], "a.gif", "--crf", "a GIF has 256 colours and no other quality; see --width"),
        (["--crf", 20], "a.png", "--crf", "numbered pictures are not compressed as videos are"),
        (["--crf", 20, "--preview"], "a.mp4", "--crf", "--preview writes a picture in place of a video"),
        (["--crf", 20], "f_%04d.webp", "--crf", "numbered pictures are not compressed as videos are"),
        (["--loop", 2], "a.mp4", "--loop", "only GIFs and animated WebP and AVIF say how often they play"),
        (["--loop", 2], "f_%04d.webp", "--loop", "only GIFs and animated WebP and AVIF say how often they play"),
        (["--best_frame", 2, "--no_relative"], "a.mp4", "--best_frame", "--no_relative copies poses, which count"),
        (["--best_frame", 2, "--initial_frame", 1], "a.mp4", "--best_frame", "--initial_frame says it"),
        (["--find_best_frame", "--best_frame", 2], "a.mp4", "--find_best_frame", "--best_frame says it"),
        (["--no_adapt_scale", "--no_relative"], "a.mp4", "--no_adapt_scale", "--no_relative copies poses as they are"),
        (["--ratio", 0.5], "a.mp4", "--ratio", "with --source_crop none the picture moves as a whole"),
        (["--length", "loop"], "a.mp4", "--length", "there is one driver"),
        (["--enhancement_strength", 0.5], "a.mp4", "--enhancement_strength", "faces are restored with --face_enh"),
        (["--driving_face", 1], "a.mp4", "--driving_face", "with --driving_crop none nobody looks for a face"),
        (["--batch_size", 2, "--chunk_size", 3], "a.mp4", "--batch_size", "--chunk_size says it"),
    ],
)
def test_an_option_without_effect_is_told_with_the_reason(fom, whole_picture, tmp_path, options, output, flag, why):
    outcome = fom(*whole_picture, *options, "--duration", 0.1, "--output", tmp_path / output)

    told = [line for line in outcome.messages if "has no effect" in line]
    assert outcome.status == 0
    assert len(told) == 1 and told[0].startswith(f"warning: {flag} has no effect: {why}")


def test_options_of_masks_are_idle_with_others_and_at_work_with_their_own(fom, on_faces, tmp_path):
    def told(*options):
        lines = fom(*on_faces, *options, "--duration", 0.1, "--output", tmp_path / "a.mp4").messages
        return [line.split()[1] for line in lines if "has no effect" in line]

    assert told("--ratio", 0.5, "--feather", 0.5) == ["--ratio", "--feather"]
    assert told("--ratio", 0.5, "--mask", "paddlegan") == []
    assert told("--feather", 0.5, "--mask", "soft", "--multi_person") == []
    assert told("--faces", 1, "--multi_person", "--order", "largest first") == ["--multi_person"]


def test_an_idle_option_of_many_jobs_is_told_once(fom, whole_picture, picture_file, tmp_path, caplog):
    for name in ("b.png", "c.png"):
        write_picture(picture_file.with_name(name), read_picture(picture_file))
    words = [picture_file.parent if word == picture_file else word for word in whole_picture]

    with caplog.at_level(logging.WARNING):
        outcome = fom(*words, "--loop", 2, "--duration", 0.1, "--output", tmp_path / "out")

    assert len(outcome.results) == 3
    assert sum("has no effect" in line for line in outcome.messages) == 1
