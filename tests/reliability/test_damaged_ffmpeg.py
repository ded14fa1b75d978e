"""An ffmpeg that dies, lies or cannot write never makes a silent result: one line tells, and earlier files stay."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from fom_core.errors import FomError, MediaError, MissingPackage, WriteError
from fom_core.media import VideoReader, VideoWriter, process, read_sound

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and scripts of POSIX systems")

FRAME = 96 * 64 * 3  # bytes
# Stands before the real ffmpeg. At the stage in its plan it does what the plan says, else it hands over.
STAND_IN = """#!{python} -SE
import json, os, resource, signal, subprocess, sys, time
real, stage, deed, count = json.load(open({plan!r}))
words = sys.argv[1:]
found = next((name for name, word in (("scan", "framecrc"), ("sound", "au"), ("encode", "pipe:0"), ("mix", "1:1"),
                                      ("version", "-version"), ("decode", "rawvideo")) if word in words), "other")
if found != stage:
    os.execv(real, [real, *words])
own, out = sys.stdin.buffer, sys.stdout.buffer
def kill_me(number=signal.SIGKILL):
    os.kill(os.getpid(), number)
def real_ffmpeg(*more, quiet=False, **pipes):
    words_out = subprocess.DEVNULL if quiet else None
    return subprocess.Popen([real, *words[:-1], *more, words[-1]], stderr=words_out, **pipes)
def pass_some(quiet=True):
    if found == "encode":
        child = real_ffmpeg(quiet=quiet, stdin=subprocess.PIPE)
        child.stdin.write(own.read(count))
        child.stdin.flush()
    else:
        child = real_ffmpeg(quiet=quiet, stdout=subprocess.PIPE)
        out.write(child.stdout.read(count))
        out.flush()
    return child
if deed == "kill at start":
    kill_me()
if deed == "crash at start":
    kill_me(signal.SIGSEGV)
if deed == "kill midway":
    pass_some().kill()
    kill_me()
if deed == "shell tells of a kill":
    child = pass_some()
    child.kill()
    sys.exit(137)
if deed == "stop midway":
    pass_some().kill()
    sys.exit(0)
if deed == "fail midway":
    pass_some().kill()
    sys.exit(1)
if deed == "out of memory":
    pass_some().kill()
    print("Error while filtering: Cannot allocate memory", file=sys.stderr)
    sys.exit(244)
if deed == "lose bytes":
    child = pass_some(quiet=False)
    child.stdout.read()
    sys.exit(child.wait())
if deed == "kill at end":
    real_ffmpeg(stdin=own).wait()
    kill_me()
if deed == "bad status":
    real_ffmpeg(quiet=True, stdin=own).wait()
    sys.exit(3)
if deed == "nothing":
    sys.exit(0)
if deed == "garbage words":
    print("\\x00\\xff%s jabberwocky", file=sys.stderr)
    sys.exit(1)
if deed == "garbage bytes":
    out.write(b"0, x, 99999999999999999999999,\\n" * 1000)
    sys.exit(0)
if deed == "fewer frames":
    sys.exit(real_ffmpeg("-frames:v", "10", stdin=own).wait())
if deed == "count only what it encodes":
    child = subprocess.Popen([real, *words], stderr=subprocess.PIPE)
    for line in child.stderr:
        sys.stderr.write(line.decode().replace("frame=%d" % count, "frame=0"))
    sys.exit(child.wait())
if deed == "many words":
    for number in range(50000):
        print(f"word {{number}} that nobody asked for", file=sys.stderr)
    os.execv(real, [real, *words])
if deed == "empty file":
    status = real_ffmpeg(stdin=own).wait()
    open(words[-1].removeprefix("file:"), "wb").close()
    sys.exit(status)
if deed in ("full disk", "limited disk"):
    if deed == "full disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))
    os.execv(real, [real, *words])
if deed == "hang at end":
    while own.read(1 << 16):
        pass
    time.sleep(120)
if deed == "hang":
    time.sleep(120)
raise SystemExit(f"there is no deed {{deed}}")
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts the stand-in in ffmpeg's place, with what it does at which stage."""
    real = imageio_ffmpeg.get_ffmpeg_exe()
    folder = tmp_path / "stand-in"
    folder.mkdir()
    script, orders = folder / "ffmpeg", folder / "plan.json"

    def use(stage: str, deed: str, count: int = 20 * FRAME) -> None:
        script.write_text(STAND_IN.format(python=sys.executable, plan=str(orders)))
        script.chmod(0o755)
        orders.write_text(json.dumps([real, stage, deed, count]))
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script))

    return use


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """An earlier result, which a failed attempt must leave as it is."""
    path = tmp_path / "results" / "result.mp4"
    path.parent.mkdir()
    path.write_bytes(b"the earlier good result")
    return path


