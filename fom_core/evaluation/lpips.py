"""LPIPS: how far apart pictures look, as a network that recognises objects sees them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UnsupportedModel
from ..training.perceptual import read_weights
from ..weights.store import named_file

# The five convolutions of AlexNet: channels in and out, kernel, stride, padding; pooling in front of two of them.
ALEXNET = ((3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1))
POOLED = (1, 2)
SLICES = (0, 3, 6, 8, 10)  # numbers of the convolutions in torchvision's AlexNet, one per slice of the lpips package
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class Lpips(nn.Module):
    """Learned perceptual distance (Zhang et al., 2018) on AlexNet: (B, 3, H, W) in [0, 1] twice → (B,)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(*sizes) for sizes in ALEXNET)
        self.weights = nn.ParameterList(nn.Parameter(torch.zeros(1, sizes[1], 1, 1)) for sizes in ALEXNET)
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))
        self.requires_grad_(False)

    @classmethod
    def load(cls, name_or_path: str | Path) -> Lpips:
        """Read a state dict of the lpips package's ``LPIPS(net="alex")``, or of its weights alone beside torchvision's
        AlexNet, which is looked for in the folder of downloads then. Raises UnsupportedModel.
        """
        weights = read_weights(named_file(name_or_path), "The LPIPS file")
        if "lin0.model.1.weight" in weights and "net.slice1.0.weight" not in weights:
            weights |= _sliced(read_weights(named_file("alexnet"), "The AlexNet file"))
        return cls.from_state_dict(weights)

    @classmethod
    def from_state_dict(cls, weights: Mapping[str, Tensor]) -> Lpips:
        """The distance with the weights of the lpips package. Raises UnsupportedModel where one is missing."""
        model = cls()
        named = {f"weights.{index}": f"lin{index}.model.1.weight" for index in range(len(ALEXNET))}
        for index, place in enumerate(SLICES):
            for kind in ("weight", "bias"):
                named[f"convolutions.{index}.{kind}"] = f"net.slice{index + 1}.{place}.{kind}"
        missing = [theirs for theirs in named.values() if theirs not in weights]
        if missing:
            raise UnsupportedModel(
                f"Wanted the weights of LPIPS on AlexNet and found no {missing[0]}. Save the state_dict of the lpips "
                'package\'s LPIPS(net="alex"), or leave LPIPS out.'
            )
        model.load_state_dict({ours: weights[theirs] for ours, theirs in named.items()}, strict=False)
        return model

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        pairs = zip(self.weights, self._features(prediction), self._features(target), strict=True)
        return torch.stack([((a - b).square() * weight).sum(1).mean((1, 2)) for weight, a, b in pairs]).sum(0)

    def _features(self, images: Tensor) -> list[Tensor]:
        """Activations of unit length at every place, layer by layer."""
        out, features = (2 * images - 1 - self.shift) / self.scale, []
        for index, convolution in enumerate(self.convolutions):
            out = F.relu(convolution(F.max_pool2d(out, 3, 2) if index in POOLED else out))
            features.append(out / (out.norm(dim=1, keepdim=True) + 1e-10))
        return features


def _sliced(alexnet: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's AlexNet under the names of the lpips package."""
    slices = {f"features.{place}.": f"net.slice{index + 1}.{place}." for index, place in enumerate(SLICES)}
    return {
        slices[prefix] + name.removeprefix(prefix): value
        for name, value in alexnet.items()
        for prefix in slices
        if name.startswith(prefix)
    }
