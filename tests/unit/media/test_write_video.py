"""Videos go out complete, with every frame, the given rate and the driver's sound, or not at all."""

from __future__ import annotations

import os
import re
import signal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fom_core import signals
from fom_core.errors import MediaError, WriteError
from fom_core.files import reserved
from fom_core.media import VideoReader, VideoWriter, process, read_picture


def moving(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames whose brightness tells their number."""
    levels = np.linspace(20, 235, count)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).astype(np.uint8)


def write(path: Path, frames: np.ndarray, fps: float | Fraction = 25, **options) -> VideoReader:
    with VideoWriter(path, fps, **options) as writer:
        for chunk in np.array_split(frames, 3):
            writer.write(chunk)
    return VideoReader(path)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".gif"])
def test_every_frame_handed_in_comes_back_in_order(tmp_path, suffix):
    frames = moving(23)

    decoded = np.stack(list(write(tmp_path / f"result{suffix}", frames)))

    assert decoded.shape == frames.shape
    np.testing.assert_allclose(decoded.mean(axis=(1, 2, 3)), frames.mean(axis=(1, 2, 3)), atol=4)


@pytest.mark.parametrize("fps", [25, Fraction(30000, 1001), Fraction(5811, 220), 29.97, 12.5])
def test_the_rate_is_kept_as_a_fraction(tmp_path, fps):
    expected = Fraction(30000, 1001) if fps == 29.97 else Fraction(fps)

    assert write(tmp_path / "result.mp4", moving(40), fps).rate == expected


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mov", "aac"), (".mkv", "aac"), (".webm", "opus")])
def test_the_sound_of_the_driver_goes_along(tmp_path, sound_clip, suffix, codec):
    driver = VideoReader(sound_clip)

    result = write(tmp_path / f"result{suffix}", np.stack(list(driver)), driver.rate, audio_from=driver)

    assert result.audio_codec == codec
    assert result.frame_count == driver.frame_count
    assert result.rate == driver.rate


def test_the_sound_ends_with_the_pictures(tmp_path, ffmpeg, sound_clip):
    driver = VideoReader(sound_clip)

    write(tmp_path / "short.mp4", moving(15), driver.rate, audio_from=driver)

    length = re.search(r"Duration: 00:00:([\d.]+)", ffmpeg("-i", tmp_path / "short.mp4"))
    assert length is not None
    assert float(length[1]) == pytest.approx(0.5, abs=0.05)  # sound comes in packets of 23 ms


def test_sound_stays_in_step_when_the_pictures_start_late(tmp_path, ffmpeg, sound_clip):
    late = tmp_path / "late.mp4"  # the picture starts half a second after the sound; so does the tone's silence end
    ffmpeg("-itsoffset", 0.5, "-i", sound_clip, "-i", sound_clip, "-map", "0:v", "-map", "1:a", "-c", "copy", late)
    driver = VideoReader(late)

    write(tmp_path / "result.mp4", np.stack(list(driver)), driver.rate, audio_from=driver)

    report = ffmpeg("-i", tmp_path / "result.mp4", "-map", "0:a", "-f", "null", "-")
    heard = re.findall(r"time=00:00:([\d.]+)", report)[-1]
    assert driver.start_s == pytest.approx(0.5, abs=0.01)
    assert float(heard) == pytest.approx(1.5, abs=0.06)


def test_a_gif_leaves_the_sound_out_and_says_so(tmp_path, sound_clip, caplog):
    result = write(tmp_path / "result.gif", moving(5), audio_from=VideoReader(sound_clip))

    assert not result.has_audio
    assert "hold no sound" in caplog.text


def test_odd_sides_are_made_even_by_repeating_the_last_row_and_column(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (1, 6, 8, 3), np.uint8).repeat(8, 1).repeat(8, 2)[:, :47, :61]

    decoded = np.stack(list(write(tmp_path / "odd.mp4", np.repeat(frames, 4, axis=0), crf=1)))

    assert decoded.shape == (4, 48, 62, 3)
    np.testing.assert_allclose(decoded[0, :47:, 61], decoded[0, :47, 60], atol=12)
    np.testing.assert_allclose(decoded[0, 47], decoded[0, 46], atol=12)


def test_colours_survive_and_are_tagged(tmp_path, ffmpeg):
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [30, 90, 160]], np.uint8)
    frames = np.repeat(colours.repeat(16, 0)[None, None].repeat(32, 1), 3, axis=0)

    decoded = np.stack(list(write(tmp_path / "colours.mp4", frames, crf=1)))

    np.testing.assert_allclose(decoded[0, 16, 8::16], colours, atol=4)
    assert "yuv420p(tv, bt709, progressive)" in ffmpeg("-i", tmp_path / "colours.mp4")


def test_a_png_sequence_is_lossless_and_numbered_from_zero(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (3, 8, 9, 3), np.uint8)

    with VideoWriter(tmp_path / "f_%03d.png", 25) as writer:
        writer.write(frames)

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["f_000.png", "f_001.png", "f_002.png"]
    np.testing.assert_array_equal([read_picture(tmp_path / name) for name in names], frames)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("f_%04d.png", "f_0001.png"), ("f%d.png", "f1.png"), ("50% off.png", "50% off_000001.png")],
)
def test_pictures_are_named_by_their_pattern(tmp_path, pattern, name):
    with VideoWriter(tmp_path / pattern, 25) as writer:
        writer.write(moving(2))

    assert sorted(path.name for path in tmp_path.iterdir())[1] == name


def test_a_shorter_sequence_replaces_a_longer_one_and_nothing_else(tmp_path):
    for name in ("frame_notes.png", "frame_1.png"):
        (tmp_path / name).write_bytes(b"kept")
    for count in (4, 2):
        with VideoWriter(tmp_path, 25) as writer:
            writer.write(moving(count))

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "frame_000000.png", "frame_000001.png", "frame_1.png", "frame_notes.png",
    ]  # fmt: skip


def test_alpha_survives_in_pictures(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (2, 8, 9, 4), np.uint8)

    with VideoWriter(tmp_path / "f.png", 25) as writer:
        assert writer.keeps_alpha
        writer.write(frames)

    np.testing.assert_array_equal(read_picture(tmp_path / "f_000001.png", alpha=True), frames[1])


@pytest.mark.parametrize("name", ["result.mp4", "result.gif", "frames.png", "folder"])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_interrupted_result_leaves_nothing_behind(tmp_path, name, stop):
    with pytest.raises(stop), VideoWriter(tmp_path / name, 25) as writer:
        writer.write(moving(5))
        raise stop

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_interrupted_result_keeps_the_earlier_one(tmp_path):
    path = tmp_path / "result.mp4"
    write(path, moving(5))
    before = path.read_bytes()

    with pytest.raises(KeyboardInterrupt), VideoWriter(path, 25) as writer:
        writer.write(moving(9))
        raise KeyboardInterrupt

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_frames_make_no_file(tmp_path):
    with pytest.raises(MediaError, match="No frame"), VideoWriter(tmp_path / "result.mp4", 25):
        pass

    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_shows_before_any_frame(tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(WriteError, match="Cannot write"):
        VideoWriter(tmp_path / "file" / "result.mp4", 25)
    with pytest.raises(WriteError, match="it is a folder"):
        VideoWriter(_folder(tmp_path / "taken.mp4"), 25)


def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(MediaError, match=r"\.mp4, \.webm, \.gif"):
        VideoWriter(tmp_path / "result.xyz", 25)


def test_a_frame_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="frames must stay"), VideoWriter(tmp_path / "result.mp4", 25) as writer:
        writer.write(moving(2))
        writer.write(moving(2, height=50))


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("height", "width", "fps", "smaller"),
    [(2304, 4096, 25, None), (16, 4098, 25, 4096), (3072, 3072, 25, 3072), (3088, 3088, 25, 3072), (64, 64, 25, None)],
)
def test_more_h264_than_chips_decode_is_told_with_a_size_that_they_do(tmp_path, caplog, height, width, fps, smaller):
    with VideoWriter(tmp_path / "a.mp4", fps) as writer:
        writer._sink._command(height, width, 3)  # type: ignore[union-attr]
        writer.write(moving(1))

    told = [record.getMessage() for record in caplog.records]
    assert len(told) == (smaller is not None and smaller < max(height, width))
    assert not told or told[0].endswith(f"--max_size {smaller}.")


@pytest.mark.parametrize(("size", "level"), [((48, 64), 10), ((480, 640), 30), ((1080, 1920), 40)])
def test_h264_is_of_a_level_and_a_format_that_chips_decode(tmp_path, ffmpeg, size, level):
    write(tmp_path / "a.mp4", moving(3, *size))
    data = (tmp_path / "a.mp4").read_bytes()

    assert data[data.index(b"avcC") + 7] == level
    assert "yuv420p(" in ffmpeg("-i", tmp_path / "a.mp4")


@pytest.fixture
def as_program(monkeypatch):
    """Signals end the work as they do in the command."""
    monkeypatch.setattr(signals, "_arrived", 0)
    monkeypatch.setattr(signals.sys, "unraisablehook", signals.sys.unraisablehook)
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    signals.working()
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.usefixtures("as_program")
@pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process there")
def test_a_signal_waits_until_what_failed_is_cleared_away(tmp_path):
    """As torchrun sends one to the processes that fail because another one died."""
    writer = VideoWriter(tmp_path / "out.mp4", 25)
    discard = writer._sink.discard

    def interrupted():
        os.kill(os.getpid(), signal.SIGTERM)
        discard()

    writer._sink.discard = interrupted  # type: ignore[method-assign]
    with pytest.raises(SystemExit), writer:
        raise MediaError("The video breaks off.")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.webp"])
def test_at_the_end_of_a_program_an_ffmpeg_that_still_writes_is_ended_before_its_file_goes(tmp_path, monkeypatch, name):
    monkeypatch.setattr(reserved, "_unreleased", {})
    monkeypatch.setattr(process, "_running", {})
    writer = VideoWriter(tmp_path / "new" / name, 25)
    writer.write(moving(3))
    (ffmpeg,) = process._running

    reserved.clear_away()

    assert not ffmpeg.runs and not process._running
    assert list(tmp_path.iterdir()) == []
