"""How much arithmetic the networks ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..networks import ModelConfig, create_model

PARTS = {  # of the networks, by the beginning of their modules' names
    "keypoints": ("keypoint_detector.",),
    "encode": ("generator.first.", "generator.down_blocks."),
    "dense motion": ("generator.dense_motion_network.",),
    "decode": ("generator.bottleneck.", "generator.up_blocks.", "generator.final"),
}


ONCE = "encode"  # of a source; the other parts compute for every frame


def multiply_adds(config: ModelConfig) -> dict[str, int]:
    """Multiply-adds for one picture, per part of the networks, as their plain convolutions need them.

    ``encode`` is needed once per face; ``keypoints``, ``dense motion`` and ``decode`` once per frame. However a device
    computes them, with fewer operations or more: this is the work that it does.
    """
    counted: Counter[str] = Counter()
    for name, count in layer_multiply_adds(config).items():
        counted[part_of_layer(name)] += count
    return {part: counted[part] for part in PARTS}


def layer_multiply_adds(config: ModelConfig) -> dict[str, int]:
    """The same per convolution, by the names of their modules."""
    model = create_model(config).eval()
    counted: dict[str, int] = {}

    def count(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
            assert isinstance(module, nn.Conv2d)
            height, width = module.kernel_size
            counted[name] = output.numel() * (module.in_channels // module.groups) * height * width

        return hook

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count(name))
    with torch.inference_mode():
        picture = torch.zeros(1, config.num_channels, *config.image_size)
        source = model.encode_source(picture)
        model.generate(source, source.keypoints)
    return counted


def part_of_layer(name: str) -> str:
    """The part of the networks, of :data:`PARTS`, that a module or tensor belongs to."""
    return next(part for part, prefixes in PARTS.items() if name.startswith(prefixes))


def per_frame(work: dict[str, int]) -> int:
    """What a driven frame takes of :func:`multiply_adds`: detection, flow and painting."""
    return sum(count for part, count in work.items() if part != ONCE)
