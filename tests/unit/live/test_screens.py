"""A recording, a virtual camera and a window."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fom_core.errors import MediaError, MissingPackage, UsageError, WriteError
from fom_core.live import Controls, LiveRecording, VirtualCamera, Window
from fom_core.live import screens as screens_module
from fom_core.live.screens import fitted
from fom_core.media import VideoReader

ROOT = Path(__file__).resolve().parents[3]
SIZE = (48, 64)


def grey(level, size=SIZE):
    return np.full((*size, 3), level, np.uint8)


def levels(path):
    with VideoReader(path) as reader:
        return [round(float(frame.mean())) for frame in reader]


def test_a_recording_shows_each_frame_at_its_moment_and_holds_the_last_one(tmp_path):
    recording = LiveRecording(tmp_path / "live.png", 10, SIZE)
    for moment, level in ((5.0, 50), (5.11, 100), (5.5, 200), (5.52, 250)):
        recording.show(grey(level), moment, "")
    recording.close()

    assert recording.frame_count == 6
    assert levels(tmp_path) == [50, 100, 100, 100, 100, 200]


def test_a_recording_can_begin_before_the_first_frame_that_is_shown(tmp_path):
    recording = LiveRecording(tmp_path / "live.png", 10, SIZE)
    recording.began_s = 1.0
    recording.show(grey(80), 1.3, "")
    recording.close()

    assert levels(tmp_path) == [80] * 4


def test_pictures_of_another_size_are_fitted_in(tmp_path):
    recording = LiveRecording(tmp_path / "live.mp4", 25, SIZE)
    recording.show(grey(200), 0.0, "")
    recording.show(grey(200, (96, 64)), 0.04, "")
    recording.close()

    with VideoReader(recording.path) as reader:
        first, second = list(reader)
    assert first.min() > 190
    assert second[:, 20:44].min() > 190 and second[:, :12].max() < 20


def test_a_recording_without_frames_leaves_nothing(tmp_path):
    recording = LiveRecording(tmp_path / "new" / "live.mp4", 25, SIZE)
    recording.close()

    assert list(tmp_path.iterdir()) == []


def test_a_recording_where_none_can_be_is_refused_at_once(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(WriteError):
        LiveRecording(tmp_path / "file" / "live.mp4", 25, SIZE)


def test_what_writing_meets_is_raised_and_nothing_is_left(tmp_path, monkeypatch):
    recording = LiveRecording(tmp_path / "live.mp4", 25, SIZE)

    def fail(frame):
        raise WriteError("No space left on the disk.")

    monkeypatch.setattr(recording._writer, "write", fail)
    recording.show(grey(1), 0.0, "")

    with pytest.raises(WriteError, match="No space"):
        recording.close()
    assert list(tmp_path.iterdir()) == []


INTERRUPTED = """
import faulthandler, random, signal, sys
import numpy as np
from fom_core.live import LiveRecording

class Stop(BaseException): pass
def stop(*_): raise Stop

signal.signal(signal.SIGALRM, stop)
faulthandler.dump_traceback_later(40, exit=True)
frame = np.zeros((2, 2, 3), np.uint8)
for _ in range(40):
    recording = LiveRecording(sys.argv[1] + "/live.png", 10, (2, 2))
    recording._add = lambda *_: None
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 2e-3))
            while True: recording.show(frame, 0.0, "")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            recording.close()
    except Stop:
        pass
