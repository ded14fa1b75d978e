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
    model = create_model(config).eval()
    counted: Counter[str] = Counter()

    def count(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        part = next(part for part, prefixes in PARTS.items() if name.startswith(prefixes))

        def hook(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
            assert isinstance(module, nn.Conv2d)
            height, width = module.kernel_size
            counted[part] += output.numel() * (module.in_channels // module.groups) * height * width

        return hook

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count(name))
    with torch.inference_mode():
        picture = torch.zeros(1, config.num_channels, *config.image_size)
        source = model.encode_source(picture)
        model.generate(source, source.keypoints)
    return {part: counted[part] for part in PARTS}


def per_frame(work: dict[str, int]) -> int:
    """What a driven frame takes of :func:`multiply_adds`: detection, flow and painting."""
    return sum(count for part, count in work.items() if part != ONCE)
