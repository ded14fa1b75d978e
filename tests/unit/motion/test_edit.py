"""Motions mirrored, mixed, concatenated, replayed and spread over faces."""

from dataclasses import replace

import pytest
import torch

from fom_core.errors import UsageError
from fom_core.motion import (
    MotionEdit,
    amplified,
    chorus,
    closed,
    concatenated,
    edited,
    mirrored,
    mixed,
    ping_pong,
    played,
    rested,
    retimed,
)
from fom_core.types import Keypoints, Motion

FACE = torch.tensor([[-0.4, -0.2], [0.4, -0.2], [0.0, 0.1], [-0.3, 0.5], [0.3, 0.5]])  # symmetric


def motion_of(*shifts, neutral=True, fps=10.0, model="tiny"):
    """A face whose keypoints go to these places beside their rest: numbers to the right, or (5, 2) each."""
    moved = torch.stack([torch.as_tensor(shift, dtype=torch.float32) * torch.ones(5, 2) for shift in shifts])
    if moved.ndim == 3 and all(not hasattr(shift, "shape") for shift in shifts):
        moved = moved * torch.tensor([1.0, 0.0])
    eyes = torch.eye(2).expand(len(shifts), 5, 2, 2).contiguous()
    rest = Keypoints(FACE[None], torch.eye(2).expand(1, 5, 2, 2)) if neutral else None
    return Motion(Keypoints(FACE + moved, eyes), fps, model, (64, 64), neutral=rest)


def shifts(motion):
    """How far to the right the face is, frame by frame."""
    return [round(float(value), 4) for value in (motion.keypoints.value - FACE)[..., 0].mean(dim=1)]


@pytest.fixture
def ramp():
    """From rest ten steps to the right, one a frame."""
    return motion_of(*[0.01 * step for step in range(11)])


def test_twice_as_fast_is_half_as_long_and_goes_as_far(ramp):
    fast = retimed(ramp, 2)
    assert shifts(fast) == [0.0, 0.02, 0.04, 0.06, 0.08, 0.1]
    assert fast.fps == ramp.fps


def test_slow_motion_has_frames_in_between(ramp):
    assert shifts(retimed(ramp, 0.5))[:4] == [0.0, 0.005, 0.01, 0.015]
    assert len(retimed(ramp, 0.5)) == 22


def test_back_and_forth_ends_a_step_before_its_beginning(ramp):
    there_and_back = shifts(ping_pong(ramp))
    assert there_and_back[10:12] == [0.1, 0.09]
    assert there_and_back[-1] == 0.01


def test_a_loop_has_no_step_larger_than_its_motion_and_its_blend(ramp):
    ring = played(ramp, "loop", seconds=3.0, blend_s=0.4)
    steps = (ring.keypoints.value[1:] - ring.keypoints.value[:-1]).norm(dim=-1)
    assert len(ring) == 30
    assert float(steps.max()) < 0.045  # without a blend 0.1


def test_what_is_a_ring_already_is_left_alone(ramp):
    ring = ping_pong(ramp)
    assert closed(ring) is ring


def test_played_once_for_longer_holds_the_last_frame(ramp):
    assert shifts(played(ramp, "once", seconds=1.5))[-5:] == [0.1] * 5


def test_amplitude_counts_from_rest(ramp):
    assert shifts(amplified(ramp, 0.5))[-1] == 0.05
    assert shifts(amplified(ramp, 0))[-1] == 0.0


def test_amplitude_weighs_jacobians_too(ramp):
    turned = replace(ramp, keypoints=Keypoints(ramp.keypoints.value, torch.full((11, 5, 2, 2), 0.5) + torch.eye(2)))
    half = amplified(turned, 0.5).keypoints.jacobian
    torch.testing.assert_close(half, torch.full((11, 5, 2, 2), 0.25) + torch.eye(2))


def test_mirrored_the_face_goes_the_other_way(ramp):
    assert shifts(mirrored(ramp))[-1] == pytest.approx(-0.1, abs=1e-4)


def test_mirrored_the_other_eye_moves():
    wink = torch.zeros(5, 2)
    wink[0, 1] = 0.05
    moved = mirrored(motion_of(wink * 0, wink)).keypoints.value[1] - FACE
    assert moved[1, 1] == pytest.approx(0.05, abs=0.01)
    assert abs(float(moved[0, 1])) < 0.01


def test_mirrored_twice_is_the_same(ramp):
    torch.testing.assert_close(mirrored(mirrored(ramp)).keypoints.value, ramp.keypoints.value, rtol=0, atol=1e-3)


def test_mixed_motions_add_up_and_short_ones_start_anew(ramp):
    both = mixed(ramp, [(motion_of(0.0, 0.2), 0.5)])
    assert shifts(both)[:4] == [0.0, 0.11, 0.02, 0.13]


def test_a_motion_of_a_face_twice_as_large_is_mixed_in_the_size_of_the_first(ramp):
    large = motion_of(0.0, 0.2)
    large = replace(
        large,
        keypoints=Keypoints(large.keypoints.value * 2, large.keypoints.jacobian),
        neutral=Keypoints(FACE[None] * 2, torch.eye(2).expand(1, 5, 2, 2)),
    )
    assert shifts(mixed(ramp, [(large, 1.0)]))[1] == 0.21


