"""The three calls that animation needs of a model."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ..networks.config import ModelConfig
from ..types import Generated, Keypoints, SourceFeatures


class Backend(Protocol):
    """A model as animation sees it, whatever computes it: PyTorch's fast form (:class:`.PyTorchModel`), an exported
    model, and :class:`~fom_core.MotionModel`, the networks as trained.

    Tensors go in and come out on ``device``.
    """

    @property
    def name(self) -> str: ...
    @property
    def config(self) -> ModelConfig: ...
    @property
    def device(self) -> torch.device: ...

    def detect_keypoints(self, images: Tensor) -> Keypoints:
        """(B, C, H, W) in [0, 1] → keypoints of each picture."""
        ...

    def encode_source(self, image: Tensor, keypoints: Keypoints | None = None) -> SourceFeatures:
        """(S, C, H, W) in [0, 1] → all that :meth:`generate` needs of S sources; keypoints are found unless given."""
        ...

    def generate(self, source: SourceFeatures, keypoints: Keypoints, details: bool = False) -> Generated:
        """Paint one source, or B of them, in the poses of B keypoint sets."""
        ...
