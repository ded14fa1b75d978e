"""`fom live`: a short file in the place of a camera."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from fom_core.cli import live
from fom_core.errors import MediaError, WriteError
from fom_core.live import Captured, screens
from fom_core.media import VideoReader, write_picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def whole(picture_file, sound_clip, tiny_weights):
    """A command that animates a picture as a whole with two seconds of video; add where it is shown."""
    crops = ["--source_crop", "none", "--driving_crop", "none"]
    words = ["live", "--source_image", picture_file, "--input", sound_clip, "--model", tiny_weights, *crops]
    return [*words, "--image_size", 64, "--cpu"]


def test_a_video_is_animated_as_it_plays_and_recorded_with_its_sound(fom, whole, tmp_path):
    began_s = time.monotonic()
    outcome = fom(*whole, "--output", tmp_path / "live.mp4")

    assert outcome.status == 0, outcome.messages
    assert outcome.results == [str(tmp_path / "live.mp4")]
    assert time.monotonic() - began_s >= 59 * 1001 / 30000
    told = re.match(r"(\d+) frames shown, [\d.]+ a second, (\d+) ms after .*; (\d+) left out\.$", outcome.messages[-1])
    assert told is not None
    assert int(told[1]) + int(told[3]) == 60
    with VideoReader(tmp_path / "live.mp4") as video:
        assert video.size == (70, 90)
        assert video.has_audio
        assert video.duration_s == pytest.approx(2.0, abs=0.2)


def test_it_ends_after_the_time_that_was_asked_for_and_plays_over_and_over(fom, whole, tmp_path):
    outcome = fom(*whole, "--loop", "--duration", 3, "--output", tmp_path / "live.mp4")

    assert outcome.status == 0, outcome.messages
    assert any("live.mp4 has its sound once; the rounds of --loop" in line for line in outcome.messages)
    with VideoReader(tmp_path / "live.mp4") as video:
        assert video.duration_s == pytest.approx(3.0, abs=0.3)


def test_the_picture_is_on_a_page_of_this_machine(fom, whole):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    jpegs, begun_s = [], time.monotonic()

    def watch():
        while not jpegs and time.monotonic() < begun_s + 60:
            time.sleep(0.05)
            with suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/frame.jpg")
                jpegs.append(connection.getresponse().read())

    watching = threading.Thread(target=watch)
    watching.start()
    outcome = fom(*whole, "--serve", port)
    watching.join()

    assert outcome.status == 0, outcome.messages
    assert f"Watch at http://127.0.0.1:{port}/" in outcome.messages
    assert jpegs[0].startswith(b"\xff\xd8")


def test_faces_of_several_pictures_are_found_before_it_begins(
    fom, picture_file, sound_clip, tiny_weights, two_faces, tmp_path
):
    other = tmp_path / "other.png"
    write_picture(other, next(iter(VideoReader(sound_clip))))
    words = ["live", "--source_image", picture_file, other, "--input", sound_clip, "--model", tiny_weights]

    outcome = fom(*words, "--image_size", 64, "--duration", 0.5, "--output", tmp_path / "live.mp4", "--cpu")

    assert outcome.status == 0, outcome.messages
    assert outcome.messages.count("1 of 2 faces moves; --multi_person moves all.") == 2


def test_a_virtual_camera_shows_the_mark_unless_it_is_told_not_to(fom, whole, monkeypatch):
    sent = {}

    class Camera:
        device = "/dev/video9"

        def __init__(self, size, fps, device=None):
            self.frames = sent.setdefault(len(sent), [])

        def show(self, frame, captured_s, state):
            self.frames.append(frame.copy())

        def close(self):
            pass

    monkeypatch.setattr(live, "VirtualCamera", Camera)
    for words in ([], ["--no_mark"]):
        assert fom(*whole, "--virtual_camera", "--duration", 0.4, *words).status == 0

    marked, plain = sent[0][0], sent[1][0]
    assert (marked[50:, 60:] != plain[50:, 60:]).any()
    assert (marked[:40, :40] == plain[:40, :40]).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--serve", 99999], "must be at most 65535"),
        (["--camera", 1], "exclude each other"),
        (["--gain", 2, "--no_relative"], "--gain weighs relative motion"),
        (["--mark", "--no_mark"], "exclude each other"),
        (["--chunk_size", 4], "--chunk_size"),
    ],
)
def test_wrong_usage_is_one_line(fom, whole, words, said):
    outcome = fom(*whole, *words)

    assert outcome.status == 2
    assert said in outcome.messages[-1]


def test_a_loop_without_a_video_is_refused(fom, picture_file):
    outcome = fom("live", "--source_image", picture_file, "--loop")

    assert (outcome.status, outcome.messages) == (
        2, ["fom: --loop plays a video over and over. Add --input FILE, or leave it out."],
    )  # fmt: skip


def test_a_session_without_a_screen_names_the_other_ways_before_anything_runs(fom, whole, monkeypatch):
    monkeypatch.setattr(screens, "_has_screen", lambda: False)

    outcome = fom(*whole)

    assert outcome.status == 2
    assert outcome.messages[-1].endswith("Watch by --serve PORT, or record by --output FILE.")


def test_a_camera_that_is_lost_is_one_line_and_what_was_recorded_is_kept(fom, whole, monkeypatch, tmp_path):
    class Lost:
        name, fps = "the camera 0", 25.0

        def __init__(self, number):
            assert number == 0

        def close(self):
            pass

        def frames(self, stopped):
            with VideoReader(whole[whole.index("--input") + 1]) as reader:
                for number, frame in enumerate(reader):
                    yield Captured(frame, time.monotonic())
                    time.sleep(0.04)
                    if number == 20:
                        raise MediaError("The camera 0 is lost: it gives no further frame. Plug it in again.")

    monkeypatch.setattr(live, "Camera", Lost)
    place = whole.index("--input")
    outcome = fom(*whole[:place], *whole[place + 2 :], "--output", tmp_path / "live.mp4")

    assert outcome.status == 1
    assert outcome.messages[-1] == "fom: The camera 0 is lost: it gives no further frame. Plug it in again."
    assert outcome.results == [str(tmp_path / "live.mp4")]
    with VideoReader(tmp_path / "live.mp4") as video:
        assert 10 <= video.frame_count <= 40


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals as a terminal does")
@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "Stopped."), (signal.SIGTERM, 143, "Terminated.")]
)
def test_a_signal_ends_it_in_a_word_and_completes_the_recording(whole, tmp_path, number, status, word):
    words = [*map(str, whole), "--loop", "--serve", "0", "--output", str(tmp_path / "live.mp4")]
    code = (
        "import fom_core.signals as s; s.starting(); from fom_core.__main__ import main; import sys; sys.exit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path, text=True, start_new_session=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - ignored in the background
    )  # fmt: skip
    assert process.stderr is not None
    while "Watch at" not in (line := process.stderr.readline()):
        assert line
    time.sleep(1)

    process.send_signal(number)
    results, messages = process.communicate(timeout=60)

    told = messages.splitlines()
    assert (process.returncode, told[1:]) == (status, [word])
    assert re.match(r"\d+ frames shown, [\d.]+ a second, .*; \d+ left out\.$", told[0])
    assert results.splitlines() == [str(tmp_path / "live.mp4")]
    with VideoReader(tmp_path / "live.mp4") as video:
        assert len(list(video)) > 5


def test_a_result_that_cannot_be_written_is_told_before_the_camera_opens(fom, whole, monkeypatch, tmp_path):
    def opened(number):
        raise AssertionError("the camera's light is on")

    monkeypatch.setattr(live, "Camera", opened)
    (tmp_path / "file").touch()
    place = whole.index("--input")
    words = [*whole[:place], *whole[place + 2 :]]

    for output in (tmp_path / "file" / "live.mp4", tmp_path / "live.txt"):
        outcome = fom(*words, "--output", output)

        assert outcome.status == 1, outcome.messages
        assert "light" not in outcome.messages[-1]


def test_a_camera_is_closed_whatever_fails_after_it_opened(fom, whole, monkeypatch, tmp_path):
    closed = []

    class Opened:
        name, fps = "the camera 0", 25.0

        def __init__(self, number):
            pass

        def frames(self, stopped):
            yield from ()

        def close(self):
            closed.append(True)

    def refuse(*_, **__):
        raise WriteError("No space left on the disk.")

    monkeypatch.setattr(live, "Camera", Opened)
    monkeypatch.setattr(live, "LiveRecording", refuse)
    place = whole.index("--input")
    outcome = fom(*whole[:place], *whole[place + 2 :], "--output", tmp_path / "live.mp4")

    assert outcome.messages[-1] == "fom: No space left on the disk."
    assert closed == [True]


def test_a_transparent_picture_is_laid_on_white_with_a_line(fom, whole, tmp_path):
    write_picture(tmp_path / "glass.png", np.full((70, 90, 4), (200, 100, 50, 60), np.uint8))
    words = [tmp_path / "glass.png" if word == whole[2] else word for word in whole]

    outcome = fom(*words, "--duration", 0.3, "--output", tmp_path / "live.mp4")

    assert outcome.status == 0, outcome.messages
    told = f"warning: {tmp_path / 'glass.png'} is transparent, which live frames are not: it is laid on white."
    assert outcome.messages.count(told) == 1
