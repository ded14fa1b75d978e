"""Losses, warps and anchors on small made-up input."""

from __future__ import annotations

import pytest
import torch

from fom_core.errors import UnsupportedModel
from fom_core.networks.discriminator import Critique
from fom_core.training.data.augment import Transform
from fom_core.training.losses import (
    anchor_loss,
    discriminator_gan_loss,
    equivariance_losses,
    face_importance,
    generator_gan_loss,
    judge_warp,
    perceptual_loss,
    weighted_l1,
)
from fom_core.training.perceptual import VggFeatures
from fom_core.types import Keypoints

FACE = torch.tensor([[[-0.2, -0.2], [0.2, -0.2], [0.0, 0.05], [-0.15, 0.3], [0.15, 0.3]]])


def random_warp(seed: int, batch: int = 2) -> Transform:
    return Transform.random(batch, 0.1, 0.02, 4, torch.Generator().manual_seed(seed))


def test_the_jacobian_of_a_warp_is_the_derivative_of_its_points():
    warp = random_warp(0)
    warp = warp.to(torch.float64)
    points = torch.rand(2, 6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 1.4 - 0.7
    step = 1e-6
    columns = []
    for axis in range(2):
        offset = torch.zeros(2, dtype=torch.float64)
        offset[axis] = step
        columns.append((warp.points(points + offset) - warp.points(points - offset)) / (2 * step))

    torch.testing.assert_close(warp.jacobian(points), torch.stack(columns, dim=-1), rtol=1e-5, atol=1e-6)


def test_keypoints_that_follow_the_warp_have_no_equivariance_loss():
    warp = random_warp(2)
    transformed = Keypoints(torch.rand(2, 5, 2) - 0.5, torch.eye(2).repeat(2, 5, 1, 1))
    driving = Keypoints(warp.points(transformed.value), warp.jacobian(transformed.value))

    value, jacobian = equivariance_losses(driving, transformed, warp)

    assert value == pytest.approx(0, abs=1e-6)
    assert jacobian == pytest.approx(0, abs=1e-5)


def test_keypoints_that_ignore_the_warp_are_penalised():
    warp = random_warp(3)
    still = Keypoints(torch.rand(2, 5, 2) - 0.5)

    value, jacobian = equivariance_losses(still, still, warp)

    assert value > 0.01
    assert jacobian is None


def test_equal_pictures_have_no_perceptual_loss_and_different_ones_have_a_gradient():
    features = VggFeatures((4, 8), seed=0)
    picture = torch.rand(1, 3, 16, 16)
    other = torch.rand(1, 3, 16, 16, requires_grad=True)

    assert perceptual_loss(features, [picture], [picture], [1, 1]) == 0
    perceptual_loss(features, [other], [picture], [1, 1]).backward()
    assert other.grad is not None
    assert other.grad.abs().sum() > 0


def test_random_features_are_the_same_for_the_same_seed():
    picture = torch.rand(1, 3, 16, 16)

    first, second, third = (VggFeatures((4, 8), seed=seed)(picture)[1] for seed in (5, 5, 6))

    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_importance_has_mean_one_and_is_highest_at_the_mouth():
    weight = face_importance(FACE, 64, mouth=4, eyes=1)

    assert weight.mean() == pytest.approx(1, abs=1e-5)
    row, column = divmod(int(weight[0, 0].argmax()), 64)
    assert abs(column - 31.5) <= 2
    assert abs(row - 31.5 * 1.3) <= 2


def test_importance_without_landmarks_is_a_bump_in_the_middle():
    weight = face_importance(torch.full((1, 5, 2), float("nan")), 33, mouth=4, eyes=1)

    assert int(weight.argmax()) == 16 * 33 + 16


def test_an_error_at_the_mouth_costs_more_than_the_same_error_in_a_corner():
    weight = face_importance(FACE, 64, mouth=4, eyes=1)
    clean = torch.zeros(1, 3, 64, 64)
    mouth, corner = clean.clone(), clean.clone()
    mouth[..., 38:44, 29:35] = 1
    corner[..., :6, :6] = 1

    assert weighted_l1(mouth, clean, weight) > 3 * weighted_l1(corner, clean, weight)


def half_failed_warp() -> tuple[torch.Tensor, torch.Tensor]:
    """A warped picture that is right on the left and wrong on the right, and the driving picture."""
    driving = torch.full((1, 3, 16, 16), 0.8)
    deformed = driving.clone()
    deformed[..., 8:] = 0.1
    return deformed, driving


def occlusion(left: float, right: float) -> torch.Tensor:
    return torch.tensor([left] * 4 + [right] * 4).expand(1, 1, 8, 8)


def test_what_the_generator_is_asked_for_is_the_warped_source_as_far_as_it_is_trusted():
    deformed, driving = half_failed_warp()
    visible = occlusion(1.0, 1.0)

    targets = [judge_warp(deformed, visible, driving, lambda x: [x], None, trust=share).target for share in (0, 0.5, 1)]

    torch.testing.assert_close(targets[0], driving)
    torch.testing.assert_close(targets[1], (driving + deformed) / 2)
    torch.testing.assert_close(targets[2], deformed)


def test_an_occlusion_map_that_hides_what_the_warp_gets_wrong_costs_least():
    deformed, driving = half_failed_warp()

    right, wrong, all_visible = (
        float(judge_warp(deformed, occlusion(*sides), driving, lambda image: [image], None).visibility)
        for sides in ((0.98, 0.02), (0.02, 0.98), (0.98, 0.98))
    )

    assert right < 0.1 * all_visible < wrong


def test_the_generator_is_asked_for_the_warp_where_visible_and_for_the_driving_picture_in_holes():
    deformed, driving = half_failed_warp()
    deformed[..., :8] = 0.7

    target = judge_warp(deformed, occlusion(1.0, 0.0), driving, lambda image: [image], None).target

    assert (target[..., :6] == 0.7).all()
    assert (target[..., 10:] == 0.8).all()


def test_keypoints_on_their_landmarks_have_no_anchor_loss():
    mouth, down = torch.tensor([0.0, 0.3]), torch.tensor([0.0, 0.5])
    guesses = torch.stack([mouth - 0.12 * down, mouth + 0.22 * down, mouth + 0.75 * down])
    value = torch.cat([FACE[0], guesses, torch.rand(3, 2)])[None]

    assert anchor_loss(value, FACE) == 0
    assert anchor_loss(value + 0.5, FACE) > 0.3
    assert anchor_loss(value + 0.5, torch.full_like(FACE, float("nan"))) == 0


def test_the_anchor_loss_of_a_batch_is_the_mean_of_its_parts():
    value = torch.rand(4, 9, 2, generator=torch.Generator().manual_seed(0))
    landmarks = FACE.repeat(4, 1, 1)
    landmarks[1] = float("nan")

    parts = [anchor_loss(value[rows], landmarks[rows]) for rows in (slice(2), slice(2, 4))]

    torch.testing.assert_close(anchor_loss(value, landmarks), torch.stack(parts).mean())


def test_discriminators_that_are_sure_have_no_loss_and_fooled_ones_do():
    real, fake = ([Critique((), torch.full((1, 1, 2, 2), score))] for score in (1.0, 0.0))

    assert discriminator_gan_loss(real, fake) == 0
    assert discriminator_gan_loss(fake, real) == 2
    assert generator_gan_loss(real) == 0
    assert generator_gan_loss(fake) == 1


def test_discriminators_count_patches_of_the_mouth_more():
    """One patch of four is unmasked; it lies where three times as much counts as in the mean."""
    score = torch.ones(1, 1, 2, 2)
    score[..., 1, 0] = 0
    importance = torch.tensor([[[[1 / 3, 1 / 3], [3.0, 1 / 3]]]]).repeat_interleave(8, 2).repeat_interleave(8, 3)

    assert generator_gan_loss([Critique((), score)]) == pytest.approx(1 / 4)
    assert generator_gan_loss([Critique((), score)], importance) == pytest.approx(3 / 4)
    real, fake = Critique((), torch.ones_like(score)), Critique((), 1 - score)
    assert discriminator_gan_loss([real], [fake], importance) == pytest.approx(3 / 4)


LAYERS = {  # channels of the convolutions, narrow; M is pooling
    "vgg11": [2, "M", 3, "M", 4, 4, "M", 5, 5, "M", 5, 5, "M"],
    "vgg13": [2, 2, "M", 3, 3, "M", 4, 4, "M", 5, 5, "M", 5, 5, "M"],
    "vgg16": [2, 2, "M", 3, 3, "M", 4, 4, 4, "M", 5, 5, 5, "M", 5, 5, 5, "M"],
    "vgg19": [2, 2, "M", 3, 3, "M", 4, 4, 4, 4, "M", 5, 5, 5, 5, "M", 5, 5, 5, 5, "M"],
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_vgg_is_recognised_by_its_weights_and_gives_the_first_features_of_each_stage(name):
    torch.manual_seed(0)
    modules, channels = [], 3
    for layer in LAYERS[name]:
        if layer == "M":
            modules.append(torch.nn.MaxPool2d(2))
        else:
            modules += [torch.nn.Conv2d(channels, layer, 3, padding=1), torch.nn.ReLU()]
            channels = layer
    whole = torch.nn.Sequential(*modules)
    picture = torch.rand(1, 3, 32, 32)

    features = VggFeatures.from_state_dict({f"features.{key}": value for key, value in whole.state_dict().items()})

    stage_starts = [0, *(index + 1 for index, layer in enumerate(modules) if isinstance(layer, torch.nn.MaxPool2d))][:5]
    out = (picture - features.mean) / features.std
    with torch.no_grad():
        expected = [whole[: start + 2](out) for start in stage_starts]
    for ours, theirs in zip(features(picture), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_weights_that_are_no_vgg_are_refused():
    with pytest.raises(UnsupportedModel, match="vgg19, vgg16"):
        VggFeatures.from_state_dict({"conv.weight": torch.zeros(1)})
