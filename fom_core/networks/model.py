"""The whole model: keypoint detector and generator, with the three calls that animation needs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import UsageError
from ..types import Generated, Keypoints, SourceFeatures
from .config import ModelConfig
from .generator import OcclusionAwareGenerator
from .keypoint_detector import KeypointDetector


class MotionModel(nn.Module):
    """A First Order Motion Model (Siarohin et al., NeurIPS 2019).

    Pictures are (B, C, H, W) float in [0, 1], at ``config.image_size`` unless you know better. The calls keep
    gradients; inference code wraps them in ``torch.inference_mode()``.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.name = ""
        self.keypoint_detector = KeypointDetector(config.keypoint_detector)
        self.generator = OcclusionAwareGenerator(
            config.generator, align_corners=config.align_corners, border_blend=config.border_blend
        )

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def size_multiple(self) -> int:
        """Height and width must be divisible by this: every network halves its input a fixed number of times."""
        detector, generator = self.config.keypoint_detector, self.config.generator
        steps = [round(1 / detector.scale_factor) * 2 ** len(detector.hourglass.encoder), 2 ** len(generator.down)]
        if generator.dense_motion is not None:
            motion = generator.dense_motion
            steps.append(round(1 / motion.scale_factor) * 2 ** len(motion.hourglass.encoder))
        return max(steps)  # powers of two: the largest is a multiple of the others

    def detect_keypoints(self, images: Tensor) -> Keypoints:
        """(B, C, H, W) in [0, 1] → keypoints of each picture. Raises UsageError on a size the networks cannot halve."""
        self._check(images)
        return self.keypoint_detector(images)

    def encode_source(self, image: Tensor) -> SourceFeatures:
        """(1, C, H, W) in [0, 1] → all that :meth:`generate` needs of the source. Raises UsageError like above."""
        return self.generator.encode(image, self.detect_keypoints(image))

    def generate(self, source: SourceFeatures, keypoints: Keypoints, details: bool = False) -> Generated:
        """Paint the source in the poses of B keypoint sets.

        ``details=True`` also fills ``dense_motion.sparse_deformed`` and ``deformed``. A source without jacobians, or
        keypoints without, moves by translation alone.
        """
        return self.generator(source, keypoints, details=details)

    def to_dtype(self, dtype: torch.dtype) -> MotionModel:
        """Run the generator's convolutions in ``dtype``. Keypoints, jacobians and flow stay in float32.

        Those are few and cheap, and an error in them moves pixels instead of shading them.
        """
        for part in self.generator.trunk:
            part.to(dtype)
        return self

    def _check(self, images: Tensor) -> None:
        channels, height, width = images.shape[1:]
        multiple = self.size_multiple
        if channels != self.config.num_channels or height % multiple or width % multiple:
            raise UsageError(
                f"The model takes pictures with {self.config.num_channels} channels and sides divisible by {multiple}; "
                f"got {channels} channels of {height}x{width}. Resize the picture, for instance to "
                f"{self.config.image_size[0]}x{self.config.image_size[1]}."
            )


def create_model(config: ModelConfig) -> MotionModel:
    """A model with fresh random weights, in training mode."""
    return MotionModel(config)
