"""The course of a motion in time."""

import pytest
import torch

from fom_core.errors import UsageError
from fom_core.motion import align, fit_length, resample, smooth
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
    assert unrest(jitter.value) > 4 * unrest(some.value) > 8 * unrest(much.value)
    assert unrest(jitter.jacobian) > 4 * unrest(some.jacobian) > 8 * unrest(much.jacobian)


def test_smoothing_delays_nothing(jitter):
    backwards = Keypoints(jitter.value.flip(0), None)
    torch.testing.assert_close(smooth(backwards, 0.5, 25).value.flip(0), smooth(jitter, 0.5, 25).value)


def test_smoothing_goes_by_seconds_whatever_the_frame_rate():
    def wave(fps):
        seconds = torch.arange(4 * fps) / fps
        return Keypoints(torch.sin(4 * seconds)[:, None, None].expand(-1, 1, 2))

    slow, fast = smooth(wave(25), 0.6, 25), smooth(wave(100), 0.6, 100)
    torch.testing.assert_close(fast.value[::4][10:-10], slow.value[10:-10], rtol=0, atol=2e-3)


def test_a_motion_is_smoothed_at_its_own_frame_rate(jitter):
    motion = Motion(jitter, 50.0, "tiny", (64, 64), {"licence": "MIT"})
    smoothed = smooth(motion, 0.5)
    torch.testing.assert_close(smoothed.keypoints.value, smooth(jitter, 0.5, 50.0).value)
    assert (smoothed.fps, smoothed.model, smoothed.metadata) == (50.0, "tiny", {"licence": "MIT"})


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
