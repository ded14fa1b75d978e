"""The loop: what is captured, asked for, shown and told."""

import threading
import time

import numpy as np
import pytest

from fom_core.errors import MediaError, UsageError
from fom_core.live import Camera, Capture, Captured, Controls, Meter, Playing, play
from fom_core.live import feeds as feeds_module
from fom_core.live import run as run_module
from fom_core.media import VideoReader


class Kept:
    """A screen that keeps what it is shown."""

    def __init__(self):
        self.frames, self.states, self.closed = [], [], False

    def show(self, frame, captured_s, state):
        self.frames.append(frame)
        self.states.append(state)

    def close(self):
        self.closed = True


def capture_of(frames, every_s=0.005):
    def give(stopped):
        for frame in frames:
            yield Captured(frame, time.monotonic())
            stopped.wait(every_s)

    return Capture(give)


def test_what_is_captured_is_shown_in_its_order_until_it_ends(animator, clip):
    screen, told = Kept(), []

    with capture_of(clip, 0.1) as capture:
        meter = play(capture, animator, [screen], Controls(), tell=told.append)

    assert len(screen.frames) == meter.frames == len(told) == 12 - capture.newest.dropped
    assert screen.frames[0].shape == (96, 96, 3)
    assert "frames/s" in told[-1] and told[-1].endswith("ms")


def test_frames_that_come_too_fast_are_dropped(animator, clip):
    screen = Kept()

    class Slow(Kept):
        def show(self, frame, captured_s, state):
            time.sleep(0.03)

    with capture_of([*clip] * 5, 0.002) as capture:
        meter = play(capture, animator, [screen, Slow()], Controls())

    assert meter.frames + capture.newest.dropped == 60
    assert capture.newest.dropped > 30
    assert meter.whole_latency_ms(0.5) < 100


def test_keys_change_the_picture_calibrate_and_stop(animator, clip):
    controls, calibrated = Controls(), []
    animator.calibrate = lambda: calibrated.append(True)
    controls.press("next")
    controls.press("calibrate")

    class Impatient(Kept):
        def show(self, frame, captured_s, state):
            super().show(frame, captured_s, state)
            if len(self.frames) == 3:
                controls.press("stop")

    screen = Impatient()
    with capture_of([*clip] * 100) as capture:
        play(capture, animator, [screen], controls)

    assert [frame.shape for frame in screen.frames] == [(64, 64, 3)] * 3
    assert calibrated == [True]
    with pytest.raises(UsageError, match="knows next, previous, calibrate, stop"):
        controls.press("dance")  # type: ignore[arg-type]


def test_the_driver_can_be_seen_as_in_a_mirror(animator, clip, monkeypatch):
    seen = []
    monkeypatch.setattr(type(animator), "__call__", lambda _, frame, at_s: seen.append(frame) or frame)

    with capture_of(clip[:1]) as capture:
        play(capture, animator, [], Controls(), mirror=True)

    np.testing.assert_array_equal(seen[0], clip[0][:, ::-1])


def test_it_ends_after_the_time_that_was_asked_for(animator, clip):
    began_s = time.monotonic()

    with capture_of([*clip] * 1000) as capture:
        play(capture, animator, [], Controls(), duration_s=0.3)

    assert 0.3 <= time.monotonic() - began_s < 3


def test_a_camera_that_gives_nothing_is_an_error(animator, monkeypatch):
    monkeypatch.setattr(run_module, "PATIENCE_S", 0.05)

    with Capture(silent) as capture, pytest.raises(MediaError, match="No frame has come from the camera 3 for"):
        play(capture, animator, [], Controls(), name="the camera 3")


class FakeVideoCapture:
    """A camera of OpenCV with two frames, or none at all."""

    opens, released = True, 0

    def __init__(self, number):
        self.left = 2

    def isOpened(self):
        return self.opens

    def set(self, *_):
        return True

    def get(self, _):
        return 0.0

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((4, 4, 3), (1, 2, 3), np.uint8)

    def release(self):
        FakeVideoCapture.released += 1


@pytest.fixture
def camera(monkeypatch):
    monkeypatch.setattr(feeds_module.cv2, "VideoCapture", FakeVideoCapture)
    monkeypatch.setattr(FakeVideoCapture, "released", 0)
    return FakeVideoCapture


def test_a_camera_gives_rgb_and_its_loss_is_one_line(camera):
    opened = Camera(0)
    frames = opened.frames(threading.Event())

    assert tuple(next(frames).frame[0, 0]) == (3, 2, 1)
    next(frames)
    with pytest.raises(MediaError, match=r"^The camera 0 is lost: it gives no further frame\. Plug it in again\.$"):
        next(frames)
    assert opened.fps == 30.0
    assert camera.released == 1


def test_a_camera_that_does_not_open_is_one_line(camera, monkeypatch):
    monkeypatch.setattr(camera, "opens", False)

    with pytest.raises(MediaError, match="The camera 7 does not open"):
        Camera(7)
    assert camera.released == 1


def test_a_video_drives_as_a_camera_would(animator, clip_file):
    screen = Kept()
    with VideoReader(clip_file) as reader, Capture(Playing(reader).frames) as capture:
        meter = play(capture, animator, [screen], Controls())

    assert 0 < meter.frames <= 12


def test_rate_and_latency_are_those_of_the_last_seconds_and_of_all():
    meter = Meter()
    for number in range(500):
        now_s = number / 25
        meter.shown(now_s - (0.2 if number < 100 else 0.04), now_s)

    assert meter.rate == pytest.approx(25)
    assert meter.latency_ms == pytest.approx(40)
    assert meter.whole_rate == pytest.approx(25)
    assert (meter.whole_latency_ms(0.5), meter.whole_latency_ms(0.95)) == (40, 200)
    assert len(meter._recent) <= 52  # of the last two seconds alone


def test_a_camera_that_is_closed_before_its_frames_begin_is_released_and_one_that_reads_is_left_to_its_thread(camera):
    Camera(0).close()
    assert camera.released == 1

    reading = Camera(0)
    frames = reading.frames(threading.Event())
    next(frames)
    reading.close()
    assert camera.released == 1
    frames.close()
    assert camera.released == 2


def silent(stopped):
    stopped.wait()
    yield from ()


def test_stopping_and_the_time_that_was_asked_for_do_not_wait_for_a_frame(animator):
    controls = Controls()
    threading.Timer(0.2, controls.press, ["stop"]).start()

    began_s = time.monotonic()
    with Capture(silent) as capture:
        play(capture, animator, [], controls)
        stopped_s = time.monotonic()
        play(capture, animator, [], controls, duration_s=0.3)
        ended_s = time.monotonic()

    assert 0.15 < stopped_s - began_s < 3
    assert 0.3 <= ended_s - stopped_s < 3


def test_what_is_polled_is_asked_while_no_frame_comes(animator):
    controls, polls = Controls(), []

    def pressed_at_last():
        polls.append(True)
        if len(polls) == 2:
            controls.press("stop")

    controls.poll(pressed_at_last)
    with Capture(silent) as capture:
        play(capture, animator, [], controls)

    assert len(polls) == 2


def test_the_name_of_a_file_is_told_as_it_is(animator, monkeypatch):
    monkeypatch.setattr(run_module, "PATIENCE_S", 0.05)

    with Capture(silent) as capture, pytest.raises(MediaError, match=r"No frame has come from /Videos/Anna\.MP4 for"):
        play(capture, animator, [], Controls(), name="/Videos/Anna.MP4")
