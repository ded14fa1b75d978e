"""What one batch says about the networks: every loss that a stage asks for, weighted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..networks.discriminator import ImagePyramid, MultiScaleDiscriminator
from ..networks.model import MotionModel, create_model
from ..types import Generated, Keypoints
from .config import Stage
from .data.augment import Pairs, Transform
from .losses import (
    anchor_loss,
    discriminator_gan_loss,
    equivariance_losses,
    face_importance,
    feature_matching_loss,
    generator_gan_loss,
    judge_warp,
    perceptual_loss,
    pyramid_l1,
)
from .perceptual import VggFeatures


@dataclass(frozen=True)
class Outcome:
    """Losses of generator and keypoint detector, and what the discriminator needs to judge the same batch."""

    losses: dict[str, Tensor]
    prediction: Tensor
    driving: Keypoints

    def detached(self) -> Outcome:
        return Outcome({}, self.prediction.detach(), _detached(self.driving))


class Objective(nn.Module):
    """The networks that a stage trains, and those that judge them."""

    def __init__(self, stage: Stage, features: VggFeatures) -> None:
        super().__init__()
        self.stage = stage
        discriminator, channels = stage.discriminator, stage.model.num_channels
        self.model = create_model(stage.model)
        self.features = features
        self.pyramid = ImagePyramid(stage.scales, channels).requires_grad_(False)
        self.discriminator = None if discriminator is None else MultiScaleDiscriminator(discriminator)
        self.discriminator_pyramid = ImagePyramid(
            discriminator.scales if discriminator else (1.0,), channels
        ).requires_grad_(False)

    @property
    def models(self) -> list[MotionModel]:
        """All that compute in a step, whether they learn or not."""
        return [self.model]

    def generator_losses(self, pairs: Pairs, transform: Transform, learns_keypoints: bool = True) -> Outcome:
        """All losses of generator and keypoint detector; ``transform`` is the warp of the equivariance losses."""
        with torch.set_grad_enabled(learns_keypoints):
            resting = self.model.keypoint_detector(pairs.source)
            driving = self.model.keypoint_detector(pairs.driving)
        features = self.model.generator.encode(pairs.source, resting)
        generated = self.model.generate(features, driving, details=bool(self.stage.weights.warp))
        losses = self._picture_losses(generated, pairs)
        if learns_keypoints:
            losses |= self._keypoint_losses(resting, driving, pairs, transform)
        losses |= self._further_losses(pairs, resting, driving, generated)
        if self.discriminator is not None:
            losses |= self._discriminator_losses(generated.prediction, pairs.driving, driving)
        return Outcome(losses, generated.prediction, driving)

    def discriminator_loss(self, target: Tensor, outcome: Outcome) -> Tensor:
        """The discriminator's own loss on a batch that was generated before."""
        assert self.discriminator is not None
        points = _detached(outcome.driving)
        fake = self.discriminator(self.discriminator_pyramid(outcome.prediction.detach()), points)
        real = self.discriminator(self.discriminator_pyramid(target), points)
        return self.stage.weights.discriminator_gan * discriminator_gan_loss(real, fake)

    def _picture_losses(self, generated: Generated, pairs: Pairs) -> dict[str, Tensor]:
        weights, losses = self.stage.weights, {}
        importance, target = None, pairs.driving
        if weights.mouth or weights.eyes:
            importance = face_importance(pairs.driving_landmarks, target.shape[-1], weights.mouth, weights.eyes)
        if weights.warp and generated.deformed is not None and generated.dense_motion is not None:
            occlusion_map = generated.dense_motion.occlusion_map
            assert occlusion_map is not None
            judged = judge_warp(
                generated.deformed, occlusion_map, target, self.pyramid, importance, trust=weights.warp_trust
            )
            losses["warp"] = weights.warp * judged.photometric
            losses["visibility"] = weights.visibility * judged.visibility
            target = judged.target
        wanted, painted = self.pyramid(target), self.pyramid(generated.prediction)
        if any(weights.perceptual):
            losses["perceptual"] = perceptual_loss(self.features, painted, wanted, weights.perceptual, importance)
        if weights.l1:
            losses["l1"] = weights.l1 * pyramid_l1(painted, wanted, importance)
        return losses

    def _keypoint_losses(
        self, resting: Keypoints, driving: Keypoints, pairs: Pairs, transform: Transform
    ) -> dict[str, Tensor]:
        weights, losses = self.stage.weights, {}
        if weights.equivariance_value or weights.equivariance_jacobian:
            warped = self.model.keypoint_detector(transform.frame(pairs.driving))
            value, jacobian = equivariance_losses(driving, warped, transform)
            losses["equivariance_value"] = weights.equivariance_value * value
            if jacobian is not None:
                losses["equivariance_jacobian"] = weights.equivariance_jacobian * jacobian
        if weights.anchor:
            apart = (resting.value, pairs.source_landmarks), (driving.value, pairs.driving_landmarks)
            losses["anchor"] = weights.anchor * torch.stack([anchor_loss(*each) for each in apart]).mean()
        return losses

    def _further_losses(
        self, pairs: Pairs, resting: Keypoints, driving: Keypoints, generated: Generated
    ) -> dict[str, Tensor]:
        """Losses that a kind of training adds to those of the paper."""
        return {}

    def _discriminator_losses(self, prediction: Tensor, target: Tensor, driving: Keypoints) -> dict[str, Tensor]:
        assert self.discriminator is not None
        points, weights = _detached(driving), self.stage.weights
        fake = self.discriminator(self.discriminator_pyramid(prediction), points)
        real = self.discriminator(self.discriminator_pyramid(target), points)
        losses = {"generator_gan": weights.generator_gan * generator_gan_loss(fake)}
        if any(weights.feature_matching):
            losses["feature_matching"] = feature_matching_loss(real, fake, weights.feature_matching)
        return losses


def _detached(keypoints: Keypoints) -> Keypoints:
    jacobian = keypoints.jacobian
    return replace(keypoints, value=keypoints.value.detach(), jacobian=None if jacobian is None else jacobian.detach())
