"""The driver is the driver, though others pass in front."""

from __future__ import annotations

import cv2
import numpy as np

from fom_core.backends.load import load_model
from fom_core.driver import find_view, read_driver, read_motion
from fom_core.faces.detect import load_detector
from fom_core.faces.detection import Detection
from fom_core.faces.driver_face import DriverFace
from fom_core.faces.tracking import face_view
from fom_core.media import VideoReader

RED, BLUE = (220, 40, 40), (40, 60, 220)
SIDE = 40


class Squares:
    """Takes every square of one of the colours for a face, unless half of it or more is hidden."""

    name = "squares"

    def detect(self, image: np.ndarray) -> list[Detection]:
        found = []
        for colour in (RED, BLUE):
            there = np.abs(image.astype(int) - colour).max(axis=2) < 30
            rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
            if len(rows) and columns[-1] - columns[0] > SIDE / 2:
                found.append(Detection((float(columns[0]), float(rows[0]), columns[-1] + 1.0, rows[-1] + 1.0), 0.95))
        return found


def passing(speed: float = 6.0, count: int = 60) -> list[np.ndarray]:
    """Red stays, blue comes from the left, passes in front, and goes on to the right."""
    frames = []
    for t in range(count):
        frame = np.full((120, 400, 3), 90, np.uint8)
        frame[40 : 40 + SIDE, 180 : 180 + SIDE] = RED
        left = round(20 + speed * t)
        frame[40 : 40 + SIDE, left : left + SIDE] = BLUE
        frames.append(frame)
    return frames


def test_the_view_stays_with_the_driver_whom_somebody_passes():
    view = face_view(passing(), Squares(), every=2, choose=2)

    assert view.box is not None and view.seen is not None and view.covered is not None
    assert view.box[0] < 180 and view.box[2] > 220 and view.box[2] - view.box[0] < 90
    hidden = [frame for frame, seen in enumerate(view.seen) if not seen]
    assert hidden == list(range(23, 32))
    assert [frame for frame, covered in enumerate(view.covered) if covered] == hidden


def test_who_is_alone_is_the_driver_whatever_it_looks_like():
    driver = DriverFace()
    frame = np.zeros((100, 100, 3), np.uint8)
    face = Detection((30, 30, 70, 70), 0.9)
    for level in (0, 250, 20, 130):
        assert driver.among(frame + np.uint8(level), [face]) is face and not driver.covered


def test_a_place_without_a_face_is_not_covered():
    driver = DriverFace()
    frame = np.zeros((100, 100, 3), np.uint8)
    driver.among(frame, [Detection((30, 30, 70, 70), 0.9)])
    assert driver.among(frame, []) is None and not driver.covered


def test_a_driver_who_is_passed_by_somebody_moves_on_as_without(shared):
    """One real clip as the driver; the head of another one passes in front of it in a second."""
    media = shared / "data/media"
    driver = [
        cv2.resize(frame[..., :3], (320, 320), interpolation=cv2.INTER_AREA)
        for frame, _ in zip(VideoReader(media / "talk_audio_524.mp4"), range(75), strict=False)
    ]
    (other,) = (frame for frame, _ in zip(VideoReader(media / "expressive_512x480.mp4"), range(1), strict=False))
    head = cv2.resize(other[40:440, 60:460, :3], (230, 230), interpolation=cv2.INTER_AREA)
    alone = np.full((75, 320, 960, 3), 60, np.uint8)
    alone[:, :, 320:640] = driver
    passed = alone.copy()
    for t in range(75):
        left = -230 + 16 * t
        here = slice(max(left, 0), min(left + 230, 960))
        passed[t, 60:290, here] = head[:, here.start - left : here.stop - left]
    model, detector = load_model("mini", device="cpu"), load_detector("embedded")

    view = find_view(model, passed, detector, crop="face", choose=None)
    ours = read_driver(model, passed, 25.0, detector, view=view)

    assert view.box is not None and view.covered is not None and 5 <= sum(view.covered) <= 37
    truth = read_motion(model, alone, 25.0, box=view.box).keypoints.value
    raw = read_motion(model, passed, 25.0, box=view.box).keypoints.value
    covered = np.flatnonzero(view.covered)
    off, before = ((points[covered] - truth[covered]).norm(dim=-1).mean() for points in (ours.keypoints.value, raw))
    assert off < 0.5 * before
    assert np.asarray(ours.seen)[covered].sum() == 0
