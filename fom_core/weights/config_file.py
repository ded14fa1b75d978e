"""Reads the YAML files that go with published weights: the authors' layout and PaddleGAN's, into one ModelConfig."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import UnsupportedModel
from ..networks.config import (
    DenseMotionConfig,
    GeneratorConfig,
    HourglassConfig,
    KeypointDetectorConfig,
    ModelConfig,
)
from .detect import USUAL, Conventions

HOURGLASS_KEYS = {"block_expansion", "max_features", "num_blocks"}
COMMON_KEYS = {"num_kp", "num_channels", "estimate_jacobian"}
DETECTOR_KEYS = HOURGLASS_KEYS | {"temperature", "scale_factor", "single_jacobian_map", "pad", "mobile_net"}
GENERATOR_KEYS = {
    "block_expansion",
    "max_features",
    "num_down_blocks",
    "num_bottleneck_blocks",
    "estimate_occlusion_map",
    "dense_motion_params",
    "mobile_net",
    "inference",  # PaddleGAN's name of our border_blend, which is no property of the training
}
MOTION_KEYS = HOURGLASS_KEYS | {"scale_factor", "kp_variance", "mobile_net"}


def read_config(path: Path, conventions: Conventions = USUAL) -> ModelConfig:
    """Read the model of a YAML file; ``conventions`` fills in what such files do not say. Raises UnsupportedModel."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnsupportedModel(f"The configuration {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UnsupportedModel(f"{path.name} is not a YAML file: {reason}.") from error
    try:
        return parse_config(values, conventions)
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{path.name}: {error}") from error


def parse_config(values: Any, conventions: Conventions = USUAL) -> ModelConfig:
    """The model of a configuration in either layout; absent options have the authors' defaults.

    Raises UnsupportedModel for unknown options and wrong values.
    """
    common, detector, generator = _sections(values)
    try:
        num_kp, num_channels = int(common["num_kp"]), int(common["num_channels"])
        motion = generator.get("dense_motion_params")
        return ModelConfig(
            KeypointDetectorConfig(
                hourglass=_hourglass(detector),
                num_kp=num_kp,
                num_channels=num_channels,
                estimate_jacobian=bool(common.get("estimate_jacobian", False)),
                single_jacobian_map=bool(detector.get("single_jacobian_map", False)),
                scale_factor=float(detector.get("scale_factor", 1)),
                temperature=float(detector["temperature"]),
                pad=int(detector.get("pad", 0)),
                mobile=bool(detector.get("mobile_net", False)),
            ),
            GeneratorConfig.regular(
                int(generator["block_expansion"]),
                int(generator["max_features"]),
                int(generator["num_down_blocks"]),
                int(generator["num_bottleneck_blocks"]),
                None if motion is None else _dense_motion(motion),
                num_kp=num_kp,
                num_channels=num_channels,
                estimate_occlusion_map=bool(generator.get("estimate_occlusion_map", False)),
                mobile=bool(generator.get("mobile_net", False)),
            ),
            image_size=_image_size(values) or conventions.image_size,
            align_corners=conventions.align_corners,
            border_blend=conventions.border_blend,
        )
    except KeyError as error:
        raise UnsupportedModel(f"the option {error} is missing from the model's configuration.") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise UnsupportedModel(f"an option of the model has a value of the wrong kind ({error}).") from error


def _sections(values: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The common, keypoint detector and generator options of either layout."""
    ours = _mapping(values, "the file")
    if "model_params" in ours:
        model = _mapping(ours["model_params"], "model_params")
        parts = [model.get(f"{name}_params") for name in ("common", "kp_detector", "generator")]
    elif "model" in ours:
        model = _mapping(ours["model"], "model")
        nets = _mapping(model.get("generator"), "model.generator")
        parts = [model.get("common_params"), nets.get("kp_detector_cfg"), nets.get("generator_cfg")]
    else:
        raise UnsupportedModel(
            "wanted a section 'model_params' (the authors' layout) or 'model' (PaddleGAN's), found "
            f"{', '.join(map(str, list(ours)[:5])) or 'nothing'}."
        )
    common, detector, generator = (
        _known(part, keys, name)
        for part, keys, name in zip(
            parts,
            (COMMON_KEYS, DETECTOR_KEYS, GENERATOR_KEYS),
            ("common", "keypoint detector", "generator"),
            strict=True,
        )
    )
    return common, detector, generator


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UnsupportedModel(f"{name} has to be a table of options, found {type(value).__name__}.")
    return dict(value)


def _known(value: Any, keys: set[str], name: str) -> dict[str, Any]:
    options = _mapping(value, f"the section of the {name} options")
    unknown = sorted(str(key) for key in options.keys() - keys)
    if unknown:
        raise UnsupportedModel(f"unknown {name} options {', '.join(unknown)}; known are {', '.join(sorted(keys))}.")
    return options


def _hourglass(options: dict[str, Any]) -> HourglassConfig:
    return HourglassConfig.regular(
        int(options["block_expansion"]), int(options["max_features"]), int(options["num_blocks"])
    )


def _dense_motion(value: Any) -> DenseMotionConfig:
    options = _known(value, MOTION_KEYS, "dense motion")
    return DenseMotionConfig(
        hourglass=_hourglass(options),
        scale_factor=float(options.get("scale_factor", 1)),
        kp_variance=float(options.get("kp_variance", 0.01)),
    )


def _image_size(values: Mapping[str, Any]) -> tuple[int, int] | None:
    """Height and width of the training frames, where a file tells them."""
    for section in (values.get("dataset_params"), (values.get("dataset") or {}).get("train")):
        if isinstance(section, Mapping) and "frame_shape" in section:
            height, width = section["frame_shape"][:2]
            return int(height), int(width)
    return None
