"""Half precision for the convolutions, where the time goes; keypoints, jacobians, flow and losses stay in float32.

An error in those moves pixels instead of shading them, so a whole forward pass under autocast is not what we want.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..networks.discriminator import MultiScaleDiscriminator
from ..networks.model import MotionModel
from .perceptual import VggFeatures

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def use_precision(
    dtype: torch.dtype | None,
    models: Sequence[MotionModel],
    features: VggFeatures,
    discriminator: MultiScaleDiscriminator | None,
) -> None:
    """Compute the convolutions of these networks in ``dtype`` from now on; parameters stay in float32. None: nothing.

    What leaves a network, and the maps that keypoints and flow are made of, is float32 again.
    """
    if dtype is None:
        return
    for network in (*models, features, discriminator):
        if network is None:
            continue
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.forward = _autocast(module.forward, dtype)  # type: ignore[method-assign]
    for head in (features, discriminator, *(head for model in models for head in _heads(model))):
        if head is not None:
            head.forward = _back(head.forward)


def _heads(model: MotionModel) -> list[nn.Module | None]:
    motion = model.generator.dense_motion_network
    heads = [model.keypoint_detector.kp, model.keypoint_detector.jacobian, model.generator.final]
    return heads if motion is None else [*heads, motion.mask, motion.occlusion]


def _autocast(forward: Callable[[Tensor], Tensor], dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    def wrapped(images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, dtype):
            return forward(images)

    return wrapped


def _back(forward: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *inputs: in_float32(forward(*inputs))


def in_float32(result: Any) -> Any:
    """Tensors, and lists and critiques of tensors, in float32."""
    if isinstance(result, Tensor):
        return result.float()
    if isinstance(result, list):
        return [in_float32(part) for part in result]
    return type(result)(tuple(in_float32(part) for part in result.features), in_float32(result.score))
