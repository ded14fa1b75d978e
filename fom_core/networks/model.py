"""The whole model as it is trained: keypoint detector and generator, with the three calls that animation needs."""

from __future__ import annotations

import copy

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
    gradients; code that only paints wraps them in ``torch.inference_mode()`` or ``torch.no_grad()``, or paints faster
    with what ``fom_core.load_model`` gives.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.name = ""
        self.keypoint_detector = KeypointDetector(config.keypoint_detector)
        self.generator = OcclusionAwareGenerator(
            config.generator, align_corners=config.align_corners, border_blend=config.border_blend
        )
        self.resize(config)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def detect_keypoints(self, images: Tensor) -> Keypoints:
        """(B, C, H, W) in [0, 1] → keypoints of each picture. Raises UsageError on a size the networks cannot halve."""
        check_pictures(self.config, images)
        return self.keypoint_detector(images)

    def encode_source(self, image: Tensor, keypoints: Keypoints | None = None) -> SourceFeatures:
        """(S, C, H, W) in [0, 1] → all that :meth:`generate` needs of the sources. Raises UsageError like above.

        ``keypoints`` are detected unless given.
        """
        check_pictures(self.config, image)
        return self.generator.encode(image, self.keypoint_detector(image) if keypoints is None else keypoints)

    def generate(self, source: SourceFeatures, keypoints: Keypoints, details: bool = False) -> Generated:
        """Paint the source in the poses of B keypoint sets, or B sources in one pose each.

        ``details=True`` also fills ``dense_motion.sparse_deformed`` and ``deformed``. A source without jacobians, or
        keypoints without, moves by translation alone.
        """
        return self.generator(source, keypoints, details=details)

    def at_size(self, height: int, width: int | None = None) -> MotionModel:
        """A copy for pictures of another size: see :meth:`.ModelConfig.at_size`. Itself, if that is its size.

        Motion is sought as at the size that was learnt, and painted with the pixels that there are now: more of them
        show detail of the source that a smaller picture has not. Raises UsageError for a size that cannot be painted.
        """
        config = self.config.at_size(height, width)
        return self if config == self.config else copy.deepcopy(self).resize(config)

    def at_learnt_size(self) -> MotionModel:
        """This model at the size seen in training, as :meth:`at_size` gives it."""
        return self.at_size(*self.config.learnt_size)

    def resize(self, config: ModelConfig) -> MotionModel:
        """Paint at the size of ``config``, which describes the same networks, from now on. Returns itself."""
        self.config = config
        self.generator.displacement_flow = config.resizes_displacement
        for network in (self.keypoint_detector, self.generator.dense_motion_network):
            if network is not None:
                network.down.size = config.motion_size
        return self

    def as_trained(self) -> MotionModel:
        """Itself; a model from ``load_model`` opens its networks here."""
        return self


def check_pictures(config: ModelConfig, images: Tensor) -> None:
    """Raise UsageError for pictures (B, C, H, W) with other channels than the model's, or sides it cannot halve."""
    channels, height, width = images.shape[1:]
    multiple = config.size_multiple
    if channels != config.num_channels or height % multiple or width % multiple:
        raise UsageError(
            f"The model takes pictures with {config.num_channels} channels and sides divisible by {multiple}; "
            f"got {channels} channels of {height}x{width}. Resize the picture, for instance to "
            f"{config.image_size[0]}x{config.image_size[1]}."
        )


def create_model(config: ModelConfig) -> MotionModel:
    """A model with fresh random weights, in training mode."""
    return MotionModel(config)
