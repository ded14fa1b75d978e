import numpy as np
import pytest

from fom_core.errors import NoFaceFound, UsageError
from fom_core.faces.detection import Detection
from fom_core.faces.tracking import driving_crop, driving_view, face_view, look_for_driver


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


def test_only_every_nth_frame_is_looked_at_once_there_is_a_face():
    assert driving_crop(video(10), Script([[face(300, 200)], [face(300, 200)]]), every=5) is not None


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


def test_a_part_whose_looked_at_frames_show_no_face_moves_nothing_and_says_so(caplog):
    found_between = [[], [face(300, 200)], [], []]  # frames 0, 3, 5 and 10 are looked at
    face_view(video(11), Script(found_between), every=5, name="part.mp4")
    (record,) = caplog.records
    assert record.message.startswith("None of the 3 looked-at frames of part.mp4 shows the driver's face, so nothing")


TWO_PEOPLE = [face(450, 200, 130), face(150, 200)]


@pytest.mark.parametrize(("choose", "expected"), [(None, 450), (1, 150), (2, 450)])
def test_the_driver_is_the_largest_face_or_the_one_that_was_chosen_from_the_left(choose, expected):
    frames = [[], TWO_PEOPLE, [face(152, 200, 140), face(449, 200)]]
    x0, _, x1, _ = driving_crop(video(3), Script(frames), every=1, choose=choose) or (0, 0, 0, 0)
    assert (x0 + x1) / 2 == pytest.approx(expected, abs=3)


def test_a_driver_that_is_not_in_the_first_frame_with_faces_is_refused():
    with pytest.raises(UsageError, match=r"talk.mp4 that shows a face shows 2, so there is no face 3"):
        driving_crop(video(2), Script([TWO_PEOPLE, TWO_PEOPLE]), every=1, choose=3, name="talk.mp4")


def test_a_chosen_driver_is_looked_at_even_where_the_video_shows_little_else():
    prepared = [[face(100, 110, 100)]]
    assert driving_view(video(1, 200, 200), (200, 200), Script(prepared), frame_count=1) is None
    assert driving_view(video(1, 200, 200), (200, 200), Script(prepared), frame_count=1, choose=1) is not None


def test_a_chosen_driver_that_nobody_sees_is_an_error():
    assert driving_view(video(1), (400, 600), Script([[]]), frame_count=1) is None
    with pytest.raises(NoFaceFound, match="driving crop none"):
        driving_view(video(1), (400, 600), Script([[]]), frame_count=1, choose=1)


class Scene:
    """A detector for a video whose frames hold their number in the first pixel; it sees a face in some of them."""

    name = "scene"

    def __init__(self, shows):
        self.shows = shows
        self.asked = []

    def detect(self, image):
        number = int(image[0, 0, 0])
        self.asked.append(number)
        return [Detection(face(300, 200), 0.9)] if self.shows(number) else []


def numbered(length):
    for number in range(length):
        frame = np.zeros((400, 600, 3), np.uint8)
        frame[0, 0] = number
        yield frame


def test_a_driver_who_is_there_all_the_time_is_seen_in_every_frame():
    scene = Scene(lambda number: True)
    assert face_view(numbered(43), scene, every=10).seen == (True,) * 43
    assert scene.asked == [0, 10, 20, 30, 40]


def test_the_first_sight_of_a_driver_who_fades_in_is_exact_to_three_frames():
    for entrance in (1, 17, 40, 100):
        seen = face_view(numbered(120), Scene(lambda number, start=entrance: number >= start), every=30).seen or ()
        assert entrance <= seen.index(True) < entrance + 3
        assert all(seen[seen.index(True) :])


def test_a_video_that_never_shows_a_face_is_looked_at_closely_at_its_start_alone():
    scene = Scene(lambda number: False)
    view = face_view(numbered(250), scene, every=50)
    assert (view.box, view.seen) == (None, None)
    assert len(scene.asked) < 60


def test_between_a_look_that_finds_the_face_and_one_that_does_not_it_is_not_seen():
    seen = face_view(numbered(40), Scene(lambda number: number < 14 or number >= 27), every=10).seen or ()
    assert [number for number, here in enumerate(seen) if here] == [*range(11), *range(30, 40)]


