"""Frames that are dropped rather than late."""

import threading
import time

import numpy as np
import pytest

from fom_core.errors import MediaError
from fom_core.live import Capture, Captured, Newest, Playing
from fom_core.media import VideoReader

FRAME = np.zeros((2, 2, 3), np.uint8)


def test_a_new_frame_takes_the_place_of_one_that_nobody_took():
    newest = Newest()
    for moment in (1.0, 2.0, 3.0):
        newest.put(Captured(FRAME, moment))

    taken = newest.take(0)

    assert taken is not None and taken.at_s == 3.0
    assert newest.take(0) is None
    assert newest.dropped == 2


def test_the_last_frame_is_taken_before_the_end_is_told():
    newest = Newest()
    newest.put(Captured(FRAME, 1.0))
    newest.end()

    assert not newest.ended
    assert newest.take(0) is not None
    assert newest.take(0) is None and newest.ended


def test_what_ends_the_frames_is_raised_where_they_are_taken():
    def frames(stopped):
        yield Captured(FRAME, 1.0)
        raise MediaError("The camera 0 is lost.")

    with Capture(frames) as capture, pytest.raises(MediaError, match="is lost"):
        while capture.newest.take(5) is not None:
            pass


def test_a_frame_is_waited_for():
    newest = Newest()
    threading.Timer(0.05, newest.put, [Captured(FRAME, 1.0)]).start()

    assert newest.take(5) is not None


def test_leaving_stops_the_capture_and_closes_its_frames():
    closed = threading.Event()

    def frames(stopped):
        try:
            while True:
                yield Captured(FRAME, time.monotonic())
                time.sleep(0.001)
        finally:
            closed.set()

    with Capture(frames) as capture:
        assert capture.newest.take(5) is not None

    assert closed.wait(5)


def test_a_video_plays_at_its_own_rate(sound_clip):
    with VideoReader(sound_clip) as reader:
        feed = Playing(reader)
        began_s = time.monotonic()
        moments = [captured.at_s for captured in feed.frames(threading.Event())]

    assert len(moments) == 60
    assert time.monotonic() - began_s >= 59 / reader.fps
    np.testing.assert_allclose(np.diff(moments), 1 / reader.fps, atol=1e-6)


def test_a_video_that_plays_over_and_over_goes_on_until_it_is_stopped(clip_file):
    stopped = threading.Event()
    with VideoReader(clip_file) as reader:
        feed = Playing(reader, loop=True)
        feed.fps = 1000.0
        frames = []
        for captured in feed.frames(stopped):
            frames.append(captured.frame)
            if len(frames) == 30:
                stopped.set()

    assert len(frames) == 30
    np.testing.assert_array_equal(frames[0], frames[12])
