"""What training minimises: equations 9 to 12 of the paper, and weights that point at mouth and eyes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import identity_grid, inverse_2x2
from ..networks.discriminator import Critique
from ..types import Keypoints
from .data.augment import Transform
from .data.mesh import LIPS_AND_CHIN
from .perceptual import VggFeatures

Pyramid = Callable[[Tensor], list[Tensor]]

VISIBLE_ERROR, VISIBLE_SOFTNESS = 0.1, 0.025  # mean difference of values in [0, 1] at which a warp is half given up


def perceptual_loss(
    features: VggFeatures,
    prediction: Sequence[Tensor],
    target: Sequence[Tensor],
    weights: Sequence[float],
    importance: Tensor | None = None,
) -> Tensor:
    """Equation 9: weighted L1 distances of features, summed over the levels of two picture pyramids."""
    total = prediction[0].new_zeros(())
    for predicted, wanted in zip(prediction, target, strict=True):
        with torch.no_grad():
            wanted_features = features(wanted)
        for weight, ours, theirs in zip(weights, features(predicted), wanted_features, strict=True):
            total = total + weight * weighted_l1(ours, theirs, importance)
    return total


def pyramid_l1(prediction: Sequence[Tensor], target: Sequence[Tensor], importance: Tensor | None = None) -> Tensor:
    """L1 distance of pixels, summed over the levels of two picture pyramids."""
    parts = [weighted_l1(*level, importance) for level in zip(prediction, target, strict=True)]
    return torch.stack(parts).sum()


def weighted_l1(ours: Tensor, theirs: Tensor, importance: Tensor | None = None) -> Tensor:
    """Mean absolute difference; ``importance`` (B, 1, h, w) of any size counts some places more."""
    difference = (ours - theirs).abs()
    if importance is None:
        return difference.mean()
    return (difference * F.adaptive_avg_pool2d(importance, (difference.shape[2], difference.shape[3]))).mean()


def equivariance_losses(
    driving: Keypoints, transformed: Keypoints, transform: Transform
) -> tuple[Tensor, Tensor | None]:
    """Equations 11 and 12: keypoints of a warped picture, taken back through the warp, are those of the picture.

    ``transformed`` are the keypoints of ``transform.frame(driving picture)``. The second value, of the jacobians, is
    None for a model without.
    """
    value = (driving.value - transform.points(transformed.value)).abs().mean()
    if driving.jacobian is None or transformed.jacobian is None:
        return value, None
    taken_back = transform.jacobian(transformed.value) @ transformed.jacobian
    product = inverse_2x2(driving.jacobian) @ taken_back
    return value, (torch.eye(2, device=product.device) - product).abs().mean()


def feature_matching_loss(real: Sequence[Critique], fake: Sequence[Critique], weights: Sequence[float]) -> Tensor:
    """L1 distance of the discriminator's features of the true and the generated picture; ``weights`` per block."""
    total = fake[0].score.new_zeros(())
    for real_scale, fake_scale in zip(real, fake, strict=True):
        for weight, ours, theirs in zip(weights, real_scale.features, fake_scale.features, strict=True):
            if weight:
                total = total + weight * (ours - theirs).abs().mean()
    return total


def generator_gan_loss(fake: Sequence[Critique], importance: Tensor | None = None) -> Tensor:
    """Least-squares GAN, the generator's half: 0 when the discriminator calls every patch real.

    ``importance`` (B, 1, h, w) of any size counts patches in some places more, such as those of the mouth.
    """
    return torch.stack([_patches((1 - scale.score).square(), importance) for scale in fake]).sum()


def discriminator_gan_loss(
    real: Sequence[Critique], fake: Sequence[Critique], importance: Tensor | None = None
) -> Tensor:
    """Least-squares GAN, the discriminator's half."""
    scales = zip(real, fake, strict=True)
    return torch.stack(
        [_patches((1 - ours.score).square() + theirs.score.square(), importance) for ours, theirs in scales]
    ).sum()


def _patches(values: Tensor, importance: Tensor | None) -> Tensor:
    """Mean over patches (B, 1, h, w), by importance where it is given."""
    if importance is None:
        return values.mean()
    return (values * F.adaptive_avg_pool2d(importance, (values.shape[2], values.shape[3]))).mean()


