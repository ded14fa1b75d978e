"""Training settings, read from YAML files whose keys follow the authors' configuration files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ..errors import UsageError
from ..networks.config import (
    DenseMotionConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    HourglassConfig,
    KeypointDetectorConfig,
    ModelConfig,
)
from .augment import AugmentConfig

T = TypeVar("T")


@dataclass(frozen=True)
class TransformConfig:
    """The random warp of the equivariance loss."""

    sigma_affine: float = 0.05
    sigma_tps: float = 0.005
    points_tps: int = 5


@dataclass(frozen=True)
class LossWeights:
    """0 leaves a loss out. Per-layer weights run from shallow to deep."""

    perceptual: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0, 10.0)
    l1: float = 0.0
    equivariance_value: float = 10.0
    equivariance_jacobian: float = 10.0
    generator_gan: float = 0.0
    discriminator_gan: float = 1.0
    feature_matching: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0)
    warp: float = 0.0  # warped source against driving; with it, the generator is to reproduce the warped source
    visibility: float = 1.0  # occlusion map against the error of the warp; only together with warp
    anchor: float = 0.0  # first keypoints to facial landmarks
    mouth: float = 0.0  # how much more the picture losses count there; with 0 for both, everywhere alike
    eyes: float = 0.0


@dataclass(frozen=True)
class Stage:
    """One uninterrupted training. The next stage takes over every tensor whose name and shape fit."""

    name: str
    model: ModelConfig
    steps: int
    minutes: float | None = None  # ends the stage earlier, for machines of unknown speed
    batch_size: int = 8
    lr: float = 2e-4
    warm_up: int = 50  # first steps, over which the learning rate rises
    decay_share: float = 0.33  # last part of the stage, in which the learning rate falls to zero along a cosine
    scales: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    clip_norm: float = 10.0  # of the gradient of each network; 0: none
    ema: float = 0.999
    still_share: float = 0.2  # of pairs made of one portrait
    candidates: int = 4  # driving frames of which the one that differs most is taken
    mouth_share: float = 0.5  # of pairs for which the difference of the mouths decides
    motion_lr: float = 1.0  # factor on lr for keypoint detector and dense motion network, once they know their task
    keypoints_every: int = 1  # the keypoint detector learns in every n-th step only, which saves a third of the time
    weights: LossWeights = field(default_factory=LossWeights)
    transform: TransformConfig = field(default_factory=TransformConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    discriminator: DiscriminatorConfig | None = None


@dataclass(frozen=True)
class DatasetConfig:
    """Which frames are learnt from."""

    licence_classes: tuple[str, ...] | None = None  # filter for folders with an index.csv; None: all
    oversize: float = 1.5  # size of the cached frames over the training size: room for zoom and rotation


@dataclass(frozen=True)
class TrainConfig:
    """A whole training."""

    name: str
    stages: tuple[Stage, ...]
    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    perceptual_widths: tuple[int, ...] = (16, 32, 64)  # of the random features used when no VGG19 file is given
    seed: int = 0

    @property
    def needs_landmarks(self) -> bool:
        """Whether a loss asks where eyes and mouth are."""
        return any(stage.weights.anchor or stage.weights.mouth or stage.weights.eyes for stage in self.stages)


def load_config(path: Path) -> TrainConfig:
    """Read a training file. Raises UsageError that names the file and the key at fault."""
    try:
        values = yaml.safe_load(path.read_text())
        common = values["train_params"]
        stages = tuple(_stage(_merge({**common, "model_params": values["model_params"]}, s)) for s in values["stages"])
        return TrainConfig(
            name=values["name"],
            stages=stages,
            dataset=from_plain(DatasetConfig, values.get("dataset_params", {})),
            perceptual_widths=tuple(values.get("perceptual_widths", TrainConfig.perceptual_widths)),
            seed=int(values.get("seed", 0)),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} is not a training configuration ({error!r}). Compare it with configs/mini.yaml."
        ) from error


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``changes`` over ``base``, mappings key by key."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def from_plain(kind: type[T], values: Mapping[str, Any]) -> T:
    """A settings dataclass from YAML or JSON values, lists becoming tuples. Raises KeyError for an unknown key."""
    unknown = set(values) - set(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    if unknown:
        raise KeyError(f"unknown key {min(unknown)!r} for {kind.__name__}")
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return kind(**plain)


def _stage(values: Mapping[str, Any]) -> Stage:
    plain = dict(values)
    critic = plain.pop("discriminator_params", None)
    model = model_config(plain.pop("model_params"), plain.pop("image_size"))
    parts = {
        "model": model,
        "weights": from_plain(LossWeights, plain.pop("loss_weights", {})),
        "transform": from_plain(TransformConfig, plain.pop("transform_params", {})),
        "augment": from_plain(AugmentConfig, plain.pop("augmentation_params", {})),
        "discriminator": None if critic is None else from_plain(DiscriminatorConfig, critic),
    }
    return from_plain(Stage, {**plain, **parts})


def model_config(params: Mapping[str, Any], image_size: int) -> ModelConfig:
    """Read ``model_params`` in the authors' layout; widths may also be listed level by level."""
    common, detector, generator = (params[k] for k in ("common_params", "kp_detector_params", "generator_params"))
    motion = generator["dense_motion_params"]
    jacobian = {"estimate_jacobian": common.get("estimate_jacobian", True)}
    options = {key: detector[key] for key in ("scale_factor", "temperature", "single_jacobian_map") if key in detector}
    return ModelConfig(
        KeypointDetectorConfig(_hourglass(detector), num_kp=common["num_kp"], **jacobian, **options),
        GeneratorConfig(
            first=generator["first"],
            down=tuple(generator["down"]),
            bottleneck=tuple(generator["bottleneck"]),
            up=tuple(generator["up"]),
            dense_motion=DenseMotionConfig(_hourglass(motion), scale_factor=motion["scale_factor"]),
            num_kp=common["num_kp"],
            estimate_occlusion_map=generator.get("estimate_occlusion_map", True),
        ),
        image_size=(image_size, image_size),
    )


def _hourglass(params: Mapping[str, Any]) -> HourglassConfig:
    return HourglassConfig.regular(params["block_expansion"], params["max_features"], params["num_blocks"])
