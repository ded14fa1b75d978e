"""Driving videos of every kind come in upright, at a constant rate, one frame at a time."""

from __future__ import annotations

import logging
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fom_core.errors import MediaError
from fom_core.media import VideoReader, VideoWriter, read, read_sound, write_picture
from fom_core.media.process import Ffmpeg


def stack(path: Path) -> np.ndarray:
    return np.stack(list(VideoReader(path)))


def test_facts_of_a_clip_are_those_of_its_frames(sound_clip):
    reader = VideoReader(sound_clip)

    frames = list(reader)

    assert reader.size == (64, 96)
    assert {(frame.shape, frame.dtype.name) for frame in frames} == {((64, 96, 3), "uint8")}
    assert len(frames) == reader.frame_count == 60
    assert reader.rate == Fraction(30000, 1001)
    assert reader.has_audio
    assert reader.duration_s == pytest.approx(2.002, abs=1e-3)


def test_a_reader_gives_the_same_frames_again(sound_clip):
    reader = VideoReader(sound_clip)

    first, second = list(reader), list(reader)

    np.testing.assert_array_equal(first, second)


def test_an_abandoned_pass_ends_its_ffmpeg(sound_clip):
    with VideoReader(sound_clip) as reader:
        frames = iter(reader)
        next(frames)

    with pytest.raises(StopIteration):
        next(frames)


def test_a_pass_that_nobody_holds_ends_its_ffmpeg(sound_clip, monkeypatch):
    processes = []
    reader = VideoReader(sound_clip)
    monkeypatch.setattr(read, "Ffmpeg", lambda *a, **k: processes.append(Ffmpeg(*a, **k)) or processes[-1])

    for _ in reader:
        break

    assert [process.runs for process in processes] == [False]


@pytest.mark.parametrize("suffix", [".mov", ".webm", ".mkv", ".avi", ".ts", ".gif"])
def test_containers_keep_number_and_size_of_frames(ffmpeg, tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=66x50:rate=25:duration=0.6", path)

    reader = VideoReader(path)

    assert len(list(reader)) == reader.frame_count == 15
    assert reader.size == (50, 66)
    assert reader.rate == 25
    assert not reader.has_audio


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60000/1001", "12", "23", "29.5"])
def test_the_rate_is_read_as_an_exact_fraction(ffmpeg, tmp_path, rate):
    path = tmp_path / "clip.mp4"
    ffmpeg("-f", "lavfi", "-i", f"testsrc=size=64x64:rate={rate}:duration=1.5", path)

    assert VideoReader(path).rate == Fraction(rate)


def test_odd_sizes_are_read_whole(ffmpeg, tmp_path):
    path = tmp_path / "odd.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=67x51:rate=10:duration=0.5", "-pix_fmt", "yuv444p", path)

    assert stack(path).shape == (5, 51, 67, 3)


def test_rotation_metadata_turns_the_frames_upright(ffmpeg, sound_clip, tmp_path):
    path = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", sound_clip, "-c", "copy", path)

    turned, plain = stack(path), stack(sound_clip)

    assert VideoReader(path).size == (96, 64)
    assert np.abs(turned.astype(int) - np.rot90(plain, axes=(1, 2)).astype(int)).mean() < 3


def test_a_variable_rate_becomes_constant_and_keeps_the_timing(ffmpeg, tmp_path):
    path = tmp_path / "variable.mp4"
    # One second at 10 frames, then one at 30: the grey level tells the second a frame was made for.
    grey = "color=size=64x64:rate=30:duration=2,geq=lum='if(lt(T,1),50,200)':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-i", f"{grey},select='gte(t,1)+not(mod(n,3))'", "-fps_mode", "vfr", path)

    reader = VideoReader(path)
    levels = np.array([frame.mean() for frame in reader])

    assert reader.rate == 30
    change_s = np.argmax(levels > 125) / reader.fps
    assert change_s == pytest.approx(1.0, abs=0.04)
    assert len(levels) == reader.frame_count == 60


