"""What a model moves."""

import torch

from fom_core.geometry import identity_grid
from fom_core.motion import MovedArea
from fom_core.pipeline import animate_details
from fom_core.types import DenseMotion, Generated

SIZE = 64


def frames(shift=0.0, led=0.0, hidden=0.0, where=(slice(12, 20), slice(12, 20)), count=2):
    """Frames of a model that leaves a (32, 32) flow alone but for one place, in the last frame."""
    grid = identity_grid(32, 32, like=torch.zeros(1)).expand(count, -1, -1, -1).clone()
    grid[(-1, *where)] += shift
    mask = torch.zeros(count, 5, 32, 32)
    mask[:, 0] = 1
    mask[(-1, 0, *where)] = 1 - led
    occlusion = torch.ones(count, 1, 32, 32)
    occlusion[(-1, 0, *where)] = 1 - hidden
    return Generated(torch.zeros(count, 3, SIZE, SIZE), DenseMotion(grid, occlusion, mask))


def mask_of(*chunks):
    area = MovedArea()
    for chunk in chunks:
        area.add(chunk)
    return area.mask()


def test_nothing_moves_in_a_still_animation():
    mask = mask_of(frames())
    assert mask.shape == (1, SIZE, SIZE)
    assert mask.max() == 0


def test_what_moves_once_is_in_the_mask_and_the_ground_is_not():
    for chunk in (frames(shift=0.2), frames(led=1.0), frames(hidden=1.0)):
        mask = mask_of(chunk)[0]
        assert mask[28:36, 28:36].min() > 0.99
        assert mask[:12].max() == mask[:, 52:].max() == 0


def test_a_tremble_counts_as_still():
    assert mask_of(frames(shift=0.01, led=0.2, hidden=0.5)).max() == 0


def test_the_edge_is_soft():
    steps = mask_of(frames(shift=0.2))[0, 32].diff().abs()
    assert 0 < steps.max() < 0.35


def test_the_mask_is_the_same_chunk_by_chunk():
    here, there = frames(shift=0.2), frames(shift=0.2, where=(slice(22, 26), slice(4, 9)))
    together = Generated(
        torch.cat([here.prediction, there.prediction]),
        DenseMotion(*(torch.cat([getattr(each.dense_motion, name) for each in (here, there)]) for name in FIELDS)),
    )
    assert torch.equal(mask_of(here, there), mask_of(together))


FIELDS = ("deformation", "occlusion_map", "mask")


def test_a_model_without_motion_network_moves_everything():
    assert mask_of(Generated(torch.zeros(2, 3, 40, 48), None)).eq(1).all()


def test_the_mask_of_an_animation_fits_its_frames(tiny_model, clip):
    area = MovedArea()
    for chunk in animate_details(tiny_model, [clip[0]], clip, chunk_size=5):
        area.add(chunk[0])
    mask = area.mask()
    assert mask.shape == (1, 64, 64)
    assert mask.min() >= 0 and mask.max() <= 1
