"""What a model costs: parameters, multiplications, bytes on disk, time."""

from __future__ import annotations

import torch
from torch import Tensor

from ..backends.pytorch import PyTorchModel
from ..benchmark.counting import ONCE, layer_multiply_adds, multiply_adds, part_of_layer, per_frame
from ..benchmark.measure import seconds
from ..files.reserved import scratch_folder
from ..networks.model import MotionModel
from ..weights.load import save_model


def trainable_parameters(model: MotionModel) -> int:
    """Numbers that are learnt, without the statistics of the normalisation."""
    return sum(parameter.numel() for parameter in model.parameters())


def frame_macs(model: MotionModel) -> int:
    """Multiply-adds of the convolutions for one driven frame, in the form in which the networks are trained."""
    return per_frame(multiply_adds(model.config))


def prices(model: MotionModel, by: str) -> dict[str, int]:
    """What every number of a parameter costs, by the parameter's name.

    by: "parameters", of which each costs 1, or "multiplications": how often a driven frame multiplies by it, which is
        0 in what is computed once per source, and in all but the weights of convolutions.
    """
    if by == "parameters":
        return dict.fromkeys(dict(model.named_parameters()), 1)
    layers = layer_multiply_adds(model.config)
    parameters = {name: parameter.numel() for name, parameter in model.named_parameters()}
    often = {
        f"{layer}.weight": count // parameters[f"{layer}.weight"]
        for layer, count in layers.items()
        if part_of_layer(layer) != ONCE
    }
    return {name: often.get(name, 0) for name in parameters}


@torch.inference_mode()
def frame_ms(model: MotionModel, batch: int = 8, repeats: int = 7) -> float:
    """Milliseconds for a driven frame in batches of ``batch``, the median of ``repeats``; the source is encoded once.

    On the model's device, in the form that paints.
    """
    frames, engine = _noise(model, batch), PyTorchModel.of(model)
    source = engine.encode_source(frames[:1])

    def work() -> None:
        engine.generate(source, engine.detect_keypoints(frames))

    return 1000 * seconds(work, frames.device, budget_s=0, at_least=repeats) / batch


def stored_bytes(model: MotionModel) -> int:
    """Size of the model's file in float32."""
    with scratch_folder() as folder:
        return save_model(model, folder / "model.safetensors").stat().st_size


def _noise(model: MotionModel, batch: int) -> Tensor:
    pictures = torch.rand(batch, model.config.num_channels, *model.config.image_size, generator=torch.Generator())
    return pictures.to(model.device)
