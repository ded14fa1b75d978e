"""Learning from a teacher: the losses of the paper, and how far a student is from what the teacher makes of a batch."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import resize_flow, resize_map
from ..networks.config import ModelConfig
from ..networks.model import MotionModel
from ..training.data.augment import Pairs, Transform
from ..training.losses import pyramid_l1
from ..training.objective import Objective, Outcome
from ..training.perceptual import VggFeatures
from ..training.settings import TEACHER_LOSSES, Stage
from ..types import DenseMotion, Generated, Keypoints

NETWORKS = ("keypoint_detector", "generator")


def learning_model(stage: Stage, student: ModelConfig, teacher: ModelConfig) -> ModelConfig:
    """The student, with the teacher's own network where a stage keeps that fixed."""
    if stage.learns == "both":
        return student
    return replace(teacher, **{stage.learns: getattr(student, stage.learns)})


class Distillation(Objective):
    """The objective of a stage with a teacher.

    Where a stage learns one network, the other one is the teacher's, without gradients, and with its normalisation as
    it was learnt. So the reference trains its mobile model: a detector that the original generator understands, a
    generator that understands the original detector, then both.
    """

    def __init__(self, stage: Stage, features: VggFeatures, teacher: MotionModel) -> None:
        super().__init__(stage, features)
        self.teacher = copy.deepcopy(teacher).requires_grad_(False)  # its precision becomes that of the stage
        self.borrowed = [] if stage.learns == "both" else [name for name in NETWORKS if name != stage.learns]
        for name in self.borrowed:
            network: nn.Module = getattr(self.model, name)
            network.load_state_dict(getattr(teacher, name).state_dict())
            network.requires_grad_(False)
        self.train()

    @property
    def models(self) -> list[MotionModel]:
        return [self.model, self.teacher]

    def train(self, mode: bool = True) -> Distillation:
        super().train(mode)
        self.teacher.eval()
        for name in self.borrowed:
            getattr(self.model, name).eval()
        return self

    def generator_losses(self, pairs: Pairs, transform: Transform, learns_keypoints: bool = True) -> Outcome:
        """All losses; those of the keypoints only where they can change."""
        learns_keypoints = learns_keypoints and "keypoint_detector" not in self.borrowed
        return super().generator_losses(pairs, transform, learns_keypoints)

    def _further_losses(
        self, pairs: Pairs, resting: Keypoints, driving: Keypoints, generated: Generated
    ) -> dict[str, Tensor]:
        weights, losses = self.stage.weights, {}
        if not any(getattr(weights, name) for name in TEACHER_LOSSES):
            return losses
        with torch.no_grad():
            wanted_resting = self.teacher.keypoint_detector(pairs.source)
            wanted_driving = self.teacher.keypoint_detector(pairs.driving)
        apart = ((resting, wanted_resting), (driving, wanted_driving))
        if weights.teacher_value and driving.value.requires_grad:
            distances = [(ours.value - theirs.value).abs().mean() for ours, theirs in apart]
            losses["teacher_value"] = weights.teacher_value * torch.stack(distances).mean()
        if weights.teacher_jacobian and driving.value.requires_grad and driving.jacobian is not None:
            distances = [(ours.jacobian - theirs.jacobian).abs().mean() for ours, theirs in apart]
            losses["teacher_jacobian"] = weights.teacher_jacobian * torch.stack(distances).mean()
        if weights.teacher_motion or weights.teacher_picture:
            losses |= self._picture_of_teacher(pairs, wanted_resting, wanted_driving, generated)
        return losses

    def _picture_of_teacher(
        self, pairs: Pairs, resting: Keypoints, driving: Keypoints, generated: Generated
    ) -> dict[str, Tensor]:
        """Distances from the flow, occlusion map and prediction that the teacher gives with its own keypoints."""
        weights, losses = self.stage.weights, {}
        with torch.no_grad():
            generator = self.teacher.generator  # as it was trained, not in the form that inference takes
            wanted = generator(generator.encode(pairs.source, resting), driving)
        ours, theirs = generated.dense_motion, wanted.dense_motion
        if weights.teacher_motion and ours is not None and theirs is not None:
            losses["teacher_motion"] = weights.teacher_motion * motion_distance(ours, theirs)
        if weights.teacher_picture:
            pictures = self.pyramid(generated.prediction), self.pyramid(wanted.prediction)
            losses["teacher_picture"] = weights.teacher_picture * pyramid_l1(*pictures)
        return losses


def motion_distance(ours: DenseMotion, theirs: DenseMotion) -> Tensor:
    """Mean L1 distance of two flows, in [-1, 1], plus that of their occlusion maps; at the resolution of ``ours``."""
    height, width = ours.deformation.shape[1:3]
    distance = F.l1_loss(ours.deformation, resize_flow(theirs.deformation, (height, width), displacement=True))
    if ours.occlusion_map is not None and theirs.occlusion_map is not None:
        wanted = resize_map(theirs.occlusion_map, (height, width))
        distance = distance + F.l1_loss(ours.occlusion_map, wanted)
    return distance