def test_something_small_where_the_face_was_is_not_the_driver():
    script = [[face(300, 200)]] * 8 + [[face(320, 210, 15)]] * 2
    assert face_view(video(10), Script(script), every=1).seen == (True,) * 8 + (False,) * 2


def test_a_face_counts_as_seen_once_it_has_most_of_its_contrast():
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3))
    fading = [(noise * min(1.0, number / 50)).astype(np.uint8) for number in range(200)]
    seen = face_view(fading, Script([[face(300, 200)]] * 5), every=40).seen or ()
    assert 30 <= seen.index(True) <= 33
    assert all(seen[33:])


def test_a_face_that_is_not_yet_clear_does_not_move_the_view():
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3))
    fading = [(noise * share).astype(np.uint8) for share in (0.2, 1.0, 1.0)]
    box = driving_crop(fading, Script([[face(330, 200, 150)], [face(300, 200)], [face(300, 200)]]), every=1)
    assert box == driving_crop(fading[1:], Script([[face(300, 200)]] * 2), every=1)


def test_a_view_of_the_whole_frame_knows_where_the_driver_is_seen_too():
    close = [face(200, 200, 300)]

    class Close(Scene):
        def detect(self, image):
            return [Detection(close[0], 0.9)] if super().detect(image) else []

    frames = [frame[:, :400] for frame in numbered(12)]
    view = look_for_driver(frames, (400, 400), Close(lambda number: number >= 6), frame_count=12)
    assert view.box is None
    assert view.seen == (False,) * 6 + (True,) * 6


def test_nobody_looks_where_the_whole_frame_was_asked_for():
    view = look_for_driver(numbered(3), (400, 600), Script([]), "none", frame_count=3)
    assert (view.box, view.seen) == (None, None)


def test_a_face_that_was_asked_for_and_is_nowhere_is_an_error():
    with pytest.raises(NoFaceFound, match="script"):
        look_for_driver(video(3), (400, 600), Script([[]] * 3), "face", frame_count=3)


def test_the_view_tells_how_large_the_driver_is_and_how_many_faces_there_were_at_first():
    frames = [[], [face(150, 200, 90), face(450, 200, 60)], [face(150, 200, 100)], [face(150, 200, 170)]]

    view = face_view(video(4), Script(frames), every=1)

    assert (view.face_px, view.faces, view.looked) == (100, 2, True)


def test_a_view_tells_whether_anybody_looked():
    assert face_view(video(3), Script([[]] * 3), every=1).looked
    assert not look_for_driver(video(3), (400, 600), Script([]), "none", frame_count=3).looked


class Doubtful:
    """A detector that finds a face, and something that scores far below it."""

    name = "doubtful"

    def detect(self, image):
        return [Detection(face(150, 200), 0.95), Detection(face(450, 200, 60), 0.7)]


def test_what_scores_far_below_the_driver_is_no_further_face():
    assert face_view(video(2), Doubtful(), every=1).faces == 1


def test_many_points_steady_the_view_of_boxes_that_tremble():
    points = np.tile([300.0, 200.0], (68, 1))
    points[36:42], points[42:48], points[48], points[54] = (280, 185), (320, 185), (285, 215), (315, 215)

    class Trembling(Script):
        def detect(self, image):
            landmarks = tuple(map(tuple, points.tolist()))
            return [Detection(box, 0.9, landmarks) for box in next(self.frames)]

    sides = [[face(300 + 5 * (index % 3), 200, 80 + 15 * (index % 4))] for index in range(12)]
    boxes_alone = face_view(video(12), Script(sides), every=1)
    steadied = face_view(video(12), Trembling(sides), every=1)
    other = face_view(video(12), Trembling(sides[::-1]), every=1)
    assert steadied.box == other.box and steadied.face_px == other.face_px
    assert steadied.face_px != boxes_alone.face_px
    assert steadied.face_px == pytest.approx(max(30 / 0.335, 40 / 0.47 * 1.37), rel=0.01)
