import numpy as np
import pytest

from fom_core.errors import NoFaceFound
from fom_core.faces.detection import Detection
from fom_core.faces.tracking import driving_crop, driving_view


class Script:
    """A detector that finds, frame by frame, the boxes it was given."""

    name = "script"

    def __init__(self, frames):
        self.frames = iter(frames)

    def detect(self, image):
        return [Detection(box, 0.9) for box in next(self.frames)]


def video(length, height=400, width=600):
    return (np.zeros((height, width, 3), np.uint8) for _ in range(length))


def face(x, y, side=100.0):
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def test_a_still_face_gets_the_framing_of_the_training_crops():
    box = driving_crop(video(5), Script([[face(300, 200)]] * 5), every=1)
    assert box is not None
    assert box == pytest.approx((300 - 87.5, 192 - 87.5, 300 + 87.5, 192 + 87.5), abs=1)
    assert box[2] - box[0] == box[3] - box[1]


def test_one_bad_frame_does_not_move_the_view():
    steady = driving_crop(video(9), Script([[face(300, 200)]] * 9), every=1)
    shaken = driving_crop(video(9), Script([[face(300, 200)]] * 8 + [[face(310, 205, 140)]]), every=1)
    assert shaken == pytest.approx(steady, abs=2)


def test_the_view_is_wide_enough_for_a_face_that_travels():
    path = [[face(x, 200)] for x in range(250, 351, 10)]
    x0, _, x1, _ = driving_crop(video(len(path)), Script(path), every=1) or (0, 0, 0, 0)
    assert x0 <= 200 and x1 >= 400


def test_it_follows_the_largest_face_of_the_first_frame():
    frames = [[face(150, 200), face(450, 200, 60)], [face(450, 200, 130), face(152, 200)], [face(450, 200, 130)]]
    x0, _, x1, _ = driving_crop(video(3), Script(frames), every=1) or (0, 0, 0, 0)
    assert (x0 + x1) / 2 == pytest.approx(151, abs=1)


def test_the_view_moves_into_the_picture_where_it_fits():
    box = driving_crop(video(1), Script([[face(50, 50)]]), every=1)
    assert box is not None and box[:2] == (0, 0)


def test_a_view_larger_than_the_picture_is_centred_on_it():
    box = driving_crop(video(1, 200, 300), Script([[face(150, 100, 160)]]), every=1)
    assert box is not None and box[1] == -12 and box[3] == 212


def test_the_view_shrinks_to_the_picture_before_it_passes_the_border():
    box = driving_crop(video(1, 200, 300), Script([[face(150, 100, 130)]]), every=1)
    assert box is not None and box[1] == 0 and box[3] == 200


def test_only_every_nth_frame_is_looked_at():
    assert driving_crop(video(10), Script([[], [face(300, 200)]]), every=5) is not None


def test_a_video_without_a_face_has_no_view():
    assert driving_crop(video(3), Script([[], [], []]), every=1) is None


def test_progress_counts_the_frames_looked_through():
    calls = []
    driving_crop(video(4), Script([[face(300, 200)]]), every=5, progress=lambda done, total: calls.append(done))
    assert calls == [1, 2, 3, 4]


def test_a_driver_who_leaves_the_picture_is_warned_about(caplog):
    script = [[face(300, 200)]] * 6 + [[]] * 4
    assert driving_crop(video(10), Script(script), every=1) is not None
    assert "out of sight in 4 of 10" in caplog.text


TWO_PEOPLE = [face(450, 200, 130), face(150, 200)]


@pytest.mark.parametrize(("choose", "expected"), [(None, 450), (1, 150), (2, 450)])
def test_the_driver_is_the_largest_face_or_the_one_that_was_chosen_from_the_left(choose, expected):
    frames = [[], TWO_PEOPLE, [face(152, 200, 140), face(449, 200)]]
    x0, _, x1, _ = driving_crop(video(3), Script(frames), every=1, choose=choose) or (0, 0, 0, 0)
    assert (x0 + x1) / 2 == pytest.approx(expected, abs=3)


def test_a_driver_that_is_not_in_the_first_frame_with_faces_is_refused():
    with pytest.raises(NoFaceFound, match=r"talk.mp4 that shows a face shows 2, so there is no face 3"):
        driving_crop(video(2), Script([TWO_PEOPLE, TWO_PEOPLE]), every=1, choose=3, name="talk.mp4")


def test_a_chosen_driver_is_looked_at_even_where_the_video_shows_little_else():
    prepared = [[face(100, 110, 100)]]
    assert driving_view(video(1, 200, 200), (200, 200), Script(prepared), frame_count=1) is None
    assert driving_view(video(1, 200, 200), (200, 200), Script(prepared), frame_count=1, choose=1) is not None


def test_a_chosen_driver_that_nobody_sees_is_an_error():
    assert driving_view(video(1), (400, 600), Script([[]]), frame_count=1) is None
    with pytest.raises(NoFaceFound, match="driving crop none"):
        driving_view(video(1), (400, 600), Script([[]]), frame_count=1, choose=1)