def face_importance(landmarks: Tensor, size: int, mouth: float, eyes: float) -> Tensor:
    """Where the loss looks, (B, 1, size, size) with mean 1: a wide bump on the face, peaks on mouth and eyes.

    Without landmarks (NaN) only a bump in the middle. ``mouth`` and ``eyes`` are heights against a floor of 0.5.
    """
    known = ~landmarks.isnan().flatten(1).any(1)
    points = torch.where(known[:, None, None], landmarks, 0.0)
    right_eye, left_eye, nose, *corners = points.unbind(1)
    parts = [(nose, 0.55, 1.0), (right_eye, 0.13, eyes), (left_eye, 0.13, eyes), (sum(corners) / 2, 0.2, mouth)]
    grid = identity_grid(size, size, like=points)
    weight = torch.full_like(grid[..., 0], 0.5).repeat(len(points), 1, 1)
    for index, (centre, sigma, height) in enumerate(parts):
        distance = (grid - centre[:, None, None]).square().sum(-1)
        bump = height * torch.exp(-distance / (2 * sigma**2))
        weight = weight + (bump if index == 0 else bump * known[:, None, None])
    return (weight / weight.mean(dim=(1, 2), keepdim=True))[:, None]


@dataclass(frozen=True)
class WarpJudgement:
    """What the flow alone achieves, and what is left to paint."""

    photometric: Tensor  # how far the warped source is from the driving picture, where it is called visible
    visibility: Tensor  # how far the occlusion map is from what the warp's error says
    target: Tensor  # (B, 3, H, W) for the generator: the warped source where visible, else the driving picture


def judge_warp(
    deformed: Tensor,
    occlusion_map: Tensor,
    driving: Tensor,
    pyramid: Pyramid,
    importance: Tensor | None,
    *,
    trust: float = 1.0,
) -> WarpJudgement:
    """Train flow and occlusion map on their own merits, and spare the generator the flow's errors.

    A generator that is asked for the driving picture where the flow is a few pixels off learns to blur. Asked for the
    warped source instead, it stays as sharp as the source; where the warp fails by more than ``VISIBLE_ERROR`` the
    occlusion map opens a hole, an opened mouth for instance, and there it has to paint. The less ``trust``, the more of
    the driving picture itself is in what is asked for.
    """
    height, width = driving.shape[2:]
    shown = F.interpolate(occlusion_map.detach(), size=(height, width), mode="bilinear", align_corners=False)
    error = (deformed.detach() - driving).abs().mean(1, keepdim=True)
    small = F.adaptive_avg_pool2d(error, (occlusion_map.shape[2], occlusion_map.shape[3]))
    visible = torch.sigmoid((VISIBLE_ERROR - small) / VISIBLE_SOFTNESS)
    weight = shown.clamp(min=0.3) if importance is None else shown.clamp(min=0.3) * importance
    doubt = F.binary_cross_entropy(occlusion_map.clamp(1e-4, 1 - 1e-4), visible, reduction="none")
    if importance is not None:
        doubt = doubt * F.adaptive_avg_pool2d(importance, (small.shape[2], small.shape[3]))
    return WarpJudgement(
        photometric=pyramid_l1(pyramid(deformed), pyramid(driving), weight),
        visibility=doubt.mean(),
        target=torch.lerp(driving, deformed.detach(), trust * shown),
    )


ANCHOR_TOLERANCE = (0.03, 0.03, 0.03, 0.03, 0.03, 0.1, 0.1, 0.15)
MESH_TOLERANCE = 0.06  # of lips and chin that a mesh tells


def anchor_loss(value: Tensor, landmarks: Tensor, mesh: Tensor | None = None) -> Tensor:
    """Pull the first eight keypoints to eyes, nose, mouth corners, both lips and chin; 0 inside a tolerance.

    value: (B, K >= 8, 2). Lips and chin are those of the mesh (B, 468, 2) where it is known. Else they are guessed from
    the line from the eyes to the mouth, so their tolerance is wide and the reconstruction decides. A picture without
    landmarks counts as one without error, so that the loss of a batch is the mean of its parts'.
    """
    known = ~landmarks.isnan().flatten(1).any(1)
    points = torch.where(known[:, None, None], landmarks, 0.0)
    mouth = points[:, 3:5].mean(1)
    down = mouth - points[:, 0:2].mean(1)
    guesses = torch.stack([mouth - 0.12 * down, mouth + 0.22 * down, mouth + 0.75 * down], dim=1)
    tolerance = _tolerance(value.device)
    if mesh is not None:
        found = torch.stack([mesh[:, point] for point in LIPS_AND_CHIN], dim=1)
        sure = ~found.isnan().flatten(1).any(1)
        guesses = torch.where(sure[:, None, None], found, guesses)
        told = F.pad(sure[:, None].expand(-1, 3), (5, 0))  # (B, 8)
        tolerance = torch.where(told, MESH_TOLERANCE, tolerance)
    target = torch.cat([points, guesses], dim=1)
    excess = ((value[:, :8] - target).norm(dim=-1) - tolerance).clamp(min=0)
    return (excess * known[:, None]).mean()


@cache
def _tolerance(device: torch.device) -> Tensor:
    """Brought to a GPU once: every copy would make the step wait."""
    return torch.tensor(ANCHOR_TOLERANCE, device=device)
