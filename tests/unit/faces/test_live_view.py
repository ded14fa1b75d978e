"""The driver's view while the video is still going on."""

from typing import Any

import numpy as np
import pytest

from fom_core.faces.detection import Detection
from fom_core.faces.live_view import AWAY, EVERY, LiveView

HEIGHT, WIDTH = 240, 320


class Bright:
    """A detector whose face is what shines in a picture."""

    name = "bright"

    def __init__(self):
        self.looks = []

    def detect(self, image):
        self.looks.append(image.shape[:2])
        y, x = np.nonzero(image[..., 0] > 128)
        if not len(x):
            return []
        return [Detection((float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1)), 0.9)]


def frame(left=None, top=90, side=60, size=(HEIGHT, WIDTH)):
    """A dark picture with a bright square, or without."""
    picture = np.zeros((*size, 3), np.uint8)
    if left is not None:
        picture[top : top + side, left : left + side] = 255
    return picture


def lefts_of(boxes):
    return [box[0] for box in boxes]


def watched(view, *frames) -> list[Any]:
    return [view(each) for each in frames]


def test_the_first_frame_that_shows_a_face_gives_a_view_that_stays():
    view = LiveView(Bright())

    boxes = watched(view, frame(), *[frame(130 + shift) for shift in (0, 1, -1) * 20])

    assert boxes[0] is None
    found = next(number for number, box in enumerate(boxes) if box is not None)
    assert found <= 3
    assert set(boxes[found:]) == {boxes[found]}
    x0, y0, x1, y1 = boxes[found]
    assert x1 - x0 == y1 - y0 == pytest.approx(105, abs=3)  # 1.75 faces


def test_only_every_tenth_frame_is_looked_at_and_only_around_the_face():
    detector = Bright()

    watched(LiveView(detector), *[frame(130)] * (3 * EVERY + 1))

    assert detector.looks == [(HEIGHT, WIDTH), (320, 320)] + [(320, 320)] * 3  # the first face is looked at twice


def test_the_view_glides_after_a_face_that_leaves_it():
    view = LiveView(Bright())
    (before,) = lefts_of(watched(view, *[frame(100)] * EVERY)[-1:])

    boxes = watched(view, *[frame(100 + min(3 * step, 100)) for step in range(120)])

    lefts = np.array(lefts_of(boxes))
    assert lefts[-1] - before == pytest.approx(100, abs=10)
    assert np.abs(np.diff(lefts)).max() < 20  # pixels in a frame: no jump
    assert boxes[-1] == boxes[-5]  # arrived


def test_the_view_follows_a_face_that_comes_near():
    view = LiveView(Bright())
    watched(view, *[frame(130, side=40)] * EVERY)

    boxes = watched(
        view, *[frame(130 - step, 90 - step, 40 + 2 * step) for step in range(41)], *[frame(90, 50, 120)] * 80
    )

    assert boxes[-1][2] - boxes[-1][0] > 1.5 * 120 > 1.5 * (boxes[0][2] - boxes[0][0])


def test_a_face_that_is_gone_is_unseen_at_the_next_look_and_sought_more_often():
    detector = Bright()
    view = LiveView(detector)
    watched(view, *[frame(130)] * (EVERY - 1))

    seen = [(view(frame()), view.seen)[1] for _ in range(20)]

    assert seen[:2] == [True, False]
    assert len(detector.looks) >= 1 + 20 // 3


def test_a_face_that_comes_back_elsewhere_has_a_view_of_its_own_at_once():
    view = LiveView(Bright())
    watched(view, *[frame(20)] * EVERY, *[frame()] * (3 * AWAY + 3))

    boxes = watched(view, *[frame(230)] * 4)

    assert view.seen
    assert boxes[-1][0] == pytest.approx(230 + 30 - 105 / 2, abs=1)


@pytest.mark.parametrize("side", [12, 60])
def test_what_is_small_or_no_face_in_a_closer_look_is_nobody(side):
    class Fooled(Bright):
        def detect(self, image):
            return super().detect(image) if image.shape[0] == HEIGHT else []

    view = LiveView(Bright() if side == 12 else Fooled())

    assert watched(view, *[frame(130, side=side)] * 10) == [None] * 10
    assert not view.seen


def test_somebody_elses_face_does_not_take_the_place_at_once():
    view = LiveView(Bright())
    before = watched(view, *[frame(20)] * EVERY)[-1]

    assert watched(view, *[frame(230)] * 3)[-1] == before
    assert not view.seen


def test_a_frame_that_shows_little_else_than_a_face_is_seen_whole():
    close = [frame(50, 50, 130, (240, 240))] * 30
    auto, face = LiveView(Bright()), LiveView(Bright(), "face")

    assert watched(auto, *close)[-1] is None and auto.seen
    assert watched(face, *close)[-1] is not None


@pytest.mark.parametrize("view", [LiveView(None), LiveView(Bright(), "none")])
def test_whole_frames_are_looked_at_where_no_face_is_asked_for(view):
    assert watched(view, frame(130), frame()) == [None, None]
    assert view.seen


def test_faces_of_large_frames_are_sought_in_a_small_copy():
    detector = Bright()

    box = LiveView(detector)(frame(700, 400, 200, (960, 1280)))

    assert detector.looks == [(288, 384), (320, 320)]
    assert box == pytest.approx((625, 309, 975, 659), abs=8)


SQUARE = (240, 240)


def test_a_face_that_goes_far_off_is_followed_where_the_whole_frame_was_seen():
    view = LiveView(Bright())
    near = watched(view, *[frame(50, 50, 130, SQUARE)] * 20)

    far = watched(view, *[frame(90, 90, 50, SQUARE)] * 120)

    assert near[-1] is None
    widths = [box[2] - box[0] for box in far if box is not None]
    assert widths[0] > 200  # glides from the whole frame
    assert widths[-1] == pytest.approx(1.75 * 50, abs=3)


def test_a_whole_frame_stays_while_the_face_moves_a_little():
    view = LiveView(Bright())

    boxes = watched(view, *[frame(60 - step % 12, 60, 104 + step % 12, SQUARE) for step in range(120)])

    assert boxes == [None] * 120 and view.seen


def test_somebody_who_comes_later_is_seen_in_a_whole_frame_or_not_as_the_frames_are_then():
    view = LiveView(Bright())
    watched(view, *[frame(50, 50, 130, SQUARE)] * EVERY, *[frame(size=SQUARE)] * (3 * AWAY + 3))

    far = watched(view, *[frame(90, 90, 50, SQUARE)] * 4)[-1]
    watched(view, *[frame(size=SQUARE)] * (3 * AWAY + 3 + EVERY))
    near = watched(view, *[frame(50, 50, 130, SQUARE)] * 4)[-1]

    assert far is not None and far[2] - far[0] == pytest.approx(1.75 * 50, abs=3)
    assert near is None and view.seen
