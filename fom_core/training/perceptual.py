"""Features in which pictures are compared: VGG19 when its weights are at hand, else seeded random ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UnsupportedModel

# torchvision's numbering of VGG19: convolutions, each followed by a ReLU; before every stage but the first, pooling.
STAGES = ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28,))
SLICE_ENDS = (0, 5, 10, 19, 28)  # features are taken behind the ReLU of these
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VggFeatures(nn.Module):
    """(B, 3, H, W) in [0, 1] → the activations behind relu1_1, relu2_1, ... of a VGG19-shaped network.

    ``widths`` are the channels of each stage; fewer than five stages leave the deeper ones out. Fresh weights are
    orthogonal and drawn from ``seed``: random features already tell edges and textures apart, which plain
    differences of pixels do not. Frozen; gradients flow to the picture only.
    """

    def __init__(self, widths: Sequence[int], seed: int = 0) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.convolutions = nn.ModuleDict()
        generator = torch.Generator().manual_seed(seed)
        channels = 3
        for stage, width in zip(STAGES, widths, strict=False):
            for index in stage:
                conv = nn.Conv2d(channels, width, 3, padding=1)
                nn.init.orthogonal_(conv.weight, gain=2**0.5, generator=generator)
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
                self.convolutions[str(index)] = conv
                channels = width
                if index == SLICE_ENDS[len(widths) - 1]:
                    break
        self.num_stages = len(widths)
        self.requires_grad_(False)

    @classmethod
    def from_state_dict(cls, weights: Mapping[str, Tensor]) -> VggFeatures:
        """Take torchvision's keys ``features.N.weight`` and ``.bias``. Raises UnsupportedModel when one is missing."""
        wanted = [str(index) for stage in STAGES for index in stage if index <= SLICE_ENDS[-1]]
        missing = [index for index in wanted if f"features.{index}.weight" not in weights]
        if missing:
            raise UnsupportedModel(
                f"Wanted VGG19 weights with torchvision's names and found no features.{missing[0]}.weight. "
                "Give torchvision's vgg19 file, or none to compare in random features."
            )
        model = cls([weights[f"features.{stage[0]}.weight"].shape[0] for stage in STAGES])
        for index, conv in model.convolutions.items():
            conv.load_state_dict({key: weights[f"features.{index}.{key}"] for key in ("weight", "bias")})
        return model

    def forward(self, images: Tensor) -> list[Tensor]:
        out = (images - self.mean) / self.std
        features = []
        for number, stage in enumerate(STAGES[: self.num_stages]):
            if number:
                out = F.max_pool2d(out, 2)
            for index in stage:
                if str(index) not in self.convolutions:
                    break
                out = F.relu(self.convolutions[str(index)](out))
                if index == SLICE_ENDS[number]:
                    features.append(out)
        return features
