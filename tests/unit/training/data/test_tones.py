"""Pairs that come out grey, toned or damaged, both frames alike."""

from __future__ import annotations

import pytest
import torch

from fom_core.pictures import LUMA
from fom_core.training.data.tones import DAMAGES, TONES, change_tones, damage

RANDOM = torch.Generator().manual_seed(0)
SEEDS = torch.arange(3, 7)
SOURCE, DRIVING = torch.rand(2, 4, 3, 20, 20, generator=RANDOM)


def test_a_grey_pair_has_its_brightness_and_no_colour_and_others_stay():
    kinds = torch.tensor([TONES.index("grey"), -1, TONES.index("sepia"), TONES.index("painting")])

    source, driving = change_tones(SOURCE, DRIVING, kinds)

    brightness = (SOURCE[0] * torch.tensor(LUMA)[:, None, None]).sum(0)
    torch.testing.assert_close(source[0], brightness.expand(3, -1, -1))
    torch.testing.assert_close(driving[0].std(0), torch.zeros(20, 20), atol=1e-6, rtol=0)
    assert torch.equal(source[1], SOURCE[1]) and torch.equal(driving[1], DRIVING[1])
    assert source[2, 0].mean() > source[2, 2].mean()  # sepia is warm
    assert (source >= 0).all() and (source <= 1).all()


@pytest.mark.parametrize("number", range(len(DAMAGES)), ids=DAMAGES)
def test_each_damage_changes_both_frames_and_stays_in_range(number):
    kinds, strength = torch.tensor([number, -1, number, -1]), torch.full((4,), 0.7)

    source, driving = damage(SOURCE, DRIVING, kinds, strength, SEEDS)

    for before, after in ((SOURCE, source), (DRIVING, driving)):
        assert (after[0] - before[0]).abs().mean() > 0.01
        assert torch.equal(after[1], before[1])
        assert after.min() >= 0 and after.max() <= 1
    again = damage(SOURCE, DRIVING, kinds, strength, SEEDS)
    assert torch.equal(again[0], source) and torch.equal(again[1], driving)


def test_blur_and_blocks_leave_a_flat_picture_flat():
    flat = torch.full((2, 3, 20, 20), 0.5)

    blurred, _ = damage(flat, flat, torch.tensor([DAMAGES.index("blur")] * 2), torch.ones(2), SEEDS[:2])
    coarse, _ = damage(flat, flat, torch.tensor([DAMAGES.index("blocks")] * 2), torch.ones(2), SEEDS[:2])

    torch.testing.assert_close(blurred, flat)
    assert coarse.std(dim=(2, 3)).max() < 1e-5
    assert (coarse - flat).abs().max() <= 0.035 / 8 + 1e-6  # half a step of a block's mean


def test_the_same_strength_blurs_a_pair_alike():
    kinds = torch.full((4,), DAMAGES.index("blur"))

    source, driving = damage(SOURCE, SOURCE, kinds, torch.linspace(0, 1, 4), SEEDS)

    assert torch.equal(source, driving)
    spread = source.std(dim=(1, 2, 3))
    assert (spread.diff() < 0).all()  # the stronger, the flatter
