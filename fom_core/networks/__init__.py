"""The networks of the First Order Motion Model, one file per stage of the paper."""

from .config import (
    DenseMotionConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    HourglassConfig,
    KeypointDetectorConfig,
    ModelConfig,
)
from .model import MotionModel, create_model

__all__ = [
    "DenseMotionConfig",
    "DiscriminatorConfig",
    "GeneratorConfig",
    "HourglassConfig",
    "KeypointDetectorConfig",
    "ModelConfig",
    "MotionModel",
    "create_model",
]
