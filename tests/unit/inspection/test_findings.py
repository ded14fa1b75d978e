"""The verdict in words: every sentence where it belongs, and only there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fom_core.faces.tracking import DrivingView
from fom_core.inspection.findings import (
    DRIVER_PX,
    FOLDS,
    SOURCE_PX,
    TURNS,
    UNLIKE,
    Finding,
    Measured,
    findings_of,
    frames_text,
    ranges,
)
from fom_core.inspection.flows import Course
from fom_core.types import FaceRegion

FACE = FaceRegion((100, 100, 200, 240), (60, 60, 260, 260), 0.95, 0, (400, 400))
FRAMES = np.arange(0, 50, 10)
NONE = (0.0,) * 5
VIEW = DrivingView((0, 0, 300, 300), (True,) * 50, face_px=170.0, faces=1, looked=True)


def course(folded: Sequence[float] = NONE, turned: Sequence[float] = NONE) -> Course:
    return Course(FRAMES, np.array(folded, float), np.array(turned, float))


GOOD = Measured(
    face=FACE,
    faces=1,
    number=1,
    view=VIEW,
    seen=(True,) * 50,
    still=False,
    one_pose=False,
    relative=True,
    first=20,
    begins=0,
    nearest=30,
    apart={0: 0.11, 20: 0.105, 30: 0.1},
    course=course(),
    better=(20, course()),
    gain=1.4,
)


def verdict(**changes):
    return {finding.name: finding for finding in findings_of(replace(GOOD, **changes))}


def test_nothing_speaks_against_a_good_pair():
    found = findings_of(GOOD)

    assert [finding.name for finding in found] == ["fine", "gain"]
    assert not any(finding.warns for finding in found)
    assert found[1].text.endswith("is 1.4.")


@pytest.mark.parametrize(("side", "small"), [(SOURCE_PX - 1, True), (SOURCE_PX, False)])
def test_a_small_face_of_the_picture_is_told_with_its_size(side, small):
    found = verdict(face=replace(FACE, box_px=(100, 100, 120, 100 + side)))

    assert ("source_small" in found) is small
    if small:
        assert f"is {side} pixels" in found["source_small"].text and found["source_small"].warns
        assert found["source_small"].figures == {"face_px": side, "limit_px": SOURCE_PX}


@pytest.mark.parametrize(("side", "small"), [(DRIVER_PX - 1, True), (DRIVER_PX, False), (None, False)])
def test_a_small_face_of_the_driver_is_told_where_its_size_is_known(side, small):
    found = verdict(view=replace(VIEW, face_px=side))

    assert ("driver_small" in found) is small


def test_frames_without_the_driver_are_named():
    found = verdict(seen=[False] * 3 + [True] * 40 + [False] * 7)["driver_missing"]

    assert found.frames == ((0, 2), (43, 49)) and "frames 0-2 and 43-49 (20 % of them)" in found.text
    assert "driver_missing" not in verdict(seen=None)


def test_a_driver_in_whom_no_face_was_found_is_told():
    assert "driver_not_found" in verdict(view=DrivingView(looked=True))
    assert "driver_not_found" not in verdict(view=DrivingView()) | verdict(view=None)  # nobody looked


def test_a_driver_that_stands_still_moves_nothing():
    found = verdict(still=True, one_pose=True)
    at_rest = verdict(still=True, one_pose=True, rested=True)

    assert found["driver_still"].warns and "absolute motion takes its pose" in found["driver_still"].text
    assert at_rest["driver_still"].warns and "pose at rest, so nothing moves." in at_rest["driver_still"].text
    assert "gain" not in found and "gain" not in at_rest


@pytest.mark.parametrize("changes", [{"relative": False, "still": True}, {"rested": True}])
def test_a_driver_that_holds_one_pose_moves_the_face_there(changes):
    found = verdict(one_pose=True, **changes)

    assert not found["driver_still"].warns and "one pose is held" in found["driver_still"].text
    assert ("gain" in found) == ("rested" in changes) and "fine" in found


def test_frames_in_which_the_head_turns_too_far_are_named():
    found = verdict(course=course(turned=[0, TURNS + 0.01, 2 * TURNS, 0, TURNS]))["turned_too_far"]

    assert found.frames == ((10, 20),) and "frames 10-20: 2.0 times" in found.text
    assert "turned_too_far" not in verdict(course=course(turned=[TURNS] * 5))


def test_frames_whose_flow_folds_are_named():
    found = verdict(course=course(folded=[0, 0, 0, FOLDS + 0.02, 0]))["folds"]

    assert found.frames == ((30, 30),) and "frame 30" in found.text
    assert "folds" not in verdict(course=course(folded=[FOLDS] * 5))


@pytest.mark.parametrize(("first", "warns"), [(0, True), (20, False)])
def test_a_first_frame_unlike_the_source_speaks_against_counting_from_it(first, warns):
    apart = {0: 0.1 + UNLIKE + 0.01, 20: 0.12, 30: 0.1}

    found = verdict(first=first, apart=apart)["first_frame_unlike"]

    assert found.warns is warns and "initial frame 30" in found.text
    assert "first_frame_unlike" not in verdict(apart={**apart, 0: 0.1 + UNLIKE - 0.001})
    assert "first_frame_unlike" not in verdict(apart=apart, relative=False)


def test_a_better_initial_frame_is_told_with_how_much_better_it_is():
    bent, half = course(folded=[0, 0.04, 0.04, 0, 0]), course(folded=[0, 0.02, 0.02, 0, 0])

    found = verdict(course=bent, better=(0, half))["better_initial_frame"]

    assert found.frames == ((0, 0),) and "0: 0.8 % of" in found.text and "1.6 % from frame 20" in found.text
    assert "better_initial_frame" not in verdict(course=bent, better=(0, course(folded=[0, 0.04, 0.02, 0, 0])))
    assert "better_initial_frame" not in verdict(course=bent, better=(20, bent))


@pytest.mark.parametrize(
    ("gain", "warns", "words"),
    [
        (0.6, True, "is 0.6."),
        (1.0, False, "is 1."),
        (2.0, False, "is at least 2."),
        (None, True, "even at a gain of 0.1"),
    ],
)
def test_the_largest_gain_is_told(gain, warns, words):
    found = verdict(gain=gain)["gain"]

    assert found.warns is warns and words in found.text


def test_a_gain_that_was_asked_for_is_no_reason_to_warn_while_it_is_within_the_largest():
    assert not verdict(gain=0.6, asked=0.5)["gain"].warns
    assert verdict(gain=1.2, asked=1.5)["gain"].warns


def test_several_faces_are_told_with_the_one_that_is_taken():
    found = verdict(faces=4, number=2, view=replace(VIEW, faces=3))

    assert "4 faces to choose from; this is about number 2 from" in found["several_faces"].text
    assert "(`--faces 1`)" in found["several_faces"].text
    assert "(`--faces 2`)" in verdict(faces=4, number=1)["several_faces"].text
    assert "3 faces" in found["several_drivers"].text
    assert not found["several_faces"].warns and not found["several_drivers"].warns


def test_further_sentences_stand_where_they_belong():
    hdr, rate = Finding("told", True, "a.mp4 is HDR."), Finding("variable_rate", False, "It varies.")

    assert [finding.name for finding in findings_of(GOOD, [rate, hdr])] == ["told", "variable_rate", "gain"]


def test_a_model_without_flow_is_judged_by_the_rest():
    found = verdict(course=None, better=None, gain=None, face=replace(FACE, box_px=(0, 0, 9, 9)))

    assert set(found) == {"source_small"}


def test_numbers_in_a_row_are_one_part_and_many_parts_are_cut():
    assert ranges(iter([1, 2, 3, 7, 9, 10])) == ((1, 3), (7, 7), (9, 10))
    assert frames_text(((4, 4),)) == "frame 4"
    assert frames_text(((1, 3), (7, 7))) == "frames 1-3 and 7"
    assert frames_text([(n, n) for n in range(0, 16, 2)]) == "frames 0, 2, 4, 6, 8, 10 and 2 more parts"


def test_a_motion_that_counts_from_its_own_rest_is_given_no_initial_frame():
    bent, half = course(folded=[0, 0.04, 0.04, 0, 0]), course(folded=[0, 0.02, 0.02, 0, 0])
    found = verdict(rested=True, course=bent, better=(0, half), apart={0: 0.5, 20: 0.105, 30: 0.1}, first=0)
    assert found.keys().isdisjoint({"better_initial_frame", "first_frame_unlike"})
