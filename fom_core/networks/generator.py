"""The occlusion-aware generator: encode the source, warp its features, paint what was hidden (section 3.2)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import identity_grid, resize_flow, resize_map, warp
from ..types import DenseMotion, Generated, Keypoints, SourceFeatures
from .blocks import FULL
from .config import GeneratorConfig
from .dense_motion import DenseMotionNetwork
from .mobile import MOBILE

BORDER_PX = 5  # width of PaddleGAN's border treatment, in pixels of the map it is applied to
_GAUSSIAN_9 = (4, 13, 30, 51, 60, 51, 30, 13, 4)  # of 256


class OcclusionAwareGenerator(nn.Module):
    """:meth:`encode` runs once per source; :meth:`forward` takes any batch of driving keypoints."""

    def __init__(self, config: GeneratorConfig, *, align_corners: bool = True, border_blend: bool = False) -> None:
        super().__init__()
        parts = MOBILE if config.mobile else FULL
        self.config = config
        self.align_corners = align_corners
        self.border_blend = border_blend
        self.dense_motion_network = (
            None if config.dense_motion is None else DenseMotionNetwork(config, align_corners=align_corners)
        )
        deepest = config.down[-1] if config.down else config.first
        self.first = parts.stem(config.num_channels, config.first)
        self.down_blocks = nn.ModuleList(parts.down(*pair) for pair in pairwise((config.first, *config.down)))
        self.bottleneck = nn.Sequential()
        for index, hidden in enumerate(config.bottleneck):
            self.bottleneck.add_module(f"r{index}", parts.res(deepest, hidden))
        self.up_blocks = nn.ModuleList(parts.up(*pair) for pair in pairwise((deepest, *config.up)))
        self.final = parts.map_head(config.up[-1] if config.up else config.first, config.num_channels)

    @property
    def trunk(self) -> list[nn.Module]:
        """Everything but the dense motion network: the parts that may run in half precision."""
        return [self.first, self.down_blocks, self.bottleneck, self.up_blocks, self.final]

    @property
    def trunk_dtype(self) -> torch.dtype:
        return next(self.first.parameters()).dtype

    def encode(self, image: Tensor, keypoints: Keypoints) -> SourceFeatures:
        """Everything that depends on the source alone: (S, C, H, W) in [0, 1] and its keypoints."""
        features = self.first(image.to(self.trunk_dtype))
        for block in self.down_blocks:
            features = block(features)
        small = image if self.dense_motion_network is None else self.dense_motion_network.down(image)
        return SourceFeatures(image, small, features, keypoints)

    def forward(self, source: SourceFeatures, driving: Keypoints, *, details: bool = False) -> Generated:
        if self.dense_motion_network is None:
            prediction = self.decode(source.features, driving.value.dtype)
            return Generated(prediction.expand(len(driving), -1, -1, -1), None)
        motion = self.dense_motion_network(source, driving, details=details)
        features = self.deform(source.features.to(motion.deformation.dtype), motion.deformation)
        if motion.occlusion_map is not None:
            features = features * self.visibility(motion, (features.shape[2], features.shape[3]))
        prediction = self.decode(features.to(self.trunk_dtype), driving.value.dtype)
        deformed = self.deform(source.image, motion.deformation) if details else None
        return Generated(prediction, motion, deformed)

    def deform(self, image: Tensor, deformation: Tensor) -> Tensor:
        """Warp a picture or feature map of any resolution by the flow."""
        height, width = image.shape[2:]
        flow = resize_flow(deformation, (height, width))
        if self.border_blend:
            identity = identity_grid(height, width, like=flow)
            flow = torch.lerp(identity, flow, border_weight(height, width, like=flow)[..., None])
        return warp(image, flow, align_corners=self.align_corners)

    def visibility(self, motion: DenseMotion, size: tuple[int, int]) -> Tensor:
        """The occlusion map at feature resolution, (B, 1, h, w)."""
        assert motion.occlusion_map is not None
        visible = resize_map(motion.occlusion_map, size)
        if self.border_blend and not self.config.mobile:
            inside = torch.zeros_like(visible, dtype=torch.bool)
            inside[..., BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
            visible = torch.where(inside, visible, 1.0)
        return visible

    def decode(self, features: Tensor, dtype: torch.dtype) -> Tensor:
        """Warped features to a picture (B, C, H, W) in [0, 1], of the given type whatever the trunk computes in."""
        out = self.bottleneck(features)
        for block in self.up_blocks:
            out = block(out)
        return self.final(out).to(dtype).sigmoid()


def border_weight(height: int, width: int, *, like: Tensor) -> Tensor:
    """Share of the predicted flow against the identity, (height, width): 1 inside, fading out over the border.

    PaddleGAN's inference rule: a box that leaves out five pixels on each side, blurred by OpenCV's 9-wide gaussian
    (its fixed table, not the formula) with zeros beyond the edge.
    """

    def profile(length: int) -> Tensor:
        box = torch.zeros(1, 1, length, device=like.device, dtype=like.dtype)
        box[..., BORDER_PX : length - BORDER_PX] = 1
        return F.conv1d(box, (box.new_tensor(_GAUSSIAN_9) / 256).view(1, 1, -1), padding=4).flatten()

    return profile(height)[:, None] * profile(width)[None, :]
