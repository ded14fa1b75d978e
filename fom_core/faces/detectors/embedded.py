"""The detector that needs no download: a small anchor-free network trained by this project.

Every cell of three maps (strides 8, 16, 32) says how sure it is to lie in the middle of a face and how far the face's
four sides are, in the manner of FCOS (Tian et al., ICCV 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ...pictures import to_batch
from ...weights.read import read_state_dict
from ..boxes import iou
from ..detection import Detection, detect_at_sizes, distinct

ASSET = Path(__file__).resolve().parents[2] / "assets" / "face_detector.safetensors"
STRIDES = (8, 16, 32)
LONG_SIDES = (1280, 384)  # the picture is seen at both sizes: small faces in the first, faces that fill it in the other
THRESHOLD = 0.7
FLOOR = 0.3  # detections below count as none
OVERLAP = 0.4
JUDGED_PX = (40, 300)  # faces of these sizes must convince in every view


class Separable(nn.Module):
    """Depthwise then pointwise convolution; adds its input when the shape stays."""

    def __init__(self, in_features: int, out_features: int, stride: int = 1, kernel_size: int = 3):
        super().__init__()
        self.depthwise = nn.Conv2d(
            in_features, in_features, kernel_size, stride, kernel_size // 2, groups=in_features, bias=False
        )
        self.norm1 = nn.BatchNorm2d(in_features)
        self.pointwise = nn.Conv2d(in_features, out_features, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_features)
        self.residual = stride == 1 and in_features == out_features

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm2(self.pointwise(self.norm1(self.depthwise(x))))
        return (out.add_(x) if self.residual else out).relu_()


class FaceNetwork(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] → per stride (B, 5, h, w): score logit and the log distances of four sides.

    H and W are multiples of 32.
    """

    def __init__(self, neck: int = 64):
        super().__init__()
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()
        )
        self.stages = nn.ModuleList(
            [
                nn.Sequential(Separable(32, 32), Separable(32, 64, 2), Separable(64, 64), Separable(64, 64)),
                nn.Sequential(Separable(64, 128, 2), *(Separable(128, 128) for _ in range(3))),
                nn.Sequential(Separable(128, 160, 2), *(Separable(160, 160, kernel_size=5) for _ in range(3))),
            ]
        )
        self.lateral = nn.ModuleList([nn.Conv2d(width, neck, 1) for width in (64, 128, 160)])
        self.smooth = nn.ModuleList([Separable(neck, neck) for _ in STRIDES])
        self.score = nn.ModuleList([nn.Sequential(Separable(neck, neck), nn.Conv2d(neck, 1, 1)) for _ in STRIDES])
        self.sides = nn.ModuleList([nn.Sequential(Separable(neck, neck), nn.Conv2d(neck, 4, 1)) for _ in STRIDES])

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.stem(images - 0.5)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        maps, above = [], None
        for level in reversed(range(len(STRIDES))):
            x = self.lateral[level](features[level])
            if above is not None:
                x = x + F.interpolate(above, scale_factor=2.0, mode="nearest")
            above = self.smooth[level](x)
            maps.append(torch.cat([self.score[level](above), self.sides[level](above)], dim=1))
        return maps[::-1]


def folded(network: FaceNetwork) -> FaceNetwork:
    """A trained network made faster, in place: each normalisation goes into its convolution, the unshuffling too."""
    for block in network.modules():
        if isinstance(block, Separable):
            block.depthwise = fuse_conv_bn_eval(block.depthwise, block.norm1)
            block.pointwise = fuse_conv_bn_eval(block.pointwise, block.norm2)
            for norm in ("norm1", "norm2"):
                setattr(block, norm, nn.Identity())
    _, conv, own_norm, _ = network.stem
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(own_norm, nn.BatchNorm2d)
    conv = fuse_conv_bn_eval(conv, own_norm)
    # Channel 4c + 2a + b of the unshuffled picture is colour c of the pixels (2y + a, 2x + b).
    weight = conv.weight.unflatten(1, (3, 2, 2)).permute(0, 1, 4, 2, 5, 3).flatten(4, 5).flatten(2, 3)
    whole = nn.Conv2d(3, len(weight), 6, stride=4, padding=2)
    whole.weight, whole.bias = nn.Parameter(weight.detach().contiguous()), conv.bias
    network.stem = nn.Sequential(whole, nn.ReLU(inplace=True))
    return network


