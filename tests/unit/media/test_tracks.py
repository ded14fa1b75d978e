"""Of several tracks the default ones are taken, pixels are made square, and content tells what a file is."""

from __future__ import annotations

import itertools
import logging
import shutil

import numpy as np
import pytest

from fom_core.errors import MediaError
from fom_core.media import VideoReader, read_sound, write_picture
from tests.capabilities import READS_ANIMATED_WEBP

PATTERN = ("-f", "lavfi", "-i", "testsrc=size=48x32:rate=10:duration=1")
WANTED = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=10:duration=1")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=1")
SILENCE = ("-f", "lavfi", "-i", "anullsrc=duration=1")
COVER = ("-f", "lavfi", "-i", "color=red:size=200x200:rate=1:duration=1")


def case(shared, name):
    path = shared / "cases" / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("default.mp4", (*PATTERN, *WANTED, "-disposition:v:0", "0", "-disposition:v:1", "default")),
        ("default.mkv", (*PATTERN, *WANTED, "-disposition:v:0", "0", "-disposition:v:1", "default")),
        ("first.mkv", (*WANTED, *PATTERN, "-disposition:v:0", "0", "-disposition:v:1", "0")),
        ("cover.mp4", (*COVER, *WANTED, "-c:v:0", "png", "-disposition:v:0", "attached_pic")),
        ("picture.mkv", (*COVER, *WANTED, "-c:v:0", "png", "-disposition:v:0", "default")),
        ("last.mkv", (*WANTED, *COVER, "-c:v:1", "mjpeg", "-disposition:v:0", "0", "-disposition:v:1", "default")),
    ],
)
def test_the_track_that_players_show_is_taken(ffmpeg, tmp_path, name, arguments):
    path = tmp_path / name
    ffmpeg(*arguments, "-map", "0", "-map", "1", path)

    reader = VideoReader(path)

    assert reader.size == (64, 96)
    assert len(list(reader)) == reader.frame_count == 10


@pytest.mark.parametrize(
    ("first", "second", "flags"),
    [(SILENCE, TONE, ("0", "default")), (TONE, SILENCE, ("default", "0")), (SILENCE, TONE, ("0", "0"))],
)
def test_the_default_sound_is_taken_and_else_the_last(ffmpeg, tmp_path, first, second, flags):
    path = tmp_path / "clip.mkv"
    marks = ("-disposition:a:0", flags[0], "-disposition:a:1", flags[1])
    ffmpeg(*WANTED, *first, *second, "-map", "0", "-map", "1", "-map", "2", *marks, path)

    samples, _ = read_sound(VideoReader(path), 1.0) or (np.zeros((1, 1)), 0)

    assert np.abs(samples).max() > 0.05


def test_a_cover_alone_is_no_video(ffmpeg, tmp_path):
    path = tmp_path / "song.m4a"
    ffmpeg(*COVER, *TONE, "-map", "0", "-map", "1", "-c:v", "png", "-disposition:v:0", "attached_pic", path)

    with pytest.raises(MediaError, match="no moving pictures"):
        VideoReader(path)


@pytest.mark.parametrize(("aspect", "size"), [("3/2", (64, 144)), ("2/3", (96, 96)), ("1001/1000", (64, 96))])
def test_pixels_are_made_square(ffmpeg, tmp_path, aspect, size):
    path = tmp_path / "clip.mp4"
    ffmpeg(*WANTED, "-vf", f"setsar={aspect}", path)

    reader = VideoReader(path)

    assert reader.size == size
    assert {frame.shape for frame in reader} == {(*size, 3)}


def test_stretched_pixels_count_towards_the_limit(ffmpeg, tmp_path):
    path = tmp_path / "clip.mp4"
    ffmpeg(*WANTED, "-vf", "setsar=3/2", path)

    with pytest.raises(MediaError, match="144x64"):
        VideoReader(path, max_pixels=96 * 64)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", ("-f", "apng")),
        pytest.param("a.webp", ("-c:v", "libwebp_anim", "-lossless", 1), marks=READS_ANIMATED_WEBP),
        ("a.mp4", ("-f", "apng")),
    ],
)
def test_animated_pictures_of_any_name_drive(ffmpeg, tmp_path, name, options):
    path = tmp_path / name
    if "encoders" in ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=0.4", *options, path):
        pytest.skip("this ffmpeg does not write the format")

    reader = VideoReader(path)
    frames = list(reader)

    assert (reader.size, reader.rate, len(frames)) == ((48, 64), 25, 10)
    assert all((one != other).any() for one, other in itertools.pairwise(frames))


def test_avif_sequences_drive(ffmpeg, tmp_path):
    path = tmp_path / "a.avif"
    ffmpeg(*WANTED, "-c:v", "libaom-av1", "-cpu-used", 8, path)
    if not path.is_file() or not path.stat().st_size:
        pytest.skip("this ffmpeg does not write AVIF")

    reader = VideoReader(path)

    assert (reader.size, reader.rate, len(list(reader))) == ((64, 96), 10, 10)


def test_content_tells_stills_from_videos(sound_clip, tmp_path):
    video, still = tmp_path / "clip.png", tmp_path / "still.mp4"
    shutil.copy(sound_clip, video)
    write_picture(tmp_path / "still.jpg", np.full((9, 7, 3), 90, np.uint8))
    shutil.move(tmp_path / "still.jpg", still)

    assert VideoReader(video).frame_count == 60
    assert [frame.shape for frame in VideoReader(still)] == [(9, 7, 3)]


def test_an_opencv_without_animations_is_told_in_one_line(monkeypatch, ffmpeg, tmp_path):
    path = tmp_path / "a.webp"
    ffmpeg(*PATTERN, "-c:v", "libwebp_anim", path)
    monkeypatch.delattr("cv2.imdecodeanimation", raising=False)

    with pytest.raises(MediaError, match=r"4\.11") as told:
        VideoReader(path)
    assert "\n" not in str(told.value)


def test_a_heic_picture_is_named(tmp_path):
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x08meta")

    with pytest.raises(MediaError, match=r"HEIC.*\.mov"):
        VideoReader(path)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("anamorphic.mp4", (524, 525)),
        ("two_video.mp4", (524, 524)),
        pytest.param("x.webp", (256, 256), marks=READS_ANIMATED_WEBP),
    ],
)
def test_kept_clips_have_their_size_and_all_frames(shared, name, size):
    reader = VideoReader(case(shared, name))
    frames = list(reader)

    assert (reader.size, reader.rate, len(frames)) == (size, 25, 40)
    assert all((one != other).any() for one, other in itertools.pairwise(frames))


def test_the_kept_clip_with_two_sounds_is_not_silent(shared):
    samples, _ = read_sound(VideoReader(case(shared, "two_audio.mp4")), 2.0) or (np.zeros(1), 0)

    assert np.abs(samples).mean() * 32768 == pytest.approx(745, rel=0.05)


def test_noise_in_the_sound_is_no_damage_of_the_pictures(shared, caplog):
    with caplog.at_level(logging.WARNING):
        frames = list(VideoReader(case(shared, "noisy.mkv")))

    assert len(frames) == 40
    assert "not all of them whole" not in caplog.text