def noisy(count: int = 60) -> np.ndarray:
    """Frames (T, 64, 96, 3) that do not compress."""
    return np.random.default_rng(0).integers(0, 255, (count, 64, 96, 3), np.uint8)


def one_line(error: BaseException) -> str:
    assert isinstance(error, FomError)
    assert "\n" not in str(error)
    return str(error)


def assert_untouched(earlier: Path) -> None:
    assert list(earlier.parent.iterdir()) == [earlier]
    assert earlier.read_bytes() == b"the earlier good result"


def write(path: Path, **options: object) -> None:
    with VideoWriter(path, 25, **options) as writer:  # type: ignore[arg-type]
        for chunk in np.array_split(noisy(), 5):
            writer.write(chunk)


@pytest.mark.parametrize(
    ("deed", "word"),
    [
        ("kill at start", "after 0 of about 60 frames: it was killed by SIGKILL"),
        ("crash at start", "SIGSEGV"),
        ("kill midway", "after 20 of about 60 frames: it was killed by SIGKILL"),
        ("shell tells of a kill", "SIGKILL"),
        ("stop midway", "after 20 of about 60 frames"),
        ("fail midway", "status 1"),
        ("out of memory", "Cannot allocate memory"),
        ("lose bytes", "after 20 of about 60 frames"),
        ("bad status", "status 3"),
        ("nothing", "after 0 of about 60 frames"),
        ("garbage words", "jabberwocky"),
        ("garbage bytes", "decoding"),
    ],
)
def test_a_decoder_that_fails_is_an_error(plan, sound_clip, deed, word):
    plan("decode", deed)
    reader = VideoReader(sound_clip)

    with pytest.raises(MediaError) as error:
        list(reader)

    assert word in one_line(error.value)


def test_a_decoder_that_fails_amid_a_part_is_an_error(plan, sound_clip):
    plan("decode", "kill midway")
    reader = VideoReader(sound_clip, from_s=0.3, length_s=1.0)

    with pytest.raises(MediaError, match="SIGKILL"):
        list(reader)


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("fewer frames", "{} gave 10 of about 60 frames; these are used."),
        ("many words", "{} is damaged: 60 frames, not all of them whole, could be read and are used."),
    ],
)
def test_a_decoder_that_leaves_frames_out_or_complains_is_told_of(plan, sound_clip, caplog, deed, message):
    plan("decode", deed)

    with caplog.at_level(logging.WARNING):
        list(VideoReader(sound_clip))

    assert [record.getMessage() for record in caplog.records] == [message.format(sound_clip)]


def test_frames_that_are_copied_need_not_be_counted_by_ffmpeg(plan, sound_clip, tmp_path):
    plan("scan", "count only what it encodes", count=60)  # as ffmpeg 7.0 does
    driver = VideoReader(sound_clip)
    plan("mix", "count only what it encodes", count=60)
    write(tmp_path / "result.mp4", audio_from=driver)
    result = VideoReader(tmp_path / "result.mp4")
    assert (driver.frame_count, result.frame_count, result.audio_codec) == (60, 60, "aac")


@pytest.mark.parametrize(
    "deed",
    [
        "kill at start",
        "crash at start",
        "kill midway",
        "shell tells of a kill",
        "stop midway",
        "fail midway",
        "lose bytes",
        "bad status",
        "nothing",
        "garbage words",
        "garbage bytes",
    ],
)
def test_a_probe_that_fails_is_not_blamed_on_the_video(plan, sound_clip, deed):
    plan("scan", deed, count=600)

    with pytest.raises(MediaError, match="ffmpeg failed while") as error:
        VideoReader(sound_clip)

    assert str(sound_clip) in one_line(error.value)


@pytest.mark.parametrize(
    "deed",
    [
        "kill at start",
        "crash at start",
        "kill midway",
        "shell tells of a kill",
        "stop midway",
        "fail midway",
        "out of memory",
        "kill at end",
        "bad status",
        "nothing",
        "garbage words",
        "fewer frames",
        "empty file",
    ],
)
def test_an_encoder_that_fails_leaves_the_earlier_result(plan, earlier, deed):
    plan("encode", deed)

    with pytest.raises(MediaError, match="the encoder stopped") as error:
        write(earlier)

    assert str(earlier) in one_line(error.value)
    assert_untouched(earlier)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif"])
@pytest.mark.parametrize("deed", ["full disk", "limited disk"])
def test_a_full_disk_is_named_and_leaves_the_earlier_result(plan, earlier, suffix, deed):
    earlier = earlier.rename(earlier.with_suffix(suffix))
    plan("encode", deed, count=20_000)

    with pytest.raises(WriteError, match="File too large") as error:
        write(earlier)

    assert str(earlier) in one_line(error.value)
    assert_untouched(earlier)


