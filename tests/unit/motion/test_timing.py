"""The course of a motion in time."""

import pytest
import torch

from fom_core.errors import UsageError
from fom_core.motion import align, bridged, fit_length, resample, smooth
from fom_core.types import Keypoints, Motion


def course(*values):
    """One keypoint that goes through these places; its jacobian stretches alike."""
    places = torch.tensor(values, dtype=torch.float32)
    return Keypoints(places[:, None, None].expand(-1, 1, 2), places[:, None, None, None].expand(-1, 1, 2, 2))


def places(keypoints):
    return keypoints.value[:, 0, 0].tolist()


@pytest.fixture
def jitter():
    generator = torch.Generator().manual_seed(0)
    return Keypoints(torch.randn(60, 4, 2, generator=generator), torch.randn(60, 4, 2, 2, generator=generator))


def test_no_smoothing_gives_the_same_motion_back(jitter):
    assert smooth(jitter, 0.0, 25) is jitter


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_a_still_motion_stays_where_it_is_up_to_its_ends(strength):
    still = Keypoints(torch.full((30, 4, 2), 0.7), torch.full((30, 4, 2, 2), 1.3))
    smoothed = smooth(still, strength, 25)
    torch.testing.assert_close(smoothed.value, still.value)
    torch.testing.assert_close(smoothed.jacobian, still.jacobian)


def test_more_smoothing_leaves_less_jitter_in_points_and_jacobians(jitter):
    def unrest(values):
        return float(values.diff(dim=0).square().mean())

    some, much = smooth(jitter, 0.2, 25), smooth(jitter, 0.8, 25)
    assert unrest(jitter.value) > 4 * unrest(some.value) > 16 * unrest(much.value)
    assert unrest(jitter.jacobian) > 4 * unrest(some.jacobian) > 16 * unrest(much.jacobian)


@pytest.mark.parametrize(("strength", "fps"), [(0.1, 25), (0.2, 25), (0.33, 29.97), (1.0, 25)])
@pytest.mark.parametrize("length", [2, 3, 8, 60])
def test_a_parabola_is_neither_flattened_nor_delayed_up_to_its_ends(strength, fps, length):
    time = torch.linspace(-1, 1, length)
    thrown = Keypoints((0.5 - 0.3 * time - 0.8 * time.square())[:, None, None].expand(-1, 3, 2))
    torch.testing.assert_close(smooth(thrown, strength, fps).value, thrown.value, rtol=0, atol=1e-6)


def test_a_fifth_of_the_strength_fits_seven_frames_at_25_a_second(jitter):
    # Savitzky and Golay 1964, seven points, quadratic: (-2, 3, 6, 7, 6, 3, -2) / 21
    weights = torch.tensor([-2.0, 3, 6, 7, 6, 3, -2]) / 21
    smoothed = smooth(jitter, 0.2, 25)
    for frame in (3, 30, 56):
        expected = (weights[:, None, None] * jitter.value[frame - 3 : frame + 4]).sum(dim=0)
        torch.testing.assert_close(smoothed.value[frame], expected)


def test_a_window_that_holds_a_part_of_a_frame_lies_between_those_that_hold_it_whole(jitter):
    less, between, more = (smooth(jitter, frames / (1.4 * 25), 25).value for frames in (7, 8, 9))
    assert (between - less).norm() < (more - less).norm()
    assert (between - more).norm() < (more - less).norm()


def test_smoothing_delays_nothing(jitter):
    backwards = Keypoints(jitter.value.flip(0), None)
    torch.testing.assert_close(smooth(backwards, 0.5, 25).value.flip(0), smooth(jitter, 0.5, 25).value)


def test_too_little_strength_for_four_frames_leaves_the_motion_alone(jitter):
    assert smooth(jitter, 0.05, 25) is jitter


def test_smoothing_goes_by_seconds_whatever_the_frame_rate():
    def wave(fps):
        seconds = torch.arange(4 * fps) / fps
        return Keypoints(torch.sin(4 * seconds)[:, None, None].expand(-1, 1, 2))

    slow, fast = smooth(wave(25), 0.6, 25), smooth(wave(100), 0.6, 100)
    assert (slow.value - wave(25).value).abs().max() > 0.02
    torch.testing.assert_close(fast.value[::4][10:-10], slow.value[10:-10], rtol=0, atol=3e-3)


def test_a_motion_is_smoothed_at_its_own_frame_rate(jitter):
    motion = Motion(jitter, 50.0, "tiny", (64, 64), {"licence": "MIT"})
    smoothed = smooth(motion, 0.5)
    torch.testing.assert_close(smoothed.keypoints.value, smooth(jitter, 0.5, 50.0).value)
    assert (smoothed.fps, smoothed.model, smoothed.metadata) == (50.0, "tiny", {"licence": "MIT"})


def test_smoothing_mixes_nothing_in_from_before_the_driver_is_seen():
    motion = Motion(course(9, -9, 0, *range(30)), 25.0, "tiny", (64, 64), seen=(False,) * 3 + (True,) * 30)
    expected = smooth(course(0, 0, 0, *range(30)), 0.4, 25)
    torch.testing.assert_close(smooth(motion, 0.4).keypoints.value, expected.value)
    assert smooth(motion, 0.0) is motion


def test_one_frame_can_be_smoothed():
    assert places(smooth(course(0.25), 1.0, 25)) == [0.25]


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_out_of_range_is_refused(jitter, strength):
    with pytest.raises(UsageError, match="between 0"):
        smooth(jitter, strength, 25)


@pytest.mark.parametrize("fps", [None, 0.0, -25.0, float("nan")])
def test_keypoints_without_a_frame_rate_are_not_smoothed(jitter, fps):
    with pytest.raises(UsageError, match="frame rate"):
        smooth(jitter, 0.5, fps)


