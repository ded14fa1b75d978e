"""S3FD (Zhang et al., ICCV 2017): VGG16 with six detection heads, for the weights that face-alignment publishes.

Module names are those of the published file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import UnsupportedModel
from ...weights.read import read_state_dict
from ..detection import Detection, detect_at_sizes

LONG_SIDES = (960, 384)
LEAST_PX = 32  # a shorter side would be halved to nothing
MEAN_BGR = (104.0, 117.0, 123.0)
TRUNK = {  # per stage: its convolutions; a max pooling follows each stage
    "conv1": ((3, 64), (64, 64)),
    "conv2": ((64, 128), (128, 128)),
    "conv3": ((128, 256), (256, 256), (256, 256)),
    "conv4": ((256, 512), (512, 512), (512, 512)),
    "conv5": ((512, 512), (512, 512), (512, 512)),
}
HEADS = {"conv3_3_norm": 256, "conv4_3_norm": 512, "conv5_3_norm": 512, "fc7": 1024, "conv6_2": 512, "conv7_2": 256}
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2


class L2Norm(nn.Module):
    """Scales each pixel's features to unit length, then each channel by its weight."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x / (x.norm(dim=1, keepdim=True) + 1e-10) * self.weight[:, None, None]


class S3FD(nn.Module):
    """BGR pictures (B, 3, H, W) in 0…255 minus the mean → per stride (4, 8 … 128) scores and offsets.

    Scores are (B, 2, h, w), background and face; offsets (B, 4, h, w) of centre and log size.
    """

    def __init__(self) -> None:
        super().__init__()
        for stage, convolutions in TRUNK.items():
            for index, (in_features, out_features) in enumerate(convolutions, start=1):
                self.add_module(f"{stage}_{index}", nn.Conv2d(in_features, out_features, 3, padding=1))
        self.fc6 = nn.Conv2d(512, 1024, 3, padding=3)
        self.fc7 = nn.Conv2d(1024, 1024, 1)
        self.conv6_1 = nn.Conv2d(1024, 256, 1)
        self.conv6_2 = nn.Conv2d(256, 512, 3, stride=2, padding=1)
        self.conv7_1 = nn.Conv2d(512, 128, 1)
        self.conv7_2 = nn.Conv2d(128, 256, 3, stride=2, padding=1)
        for name, channels in HEADS.items():
            if name.endswith("_norm"):
                self.add_module(name, L2Norm(channels))
            classes = 4 if name == "conv3_3_norm" else 2  # three kinds of background on the finest map
            self.add_module(f"{name}_mbox_conf", nn.Conv2d(channels, classes, 3, padding=1))
            self.add_module(f"{name}_mbox_loc", nn.Conv2d(channels, 4, 3, padding=1))

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        maps = {}
        for stage, convolutions in TRUNK.items():
            for index in range(1, len(convolutions) + 1):
                x = self._step(f"{stage}_{index}", x)
            maps[f"{stage}_{len(convolutions)}_norm"] = x
            x = F.max_pool2d(x, 2, 2)
        for name in ("fc6", "fc7", "conv6_1", "conv6_2", "conv7_1", "conv7_2"):
            maps[name] = x = self._step(name, x)
        return [self._head(name, maps[name]) for name in HEADS]

    def _step(self, name: str, x: Tensor) -> Tensor:
        return F.relu(self.get_submodule(name)(x))

    def _head(self, name: str, x: Tensor) -> tuple[Tensor, Tensor]:
        if name.endswith("_norm"):
            x = self.get_submodule(name)(x)
        scores = self.get_submodule(f"{name}_mbox_conf")(x)
        background, face = scores[:, :-1].amax(dim=1, keepdim=True), scores[:, -1:]
        return torch.cat([background, face], dim=1), self.get_submodule(f"{name}_mbox_loc")(x)


def decode(maps: list[tuple[Tensor, Tensor]], threshold: float) -> list[Detection]:
    """Boxes above a face probability, from the maps of one picture. The anchor at each cell is four strides wide."""
    found = []
    for level, (scores, offsets) in enumerate(maps):
        stride = 2.0 ** (level + 2)
        anchor = 4 * stride
        probability = scores[0].softmax(dim=0)[1]
        for row, column in (probability > threshold).nonzero().tolist():
            dx, dy, dw, dh = offsets[0, :, row, column].tolist()
            x = stride / 2 + column * stride + dx * CENTRE_VARIANCE * anchor
            y = stride / 2 + row * stride + dy * CENTRE_VARIANCE * anchor
            width, height = (anchor * float(np.exp(size * SIZE_VARIANCE)) for size in (dw, dh))
            box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            found.append(Detection(box, float(probability[row, column])))
    return found


class S3FDDetector:
    """Detector protocol on the network above. Raises UnsupportedModel for weights of another one."""

    name = "s3fd"

    def __init__(self, weights: Path | Mapping[str, Tensor], threshold: float = 0.5, device: str = "cpu"):
        self.threshold = threshold
        self.device = device
        self.network = S3FD()
        state = read_state_dict(weights) if isinstance(weights, Path) else weights
        try:
            self.network.load_state_dict(state)
        except RuntimeError as error:  # other names or shapes
            raise UnsupportedModel(
                f"{weights} does not hold the S3FD weights: {str(error).splitlines()[0]} "
                "Delete it and run `fom weights download s3fd`."
            ) from error
        self.network.eval().to(device)

    def detect(self, image: np.ndarray) -> list[Detection]:
        return detect_at_sizes(image[..., ::-1], LONG_SIDES, self._detect_once, overlap=0.3)

    @torch.inference_mode()
    def _detect_once(self, bgr: np.ndarray) -> list[Detection]:
        batch = torch.from_numpy(bgr).to(self.device).permute(2, 0, 1)[None].float()
        mean = batch.new_tensor(MEAN_BGR)[:, None, None]
        missing = (max(0, LEAST_PX - side) for side in (bgr.shape[1], bgr.shape[0]))
        padded = F.pad(batch - mean, [amount for side in missing for amount in (0, side)])
        return decode([(s.cpu(), o.cpu()) for s, o in self.network(padded)], self.threshold)
