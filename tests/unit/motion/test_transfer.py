"""Sizes without sense, fading in, and gains of head and expression."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fom_core.errors import UsageError
from fom_core.motion import fade_in, fade_out, held, movement_scale, transfer_sequence
from fom_core.types import Keypoints, Motion, MotionTransfer

FACE = torch.rand(1, 10, 2, generator=torch.Generator().manual_seed(1)) - 0.5


def in_line(slope=0.3, wobble=0.0):
    x = torch.linspace(-0.7, 0.8, 10)
    return Keypoints(torch.stack([x, slope * x + 0.1 + wobble * (-1.0) ** torch.arange(10)], dim=1)[None])


@pytest.mark.parametrize(
    "flat",
    [
        *(in_line(slope) for slope in (0.0, 0.1, 0.3, 0.7, 1.3, 17.0)),
        *(in_line(0.3, wobble) for wobble in (1e-7, 1e-5, 1e-4)),
        Keypoints(torch.full((1, 10, 2), 0.3)),
        Keypoints(torch.full((1, 10, 2), 0.3) + 1e-6 * FACE),
        Keypoints(FACE[:, :1]),
        Keypoints(FACE[:, :2]),
    ],
)
def test_keypoints_in_line_or_in_one_place_leave_the_movement_alone(flat):
    assert movement_scale(Keypoints(FACE), flat) == 1.0
    assert movement_scale(flat, Keypoints(FACE)) == 1.0
    assert movement_scale(flat, in_line(0.31)) == 1.0


def test_a_face_in_profile_still_has_a_size():
    narrow = Keypoints(FACE * torch.tensor([0.1, 1.0]))
    assert movement_scale(Keypoints(narrow.value * 2), narrow) == pytest.approx(2.0, rel=1e-4)


def test_a_small_face_still_has_a_size():
    assert movement_scale(Keypoints(FACE), Keypoints(FACE / 20)) == pytest.approx(20.0, rel=1e-3)


def test_a_faded_motion_begins_in_the_source_and_ends_in_itself():
    source = Keypoints(torch.zeros(1, 4, 2), torch.eye(2).expand(1, 4, 2, 2))
    moved = Keypoints(torch.ones(20, 4, 2), 3 * torch.eye(2).expand(20, 4, 2, 2))
    faded = fade_in(source, moved, 7.5)
    assert torch.equal(faded.value[0], source.value[0]) and torch.equal(faded.value[8:], moved.value[8:])
    assert faded.jacobian is not None and moved.jacobian is not None
    torch.testing.assert_close(faded.jacobian[0], torch.eye(2).expand(4, 2, 2))
    torch.testing.assert_close(faded.jacobian[8:], moved.jacobian[8:])
    course = faded.value[:9, 0, 0]
    assert (course.diff() > 0).all()
    assert course.diff()[0] < course.diff()[3] and course.diff()[7] < course.diff()[3]


def test_a_motion_fades_in_by_seconds_at_its_frame_rate():
    driving = Keypoints(FACE + torch.linspace(0.1, 0.2, 30)[:, None, None])
    transfer = MotionTransfer(initial_frame=20, fade_in_s=0.3)
    plain = transfer_sequence(
        Keypoints(FACE), Motion(driving, 10.0, "tiny", (64, 64)), MotionTransfer(initial_frame=20)
    )
    for fps, frames in ((10.0, 3), (50.0, 15)):
        faded = transfer_sequence(Keypoints(FACE), Motion(driving, fps, "tiny", (64, 64)), transfer).value
        assert torch.equal(faded[0], FACE[0])
        assert not torch.allclose(faded[frames - 1], plain.value[frames - 1], atol=1e-5)
        torch.testing.assert_close(faded[frames:], plain.value[frames:])


def seen_in(*frames, count=6):
    """A face that jumps from frame to frame, seen in these."""
    jumps = FACE + torch.arange(count)[:, None, None] * 0.1
    return Motion(Keypoints(jumps), 25.0, "tiny", (64, 64), seen=tuple(frame in frames for frame in range(count)))


@pytest.mark.parametrize("relative", [True, False])
def test_the_face_stands_still_before_the_driver_is_seen_and_after(relative):
    moved = transfer_sequence(Keypoints(FACE), seen_in(2, 4), MotionTransfer(relative_motion=relative)).value
    places = (moved - moved[2])[:, 0, 0]
    torch.testing.assert_close(places, torch.tensor([0.0, 0, 0, 0.1, 0.2, 0.2]))
    if relative:
        torch.testing.assert_close(moved[0], FACE[0])


def test_a_driver_who_is_seen_all_the_time_or_of_whom_nothing_is_known_moves_in_every_frame():
    every = seen_in(*range(6))
    for motion in (every, replace(every, seen=None), replace(every, seen=(False,) * 6)):
        assert held(motion) is motion


def test_absolute_motion_fades_in_too():
    driving = Keypoints(FACE.expand(5, -1, -1) + 0.5)
    transfer = MotionTransfer(relative_motion=False, fade_in_s=0.1)
    faded = transfer_sequence(Keypoints(FACE), Motion(driving, 25.0, "tiny", (64, 64)), transfer).value
    assert torch.equal(faded[0], FACE[0]) and torch.equal(faded[3:], driving.value[3:])


def test_no_expression_is_refused_unless_the_head_stands_still_as_well():
    with pytest.raises(UsageError, match="folds") as error:
        MotionTransfer(expression_gain=0)
    assert "\n" not in str(error.value)
    MotionTransfer(expression_gain=0, head_gain=0)
    MotionTransfer(expression_gain=0.3)


def test_a_motion_that_fades_out_ends_in_the_source_without_a_jerk():
    torch.manual_seed(0)
    source = Keypoints(torch.rand(1, 4, 2), torch.rand(1, 4, 2, 2))
    moved = Keypoints(torch.rand(20, 4, 2), torch.rand(20, 4, 2, 2))

    home = fade_out(source, moved, 8)

    torch.testing.assert_close(home.value[-1:], source.value)
    torch.testing.assert_close(home[:12].value, moved[:12].value)
    assert home.jacobian is not None and moved.jacobian is not None and source.jacobian is not None
    torch.testing.assert_close(home.jacobian[-1:], source.jacobian)
    share = ((home.value - source.value) / (moved.value - source.value))[12:, 0, 0]
    assert (share.diff() < 0).all() and share[0] > 0.9 and share[-2] < 0.1
    torch.testing.assert_close(fade_out(source, moved, 0).value, moved.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"gain": -1}, "gain is a number from 0 on; got -1."),
        ({"gain": float("nan")}, "gain is a number from 0 on; got nan."),
        ({"head_gain": "1"}, "head_gain is a number from 0 on; got '1'."),
        ({"expression_gain": None}, "expression_gain is a number from 0 on; got None."),
        ({"fade_in_s": float("inf")}, "fade_in_s is a number from 0 on; got inf."),
        ({"fade_out_s": [1]}, r"fade_out_s is a number from 0 on; got \[1\]."),
        ({"relative_motion": "no"}, "relative_motion is True or False; got 'no'."),
        ({"relative_jacobian": None}, "relative_jacobian is True or False; got None."),
        ({"adapt_movement_scale": 2}, "adapt_movement_scale is True or False; got 2."),
        ({"initial_frame": "first"}, 'initial_frame is a whole number, or "best" or "medoid"; got \'first\'.'),
        ({"initial_frame": 1.5}, 'initial_frame is a whole number, or "best" or "medoid"; got 1.5.'),
        ({"initial_frame": True}, 'initial_frame is a whole number, or "best" or "medoid"; got True.'),
    ],
)
def test_values_of_another_kind_are_refused_in_a_line(wrong, told):
    with pytest.raises(UsageError, match=f"^{told}$"):
        MotionTransfer(**wrong)


def test_numbers_of_numpy_are_numbers():
    given: dict[str, Any] = {"relative_motion": np.True_, "gain": np.float32(0.5), "initial_frame": np.int64(3)}
    assert MotionTransfer(**given) == MotionTransfer(relative_motion=True, gain=0.5, initial_frame=3)