def cell_centres(height: int, width: int, stride: int, *, like: Tensor) -> Tensor:
    """Centres (h·w, 2) of a map's cells, (x, y) in pixels of the network's picture."""
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) * stride
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) * stride
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1).reshape(-1, 2)


def decode(maps: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Score logits (B, N) and boxes (B, N, 4) in pixels of the network's picture."""
    logits, boxes = [], []
    for stride, values in zip(STRIDES, maps, strict=True):
        centres = cell_centres(values.shape[2], values.shape[3], stride, like=values)
        flat = values.flatten(2).transpose(1, 2)  # (B, h·w, 5)
        sides = flat[..., 1:].clamp(-6, 6).exp() * stride  # left, top, right, bottom
        logits.append(flat[..., 0])
        boxes.append(torch.cat([centres - sides[..., :2], centres + sides[..., 2:]], dim=-1))
    return torch.cat(logits, 1), torch.cat(boxes, 1)


class EmbeddedDetector:
    """Detector protocol on the network above."""

    name = "embedded"

    def __init__(self, weights: Path = ASSET, threshold: float = THRESHOLD, device: str = "cpu"):
        self.threshold = threshold
        self.device = device
        network = FaceNetwork()
        network.load_state_dict(read_state_dict(weights))  # copies half precision into single
        self.network = folded(network.eval()).to(device)

    def detect(self, image: np.ndarray) -> list[Detection]:
        own = max(image.shape[:2])
        views = [
            (size / own, detect_at_sizes(image, (size,), self._detect_once, OVERLAP))
            for size in sorted({min(own, size) for size in LONG_SIDES})
        ]
        found = distinct([face for _, faces in views for face in faces], OVERLAP)
        scored = [replace(face, score=agreed_score(face, views)) for face in found]
        return [face for face in scored if face.score >= self.threshold]

    @torch.inference_mode()
    def _detect_once(self, image: np.ndarray) -> list[Detection]:
        batch = padded_batch(image).to(self.device)
        logits, boxes = decode(agreed(self.network(torch.cat([batch, batch.flip(-1)]))))
        scores = logits[0].sigmoid()
        sure = scores > FLOOR
        return [
            Detection((x0, y0, x1, y1), score)
            for (x0, y0, x1, y1), score in zip(boxes[0][sure].tolist(), scores[sure].tolist(), strict=True)
        ]


def agreed_score(face: Detection, views: Sequence[tuple[float, list[Detection]]]) -> float:
    """Mean score of a face over the views (scale, detections) that show it at a size the network judges well."""
    x0, y0, x1, y1 = face.box_px
    least, most = JUDGED_PX
    scores = []
    for scale, detections in views:
        if least <= scale * max(x1 - x0, y1 - y0) <= most:
            boxes = np.array([other.box_px for other in detections]).reshape(-1, 4)
            same = iou(np.array(face.box_px), boxes) > OVERLAP
            scores.append(
                max((other.score for other, fits in zip(detections, same, strict=True) if fits), default=FLOOR)
            )
    return float(np.mean(scores)) if scores else face.score


def agreed(maps: list[Tensor]) -> list[Tensor]:
    """Mean of the maps of a picture and of its mirror image: what only one of them takes for a face fades.

    Channels are the score and the distances to the left, top, right and bottom; mirrored, left is right.
    """
    return [(values[:1] + values[1:, [0, 3, 2, 1, 4]].flip(-1)) / 2 for values in maps]


def padded_batch(image: np.ndarray) -> Tensor:
    """A picture (H, W, 3) as a batch of one in [0, 1], padded with grey right and below to multiples of 32."""
    batch = to_batch(image[None], channels=3, device="cpu")
    return F.pad(batch, (0, -image.shape[1] % STRIDES[-1], 0, -image.shape[0] % STRIDES[-1]), value=0.5)
