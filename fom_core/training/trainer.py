"""One stage of a training: the networks with their optimisers, and what one step does to them."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .. import signals
from ..errors import TrainingDiverged
from ..networks.discriminator import MultiScaleDiscriminator
from ..networks.model import MotionModel
from ..parallel.distributed import average_gradients, mean_over_all, normalise_together, rank, world_size
from .averaging import update_average
from .checkpoint import part, prefixed
from .data.augment import Pairs, Transform
from .objective import Objective, Outcome
from .optimiser import adam
from .perceptual import VggFeatures
from .precision import PRECISIONS, use_precision
from .recording import RecordedStep, TrainingStep
from .schedule import average_decay, learning_rate_factor
from .settings import Stage
from .whole_step import WholeStep


class Trainer:
    """One stage: the networks, their optimisers, and :meth:`step`.

    seconds:    time that the steps took, with the making of their batches. The same on all processes, so that they end
                together.
    called_off: whether a process of the training was told to stop by the end of the last step.
    """

    def __init__(
        self,
        stage: Stage,
        features: VggFeatures,
        device: torch.device,
        seed: int,
        new_objective: Callable[[Stage, VggFeatures], Objective] = Objective,
    ) -> None:
        """``new_objective`` makes what is learnt; of its networks, those whose parameters want gradients learn."""
        torch.manual_seed(seed)
        self.stage, self.device, self.step_number, self.seconds = stage, device, 0, 0.0
        self.called_off = False
        self.records = stage.cuda_graphs and device.type == "cuda" and world_size() == 1
        self.memory_format = torch.channels_last if stage.channels_last else torch.contiguous_format
        objective = new_objective(stage, features).to(device, memory_format=self.memory_format)  # type: ignore[call-overload]
        self.average = copy.deepcopy(objective.model).requires_grad_(False).eval()
        self.objective: Objective = normalise_together(objective, device)  # type: ignore[assignment]
        self.optimizers = {
            name: adam(network, stage.lr if lr is None else lr, stage.motion_lr, **self._way)
            for name, network, lr in (
                ("keypoint_detector", self.model.keypoint_detector, stage.lr_kp_detector),
                ("generator", self.model.generator, stage.lr_generator),
            )
            if any(parameter.requires_grad for parameter in network.parameters())
        }
        if self.discriminator is not None:
            self.optimizers["discriminator"] = adam(
                self.discriminator, stage.lr if stage.lr_discriminator is None else stage.lr_discriminator, **self._way
            )
        self.scaler = torch.amp.GradScaler(device.type, enabled=stage.precision == "float16")  # type: ignore[attr-defined]
        self.random = torch.Generator().manual_seed(seed)
        use_precision(PRECISIONS[stage.precision], self.objective.models, objective.features, self.discriminator)
        self._updates: dict[bool, TrainingStep] = {}  # with and without the keypoint detector
        self._whole = WholeStep(self._statistics, self.random)
        if stage.compile:
            self._compile()

    @property
    def model(self) -> MotionModel:
        return self.objective.model

    @property
    def discriminator(self) -> MultiScaleDiscriminator | None:
        return self.objective.discriminator

    @property
    def learns_keypoints(self) -> bool:
        """Whether this step trains the keypoint detector too."""
        return self.step_number % self.stage.keypoints_every == 0

    @property
    def progress(self) -> float:
        """Done share of the stage, 0 to 1: by steps, or by time when the time limit comes nearer first."""
        by_time = 0.0 if self.stage.minutes is None else self.seconds / (60 * self.stage.minutes)
        return min(1.0, max(self.step_number / self.stage.steps, by_time))

    def step(
        self, pairs: Pairs, transform: Transform | None = None, *, begun: float | None = None, what: str = "this batch"
    ) -> dict[str, float]:
        """One update of every network; returns the weighted losses, and the gradients' norms as ``norm_*``.

        transform: the warp of the equivariance losses instead of a random one.
        begun:     on time.monotonic(), when the making of the batch began.
        what:      what the batch is made of, for the message of TrainingDiverged, which a loss or a gradient that is
                   NaN or infinite raises. So are the networks then.

        Once weights change, a program's signals wait for the end of the step; see :meth:`undo` for those before.
        """
        begun = time.monotonic() if begun is None else begun
        with self._whole.made():
            pairs = self._placed(pairs)
            transform = self._draw_warp(len(pairs.still)) if transform is None else transform
            transform = transform.to(self.device).to(pairs.driving.dtype)
            self._set_lr()
            self.objective.train()
            values = self._update(pairs, transform)
            self.scaler.update()
            self.step_number += 1
            self._update_average()
            figures = self._checked(values, begun, what)
        return figures

    def undo(self) -> bool:
        """Take back what a step that was broken off has done. False if it had begun to change the weights."""
        return self._whole.undo()

    def _statistics(self) -> list[Tensor]:
        """What a forward pass alone changes: statistics of normalisation, the discriminator's spectral norms."""
        networks = () if self.records else (self.model, self.discriminator)
        return [value for network in networks if network is not None for value in network.buffers()]

    def _update(self, pairs: Pairs, transform: Transform) -> dict[str, Tensor]:
        """One step of every network; the losses and the gradients' norms."""
        learns = self.learns_keypoints
        if self.records:
            self._whole.change()  # somewhere within
        if learns not in self._updates:
            work = partial(self._update_networks, learns)
            self._updates[learns] = RecordedStep(work, self.device) if self.records else work
        return self._updates[learns](pairs, transform)

    def _update_networks(self, learns: bool, pairs: Pairs, transform: Transform) -> dict[str, Tensor]:
        values, outcomes = self._update_generator(pairs, transform, learns)
        if self.discriminator is not None:
            values |= self._update_discriminator(pairs, outcomes)
        return values

    def _update_generator(
        self, pairs: Pairs, transform: Transform, learns: bool
    ) -> tuple[dict[str, Tensor], list[Outcome]]:
        """One step of generator and keypoint detector; their losses, and what the discriminator is to judge."""
        total, outcomes = {}, []
        if self.discriminator is not None:
            self.discriminator.requires_grad_(False)
        self._forget_gradients()
        for part_of_batch in self._parts(len(pairs.still)):
            rows, warp = pairs[part_of_batch], transform[part_of_batch]
            outcome = self.objective.generator_losses(rows, warp, learns)
            self._backward(outcome.losses, len(rows.still) / len(pairs.still), total)
            outcomes.append(outcome.detached())
        return total | self._apply(["generator", "keypoint_detector"] if learns else ["generator"]), outcomes

    def _update_discriminator(self, pairs: Pairs, outcomes: list[Outcome]) -> dict[str, Tensor]:
        """One step of the discriminator on what was just generated."""
        assert self.discriminator is not None
        total: dict[str, Tensor] = {}
        self.discriminator.requires_grad_(True)
        self._forget_gradients()
        for part_of_batch, outcome in zip(self._parts(len(pairs.still)), outcomes, strict=True):
            target = pairs.driving[part_of_batch]
            loss = self.objective.discriminator_loss(target, outcome)
            self._backward({"discriminator_gan": loss}, len(target) / len(pairs.still), total)
        return total | self._apply(["discriminator"])

    def _parts(self, batch: int) -> list[slice]:
        """The batch is worked off in this many parts whose gradients add up, which needs less memory."""
        size = -(-batch // self.stage.accumulate)
        return [slice(start, min(start + size, batch)) for start in range(0, batch, size)]

    def _backward(self, losses: dict[str, Tensor], share: float, total: dict[str, Tensor]) -> None:
        """Add the gradients of a part that is this share of the batch, and its losses to ``total``."""
        self.scaler.scale(torch.stack(list(losses.values())).sum() * share).backward()
        for name, value in losses.items():
            total[name] = total.get(name, 0) + value.detach() * share

    def _forget_gradients(self) -> None:
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def _apply(self, names: list[str]) -> dict[str, Tensor]:
        """One step of these optimisers; the norms of the gradients before clipping."""
        norms = {}
        self._whole.change()
        for name in (name for name in names if name in self.optimizers):
            optimizer = self.optimizers[name]
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            average_gradients(parameters)
            self.scaler.unscale_(optimizer)
            norms[f"norm_{name}"] = nn.utils.clip_grad_norm_(parameters, self.stage.clip_norm or float("inf"))
            self.scaler.step(optimizer)
        return norms

    def _checked(self, values: dict[str, Tensor], begun: float, what: str) -> dict[str, float]:
        """The figures of a step as means over all processes, and its time counted. Raises TrainingDiverged."""
        own = torch.stack(list(values.values())).float()
        finite = own.isfinite().tolist()  # waits for the step
        sick = [name for name, good in zip(values, finite, strict=True) if not good]
        further = torch.tensor([time.monotonic() - begun, signals.waiting()], device=self.device)
        *means, seconds, told = mean_over_all(torch.cat([own, further])).tolist()
        figures = dict(zip(values, means, strict=True))
        self.seconds, self.called_off = self.seconds + seconds, told > 0
        wrong = [name for name, value in figures.items() if value - value != 0]  # NaN or infinite, anywhere
        if self.scaler.is_enabled():  # it leaves such a step out and scales less
            wrong = [name for name in wrong if not name.startswith("norm_")] if self.scaler.get_scale() >= 1 else wrong
        if wrong:
            where = what if sick else "a batch of another process"
            raise TrainingDiverged(
                f"Step {self.step_number} of {self.stage.name} gave NaN or infinity for {', '.join(wrong)}, on "
                f"{where}. Look at these files, or lower lr or clip_norm, and start again: it goes on from the last "
                "checkpoint."
            )
        return figures

    def _placed(self, pairs: Pairs) -> Pairs:
        pairs = pairs.to(self.device)
        source, driving = (
            image.contiguous(memory_format=self.memory_format) for image in (pairs.source, pairs.driving)
        )
        return replace(pairs, source=source, driving=driving)

    def _draw_warp(self, batch: int) -> Transform:
        """This process's rows of warps drawn for the batches of all."""
        options = vars(self.stage.transform)
        everybody = Transform.random(batch * world_size(), **options, generator=self.random)
        return everybody[batch * rank() : batch * (rank() + 1)]

    @property
    def _way(self) -> dict[str, bool]:
        """How an optimiser computes here, whatever machine its state is from."""
        return {"fused": self.device.type == "cuda", "capturable": self.records}

    def _set_lr(self) -> None:
        factor = learning_rate_factor(self.stage, self.step_number, self.progress)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                rate = group["base"] * factor
                if not self.records:
                    group["lr"] = rate
                elif isinstance(group["lr"], Tensor) and group["lr"].device.type == self.device.type:
                    group["lr"].fill_(rate)  # where the recorded step reads it
                else:
                    group["lr"] = torch.full((), rate, device=self.device)

    def _compile(self) -> None:
        generator = self.model.generator
        networks = [self.model.keypoint_detector, generator, generator.first, *generator.down_blocks]
        for network in [*networks, self.objective.features, self.discriminator]:
            if network is not None:
                network.compile()

    def _update_average(self) -> None:
        update_average(self.average, self.model, average_decay(self.stage, self.step_number))

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
            "scaler": self.scaler.state_dict(),
            "random": self.random.get_state(),
        }

    def restore(self, weights: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Inverse of :meth:`weights` and :meth:`state`."""
        self.model.load_state_dict(part("model", weights))
        self.average.load_state_dict(part("average", weights))
        if self.discriminator is not None:
            self.discriminator.load_state_dict(part("discriminator", weights))
        for name, optimizer in self.optimizers.items():
            bases = [group["base"] for group in optimizer.param_groups]
            saved = state["optimizers"][name]
            groups = [
                {**group, **self._way, "base": base}  # today's configuration counts
                for group, base in zip(saved["param_groups"], bases, strict=True)
            ]
            optimizer.load_state_dict({**saved, "param_groups": groups})
        self.scaler.load_state_dict(state["scaler"])
        self.random.set_state(state["random"])
        self.step_number, self.seconds = int(state["step"]), float(state["seconds"])
        self._updates.clear()
        self._whole.forget()