def test_a_higher_frame_rate_repeats_moments():
    assert places(resample(course(0, 1, 2), 10, 20)) == [0, 1, 1, 2, 2, 2]


def test_a_lower_frame_rate_skips_moments():
    resampled = resample(course(0, 1, 2, 3, 4, 5), 30, 15)
    assert places(resampled) == [0, 2, 4]
    assert resampled.jacobian is not None
    assert resampled.jacobian[:, 0, 0, 0].tolist() == [0, 2, 4]


@pytest.mark.parametrize(("fps", "to_fps"), [(24, 30), (30, 24), (29.97, 25), (12.5, 60)])
def test_another_frame_rate_keeps_the_duration_and_each_moment(fps, to_fps):
    resampled = resample(course(*range(100)), fps, to_fps)
    assert len(resampled) / to_fps == pytest.approx(100 / fps, abs=0.5 / to_fps)
    for frame, place in enumerate(places(resampled)):
        assert place == pytest.approx(min(frame / to_fps * fps, 99), abs=0.5 + 1e-6)


def test_a_single_frame_stays_one_at_any_rate():
    assert places(resample(course(0.5), 60, 1)) == [0.5]


def test_a_longer_course_holds_its_end_or_starts_anew():
    assert places(fit_length(course(0, 1, 2), 5, "hold")) == [0, 1, 2, 2, 2]
    assert places(fit_length(course(0, 1, 2), 7, "loop")) == [0, 1, 2, 0, 1, 2, 0]
    assert places(fit_length(course(0, 1, 2), 2, "hold")) == [0, 1]


@pytest.fixture
def drivers():
    """Six frames at 20 a second, and two at 10."""
    return [Motion(course(0, 1, 2, 3, 4, 5), 20.0, "tiny", (64, 64)), Motion(course(6, 7), 10.0, "tiny", (64, 64))]


@pytest.mark.parametrize(
    ("length", "first", "second"),
    [
        ("hold", [0, 1, 2, 3, 4, 5], [6, 7, 7, 7, 7, 7]),
        ("loop", [0, 1, 2, 3, 4, 5], [6, 7, 7, 7, 6, 7]),
        ("shortest", [0, 1, 2, 3], [6, 7, 7, 7]),
    ],
)
def test_drivers_of_other_rates_and_lengths_come_to_one_clock(drivers, length, first, second):
    aligned = align(drivers, 20.0, length)
    assert [places(motion.keypoints) for motion in aligned] == [first, second]
    assert [motion.fps for motion in aligned] == [20.0, 20.0]


@pytest.mark.parametrize(
    ("length", "first", "second"),
    [
        ("hold", [False, True, True], [True, True, False]),
        ("loop", [False, True, True], [True, True, False]),
        ("shortest", [False, True], [True, True]),
    ],
)
def test_where_the_driver_is_seen_goes_along(length, first, second):
    one = Motion(course(0, 1, 2), 10.0, "tiny", (64, 64), seen=(False, True, True))
    other = Motion(course(3, 4, 5, 6, 7, 8)[:4], 20.0, "tiny", (64, 64), seen=(True, False, True, False))
    aligned = align([smooth(one, 1.0), smooth(other, 1.0)], 10.0, length)
    assert list(aligned[0].seen or ()) == first
    assert list(aligned[1].seen or ())[:2] == second[:2]


def test_a_driver_that_is_held_is_seen_as_in_its_last_frame():
    motion = Motion(course(0, 1), 10.0, "tiny", (64, 64), seen=(True, False))
    assert fit_length(motion, 4, "hold").seen == (True, False, False, False)
    assert fit_length(motion, 4, "loop").seen == (True, False, True, False)
    assert resample(motion, 10.0, 20.0).seen == (True, False, False, False)
    assert resample(motion, 10.0, 20.0).fps == 20.0


@pytest.mark.parametrize("width", [5.02, 5.25, 6.9])
def test_near_the_ends_windows_hold_whole_frames_alone(jitter, width):
    whole, partly = (smooth(jitter, frames / 1.4 / 25, 25).value for frames in (5, width))
    torch.testing.assert_close(partly[:2], whole[:2])
    torch.testing.assert_close(partly[-2:], whole[-2:])
    assert (partly[5:-5] != whole[5:-5]).any()


def test_a_face_that_is_covered_for_a_moment_goes_straight_on():
    found = course(0.0, 0.1, 0.9, -0.9, 0.4, 0.5)
    motion = Motion(found, 25.0, "tiny", (64, 64), seen=(True, True, False, False, True, True))

    ours = bridged(motion, (False, False, True, True, False, False))

    assert places(ours.keypoints) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert ours.keypoints.jacobian is not None
    assert ours.keypoints.jacobian[:, 0, 1, 1].tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert places(motion.keypoints)[2] == pytest.approx(0.9) and ours.seen == motion.seen


@pytest.mark.parametrize(
    "covered", [None, (False,) * 6, (True, True, False, False, False, False), (False, False, False, False, True, True)]
)
def test_what_is_not_covered_between_two_sights_stays(covered):
    motion = Motion(course(0.0, 0.1, 0.9, -0.9, 0.4, 0.5), 25.0, "tiny", (64, 64))
    assert torch.equal(bridged(motion, covered).keypoints.value, motion.keypoints.value)


def test_a_face_that_is_covered_for_long_is_not_made_up():
    motion = Motion(course(*range(60)), 25.0, "tiny", (64, 64))
    covered = [10 <= frame < 50 for frame in range(60)]
    assert torch.equal(bridged(motion, covered).keypoints.value, motion.keypoints.value)
    assert bridged(motion, covered, longest_s=2.0) is not motion
