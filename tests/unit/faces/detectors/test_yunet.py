"""YuNet through OpenCV, whose level of messages all threads share."""

from __future__ import annotations

import threading

import cv2
import pytest

from fom_core.errors import UnsupportedModel
from fom_core.faces.detectors.yunet import YuNetDetector, errors_only


@pytest.mark.skipif(not hasattr(cv2.utils, "logging"), reason="OpenCV before 4.13 does not warn")
def test_threads_that_open_networks_leave_the_level_of_messages_as_it_was():
    before, entered = cv2.utils.logging.getLogLevel(), threading.Event()

    def other() -> None:
        with errors_only():
            entered.set()

    with errors_only():
        thread = threading.Thread(target=other)
        thread.start()
        beside = entered.wait(0.1)
    thread.join()

    assert not beside, "the second one would keep the first one's level"
    assert cv2.utils.logging.getLogLevel() == before


@pytest.mark.parametrize("name", ["mine.onnx", "mine.safetensors"])
def test_another_file_than_yunet_s_is_told_with_what_fetches_it(tmp_path, name):
    (tmp_path / name).write_bytes(b"no network")

    with pytest.raises(UnsupportedModel, match=r"does not open as one\. Give the one that `fom weights download"):
        YuNetDetector(tmp_path / name)
