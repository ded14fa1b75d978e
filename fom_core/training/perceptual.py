"""Features in which pictures are compared: those of a VGG when its weights are at hand, else seeded random ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UnsupportedModel
from ..files.paths import require_file
from ..weights.read import read_state_dict

# torchvision's numbering of the VGG networks: convolutions, each followed by a ReLU; before every stage but the first,
# pooling. Features are taken behind the first ReLU of each stage, so of the last one only that is needed.
BACKBONES = {
    "vgg19": ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28,)),
    "vgg16": ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24,)),
    "vgg13": ((0, 2), (5, 7), (10, 12), (15, 17), (20,)),
    "vgg11": ((0,), (3,), (6, 8), (11, 13), (16,)),
}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def read_weights(path: Path, what: str) -> dict[str, Tensor]:
    """A state dict, opened without running code. Raises MediaError for no file, UnsupportedModel for anything else."""
    try:
        return read_state_dict(require_file(path, what))
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{what} cannot be used: {error}") from error


class VggFeatures(nn.Module):
    """(B, 3, H, W) in [0, 1] → the activations behind relu1_1, relu2_1, ... of a VGG-shaped network.

    ``widths`` are the channels of each stage; fewer than five stages leave the deeper ones out. Fresh weights are
    orthogonal and drawn from ``seed``: random features already tell edges and textures apart, which plain
    differences of pixels do not. Frozen; gradients flow to the picture only.
    """

    def __init__(self, widths: Sequence[int], seed: int = 0, backbone: str = "vgg19") -> None:
        super().__init__()
        self.stages = BACKBONES[backbone][: len(widths)]
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.convolutions = nn.ModuleDict()
        generator = torch.Generator().manual_seed(seed)
        channels = 3
        last = self.stages[-1][0]
        for stage, width in zip(self.stages, widths, strict=True):
            for index in (index for index in stage if index <= last):
                conv = nn.Conv2d(channels, width, 3, padding=1)
                nn.init.orthogonal_(conv.weight, gain=2**0.5, generator=generator)
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
                self.convolutions[str(index)] = conv
                channels = width
        self.requires_grad_(False)

    @classmethod
    def from_state_dict(cls, weights: Mapping[str, Tensor]) -> VggFeatures:
        """Take torchvision's keys ``features.N.weight`` and ``.bias``; they tell which VGG it is.

        Raises UnsupportedModel when they are none's.
        """
        backbone = next((name for name, stages in BACKBONES.items() if _holds(weights, stages)), None)
        if backbone is None:
            raise UnsupportedModel(
                f"Wanted the weights of a VGG with torchvision's names (features.0.weight, ...), found {len(weights)} "
                f"others. Give torchvision's {', '.join(BACKBONES)}, or none to compare in random features."
            )
        widths = [weights[f"features.{stage[0]}.weight"].shape[0] for stage in BACKBONES[backbone]]
        model = cls(widths, backbone=backbone)
        for index, conv in model.convolutions.items():
            conv.load_state_dict({key: weights[f"features.{index}.{key}"] for key in ("weight", "bias")})
        return model

    def forward(self, images: Tensor) -> list[Tensor]:
        out = (images - self.mean) / self.std
        features = []
        for number, stage in enumerate(self.stages):
            if number:
                out = F.max_pool2d(out, 2)
            for index in (index for index in stage if str(index) in self.convolutions):
                out = F.relu(self.convolutions[str(index)](out))
                if index == stage[0]:
                    features.append(out)
        return features


def _holds(weights: Mapping[str, Tensor], stages: Sequence[Sequence[int]]) -> bool:
    return all(f"features.{index}.weight" in weights for stage in stages for index in stage)
