"""What a model costs: parameters, multiplications, bytes on disk, time."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn

from ..backends.pytorch import PyTorchModel
from ..files.leftovers import scratch_folder
from ..networks.model import MotionModel
from ..weights.load import save_model


def count_parameters(model: MotionModel) -> int:
    """Numbers that are learnt, without the statistics of the normalisation."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.inference_mode()
def frame_macs(model: MotionModel) -> int:
    """Multiply-accumulates of the convolutions for one driven frame: detection, flow and painting.

    Of the networks as they are trained; inference may need fewer. What is done once for a source, its encoding above
    all, is left out. The model is left in evaluation mode.
    """
    total = 0

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d)
        total += output[0].numel() * layer.weight[0].numel()

    frame, detector, generator = _noise(model, 1), model.eval().keypoint_detector, model.generator
    source = generator.encode(frame, detector(frame))
    hooks = [layer.register_forward_hook(count) for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    try:
        generator(source, detector(frame))
    finally:
        for hook in hooks:
            hook.remove()
    return total


@torch.inference_mode()
def frame_ms(model: MotionModel, batch: int = 8, repeats: int = 7) -> float:
    """Milliseconds for a driven frame in batches of ``batch``, the median of ``repeats``; the source is encoded once.

    On the model's device, in the form that paints.
    """
    frames, engine = _noise(model, batch), PyTorchModel.of(model)
    source = engine.encode_source(frames[:1])
    times = []
    for _ in range(2 + repeats):
        begun = time.perf_counter()
        engine.generate(source, engine.detect_keypoints(frames))
        if frames.is_cuda:
            torch.cuda.synchronize(frames.device)
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times[2:]) / batch


def stored_bytes(model: MotionModel) -> int:
    """Size of the model's file in float32."""
    with scratch_folder() as folder:
        return save_model(model, folder / "model.safetensors").stat().st_size


def _noise(model: MotionModel, batch: int) -> Tensor:
    pictures = torch.rand(batch, model.config.num_channels, *model.config.image_size, generator=torch.Generator())
    return pictures.to(model.device)