def test_a_variable_rate_that_starts_late_has_no_frames_before_its_first(ffmpeg, sound_clip, tmp_path):
    variable, late = tmp_path / "variable.mp4", tmp_path / "late.mp4"
    picture = "testsrc=size=64x64:rate=30:duration=2,select='gte(t,1)+not(mod(n,3))'"
    ffmpeg("-f", "lavfi", "-i", picture, "-fps_mode", "vfr", variable)
    ffmpeg("-itsoffset", 0.5, "-i", variable, "-i", sound_clip, "-map", "0:v", "-map", "1:a", "-c", "copy", late)

    reader = VideoReader(late)

    assert reader.start_s == pytest.approx(0.5, abs=0.01)
    assert len(list(reader)) == len(list(VideoReader(variable))) == 60


def test_a_folder_of_pictures_is_read_in_natural_order(tmp_path):
    for index in (10, 9, 1):
        write_picture(tmp_path / f"frame_{index}.png", np.full((8, 8, 3), index, np.uint8))

    reader = VideoReader(tmp_path)

    assert [int(frame[0, 0, 0]) for frame in reader] == [1, 9, 10]
    assert reader.fps == 25


def test_a_folder_with_pictures_of_two_sizes_is_refused(tmp_path):
    write_picture(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    write_picture(tmp_path / "b.png", np.zeros((8, 9, 3), np.uint8))

    with pytest.raises(MediaError, match=r"a\.png is 8x8 and b\.png 9x8"):
        list(VideoReader(tmp_path))


def test_a_single_picture_is_a_driver_of_one_frame(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8)
    write_picture(tmp_path / "still.png", picture)

    np.testing.assert_array_equal(stack(tmp_path / "still.png"), picture[None])


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_truncated_video_gives_the_frames_before_the_damage(ffmpeg, sound_clip, tmp_path, caplog, suffix):
    whole = tmp_path / f"whole{suffix}"
    ffmpeg(
        "-i",
        sound_clip,
        "-an",
        "-g",
        10,
        "-movflags" if suffix == ".mp4" else "-f",
        "+faststart" if suffix == ".mp4" else "webm",
        whole,
    )
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    complete = stack(whole)

    with caplog.at_level(logging.WARNING):
        reader = VideoReader(path)
        frames = list(reader)
        list(reader)

    assert 5 < len(frames) < 60
    np.testing.assert_array_equal(frames, complete[: len(frames)])
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} is damaged: {len(frames)} of about 60 frames could be read and are used."
    ]


def test_a_missing_file_says_where_it_was_looked_for():
    with pytest.raises(MediaError, match=r"nowhere\.mp4 does not exist"):
        VideoReader("nowhere.mp4")


@pytest.mark.parametrize("content", [b"", b"these are words, not frames\n" * 40, b"\0" * 5000])
def test_other_content_under_a_video_name_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "fake.mp4"
    path.write_bytes(content)

    with pytest.raises(MediaError) as error:
        VideoReader(path)

    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_a_video_cut_before_its_index_is_called_incomplete(ffmpeg, sound_clip, tmp_path):
    late_index, path = tmp_path / "late.mp4", tmp_path / "cut.mp4"
    ffmpeg("-i", sound_clip, "-c", "copy", late_index)
    path.write_bytes(late_index.read_bytes()[:3000])

    with pytest.raises(MediaError, match="incomplete"):
        VideoReader(path)


def test_sound_alone_is_no_driving_video(ffmpeg, sound_clip, tmp_path):
    path = tmp_path / "sound.m4a"
    ffmpeg("-i", sound_clip, "-vn", path)

    with pytest.raises(MediaError, match="only sound"):
        VideoReader(path)


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile sound.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsound.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_under_a_video_name_opens_nothing_else(tmp_path, sound_clip, content):
    shutil.copy(sound_clip, tmp_path / "sound.mp4")
    path = tmp_path / "list.mp4"
    path.write_text(content)

    with pytest.raises(MediaError):
        VideoReader(path)


