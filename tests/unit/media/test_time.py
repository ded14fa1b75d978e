"""Frames and sound of every time base stay in step, and no moving frame is lost."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fom_core.media import VideoReader, VideoWriter, read_sound
from fom_core.media.clock import clock_of, unhurry

IN_STEP_S = 0.04
PHONE = "setpts='PTS+0.006*sin(N*1.7)/TB'"
PAUSE = "setpts='PTS+gte(N,40)*2/TB'"
KEPT = "select='gte(t,1)+not(mod(n,3))'"


def flash_and_beep(ffmpeg, path: Path, rate: str, course: str = "", *options: object) -> Path:
    """Every 15th frame begins a flash on the right and a beep; every frame has another grey on the left."""
    grey = "if(lt(X,32),16+mod(N*37,200),if(lt(mod(N,15),3)*gte(N,15),235,16))"
    picture = f"color=size=64x64:rate={rate}:duration=3,geq=lum='{grey}':cb=128:cr=128" + (course and f",{course}")
    shift = "t-gte(t,40/30)*2" if course == PAUSE else "t"
    frame = f"max(0,({shift})*{rate})"
    beep = f"0.8*sin(6283*t)*lt(mod({frame}+0.01,15),3)*gte({frame},14.9)"
    if course == PAUSE:
        beep += "*(lt(t,40/30)+gte(t,40/30+2))"
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"aevalsrc='{beep}':s=48000:d=5.2"),
        *(
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1:90000",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            *options,
            path,
        ),
    )
    return path


def halves(reader: VideoReader) -> tuple[np.ndarray, np.ndarray]:
    """Mean greys of the left and of the right side of every frame."""
    levels = [(frame[:, :28].mean(), frame[:, 36:].mean()) for frame in reader]
    return np.array(levels)[:, 0], np.array(levels)[:, 1]


def onsets(high: np.ndarray, rate: float) -> np.ndarray:
    return (np.flatnonzero(np.diff(high.astype(int)) == 1) + 1) / rate


def beeps_of(reader: VideoReader) -> np.ndarray:
    samples, rate = read_sound(reader, 6.0) or (np.empty(0), 0)
    return onsets(np.convolve(np.abs(samples[0]), np.ones(240) / 240, "same") > 0.1, rate)


COURSES = {
    "constant": ("30", "", ("clip.mp4",), 30, 90),
    "NTSC film": ("24000/1001", "", ("clip.mp4",), Fraction(24000, 1001), 72),
    "NTSC": ("30000/1001", "", ("clip.mkv",), Fraction(30000, 1001), 90),
    "slow, then quick": ("30", KEPT, ("-bf", 0, "clip.mp4"), 30, 70),
    "reordered frames with an edit list": ("30", KEPT, ("-bf", 3, "clip.mp4"), 30, 70),
    "reordered frames in Matroska": ("30", KEPT, ("-bf", 3, "clip.mkv"), 30, 70),
    "reordered frames in a transport stream": ("30", KEPT, ("-bf", 3, "clip.ts"), 30, 70),
    "a phone's jitter": ("30", PHONE, ("clip.mp4",), 30, 90),
    "jitter in thousandths": ("30", PHONE, ("clip.mkv",), 30, 90),
    "a pause": ("30", PAUSE, ("clip.mp4",), 30, 90),
    "a pause, reordered": ("30", PAUSE, ("-bf", 3, "clip.mkv"), 30, 90),
}


@pytest.mark.parametrize("name", COURSES)
def test_every_frame_is_kept_and_flashes_meet_their_beeps(ffmpeg, tmp_path, name):
    rate, course, options, expected, stored = COURSES[name]
    path = flash_and_beep(ffmpeg, tmp_path / options[-1], rate, course, *options[:-1])

    reader = VideoReader(path)
    greys, right = halves(reader)
    flashes, beeps = onsets(right > 120, reader.fps), beeps_of(reader)

    assert reader.rate == expected
    assert 1 + np.count_nonzero(np.abs(np.diff(greys)) > 15) == stored
    assert len(greys) == reader.frame_count
    assert len(flashes) >= 4
    np.testing.assert_allclose(flashes, beeps[: len(flashes)], atol=IN_STEP_S)


@pytest.mark.parametrize("course", ["", KEPT])
@pytest.mark.parametrize(("which", "offset_s"), [("picture", 0.3), ("sound", 0.3), ("sound", -0.2)])
def test_tracks_that_begin_apart_stay_in_step(ffmpeg, tmp_path, course, which, offset_s):
    plain = flash_and_beep(ffmpeg, tmp_path / "plain.mp4", "30", course)
    path, result = tmp_path / "apart.mp4", tmp_path / "result.mp4"
    inputs = ["-itsoffset", offset_s, "-i", plain, "-i", plain]
    maps = ["-map", "0:v", "-map", "1:a"] if which == "picture" else ["-map", "1:v", "-map", "0:a"]
    ffmpeg(*inputs, *maps, "-c", "copy", path)

    reader = VideoReader(path)
    flashes, beeps = onsets(halves(reader)[1] > 120, reader.fps), beeps_of(reader)
    with VideoWriter(result, reader.rate, audio_from=reader, synthetic=False) as writer:
        for frame in reader:
            writer.write(frame)
    written = beeps_of(VideoReader(result))

    shift = offset_s if which == "sound" else -offset_s
    np.testing.assert_allclose(beeps[:4] - flashes[:4], shift, atol=IN_STEP_S)
    np.testing.assert_allclose(written[:4] - flashes[:4], shift, atol=IN_STEP_S)


@pytest.mark.parametrize("delay", [0, 1])
def test_gifs_without_a_delay_play_ten_frames_a_second(ffmpeg, tmp_path, delay):
    path = tmp_path / "clip.gif"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=0.4", path)
    data = path.read_bytes()
    for at in (at for at in range(len(data) - 8) if data[at : at + 3] == b"\x21\xf9\x04" and data[at + 7] == 0):
        data = data[: at + 4] + bytes([delay, 0]) + data[at + 6 :]
    path.write_bytes(data)

    reader = VideoReader(path)

    assert (reader.rate, len(list(reader))) == (10, 10)


def test_a_hasty_delay_among_others_is_slowed_in_the_frames_too(ffmpeg, tmp_path):
    path = tmp_path / "clip.gif"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=0.4", path)
    data = path.read_bytes()
    second = data.index(b"\x21\xf9\x04", data.index(b"\x21\xf9\x04") + 1)
    path.write_bytes(data[: second + 4] + b"\x01\0" + data[second + 6 :])

    reader = VideoReader(path)
    frames = list(reader)

    changes = [index for index in range(1, len(frames)) if (frames[index] != frames[index - 1]).any()]
    assert reader.rate == 25
    assert len(frames) == reader.frame_count == 12  # 0.04 s, 0.1 s and eight of 0.04 s, the last one begun
    assert np.diff(changes).max() == 3


def test_a_part_of_a_video_that_begins_late_has_the_frames_of_that_moment(ffmpeg, tmp_path):
    plain, late = flash_and_beep(ffmpeg, tmp_path / "plain.mp4", "30"), tmp_path / "late.mp4"
    ffmpeg("-itsoffset", 0.5, "-i", plain, "-i", plain, "-map", "0:v", "-map", "1:a", "-c", "copy", late)

    whole, part = list(VideoReader(late)), list(VideoReader(late, from_s=1.0, length_s=0.5))

    np.testing.assert_array_equal(part, whole[15:30])


def test_a_part_of_a_variable_rate_begins_with_the_first_frame_of_that_moment(ffmpeg, tmp_path):
    path = flash_and_beep(ffmpeg, tmp_path / "clip.mp4", "30", PAUSE)

    reader = VideoReader(path, from_s=2.0)
    greys, _ = halves(reader)

    assert reader.start_s == pytest.approx(40 / 30 + 2, abs=0.02)
    assert len(greys) == reader.frame_count == 50


def test_a_clip_with_a_pause_keeps_its_frames(shared):
    path = shared / "cases" / "vfr_freeze.mp4"
    if not path.is_file():
        pytest.skip(f"{path} is not there")

    reader = VideoReader(path)
    frames = list(reader)

    changes = sum((one != other).any() for one, other in itertools.pairwise(frames))
    assert reader.rate == 30
    assert changes + 1 == 40
    assert 129 <= len(frames) <= 133


def test_a_short_quick_part_of_a_slow_clip_raises_the_rate():
    times = np.concatenate([np.arange(30) * 100, 3000 + np.arange(12) * 33])

    clock = clock_of(times, Fraction(1, 1000), (), Fraction(25))

    assert clock.kept
    assert len(np.unique(clock.slots)) == 42
    assert np.abs(clock.slots / float(clock.rate) - times / 1000).max() <= IN_STEP_S


@pytest.mark.parametrize("first", [24, 30])
def test_a_clip_of_two_rates_has_the_higher_one_and_keeps_every_frame(first):
    second = 54 - first
    times = np.concatenate([np.arange(72) / first, 72 / first + np.arange(95) / second])

    clock = clock_of(np.round(times * 15360).astype(int), Fraction(1, 15360), (Fraction(132, 5),), Fraction(25))

    assert (clock.rate, clock.kept) == (30, True)
    assert len(np.unique(clock.slots)) == 167
    assert np.abs(clock.slots / 30 - times).max() <= IN_STEP_S


def test_more_frames_than_any_rate_holds_give_way_to_one_another():
    times = np.concatenate([np.arange(200), 10_000 + np.arange(200) * 40])

    clock = clock_of(times, Fraction(1, 1000), (), Fraction(25))

    assert not clock.kept
    assert clock.rate <= 120
    assert np.abs(clock.slots / float(clock.rate) - times / 1000).max() <= IN_STEP_S


def test_steps_of_which_no_two_are_alike_still_have_a_clock():
    times = np.array([0, 373, 538, 669, 722, 809, 812, 923, 1005, 1376])

    clock = clock_of(times, Fraction(1, 1000), (), Fraction(25))

    assert clock.kept
    assert np.abs(clock.slots / float(clock.rate) - times / 1000).max() <= IN_STEP_S


def test_delays_that_viewers_lengthen_are_lengthened():
    assert unhurry(np.array([0, 1, 5, 5]), Fraction(1, 100)).tolist() == [0, 10, 14, 24]
