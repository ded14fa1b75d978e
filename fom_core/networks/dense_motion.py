"""From sparse to dense motion: which keypoint moves which pixel, and what gets hidden (section 3.2 of the paper)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import gaussian_heatmap, identity_grid, inverse_2x2, warp
from ..types import DenseMotion, Keypoints, SourceFeatures
from .blocks import FULL, Shrink
from .config import GeneratorConfig
from .hourglass import Hourglass
from .mobile import MOBILE


class DenseMotionSteps(nn.Module):
    """The equations of the paper. The network between them comes with a subclass."""

    down: Shrink

    def __init__(self, *, kp_variance: float, align_corners: bool) -> None:
        super().__init__()
        self.kp_variance = kp_variance
        self.align_corners = align_corners

    def forward(self, source: SourceFeatures, driving: Keypoints, *, details: bool = False) -> DenseMotion:
        """S = 1 or B sources and B poses → B flows; ``details`` keeps the source as each keypoint alone moves it."""
        height, width = source.small.shape[2:]
        motions = self.sparse_motions(source.keypoints, driving, (height, width))  # (B, K+1, h, w, 2)
        warped = self.warp_by_each(source.small, motions)  # (B, K+1, C, h, w)
        difference = self.heatmap_difference(source.keypoints, driving, (height, width))  # (B, K+1, 1, h, w)
        shares, hidden = self.maps(torch.cat([difference, warped], dim=2).flatten(1, 2))
        mask = shares.softmax(dim=1)
        deformation = (mask[..., None] * motions).sum(dim=1)
        occlusion_map = None if hidden is None else hidden.sigmoid()
        return DenseMotion(deformation, occlusion_map, mask, warped if details else None)

    def maps(self, seen: Tensor) -> tuple[Tensor, Tensor | None]:
        """Heatmaps and warped pictures (B, (K+1)(1+C), h, w) → mask (B, K+1, h, w), occlusion (B, 1, h, w); logits."""
        raise NotImplementedError

    def heatmap_difference(self, source: Keypoints, driving: Keypoints, size: tuple[int, int]) -> Tensor:
        """Equation 6: where keypoints went, minus where they came from; zeros for the background."""
        after = gaussian_heatmap(driving.value, size, self.kp_variance)
        before = gaussian_heatmap(source.value, size, self.kp_variance)
        return F.pad(after - before, (0, 0, 0, 0, 1, 0))[:, :, None]

    def sparse_motions(self, source: Keypoints, driving: Keypoints, size: tuple[int, int]) -> Tensor:
        """Equation 4: T(z) = p_source + J_source J_driving⁻¹ (z - p_driving) near each keypoint; identity behind."""
        identity = identity_grid(*size, like=driving.value)
        offset = identity - driving.value[:, :, None, None]  # (B, K, h, w, 2)
        if driving.jacobian is not None and source.jacobian is not None:
            jacobian = source.jacobian @ inverse_2x2(driving.jacobian)  # (B, K, 2, 2)
            offset = (offset.flatten(2, 3) @ jacobian.mT).view_as(offset)
        motions = offset + source.value[:, :, None, None]
        return torch.cat([identity.expand_as(motions[:, :1]), motions], dim=1)

    def warp_by_each(self, small: Tensor, motions: Tensor) -> Tensor:
        """Equation 7: the source moved by each keypoint's motion alone, (B, K+1, C, h, w)."""
        batch, slots, height, width, _ = motions.shape
        # The grids of all slots stand below each other in one tall grid, so the source is never copied per slot.
        tall = warp(small, motions.reshape(batch, slots * height, width, 2), align_corners=self.align_corners)
        return tall.unflatten(2, (slots, height)).transpose(1, 2)


class DenseMotionNetwork(DenseMotionSteps):
    """Source and driving keypoints → :class:`DenseMotion`, at ``scale_factor`` of the picture."""

    def __init__(self, config: GeneratorConfig, *, align_corners: bool) -> None:
        assert config.dense_motion is not None
        super().__init__(kp_variance=config.dense_motion.kp_variance, align_corners=align_corners)
        parts = MOBILE if config.mobile else FULL
        slots = config.num_kp + 1  # one for the background
        self.hourglass = Hourglass(slots * (config.num_channels + 1), config.dense_motion.hourglass, parts)
        self.mask = parts.map_head(self.hourglass.out_features, slots)
        self.occlusion = parts.map_head(self.hourglass.out_features, 1) if config.estimate_occlusion_map else None
        self.down = parts.shrink(config.num_channels, config.dense_motion.scale_factor)

    def maps(self, seen: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.hourglass(seen)
        return self.mask(features), None if self.occlusion is None else self.occlusion(features)
