"""What one batch says about the networks: every loss that a stage asks for, weighted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..networks.discriminator import ImagePyramid, MultiScaleDiscriminator
from ..networks.model import MotionModel, create_model
from ..types import Generated, Keypoints, SourceFeatures
from .composed import compose_pictures
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
from .mesh_losses import mesh_loss, still_flow_loss, still_keypoint_losses
from .motion_losses import evidence_loss, fold_penalty, singular_penalty
from .perceptual import VggFeatures
from .settings import Stage


@dataclass(frozen=True)
class Outcome:
    """Losses of generator and keypoint detector, and what the discriminator needs to judge the same batch."""

    losses: dict[str, Tensor]
    prediction: Tensor
    driving: Keypoints
    importance: Tensor | None = None  # of places, where mouth or eyes count more

    def detached(self) -> Outcome:
        return Outcome({}, self.prediction.detach(), _detached(self.driving), self.importance)


class Objective(nn.Module):
    """The networks that a stage trains, and those that judge them."""

    def __init__(self, stage: Stage, features: VggFeatures) -> None:
        super().__init__()
        self.stage = stage
        discriminator, channels = stage.discriminator, stage.model.num_channels
        self.model = create_model(stage.model)
        self.held = _held(self.model, stage.fixed)
        for network in self.held:
            network.requires_grad_(False)
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

    def train(self, mode: bool = True) -> Objective:
        """Parts that stay as they are keep the statistics of their normalisation, too."""
        super().train(mode)
        for network in self.held:
            network.eval()
        if "statistics" in self.stage.fixed:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm):
                    module.eval()
        return self

    def generator_losses(self, pairs: Pairs, transform: Transform, learns_keypoints: bool = True) -> Outcome:
        """All losses of generator and keypoint detector; ``transform`` is the warp of the equivariance losses."""
        learns_keypoints = learns_keypoints and "keypoint_detector" not in self.stage.fixed
        with torch.set_grad_enabled(learns_keypoints):
            resting = self.model.keypoint_detector(pairs.source)
            driving = self.model.keypoint_detector(pairs.driving)
        features = self._encoded(pairs.source, resting)
        generated = self._generated(features, driving)
        importance = self._importance(pairs)
        losses = self._picture_losses(generated, pairs, importance)
        losses |= self._motion_losses(generated, features, pairs, importance)
        losses |= self._known_losses(generated, pairs)
        if learns_keypoints:
            losses |= self._keypoint_losses(resting, driving, pairs, transform)
        losses |= self._further_losses(pairs, resting, driving, generated)
        if self.discriminator is not None:
            losses |= self._discriminator_losses(generated.prediction, pairs.driving, driving, importance)
        return Outcome(losses, generated.prediction, driving, importance)

    def discriminator_loss(self, target: Tensor, outcome: Outcome) -> Tensor:
        """The discriminator's own loss on a batch that was generated before."""
        assert self.discriminator is not None
        points = _detached(outcome.driving)
        fake = self.discriminator(self.discriminator_pyramid(outcome.prediction.detach()), points)
        real = self.discriminator(self.discriminator_pyramid(target), points)
        return self.stage.weights.discriminator_gan * discriminator_gan_loss(real, fake, outcome.importance)

    @property
    def _paints(self) -> bool:
        """Whether any loss looks at what is painted."""
        weights = self.stage.weights
        return (
            "painter" not in self.stage.fixed
            or self.model.generator.dense_motion_network is None
            or self.discriminator is not None
            or bool(weights.evidence or weights.composed or weights.teacher_picture)
        )

    def _encoded(self, source: Tensor, keypoints: Keypoints) -> SourceFeatures:
        """What the sources are to the networks; without features where nothing is painted."""
        generator = self.model.generator
        if self._paints or generator.dense_motion_network is None:
            return generator.encode(source, keypoints)
        return SourceFeatures(source, generator.dense_motion_network.down(source), source.new_empty(0), keypoints)

    def _generated(self, features: SourceFeatures, driving: Keypoints) -> Generated:
        """What the networks make of a batch; through a painter that stays as it is, no gradients flow.

        The prediction is empty where no loss looks at it.
        """
        weights, generator = self.stage.weights, self.model.generator
        details = bool(weights.warp or weights.evidence)
        if "painter" not in self.stage.fixed or generator.dense_motion_network is None:
            return self.model.generate(features, driving, details=details)
        motion = generator.dense_motion_network(features, driving, details=details)
        deformed = generator.deform(features.image, motion.deformation) if details else None
        with torch.no_grad():
            prediction = generator.paint(features.features, motion) if self._paints else features.features
        return Generated(prediction, motion, deformed)

    def _importance(self, pairs: Pairs) -> Tensor | None:
        weights = self.stage.weights
        if not (weights.mouth or weights.eyes):
            return None
        return face_importance(pairs.driving_landmarks, pairs.driving.shape[-1], weights.mouth, weights.eyes)

    def _motion_losses(
        self, generated: Generated, features: SourceFeatures, pairs: Pairs, importance: Tensor | None
    ) -> dict[str, Tensor]:
        """What flow and occlusion map are worth behind the network: in the composed picture, and by themselves."""
        weights, motion, losses = self.stage.weights, generated.dense_motion, {}
        if motion is None:
            return losses
        if weights.fold:
            losses["fold"] = weights.fold * fold_penalty(motion.deformation)
        if motion.occlusion_map is None:
            return losses
        if weights.evidence and generated.deformed is not None:
            shown = generated.deformed, generated.prediction, pairs.driving
            losses["evidence"] = weights.evidence * evidence_loss(motion.occlusion_map, *shown, importance)
        if weights.composed:
            at_rest = self._visible_at_rest(features)
            composed = compose_pictures(pairs.source, generated, at_rest, self.stage.model.flow_unit)
            pictures = self.pyramid(composed), self.pyramid(pairs.driving)
            losses["composed"] = weights.composed * pyramid_l1(*pictures, importance)
        return losses

    def _known_losses(self, generated: Generated, pairs: Pairs) -> dict[str, Tensor]:
        """How far the flow is from what meshes, and the making of pairs of one portrait, tell of it."""
        weights, losses = self.stage.weights, {}
        if generated.dense_motion is None or not (weights.mesh or weights.still_flow):
            return losses
        size = pairs.driving.shape[2], pairs.driving.shape[3]
        flow = self.model.generator.flow(generated.dense_motion.deformation, size)
        if weights.mesh and pairs.seen is not None:
            assert pairs.source_mesh is not None and pairs.driving_mesh is not None
            losses["mesh"] = weights.mesh * mesh_loss(flow, pairs.source_mesh, pairs.driving_mesh, pairs.seen)
        if weights.still_flow and pairs.known_map is not None and pairs.still_weight is not None:
            losses["still_flow"] = weights.still_flow * still_flow_loss(flow, pairs.known_map, pairs.still_weight)
        return losses

    @torch.no_grad()
    def _visible_at_rest(self, features: SourceFeatures) -> Tensor:
        """The occlusion map of sources in their own pose, by the statistics of animation."""
        network = self.model.generator.dense_motion_network
        assert network is not None
        network.eval()
        visible = network(features, features.keypoints).occlusion_map
        self.train(self.training)
        return visible

    def _picture_losses(self, generated: Generated, pairs: Pairs, importance: Tensor | None) -> dict[str, Tensor]:
        weights, losses = self.stage.weights, {}
        target = pairs.driving
        if weights.warp and generated.deformed is not None and generated.dense_motion is not None:
            occlusion_map = generated.dense_motion.occlusion_map
            assert occlusion_map is not None
            judged = judge_warp(
                generated.deformed, occlusion_map, target, self.pyramid, importance, trust=weights.warp_trust
            )
            losses["warp"] = weights.warp * judged.photometric
            losses["visibility"] = weights.visibility * judged.visibility
            target = judged.target
        if "painter" in self.stage.fixed:
            return losses
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
        if (weights.still_value or weights.still_jacobian) and pairs.known_map is not None:
            assert pairs.still_weight is not None
            known = pairs.known_map, pairs.still_weight
            value, jacobian = still_keypoint_losses(resting, driving, *known, hidden=pairs.hidden)
            losses["still_value"] = weights.still_value * value
            if jacobian is not None:
                losses["still_jacobian"] = weights.still_jacobian * jacobian
        if weights.singular and driving.jacobian is not None:
            losses["singular"] = weights.singular * singular_penalty(resting, driving)
        if weights.anchor:
            apart = (
                (resting.value, pairs.source_landmarks, pairs.source_mesh),
                (driving.value, pairs.driving_landmarks, pairs.driving_mesh),
            )
            losses["anchor"] = weights.anchor * torch.stack([anchor_loss(*each) for each in apart]).mean()
        return losses

    def _further_losses(
        self, pairs: Pairs, resting: Keypoints, driving: Keypoints, generated: Generated
    ) -> dict[str, Tensor]:
        """Losses that a kind of training adds to those of the paper."""
        return {}

    def _discriminator_losses(
        self, prediction: Tensor, target: Tensor, driving: Keypoints, importance: Tensor | None
    ) -> dict[str, Tensor]:
        assert self.discriminator is not None
        points, weights = _detached(driving), self.stage.weights
        fake = self.discriminator(self.discriminator_pyramid(prediction), points)
        real = self.discriminator(self.discriminator_pyramid(target), points)
        losses = {"generator_gan": weights.generator_gan * generator_gan_loss(fake, importance)}
        if any(weights.feature_matching):
            losses["feature_matching"] = feature_matching_loss(real, fake, weights.feature_matching)
        return losses


def _detached(keypoints: Keypoints) -> Keypoints:
    jacobian = keypoints.jacobian
    return replace(keypoints, value=keypoints.value.detach(), jacobian=None if jacobian is None else jacobian.detach())


def _held(model: MotionModel, fixed: Sequence[str]) -> list[nn.Module]:
    """The networks that stay as they are."""
    held: list[nn.Module] = [model.keypoint_detector] if "keypoint_detector" in fixed else []
    if "painter" in fixed:
        held += [part for name, part in model.generator.named_children() if name != "dense_motion_network"]
    return held