print("ended")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a timer that raises in the main thread")
def test_a_signal_at_any_moment_lets_a_recording_end(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("ended\n", "")


@pytest.mark.parametrize(("shape", "place"), [((48, 64), (0, 48, 0, 64)), ((24, 64), (12, 36, 0, 64)),
                                              ((96, 64), (0, 48, 16, 48))])  # fmt: skip
def test_a_frame_is_fitted_into_the_middle_of_black(shape, place):
    whole = fitted(grey(90, shape), SIZE)

    top, bottom, left, right = place
    assert whole.shape == (*SIZE, 3)
    assert (whole[top:bottom, left:right] == 90).all()
    assert whole.sum() == 90 * 3 * (bottom - top) * (right - left)


class FakeCamera:
    """What pyvirtualcam opens."""

    def __init__(self, width, height, fps, device):
        self.size, self.sent, self.closed = (height, width), [], False
        self.device = device or "/dev/video9"

    def send(self, frame):
        assert frame.shape[:2] == self.size
        self.sent.append(frame)

    def close(self):
        self.closed = True


def test_a_virtual_camera_gets_frames_of_one_size(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvirtualcam", SimpleNamespace(Camera=FakeCamera))

    camera = VirtualCamera(SIZE, 30.0)
    camera.show(grey(1), 0.0, "")
    camera.show(grey(2, (30, 30)), 0.0, "")
    camera.close()

    assert camera.device == "/dev/video9"
    assert len(camera._camera.sent) == 2 and camera._camera.closed


def test_a_system_without_a_virtual_camera_is_one_line(monkeypatch):
    def refuse(**_):
        raise RuntimeError("v4l2loopback backend: no device found.\n  Did you load it?")

    monkeypatch.setitem(sys.modules, "pyvirtualcam", SimpleNamespace(Camera=refuse))

    with pytest.raises(MediaError, match=r"^No virtual camera opens \(v4l2loopback backend: no device found\. Did you"):
        VirtualCamera(SIZE, 30.0)


def test_a_virtual_camera_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)

    with pytest.raises(MissingPackage, match="pip install pyvirtualcam"):
        VirtualCamera(SIZE, 30.0)


def test_a_window_without_a_screen_is_one_line(monkeypatch):
    monkeypatch.setattr(screens_module, "_has_screen", lambda: False)

    with pytest.raises(UsageError, match=r"no screen here .* --serve PORT"):
        Window(Controls())


def test_a_build_of_opencv_without_windows_is_one_line(monkeypatch):
    def refuse(*_):
        raise screens_module.cv2.error("The function is not implemented. Rebuild the library with Windows, GTK+")

    monkeypatch.setattr(screens_module, "_has_screen", lambda: True)
    monkeypatch.setattr(screens_module.cv2, "namedWindow", refuse)

    with pytest.raises(UsageError, match="built without windows"):
        Window(Controls())


@pytest.mark.parametrize("error", [None, screens_module.cv2.error("NULL guiReceiver (please create a window)")])
def test_closing_the_window_stops(monkeypatch, error):
    def closed(*_):
        if error is not None:
            raise error
        return -1.0

    monkeypatch.setattr(screens_module, "_has_screen", lambda: True)
    for name in ("namedWindow", "resizeWindow", "imshow"):
        monkeypatch.setattr(screens_module.cv2, name, lambda *_: None)
    monkeypatch.setattr(screens_module.cv2, "pollKey", lambda: -1)
    for name in ("getWindowProperty", "destroyAllWindows"):
        monkeypatch.setattr(screens_module.cv2, name, closed)
    controls = Controls()

    window = Window(controls)
    window.show(grey(60), 0.0, "")
    window.close()

    assert controls.asked() == ["stop"]


def test_keys_of_a_window_are_commands_and_i_hides_the_words(monkeypatch):
    shown, keys = [], iter([ord("n"), ord("i"), -1, ord("q")])
    monkeypatch.setattr(screens_module, "_has_screen", lambda: True)
    for name, stand_in in {
        "namedWindow": lambda *_: None,
        "resizeWindow": lambda *_: None,
        "imshow": lambda _, picture: shown.append(picture),
        "pollKey": lambda: next(keys),
        "getWindowProperty": lambda *_: 1.0,
        "destroyAllWindows": lambda: None,
    }.items():
        monkeypatch.setattr(screens_module.cv2, name, stand_in)
    controls = Controls()

    window = Window(controls)
    for _ in range(4):
        window.show(grey(60), 0.0, "25.0 frames/s  40 ms")
    window.close()

    assert controls.asked() == ["next", "stop"]
    assert [int(picture.max()) > 60 for picture in shown] == [True, True, False, False]


def test_keys_of_a_window_are_seen_while_no_frame_comes(monkeypatch):
    monkeypatch.setattr(screens_module, "_has_screen", lambda: True)
    for name, stand_in in {
        "namedWindow": lambda *_: None,
        "pollKey": lambda: ord("q"),
        "getWindowProperty": lambda *_: 0.0,
        "destroyAllWindows": lambda: None,
    }.items():
        monkeypatch.setattr(screens_module.cv2, name, stand_in)
    controls = Controls()

    window = Window(controls)

    assert controls.asked() == ["stop"]
    window.close()
    assert controls.asked() == []
