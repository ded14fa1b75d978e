"""Who is who in a video: through crossings, gaps and cuts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from fom_core.errors import MediaError, NoFaceFound, UsageError
from fom_core.faces.detection import Detection
from fom_core.faces.following import follow_faces
from fom_core.faces.steadying import steadied
from fom_core.faces.tracks import FaceTracks, select_tracks, whole_frames

RED, BLUE, GREEN = (220, 40, 40), (40, 60, 220), (40, 200, 60)
SIDE = 40


class Squares:
    """Takes every square of one of the colours for a face, as far as it is to be seen."""

    name = "squares"

    def __init__(self, colours: Sequence[tuple[int, int, int]] = (RED, BLUE, GREEN)) -> None:
        self.colours = colours
        self.looks = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.looks += 1
        found = []
        for colour in self.colours:
            there = np.abs(image.astype(int) - colour).max(axis=2) < 30
            rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
            if len(rows) and columns[-1] - columns[0] > 0.5 * (rows[-1] - rows[0]):
                box = (float(columns[0]), float(rows[0]), columns[-1] + 1.0, rows[-1] + 1.0)
                found.append(Detection(box, 0.95))  # surely upright
        return found


def frame(*people: tuple[tuple[int, int, int], float, float], ground: int = 90) -> np.ndarray:
    """A picture of squares: colour, left, top; later ones in front."""
    picture = np.full((160, 320, 3), ground, np.uint8)
    for colour, x, y in people:
        left, top = round(x), round(y)
        picture[max(top, 0) : top + SIDE, max(left, 0) : left + SIDE] = colour
    return picture


def left_of(tracks: FaceTracks, index: int, number: int) -> float:
    return float(tracks.tracks[index].boxes[number, 0])


def test_two_people_keep_their_numbers_through_a_crossing():
    frames = [frame((BLUE, 250 - 4 * t, 60), (RED, 20 + 4 * t, 60)) for t in range(60)]

    tracks = follow_faces(frames, Squares())

    red, blue = tracks
    assert len(tracks) == 2
    assert abs(left_of(tracks, 0, 0) - 20) < 4 and abs(left_of(tracks, 0, 59) - 256) < 4
    assert abs(left_of(tracks, 1, 0) - 250) < 4 and abs(left_of(tracks, 1, 59) - 14) < 4
    assert not np.isnan(red.boxes).any() and (red.shown == 1).all()
    assert np.isnan(blue.boxes[29]).all() and blue.shown[29] == 0  # behind the other one


def test_motion_comes_and_goes_softly_where_a_face_is_covered():
    frames = [frame((BLUE, 250 - 4 * t, 60), (RED, 20 + 4 * t, 60)) for t in range(60)]

    shown = follow_faces(frames, Squares()).tracks[1].shown

    assert np.abs(np.diff(shown)).max() < 0.35
    assert shown[0] == shown[59] == 1


def test_a_face_keeps_its_number_over_a_cut_of_a_second_and_is_not_shown_meanwhile():
    here = [frame((RED, 20, 60), (BLUE, 200, 60)) for _ in range(25)]
    elsewhere = [frame(ground=250) for _ in range(25)]
    again = [frame((RED, 60, 50), (BLUE, 230, 70)) for _ in range(25)]

    tracks = follow_faces([*here, *elsewhere, *again], Squares())

    assert [[(run.start, run.stop) for run in track.runs()] for track in tracks] == [[(0, 25), (50, 75)]] * 2
    assert abs(left_of(tracks, 0, 60) - 60) < 2 and abs(left_of(tracks, 1, 60) - 230) < 2


def test_who_comes_back_after_longer_is_somebody_new():
    here = [frame((RED, 20, 60)) for _ in range(25)]
    elsewhere = [frame(ground=250) for _ in range(60)]

    assert len(follow_faces([*here, *elsewhere, *here], Squares())) == 2


def test_a_short_gap_is_filled_on_the_way():
    seen = [frame((RED, 20 + 3 * t, 60)) if not 22 <= t <= 30 else frame() for t in range(60)]

    (track,) = follow_faces(seen, Squares())

    assert [(run.start, run.stop) for run in track.runs()] == [(0, 60)]
    assert abs(track.boxes[26, 0] - (20 + 3 * 26)) < 3


def test_the_detector_looks_everywhere_once_a_second_only():
    class Everywhere(Squares):
        whole = 0

        def detect(self, image):
            self.whole += image.shape[:2] == (160, 320)
            return super().detect(image)

    detector = Everywhere()
    follow_faces([frame((RED, 20 + t / 2, 60)) for t in range(100)], detector)

    assert detector.whole == 4 and detector.looks == 20 + 1  # and at the last frame


def test_a_crop_does_not_jitter_with_the_boxes():
    rng = np.random.default_rng(0)
    looks = {t: np.array([50.0, 60, 90, 100]) + rng.normal(0, 2, 4) for t in range(0, 100, 2)}

    ((boxes, shown),) = steadied([looks], [], 100, 25.0, 2)

    raw = np.array([looks[t] for t in sorted(looks)])
    assert np.abs(np.diff(boxes, axis=0)).mean() < 0.2 * np.abs(np.diff(raw, axis=0)).mean()
    assert shown.min() == 1


def test_a_steadied_box_is_not_late():
    looks = {t: np.array([10.0 + 4 * t, 60, 50 + 4 * t, 100]) for t in [*range(0, 50, 5), 49]}

    ((boxes, _),) = steadied([looks], [], 50, 25.0, 5)

    np.testing.assert_allclose(boxes[5:45, 0], 10 + 4 * np.arange(5, 45), atol=0.01)


@pytest.mark.parametrize("count", [16, 18, 20, 25, 29])
def test_a_clip_that_is_cut_has_the_boxes_of_the_longer_one_to_its_end(count):
    tops = 60 + 10 * np.sin(np.arange(60) / 6)  # a head that nods: how it moved does not tell where it goes
    frames = [frame((RED, 60 + t, tops[t])) for t in range(40)]

    (longer,) = follow_faces(frames, Squares())
    (cut,) = follow_faces(frames[:count], Squares())

    assert np.abs(cut.boxes - longer.boxes[:count]).max() < 0.05 * SIDE
    np.testing.assert_allclose(cut.boxes[-1, :2], (60 + count - 1, tops[count - 1]), atol=1)


@pytest.mark.parametrize("count", [16, 20])
def test_a_face_is_not_led_on_beyond_the_last_look_before_a_cut(count):
    tops = 60 + 10 * np.sin(np.arange(count) / 6)
    elsewhere = [frame(ground=250) for _ in range(10)]

    (track,) = follow_faces([frame((RED, 60, top)) for top in tops] + elsewhere, Squares())

    assert track.boxes[count - 1, 1] == pytest.approx(tops[-1], abs=1)
    assert np.isnan(track.boxes[count:]).all()


def test_a_place_is_held_where_nothing_was_found_in_the_last_look():
    looks = {t: np.array([10.0 + 4 * t, 60, 50 + 4 * t, 100]) for t in range(0, 16, 5)}

    ((boxes, _),) = steadied([looks], [], 20, 25.0, 5)

    assert boxes[:, 0].max() <= 10 + 4 * 15 + 1e-3


def test_what_is_seen_for_a_moment_is_no_face():
    frames = [frame((RED, 20, 60), *([(BLUE, 200, 60)] if 30 <= t < 36 else [])) for t in range(60)]

    assert len(follow_faces(frames, Squares())) == 1


def test_numbers_and_orders_are_those_of_pictures():
    frames = [frame((RED, 20, 60), (BLUE, 140, 100), (GREEN, 260, 10)) for _ in range(10)]
    tracks = follow_faces(frames, Squares())

    def lefts(chosen: FaceTracks) -> list[int]:
        return [round(left_of(chosen, index, 0)) for index in range(len(chosen))]

    assert lefts(tracks) == [20, 140, 260]
    assert lefts(select_tracks(tracks, "2-3")) == [140, 260]
    assert lefts(select_tracks(tracks, "1", order="top to bottom")) == [260]
    assert lefts(select_tracks(tracks, None)) == [140]  # nearest to the middle
    (only,) = select_tracks(tracks, "2").at(0)
    assert only.id == 0 and len(select_tracks(tracks, "2").at(0).others) == 2


def test_what_cannot_be_chosen_is_refused_in_a_sentence():
    tracks = follow_faces([frame((RED, 20, 60))] * 10, Squares())
    with pytest.raises(UsageError, match="asks for face 2"):
        select_tracks(tracks, "2")
    with pytest.raises(UsageError, match="order of faces"):
        select_tracks(tracks, order="by age")
    with pytest.raises(NoFaceFound):
        select_tracks(follow_faces([frame()] * 10, Squares()))
    with pytest.raises(MediaError, match="no frames"):
        follow_faces([], Squares())


def test_whole_frames_are_one_track_that_is_always_there():
    (region,) = whole_frames((70, 90), 5).at(3)
    assert region.crop_px == (0, 0, 90, 70)


def test_a_single_frame_is_no_video():
    with pytest.raises(UsageError, match="has one frame, so it is a picture"):
        follow_faces([frame((RED, 20, 60))], Squares())


def test_tracks_are_told_in_a_line():
    tracks = follow_faces([frame((RED, 20, 60))] * 10, Squares())
    assert repr(tracks).startswith("FaceTracks(1 face, 10 frames of ")
    assert repr(tracks.tracks[0]).startswith("FaceTrack(id=0, seen in 10 of 10 frames")
