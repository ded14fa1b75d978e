"""The whole model: keypoint detector and generator, with the three calls that animation needs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..backends.pytorch import Plan, Runner
from ..errors import UsageError
from ..types import Generated, Keypoints, SourceFeatures
from .config import ModelConfig
from .generator import OcclusionAwareGenerator
from .keypoint_detector import KeypointDetector


class MotionModel(nn.Module):
    """A First Order Motion Model (Siarohin et al., NeurIPS 2019).

    Pictures are (B, C, H, W) float in [0, 1], at ``config.image_size`` unless you know better. The calls keep
    gradients; inference code wraps them in ``torch.inference_mode()`` or ``torch.no_grad()``. There, in evaluation
    mode, they run a faster form of the networks (:mod:`..backends.pytorch`), made from the weights on first use.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.name = ""
        self.keypoint_detector = KeypointDetector(config.keypoint_detector)
        self.generator = OcclusionAwareGenerator(
            config.generator, align_corners=config.align_corners, border_blend=config.border_blend
        )
        self._resize_as(config)
        self._runner = Runner()

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def detect_keypoints(self, images: Tensor) -> Keypoints:
        """(B, C, H, W) in [0, 1] → keypoints of each picture. Raises UsageError on a size the networks cannot halve."""
        self._check(images)
        return self._runner.detect(self, images) if self._infers else self.keypoint_detector(images)

    def encode_source(self, image: Tensor, keypoints: Keypoints | None = None) -> SourceFeatures:
        """(1, C, H, W) in [0, 1] → all that :meth:`generate` needs of the source. Raises UsageError like above.

        ``keypoints`` are detected unless given.
        """
        self._check(image)
        keypoints = self.detect_keypoints(image) if keypoints is None else keypoints
        if self._infers:
            return self._runner.encode(self, image, keypoints)
        return self.generator.encode(image, keypoints)

    def generate(self, source: SourceFeatures, keypoints: Keypoints, details: bool = False) -> Generated:
        """Paint the source in the poses of B keypoint sets.

        ``details=True`` also fills ``dense_motion.sparse_deformed`` and ``deformed``. A source without jacobians, or
        keypoints without, moves by translation alone.
        """
        if self._infers:
            return self._runner.generate(self, source, keypoints, details)
        return self.generator(source, keypoints, details=details)

    def at_size(self, height: int, width: int | None = None) -> MotionModel:
        """This model for pictures of another size: see :meth:`.ModelConfig.at_size`. Itself, if that is its size.

        Motion is sought as at the size that was learnt, and painted with the pixels that there are now: more of them
        show detail of the source that a smaller picture has not. Both models have the same tensors, so that moving or
        training one spoils the other: use only one of them from then on.
        """
        config = self.config.at_size(height, width)
        if config == self.config:
            return self
        model = copy.deepcopy(self, {id(tensor): tensor for tensor in self.tensors()})
        model.config = config
        model._resize_as(config)
        return model

    def at_learnt_size(self) -> MotionModel:
        """This model at the size seen in training, as :meth:`at_size` gives it."""
        return self.at_size(*self.config.learnt_size)

    def _resize_as(self, config: ModelConfig) -> None:
        self.generator.displacement_flow = config.resizes_displacement
        for network in (self.keypoint_detector, self.generator.dense_motion_network):
            if network is not None:
                network.down.size = config.motion_size

    def to_dtype(self, dtype: torch.dtype | None) -> MotionModel:
        """Infer in ``dtype``; None chooses by device. Parameters, keypoints, jacobians and flow stay in float32.

        Those are few and cheap, and an error in them moves pixels instead of shading them.
        """
        self._runner = Runner(dtype)
        return self

    @property
    def precision(self) -> torch.dtype | None:
        """What :meth:`to_dtype` was told."""
        return self._runner.precision

    def use(self, plan: Plan | None) -> MotionModel:
        """Infer by this plan instead of the one that suits the device; None goes back to choosing."""
        self._runner = Runner(self._runner.precision, plan)
        return self

    @property
    def plan(self) -> Plan:
        """How inference computes, here and now; chosen on first use."""
        return self._runner.ready(self).plan

    def tensors(self) -> list[Tensor]:
        """All parameters and buffers, gathered quickly: inference looks at them before each call."""
        found: list[Tensor | None] = []
        modules: list[nn.Module | None] = [self]
        while modules:
            module = modules.pop()
            if module is not None:
                found += [*module._parameters.values(), *module._buffers.values()]
                modules += module._modules.values()
        return [tensor for tensor in found if tensor is not None]

    def train(self, mode: bool = True) -> MotionModel:
        self._runner.forget()
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any) -> MotionModel:
        self._runner.forget()
        return super()._apply(fn, *args, **kwargs)

    @property
    def _infers(self) -> bool:
        """Whether nobody needs the modules themselves: to train them, or to follow what they compute."""
        watched = torch.is_grad_enabled() or torch.jit.is_tracing() or torch.compiler.is_compiling()  # type: ignore[attr-defined]
        return not (self.training or watched)

    def _check(self, images: Tensor) -> None:
        channels, height, width = images.shape[1:]
        multiple = self.config.size_multiple
        if channels != self.config.num_channels or height % multiple or width % multiple:
            raise UsageError(
                f"The model takes pictures with {self.config.num_channels} channels and sides divisible by {multiple}; "
                f"got {channels} channels of {height}x{width}. Resize the picture, for instance to "
                f"{self.config.image_size[0]}x{self.config.image_size[1]}."
            )


def create_model(config: ModelConfig) -> MotionModel:
    """A model with fresh random weights, in training mode."""
    return MotionModel(config)
