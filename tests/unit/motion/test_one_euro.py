"""Smoothing keypoints while nothing is known of what comes."""

import numpy as np
import pytest
import torch

from fom_core.errors import UsageError
from fom_core.motion import OneEuro
from fom_core.types import Keypoints

FPS = 30.0


def smoothed(values: torch.Tensor, strength: float, jacobians: torch.Tensor | None = None) -> Keypoints:
    """(T, K, 2) keypoints through the filter, one at a time."""
    euro = OneEuro(strength)
    frames = Keypoints(values, jacobians)
    return Keypoints.cat([euro(frames[t : t + 1], t / FPS) for t in range(len(frames))])


def test_what_stands_still_trembles_less():
    trembling = 0.01 * torch.randn(90, 5, 2, generator=torch.Generator().manual_seed(0))

    calm, calmer = (smoothed(trembling, strength).value[30:].std() for strength in (0.3, 1.0))

    assert calmer < calm < 0.7 * trembling[30:].std()


def test_what_moves_quickly_lags_by_less_than_a_frame():
    moving = torch.linspace(-0.5, 0.5, 16)[:, None, None].repeat(1, 5, 2)  # half a picture in half a second

    behind = (moving - smoothed(moving, 0.3).value)[4:]

    assert 0 < float(behind.max()) < float(moving[1, 0, 0] - moving[0, 0, 0])


def test_no_strength_and_the_first_keypoints_change_nothing():
    values = torch.rand(4, 3, 2)

    assert torch.equal(smoothed(values, 0.0).value, values)
    assert torch.equal(smoothed(values, 1.0).value[0], values[0])


def test_jacobians_go_with_their_points():
    values = torch.zeros(30, 3, 2)
    jacobians = torch.eye(2) + 0.1 * torch.randn(30, 3, 2, 2, generator=torch.Generator().manual_seed(0))

    calmed = smoothed(values, 1.0, jacobians).jacobian

    assert calmed is not None
    assert calmed[10:].std(dim=0).mean() < 0.7 * jacobians[10:].std(dim=0).mean()


def test_a_reset_forgets_what_was_before():
    euro = OneEuro(1.0)
    euro(Keypoints(torch.zeros(1, 3, 2)), 0.0)
    euro.reset()

    assert torch.equal(euro(Keypoints(torch.ones(1, 3, 2)), 0.1).value, torch.ones(1, 3, 2))


def test_a_moment_that_does_not_come_after_the_last_one_changes_nothing():
    euro = OneEuro(1.0)
    first = euro(Keypoints(torch.zeros(1, 3, 2)), 1.0)

    assert euro(Keypoints(torch.ones(1, 3, 2)), 1.0) is first
    np.testing.assert_array_less(euro(Keypoints(torch.ones(1, 3, 2)), 1.1).value, 1)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_another_strength_is_refused(strength):
    with pytest.raises(UsageError, match=r"between 0 \(off\) and 1"):
        OneEuro(strength)