def test_joined_motions_follow_one_another_over_a_blend(ramp):
    whole = concatenated([ramp, motion_of(*[0.0] * 10)], blend_s=0.5)
    assert len(whole) == 11 + 10 - 5
    assert shifts(whole)[5] == 0.05
    assert shifts(whole)[-1] == 0.0
    assert max(abs(b - a) for a, b in zip(shifts(whole), shifts(whole)[1:], strict=False)) < 0.06


def test_a_motion_of_another_rate_is_joined_at_the_first_ones(ramp):
    whole = concatenated([ramp, motion_of(*[0.0] * 20, fps=20.0)], blend_s=0)
    assert (len(whole), whole.fps) == (21, 10.0)


@pytest.mark.parametrize("together", [concatenated, lambda motions: mixed(motions[0], [(motions[1], 1.0)])])
def test_motions_of_two_models_are_not_put_together(ramp, together):
    with pytest.raises(UsageError, match=r"'other' .* and 'tiny'"):
        together([ramp, motion_of(0.0, model="other")])


def test_a_choir_sings_one_after_the_other_and_counts_from_one_rest(ramp):
    ring = ping_pong(ramp)
    first, second, third = chorus([ring], 3, 0.2)
    assert shifts(first) == shifts(ring)
    assert shifts(second)[:3] == [0.02, 0.03, 0.04]
    assert shifts(third)[0] == 0.04
    assert second.neutral is first.neutral is ring.neutral


def test_a_choir_that_sings_for_longer_goes_round_without_a_jump(ramp):
    ring = ping_pong(ramp)
    first, second = chorus([ring], 2, 0.2, length=50)
    assert shifts(first) == (3 * shifts(ring))[:50]
    assert shifts(second) == (3 * shifts(ring))[2:52]


def test_of_several_motions_the_last_one_is_for_all_further_faces(ramp):
    found = chorus([ping_pong(ramp), motion_of(*[0.5] * 20)], 3, 0.1)
    assert [shifts(motion)[0] for motion in found] == [0.0, 0.5, 0.5]
    assert [len(motion) for motion in found] == [20, 20, 20]


def test_without_a_known_rest_the_frame_that_is_asked_for_is_it(ramp):
    unknown = replace(ramp, neutral=None)
    rest = rested(unknown, 10).neutral
    assert rest is not None
    torch.testing.assert_close(rest.value[0], FACE + torch.tensor([0.1, 0.0]))
    assert rested(unknown, "best").neutral is not None


def test_nothing_asked_is_nothing_done(ramp):
    assert edited(ramp, MotionEdit()) is ramp


def test_all_edits_at_once_come_out_as_long_as_asked(ramp):
    edit = MotionEdit(
        mirror=True, speed=2, amplitude=0.5, play="ping-pong", seconds=4.0, then=(ramp,), mix=((ramp, 0.5),), blend_s=0
    )
    moved = edited(ramp, edit)
    assert len(moved) == 40
    assert -0.08 < min(shifts(moved)) < -0.07


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"speed": 0.01}, r"0\.1 to 10"),
        ({"amplitude": 9}, "from 0 to 3"),
        ({"play": "twice"}, "ping-pong"),
        ({"seconds": -1.0}, "from 0 on"),
        ({"seconds": 0.0}, "more than 0"),
    ],
)
def test_values_out_of_bounds_are_refused(ramp, values, told):
    with pytest.raises(UsageError, match=told):
        edited(ramp, MotionEdit(**values))


def test_a_motion_is_carried_to_keypoints_elsewhere_on_the_same_face(monkeypatch):
    from fom_core.motion import PoseDirections, carried

    def usual(model, places):
        rest = Keypoints(places[None], torch.eye(2).expand(1, len(places), 2, 2))
        return PoseDirections(model, (64, 64), rest, {}, {}, 1.0)

    known = {"tiny": usual("tiny", FACE), "other": usual("other", FACE[[4, 2, 0]] + 0.01)}
    monkeypatch.setattr("fom_core.motion.elsewhere.load_directions", known.__getitem__)
    wink = torch.zeros(5, 2)
    wink[0, 1] = 0.05
    found = carried(motion_of(wink * 0, wink), "other")
    moved = found.keypoints.value[1] - known["other"].neutral.value[0]
    assert found.model == "other"
    torch.testing.assert_close(moved, torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.05]]), rtol=0, atol=0.005)


def test_a_motion_of_a_model_without_a_known_face_stays_what_it_is(ramp):
    from fom_core.motion import carried

    assert carried(ramp, "mini") is ramp


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"play": "backward"}, "play is one of once, loop, ping-pong"),
        ({"then": "shake"}, 'not their names: \\(fom_core.open_motion\\("shake"\\),\\)'),
        ({"then": ("shake",)}, 'Open it: fom_core.open_motion\\("shake"\\)'),
        ({"mix": "smile"}, "pairs of a motion and its share"),
        ({"mix": None}, "pairs of a motion and its share"),
        ({"mix": (("smile", 1.0),)}, "mix takes motions"),
        ({"mix": ((motion_of(0.0, 0.2), 5.0),)}, "is from 0 to 3; got 5"),
        ({"speed": "fast"}, "speed is a number"),
    ],
)
def test_an_edit_of_another_kind_is_refused_where_it_is_made(values, told):
    with pytest.raises(UsageError, match=told):
        MotionEdit(**values)
