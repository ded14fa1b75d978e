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
from .dense_motion import DenseMotionNetwork, DenseMotionSteps
from .mobile import MOBILE

BORDER_PX = 5  # width of PaddleGAN's border treatment, in pixels of the map it is applied to
_GAUSSIAN_9 = (4, 13, 30, 51, 60, 51, 30, 13, 4)  # of 256


class GeneratorSteps(nn.Module):
    """Source features and flow to a picture. The networks that learn come with a subclass.

    :meth:`encode` runs once per source; :meth:`forward` takes any batch of driving keypoints.
    """

    dense_motion_network: DenseMotionSteps | None

    def __init__(self, config: GeneratorConfig, *, align_corners: bool, border_blend: bool) -> None:
        super().__init__()
        self.config = config
        self.align_corners = align_corners
        self.border_blend = border_blend
        self.displacement_flow = False  # as the model's configuration says, which may change with its size

    def encode(self, image: Tensor, keypoints: Keypoints) -> SourceFeatures:
        """Everything that depends on the source alone: (S, C, H, W) in [0, 1] and its keypoints."""
        small = image if self.dense_motion_network is None else self.dense_motion_network.down(image)
        return SourceFeatures(image, small, self.features(image), keypoints)

    def features(self, image: Tensor) -> Tensor:
        """What the warp moves: (S, C, H, W) in [0, 1] → (S, F, H / 2^d, W / 2^d)."""
        raise NotImplementedError

    def forward(self, source: SourceFeatures, driving: Keypoints, *, details: bool = False) -> Generated:
        """S = 1 or B sources in the poses of B keypoint sets, (B, C, H, W) in [0, 1] with the flow that moved them."""
        if self.dense_motion_network is None:
            return Generated(self.decode(source.features).expand(len(driving), -1, -1, -1), None)
        motion = self.dense_motion_network(source, driving, details=details)
        prediction = self.paint(source.features, motion)
        deformed = self.deform(source.image, motion.deformation) if details else None
        return Generated(prediction, motion, deformed)

    def paint(self, features: Tensor, motion: DenseMotion) -> Tensor:
        """The source's features, moved and completed: (B, C, H, W) in [0, 1]."""
        moved = self.deform(features.to(motion.deformation.dtype), motion.deformation)
        if motion.occlusion_map is not None:
            moved = moved * self.visibility(motion, (moved.shape[2], moved.shape[3]))
        return self.decode(moved)

    def deform(self, image: Tensor, deformation: Tensor) -> Tensor:
        """Warp a picture or feature map of any resolution by the flow."""
        return warp(image, self.flow(deformation, (image.shape[2], image.shape[3])), align_corners=self.align_corners)

    def flow(self, deformation: Tensor, size: tuple[int, int]) -> Tensor:
        """The flow at another resolution, (B, h, w, 2), with the border's treatment."""
        flow = resize_flow(deformation, size, displacement=self.displacement_flow)
        if self.border_blend:
            identity, weight = self.border(size, flow)
            flow = torch.lerp(identity, flow, weight)
        return flow

    def border(self, size: tuple[int, int], like: Tensor) -> tuple[Tensor, Tensor]:
        """What the flow fades into at the border, (h, w, 2), and the flow's share (h, w, 1)."""
        return identity_grid(*size, like=like), border_weight(*size, like=like)[..., None]

    def visibility(self, motion: DenseMotion, size: tuple[int, int]) -> Tensor:
        """The occlusion map at feature resolution, (B, 1, h, w)."""
        assert motion.occlusion_map is not None
        visible = resize_map(motion.occlusion_map, size)
        if self.border_blend and not self.config.mobile:
            inside = torch.zeros_like(visible, dtype=torch.bool)
            inside[..., BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
            visible = torch.where(inside, visible, 1.0)
        return visible

    def decode(self, features: Tensor) -> Tensor:
        """Warped features to a picture (B, C, H, W) in [0, 1]."""
        raise NotImplementedError


class OcclusionAwareGenerator(GeneratorSteps):
    """The generator as it is trained: encoder, dense motion network, residual blocks and decoder."""

    dense_motion_network: DenseMotionNetwork | None

    def __init__(self, config: GeneratorConfig, *, align_corners: bool = True, border_blend: bool = False) -> None:
        super().__init__(config, align_corners=align_corners, border_blend=border_blend)
        parts = MOBILE if config.mobile else FULL
        self.dense_motion_network = (  # pyright: ignore[reportIncompatibleVariableOverride]
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

    def features(self, image: Tensor) -> Tensor:
        out = self.first(image)
        for block in self.down_blocks:
            out = block(out)
        return out

    def decode(self, features: Tensor) -> Tensor:
        out = self.bottleneck(features)
        for block in self.up_blocks:
            out = block(out)
        return self.final(out).sigmoid()


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
