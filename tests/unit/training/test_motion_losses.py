"""Losses of the motion, and the composed picture that gradients flow through, against known values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fom_core.compose import open_composer
from fom_core.compose.flow import areas, unlike_a_plane
from fom_core.geometry import identity_grid
from fom_core.networks.model import MotionModel
from fom_core.pictures import to_batch, to_pictures
from fom_core.training.composed import compose_pictures, unlike_planes
from fom_core.training.motion_losses import evidence_loss, flow_areas, fold_penalty, singular_penalty
from fom_core.types import DenseMotion, FaceSet, Generated, Keypoints

IDENTITY = identity_grid(16, 16, like=torch.zeros(1))[None]


def test_the_identity_costs_nothing_and_a_flow_that_folds_does():
    mirrored = IDENTITY * torch.tensor([-1.0, 1.0])  # inside out: areas of -1

    assert fold_penalty(IDENTITY) == pytest.approx(0)
    assert fold_penalty(mirrored) == pytest.approx((0.3 + 1) ** 2, rel=1e-4)


def test_areas_are_those_of_the_compositor():
    random = torch.Generator().manual_seed(0)
    flow = IDENTITY + 0.1 * torch.randn(2, 16, 16, 2, generator=random)

    ours = flow_areas(flow)

    theirs = [areas((each - IDENTITY[0]).numpy(), (2 / 15, 2 / 15)) for each in flow]
    assert ours.numpy() == pytest.approx(np.stack(theirs), abs=1e-5)


def test_a_penalty_pulls_a_fold_apart():
    flow = (IDENTITY * torch.tensor([0.1, 1.0])).requires_grad_()  # squeezed to a tenth

    fold_penalty(flow).backward()

    assert flow.grad is not None
    left, right = flow.grad[0, :, 0, 0], flow.grad[0, :, -1, 0]
    assert (left > 0).all() and (right < 0).all()  # less of it is wider


def test_jacobians_cost_as_they_come_near_to_singular():
    def keypoints(size: float) -> Keypoints:
        return Keypoints(torch.zeros(1, 1, 2), torch.diag(torch.tensor([size, 1.0])).view(1, 1, 2, 2))

    assert singular_penalty(keypoints(1.0)) == 0
    assert singular_penalty(keypoints(-0.1)) == 0
    assert singular_penalty(keypoints(0.05), keypoints(0.0)) == pytest.approx((0.25 + 1) / 2)


def test_the_map_is_to_show_the_source_where_that_is_right_and_hide_it_where_the_painted_is_nearer():
    driving, wrong = torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.5)

    def loss(shown: float, deformed: torch.Tensor, painted: torch.Tensor) -> float:
        return float(evidence_loss(torch.full((1, 1, 4, 4), shown), deformed, painted, driving))

    assert loss(0.99, driving, driving) < loss(0.5, driving, driving) < loss(0.01, driving, driving)
    assert loss(0.99, wrong, wrong) < loss(0.3, wrong, wrong)  # no better, so there is no reason to paint
    assert loss(0.01, wrong, driving) < loss(0.5, wrong, driving) < loss(0.99, wrong, driving)


def test_the_picture_is_the_compositors_own(tiny_model: MotionModel):
    """A smooth picture, for the compositor samples it bicubically, and on a coarser grid."""
    size = 64
    y, x = np.mgrid[:size, :size] / size
    picture = np.stack([120 + 90 * np.sin(5 * x), 128 + 80 * np.cos(4 * y), 100 + 60 * x * y], axis=-1).astype(np.uint8)
    source = to_batch(picture[None], channels=3, device="cpu")
    features = tiny_model.encode_source(source)
    still = tiny_model.generate(features, features.keypoints).dense_motion
    assert still is not None and still.occlusion_map is not None
    places = identity_grid(*still.deformation.shape[1:3], like=source)
    bump = 0.12 * torch.exp(-4 * (places - 0.1).square().sum(-1, keepdim=True)) * torch.tensor([1.0, -0.6])
    hidden = still.occlusion_map * (1 - 0.8 * torch.exp(-6 * (places + 0.3).square().sum(-1)))
    prediction = source.flip(1)
    generated = Generated(prediction, DenseMotion((places + bump)[None], hidden, still.mask))
    composer = open_composer(tiny_model, picture, FaceSet.from_crops([(0, 0, size, size)], (size, size)), [features])

    ours = to_pictures(compose_pictures(source, generated, still.occlusion_map, tiny_model.config.flow_unit))

    assert composer is not None
    theirs = composer([generated])
    assert np.abs(theirs.astype(int) - picture).max() > 40  # something moved and was painted
    assert np.abs(ours.astype(int) - theirs).mean() < 1  # levels of 255
    assert np.abs(ours.astype(int) - theirs).max() <= 12


def test_at_rest_it_is_the_source(tiny_model: MotionModel):
    source = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    still = torch.full((1, 1, 16, 16), 0.7)
    generated = Generated(torch.zeros_like(source), DenseMotion(IDENTITY, still, torch.ones(1, 4, 16, 16)))

    composed = compose_pictures(source, generated, still, 1.0)

    assert composed.numpy() == pytest.approx(source.numpy(), abs=1e-4)


def test_faces_turn_in_training_as_far_as_the_compositor_finds():
    random = torch.Generator().manual_seed(3)
    moved = 0.15 * torch.nn.functional.interpolate(
        torch.randn(4, 2, 4, 4, generator=random), size=(32, 32), mode="bicubic"
    ).movedim(1, -1)
    moved[3] += 3  # that head left the crop

    ours = unlike_planes(moved)

    assert ours.tolist() == pytest.approx([unlike_a_plane(d.numpy()) for d in moved], abs=1e-5)
    assert (ours[:3] > 0.02).all() and ours[3] == 0
