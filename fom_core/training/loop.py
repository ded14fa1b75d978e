"""The training loop: stages one after the other, each resumable, with a log and pictures to look at."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..networks.dense_motion import DenseMotionNetwork
from ..networks.discriminator import ImagePyramid, MultiScaleDiscriminator
from ..networks.keypoint_detector import KeypointDetector
from ..networks.model import MotionModel, create_model
from ..types import Keypoints
from .augment import Augment, Pairs, Transform
from .checkpoint import carry_over, latest_checkpoint, load_checkpoint, part, prefixed, save_checkpoint
from .config import Stage, TrainConfig
from .dataset import FrameCache, PairSampler
from .evaluate import contact_sheet, measure
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

log = logging.getLogger(__name__)

MOTION = (KeypointDetector, DenseMotionNetwork)


class Trainer:
    """One stage: the networks, their optimisers, and :meth:`step`."""

    def __init__(self, stage: Stage, features: VggFeatures, device: torch.device, seed: int) -> None:
        torch.manual_seed(seed)
        self.stage, self.device, self.step_number, self.seconds = stage, device, 0, 0.0
        self.model = create_model(stage.model).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.features = features.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.pyramid = ImagePyramid(stage.scales, stage.model.num_channels).to(device).requires_grad_(False)
        self.discriminator = None if stage.discriminator is None else MultiScaleDiscriminator(stage.discriminator)
        self.critic_pyramid = ImagePyramid(stage.discriminator.scales if stage.discriminator else (1.0,), 3).to(device)
        self.optimizers = {
            "keypoint_detector": _adam(self.model.keypoint_detector, slow=stage.motion_lr),
            "generator": _adam(self.model.generator, slow=stage.motion_lr),
        }
        if self.discriminator is not None:
            self.discriminator.to(device)
            self.optimizers["discriminator"] = _adam(self.discriminator)
        self.random = torch.Generator().manual_seed(seed)

    def step(self, pairs: Pairs, transform: Transform | None = None) -> dict[str, float]:
        """One update of every network; returns the weighted losses. ``transform`` replaces the random warp."""
        begun = time.monotonic()
        pairs = pairs.to(self.device)
        self._set_lr()
        self.model.train()
        if transform is None:
            transform = Transform.random(len(pairs.still), **vars(self.stage.transform), generator=self.random)
        losses, prediction, driving = self.generator_losses(pairs, transform.to(self.device))
        networks = ["generator", "keypoint_detector"] if self.learns_keypoints else ["generator"]
        self._update(torch.stack(list(losses.values())).sum(), networks)
        if self.discriminator is not None:
            critic_loss = self.discriminator_loss(pairs.driving, prediction, driving)
            losses["discriminator_gan"] = critic_loss
            self._update(critic_loss, ["discriminator"])
        self.step_number += 1
        self._update_average()
        values = {name: value.item() for name, value in losses.items()}
        self._tick(time.monotonic() - begun)
        return values

    def _tick(self, seconds: float) -> None:
        """Count the time of a step; the same on all processes, so that they stop together."""
        clock = torch.tensor([seconds], device=self.device)
        if dist.is_initialized():
            dist.all_reduce(clock, dist.ReduceOp.MAX)
        self.seconds += float(clock)

    @property
    def learns_keypoints(self) -> bool:
        """Whether this step trains the keypoint detector too."""
        return self.step_number % self.stage.keypoints_every == 0

    @property
    def progress(self) -> float:
        """Done share of the stage, 0 to 1: by steps, or by time when the time limit comes nearer first."""
        by_time = 0.0 if self.stage.minutes is None else self.seconds / (60 * self.stage.minutes)
        return min(1.0, max(self.step_number / self.stage.steps, by_time))

    def generator_losses(self, pairs: Pairs, transform: Transform) -> tuple[dict[str, Tensor], Tensor, Keypoints]:
        """All losses of generator and keypoint detector, weighted; also the prediction and the driving keypoints."""
        weights = self.stage.weights
        image = _channels_last(pairs.source)
        with torch.set_grad_enabled(self.learns_keypoints):
            resting = self.model.keypoint_detector(image)
            driving = self.model.keypoint_detector(_channels_last(pairs.driving))
        features = self.model.generator.encode(image, resting)
        generated = self.model.generate(features, driving, details=bool(weights.warp))
        importance = None
        if weights.mouth or weights.eyes:
            points = pairs.driving_landmarks
            importance = face_importance(points, pairs.driving.shape[-1], weights.mouth, weights.eyes)
        losses: dict[str, Tensor] = {}
        target, prediction = pairs.driving, generated.prediction
        if weights.warp and generated.deformed is not None and generated.dense_motion is not None:
            occlusion_map = generated.dense_motion.occlusion_map
            assert occlusion_map is not None
            judged = judge_warp(generated.deformed, occlusion_map, target, self.pyramid, importance)
            losses["warp"], losses["visibility"] = (
                weights.warp * judged.photometric,
                weights.visibility * judged.visibility,
            )
            target = judged.target
        wanted, painted = self.pyramid(target), self.pyramid(prediction)
        if any(weights.perceptual):
            losses["perceptual"] = perceptual_loss(self.features, painted, wanted, weights.perceptual, importance)
        if weights.l1:
            losses["l1"] = weights.l1 * pyramid_l1(painted, wanted, importance)
        if self.learns_keypoints and (weights.equivariance_value or weights.equivariance_jacobian):
            warped = self.model.keypoint_detector(_channels_last(transform.frame(pairs.driving)))
            value, jacobian = equivariance_losses(driving, warped, transform)
            losses["equivariance_value"] = weights.equivariance_value * value
            if jacobian is not None:
                losses["equivariance_jacobian"] = weights.equivariance_jacobian * jacobian
        if self.learns_keypoints and weights.anchor:
            apart = (resting.value, pairs.source_landmarks), (driving.value, pairs.driving_landmarks)
            losses["anchor"] = weights.anchor * torch.stack([anchor_loss(*each) for each in apart]).mean()
        if self.discriminator is not None:
            losses.update(self._critic_losses(prediction, pairs.driving, driving))
        return losses, prediction, driving

    def _critic_losses(self, prediction: Tensor, target: Tensor, driving: Keypoints) -> dict[str, Tensor]:
        assert self.discriminator is not None
        points = _detached(driving)
        fake = self.discriminator(self.critic_pyramid(prediction), points)
        real = self.discriminator(self.critic_pyramid(target), points)
        weights = self.stage.weights
        losses = {"generator_gan": weights.generator_gan * generator_gan_loss(fake)}
        if any(weights.feature_matching):
            losses["feature_matching"] = feature_matching_loss(real, fake, weights.feature_matching)
        return losses

    def discriminator_loss(self, target: Tensor, prediction: Tensor, driving: Keypoints) -> Tensor:
        """The critic's own loss, weighted."""
        assert self.discriminator is not None
        points = _detached(driving)
        fake = self.discriminator(self.critic_pyramid(prediction.detach()), points)
        real = self.discriminator(self.critic_pyramid(target), points)
        return self.stage.weights.discriminator_gan * discriminator_gan_loss(real, fake)

    def _update(self, loss: Tensor, names: list[str]) -> None:
        for name in self.optimizers:
            self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        for name in names:
            parameters = [p for group in self.optimizers[name].param_groups for p in group["params"]]
            self._average_gradients(parameters)
            if self.stage.clip_norm:
                nn.utils.clip_grad_norm_(parameters, self.stage.clip_norm)
            self.optimizers[name].step()

    def _average_gradients(self, parameters: list[nn.Parameter]) -> None:
        """Mean over all processes."""
        if not dist.is_initialized():
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _set_lr(self) -> None:
        stage = self.stage
        decayed = max(0.0, 1 - (1 - self.progress) / stage.decay_share) if stage.decay_share else 0.0
        warm_up = min(1.0, (self.step_number + 1) / (self.stage.warm_up + 1))
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = stage.lr * group["share"] * warm_up * (0.5 + 0.5 * math.cos(math.pi * decayed))

    @torch.no_grad()
    def _update_average(self) -> None:
        """Follow the weights, and the running statistics of the normalisation, slowly."""
        decay = min(self.stage.ema, (1 + self.step_number) / (10 + self.step_number))
        for slow, fast in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
            if slow.is_floating_point():
                slow.lerp_(fast, 1 - decay)
            else:
                slow.copy_(fast)

    def weights(self) -> dict[str, Tensor]:
        """Every tensor worth keeping."""
        weights = prefixed("model", self.model.state_dict()) | prefixed("average", self.average.state_dict())
        if self.discriminator is not None:
            weights |= prefixed("discriminator", self.discriminator.state_dict())
        return weights

    def state(self) -> dict[str, Any]:
        """What else is needed to go on exactly."""
        return {
            "step": self.step_number,
            "seconds": self.seconds,
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "random": self.random.get_state(),
        }

    def restore(self, weights: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Inverse of :meth:`weights` and :meth:`state`."""
        self.model.load_state_dict(part("model", weights))
        self.average.load_state_dict(part("average", weights))
        if self.discriminator is not None:
            self.discriminator.load_state_dict(part("discriminator", weights))
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.random.set_state(state["random"])
        self.step_number, self.seconds = int(state["step"]), float(state["seconds"])


def train_stage(
    trainer: Trainer,
    train: FrameCache,
    validation: FrameCache | None,
    folder: Path,
    *,
    seed: int,
    every: int = 250,
    report: Callable[[str], None] = log.info,
) -> None:
    """Run one stage to its end, going on from the newest checkpoint in ``folder``.

    Every ``every`` steps: a checkpoint, and with ``validation`` the figures and a contact sheet of the averaged
    weights. ``log.jsonl`` gets a line per 50 steps.
    """
    stage, rank = trainer.stage, dist.get_rank() if dist.is_initialized() else 0
    sampler = PairSampler(
        train,
        seed + 1000 * rank,
        still_share=stage.still_share,
        candidates=stage.candidates,
        mouth_share=stage.mouth_share,
    )
    augment = Augment(stage.model.image_size[0], stage.augment, seed + 1000 * rank)
    found = latest_checkpoint(folder)
    if found is not None:
        weights, state = load_checkpoint(found)
        trainer.restore(weights, state)
        if not rank:
            augment.random.set_state(state["augment"])
            sampler.random.bit_generator.state = json.loads(state["sampler"])
        report(f"{stage.name}: going on from step {trainer.step_number}")
    recent: list[dict[str, float]] = []
    while trainer.progress < 1:
        recent.append(trainer.step(augment(sampler.draw(stage.batch_size))))
        step = trainer.step_number
        if rank:  # the first process keeps the books
            continue
        if step % 50 == 0 or trainer.progress == 1:
            means = _means(recent)
            recent = []
            _append(folder / "log.jsonl", {"step": step, "minutes": trainer.seconds / 60, **means})
            parts = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
            left = trainer.seconds / 60 * (1 / trainer.progress - 1)
            pace = trainer.seconds / step
            report(f"{stage.name} {step}/{stage.steps}: {parts}; {pace:.2f} s/step, {left:.0f} min left")
        if step % every == 0 or trainer.progress == 1:
            state = trainer.state() | {
                "augment": augment.random.get_state(),
                "sampler": json.dumps(sampler.random.bit_generator.state),
            }
            save_checkpoint(folder, step, trainer.weights(), state)
            if validation is not None:
                figures = measure(trainer.average, validation)
                _append(folder / "log.jsonl", {"step": step, **figures.to_dict()})
                contact_sheet(trainer.average, validation, folder / f"sheet-{step:06d}.png")
                report(f"{stage.name} {step}: validation {figures.line()}")


def train(
    config: TrainConfig,
    train_cache: FrameCache,
    validation: FrameCache | None,
    run_folder: Path,
    *,
    features: VggFeatures | None = None,
    device: str = "cpu",
    every: int = 250,
    report: Callable[[str], None] = log.info,
) -> MotionModel:
    """Run all stages and return the averaged model of the last one. Finished stages are skipped on a second call."""
    features = features or VggFeatures(config.perceptual_widths, config.seed)
    previous: dict[str, Tensor] | None = None
    trainer = None
    for number, stage in enumerate(config.stages):
        folder = run_folder / f"{number + 1}-{stage.name}"
        folder.mkdir(parents=True, exist_ok=True)
        trainer = Trainer(stage, features, torch.device(device), config.seed + number)
        if previous is not None:
            fresh = carry_over(trainer.model, previous)
            carry_over(trainer.average, previous)
            report(f"{stage.name}: {len(fresh)} tensors start fresh")
        size = round(stage.model.image_size[0] * config.dataset.oversize)
        frames = train_cache.resized(run_folder / f"frames-{size}", size)
        train_stage(trainer, frames, validation, folder, seed=config.seed + number, every=every, report=report)
        previous = trainer.average.state_dict()
    assert trainer is not None
    return trainer.average


def _means(steps: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each loss over the steps that have it."""
    names = dict.fromkeys(name for step in steps for name in step)
    found = {name: [step[name] for step in steps if name in step] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}


def _adam(module: nn.Module, slow: float = 1.0) -> torch.optim.Adam:
    """The authors' optimiser. ``slow`` is the share of the learning rate that the networks of motion get."""
    motion = {id(p) for part in module.modules() if isinstance(part, MOTION) for p in part.parameters()}
    groups = [
        {"params": [p for p in module.parameters() if (id(p) in motion) == chosen], "share": share}
        for chosen, share in ((True, slow), (False, 1.0))
    ]
    return torch.optim.Adam([group for group in groups if group["params"]], betas=(0.5, 0.999))


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def _detached(keypoints: Keypoints) -> Keypoints:
    jacobian = keypoints.jacobian
    return replace(keypoints, value=keypoints.value.detach(), jacobian=None if jacobian is None else jacobian.detach())


def _append(path: Path, values: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(values) + "\n")
