"""Faces of other shapes: what moves them, and the way back."""

from __future__ import annotations

import pytest
import torch

from fom_core.training.data.framing import Framing, followed
from fom_core.training.data.reshape import bends, bent, stretches, unbent

RANDOM = torch.Generator().manual_seed(0)
POINTS = torch.rand(64, 300, 2, generator=RANDOM) * 2 - 1


def test_points_find_back_through_a_bend():
    field = bends(64, 1.0, RANDOM)

    moved = bent(field, POINTS)

    assert 0.02 < (moved - POINTS).norm(dim=-1).mean() < 0.1
    assert (unbent(field, moved) - POINTS).abs().max() < 1e-3
    assert (bent(field, unbent(field, POINTS)) - POINTS).abs().max() < 1e-3


def test_bends_differ_in_strength_and_stay_smooth():
    field = bends(64, 1.0, RANDOM)

    strength = field.std(dim=(1, 2, 3))
    assert strength.min() < 0.01 and 0.05 < strength.max() < 0.1
    assert (field[..., 1:] - field[..., :-1]).abs().max() < 2 / 23, "neighbours never pass one another"
    assert bends(4, 0.5, torch.Generator().manual_seed(1)).mul(2).equal(bends(4, 1.0, torch.Generator().manual_seed(1)))


def test_stretches_leave_the_middle_and_change_proportions():
    theta = stretches(500, 1.0, RANDOM)

    assert (theta[:, :, 2] == 0).all()
    ratio = (theta[:, 0, 0] / theta[:, 1, 1]).log()
    assert ratio.std() == pytest.approx(0.09 * 2**0.5, rel=0.15)
    assert theta[:, 0, 1].std() == pytest.approx(0.05, rel=0.15)


def test_what_is_framed_and_bent_finds_back_and_changes_sides_in_mirrors():
    theta = followed(torch.tensor([[[-0.9, 0.1, 0.1], [0.1, 0.9, -0.05]]]).repeat(64, 1, 1), stretches(64, 1.0, RANDOM))
    framing = Framing(theta, bends(64, 1.0, RANDOM))
    pair = POINTS[:, :2] * 0.8

    back = framing.after(framing.before(pair))

    assert (back - pair).abs().max() < 2e-3
    assert framing.mirrors.all()
    torch.testing.assert_close(framing.after(pair, [1, 0]), framing.after(pair).flip(1))
    grid = framing.grid(5)
    torch.testing.assert_close(grid[:, 0, -1], framing.before(torch.tensor([[[1.0, -1.0]]]).repeat(64, 1, 1))[:, 0])


def test_maps_of_some_rows_alone_are_unbent():
    framing = Framing(torch.eye(2, 3).repeat(64, 1, 1), bends(64, 1.0, RANDOM))

    some = framing.after(POINTS, unbends=torch.tensor([3, 5]))

    every = framing.after(POINTS)
    torch.testing.assert_close(some[[3, 5]], every[[3, 5]], rtol=0, atol=1e-3)
    torch.testing.assert_close(some[4], POINTS[4])