def test_real_clips_give_the_frames_that_are_in_them(shared):
    media = shared / "data" / "media"
    known = {"talk_audio_524.mp4": 122, "head_pose_male.gif": 62, "mayiyahei.MP4": 222, "vfr_face_then_none.mov": 192}

    assert {name: VideoReader(media / name).frame_count for name in known} == known


def test_a_part_of_a_video_is_read_and_counted(sound_clip):
    whole = list(VideoReader(sound_clip))
    part = VideoReader(sound_clip, from_s=0.5, length_s=1.0)
    frames = list(part)
    assert part.frame_count == len(frames) == 30
    np.testing.assert_array_equal(frames, whole[15:45])


def test_a_part_beyond_the_end_is_refused(sound_clip):
    with pytest.raises(MediaError, match="no frame is left"):
        VideoReader(sound_clip, from_s=60)


def test_the_sound_of_a_part_begins_with_its_first_frame(sound_clip):
    whole, rate = read_sound(VideoReader(sound_clip), 2.0) or (np.empty(0), 0)
    reader = VideoReader(sound_clip, from_s=0.5)
    part, _ = read_sound(reader, 1.0) or (np.empty(0), 0)
    first = round(15 / reader.rate * rate)
    assert part.shape == (1, rate)
    np.testing.assert_allclose(part, whole[:, first : first + rate], atol=0.02)


def test_a_video_without_sound_gives_none(clip, tmp_path):
    with VideoWriter(tmp_path / "silent.mp4", 25) as writer:
        writer.write(clip)
    assert read_sound(VideoReader(tmp_path / "silent.mp4"), 1.0) is None


@pytest.mark.parametrize(("layout", "channels", "rate"), [("5.1", 6, 48000), ("mono", 1, 96000)])
def test_surround_and_fine_sound_are_read(ffmpeg, tmp_path, layout, channels, rate):
    path = tmp_path / "sound.mkv"
    tones = "|".join(["0.25"] * channels)
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=1"),
        *("-f", "lavfi", "-i", f"aevalsrc={tones}:c={layout}:s={rate}:d=1", "-c:a", "flac", path),
    )

    samples, found_rate = read_sound(VideoReader(path), 0.5) or (np.empty(0), 0)

    assert (samples.shape, found_rate) == ((channels, rate // 2), rate)
    assert samples.mean() == pytest.approx(0.25, abs=0.01)


def test_a_part_as_shown_begins_with_the_frame_that_players_show_then(tmp_path, ffmpeg, clip_file):
    """Of a variable rate, where one frame is held for two seconds: trimming as ComfyUI does would leave it out."""
    path = tmp_path / "held.mkv"
    ffmpeg(
        "-framerate", 10, "-i", clip_file / "%02d.png", "-vf", "setpts='(N+20*gte(N,5))/10/TB'", "-fps_mode", "vfr",
        "-c:v", "ffv1", path,
    )  # fmt: skip
    whole = list(VideoReader(path))
    part = VideoReader(path, from_s=1.0, length_s=2.0, as_shown=True)

    first = round(1.0 * part.fps)
    assert part.frame_count == round(2.0 * part.fps)
    assert part.start_s == pytest.approx(1.0, abs=0.04)
    np.testing.assert_array_equal(list(part), whole[first : first + part.frame_count])
    assert VideoReader(path, from_s=1.0).start_s > 2.3


def test_parts_as_shown_lie_side_by_side_without_gap_or_overlap(sound_clip):
    whole = list(VideoReader(sound_clip))
    parts = [VideoReader(sound_clip, from_s=start, length_s=0.7, as_shown=True) for start in (0, 0.7, 1.4)]

    np.testing.assert_array_equal([frame for part in parts for frame in part], whole)