@pytest.mark.parametrize(
    "deed", ["kill at start", "kill at end", "nothing", "garbage words", "bad status", "empty file"]
)
def test_a_failure_beside_the_sound_is_not_blamed_on_it(plan, earlier, sound_clip, deed):
    driver = VideoReader(sound_clip)
    plan("mix", deed)

    with pytest.raises(MediaError, match="Cannot write"):
        write(earlier, audio_from=driver)

    assert_untouched(earlier)


@pytest.mark.parametrize("deed", ["full disk", "limited disk"])
def test_a_disk_that_fills_beside_the_sound_is_named(plan, earlier, sound_clip, deed):
    driver = VideoReader(sound_clip)
    plan("mix", deed, count=20_000)

    with pytest.raises(WriteError, match="File too large"):
        write(earlier, audio_from=driver)

    assert_untouched(earlier)


@pytest.mark.parametrize("deed", ["kill at start", "nothing", "fail midway"])
def test_a_sound_decoder_that_fails_is_an_error(plan, sound_clip, deed):
    reader = VideoReader(sound_clip)
    plan("sound", deed, count=1000)

    with pytest.raises(MediaError, match="decoding the sound"):
        read_sound(reader, 1.0)


def test_sound_that_cannot_be_decoded_is_told_of(plan, sound_clip, caplog):
    reader = VideoReader(sound_clip)
    plan("sound", "garbage words")

    with caplog.at_level(logging.WARNING):
        assert read_sound(reader, 1.0) is None

    assert "jabberwocky" in caplog.records[0].getMessage()


@pytest.mark.parametrize("kind", ["missing", "not executable", "another machine's", "empty", "folder"])
def test_an_ffmpeg_that_cannot_start_is_named_before_the_work(monkeypatch, tmp_path, earlier, sound_clip, kind):
    program = tmp_path / f"ffmpeg {kind}"
    if kind == "folder":
        program.mkdir()
    elif kind != "missing":
        program.write_bytes(b"" if kind == "empty" else b"\x7fELF\x02\x01\x01" + b"\0" * 57)
        program.chmod(0o644 if kind == "not executable" else 0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))

    with pytest.raises(MissingPackage) as reading:
        VideoReader(sound_clip)
    with pytest.raises(MissingPackage):
        VideoWriter(earlier, 25)

    assert str(program) in one_line(reading.value)
    assert_untouched(earlier)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["scan", "decode", "encode"])
def test_an_ffmpeg_that_hangs_is_given_up(plan, earlier, sound_clip, monkeypatch, stage):
    monkeypatch.setattr(process, "STALL_S", 2)
    plan(stage, "hang")

    with pytest.raises(MediaError, match="did nothing for 2 seconds"):
        if stage == "encode":
            write(earlier)
        else:
            list(VideoReader(sound_clip))

    assert_untouched(earlier)


def test_an_encoder_that_hangs_at_its_end_is_given_up(plan, earlier, monkeypatch):
    monkeypatch.setattr(process, "STALL_S", 2)
    plan("encode", "hang at end")

    with pytest.raises(MediaError, match="did nothing for 2 seconds"):
        write(earlier)

    assert_untouched(earlier)


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("[in#0 @ 0x1] Error during demuxing: Input/output error", None),
        ("[out#0/mp4 @ 0x1] Error writing trailer: Input/output error", "Input/output error"),
        ("av_interleaved_write_frame(): No space left on device", "No space left on device"),
    ],
)
def test_a_disk_that_cannot_be_read_is_not_taken_for_one_that_cannot_be_written(said, refused):
    assert process.Ending(1, said, None).unwritten == refused


def test_noise_in_the_sound_is_not_blamed_on_the_pictures(ffmpeg, tmp_path, caplog):
    path = tmp_path / "noisy.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=96x64:rate=25:duration=2", "-f", "lavfi", "-i", "sine=440:duration=2"),
        *("-bsf:a", "noise=amount=3", "-c:a", "libmp3lame", path),
    )

    with caplog.at_level(logging.WARNING):
        frames = list(VideoReader(path))

    assert len(frames) == 50
    assert caplog.records == []


def test_damage_within_the_pictures_keeps_the_frames_before_it(ffmpeg, sound_clip, tmp_path, caplog):
    path = tmp_path / "damaged.mkv"
    ffmpeg("-i", sound_clip, "-an", "-c", "copy", "-bsf:v", "noise=amount=if(gt(n\\,30)\\,20\\,0)", path)

    with caplog.at_level(logging.WARNING):
        frames = list(VideoReader(path))

    assert len(frames) > 25
    assert "is damaged" in caplog.records[0].getMessage()
