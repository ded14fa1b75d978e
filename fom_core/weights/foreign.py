"""Writes models in the layouts of the authors' code (``.pth.tar``) and of PaddleGAN (``.pdparams``).

Both come with a YAML beside them, for those programs read sizes from there and not from the tensors.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from ..errors import UsageError
from ..files.paths import replacing
from ..networks.config import GeneratorConfig, HourglassConfig, ModelConfig
from ..networks.model import MotionModel

TORCH, PADDLE = ".pth.tar", ".pdparams"
COUNTER = "num_batches_tracked"  # BatchNorm counts training steps in it; inference never reads it
_RENAMED = {"running_mean": "_mean", "running_var": "_variance"}
# numpy 2 moved the function that its pickles name; files that name the old place open under every version.
_NEW_PLACE, _OLD_PLACE = b"cnumpy._core.multiarray\n_reconstruct\n", b"cnumpy.core.multiarray\n_reconstruct\n"


def is_foreign(path: Path) -> bool:
    """Whether a file's name asks for one of the layouts."""
    return path.name.endswith((TORCH, PADDLE))


def yaml_beside(path: Path) -> Path:
    """The configuration that belongs to a weights file: ``vox.pth.tar`` has ``vox.yaml``."""
    suffix = TORCH if path.name.endswith(TORCH) else PADDLE
    return path.with_name(f"{path.name.removesuffix(suffix)}.yaml")


def save_foreign(model: MotionModel, path: Path) -> None:
    """Write a model and its YAML for the authors' code or PaddleGAN, as the name's ending says.

    Raises UsageError for a model that the other program cannot build, WriteError.
    """
    paddle = path.name.endswith(PADDLE)
    settings = paddlegan_settings(model.config) if paddle else authors_settings(model.config)
    states = {"generator": model.generator.state_dict(), "kp_detector": model.keypoint_detector.state_dict()}
    states = {network: {name: value.cpu() for name, value in state.items()} for network, state in states.items()}
    with replacing(path) as weights, replacing(yaml_beside(path)) as text:
        text.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        if paddle:
            weights.write_bytes(_pickled({network: _for_paddle(state) for network, state in states.items()}))
        else:
            # The layout before PyTorch 1.6, which the version that the authors name reads, and every later one.
            torch.save(states, weights, _use_new_zipfile_serialization=False)


def authors_settings(config: ModelConfig) -> dict[str, Any]:
    """The configuration as the authors' code reads it. Raises UsageError for what that cannot build."""
    if config.keypoint_detector.mobile or config.generator.mobile:
        raise UsageError(f"The authors' code has no mobile networks. Write a {PADDLE} file, for PaddleGAN.")
    common, detector, generator = _sections(config)
    return {
        "dataset_params": {"frame_shape": [*config.learnt_size, config.num_channels]},
        "model_params": {
            "common_params": common,
            "kp_detector_params": detector,
            "generator_params": generator,
        },
    }


def paddlegan_settings(config: ModelConfig) -> dict[str, Any]:
    """The configuration as PaddleGAN reads it. Raises UsageError for what that cannot build."""
    common, detector, generator = _sections(config)
    for section, mobile in ((detector, config.keypoint_detector.mobile), (generator, config.generator.mobile)):
        if mobile:
            section["mobile_net"] = True
    return {
        "model": {
            "common_params": common,
            "generator": {"kp_detector_cfg": detector, "generator_cfg": generator},
        },
        "dataset": {"train": {"frame_shape": [*config.learnt_size, config.num_channels]}},
    }


def _sections(config: ModelConfig) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    points, generator_config = config.keypoint_detector, config.generator
    common = {
        "num_kp": points.num_kp,
        "num_channels": config.num_channels,
        "estimate_jacobian": points.estimate_jacobian,
    }
    detector: dict[str, Any] = {
        "temperature": points.temperature,
        **_pattern(points.hourglass, "the keypoint detector"),
        "scale_factor": points.scale_factor,
    }
    if points.single_jacobian_map:
        detector["single_jacobian_map"] = True
    if points.pad:
        detector["pad"] = points.pad
    generator = {
        **_generator_pattern(generator_config),
        "estimate_occlusion_map": generator_config.estimate_occlusion_map,
    }
    if generator_config.dense_motion is not None:
        motion = generator_config.dense_motion
        generator["dense_motion_params"] = {
            **_pattern(motion.hourglass, "the dense motion network"),
            "scale_factor": motion.scale_factor,
            "kp_variance": motion.kp_variance,
        }
    return common, detector, generator


def _pattern(hourglass: HourglassConfig, what: str) -> dict[str, Any]:
    """Widths as the three numbers that the other programs know."""
    numbers = (hourglass.decoder[-1], max(hourglass.encoder), len(hourglass.encoder))
    if HourglassConfig.regular(*numbers) != hourglass:
        raise _irregular(what)
    return dict(zip(("block_expansion", "max_features", "num_blocks"), numbers, strict=True))


def _generator_pattern(config: GeneratorConfig) -> dict[str, Any]:
    numbers = (config.first, max((config.first, *config.down)), len(config.down), len(config.bottleneck))
    regular = GeneratorConfig.regular(*numbers, None, mobile=config.mobile)
    if any(getattr(regular, widths) != getattr(config, widths) for widths in ("first", "down", "bottleneck", "up")):
        raise _irregular("the generator")
    names = ("block_expansion", "max_features", "num_down_blocks", "num_bottleneck_blocks")
    return dict(zip(names, numbers, strict=True))


def _irregular(what: str) -> UsageError:
    return UsageError(
        f"The authors' code and PaddleGAN know only widths that double level by level; those of {what} do not, as in "
        "pruned models. Write a .safetensors file."
    )


def _for_paddle(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Arrays under Paddle's names, without PyTorch's counters."""
    renamed = {}
    for name, value in state.items():
        stem, _, last = name.rpartition(".")
        if last != COUNTER:
            renamed[f"{stem}.{_RENAMED.get(last, last)}"] = value.float().contiguous().numpy()
    return renamed


def _pickled(tree: dict[str, dict[str, np.ndarray]]) -> bytes:
    content = pickle.dumps(tree, protocol=3)  # the last one that names globals in plain text
    return content.replace(_NEW_PLACE, _OLD_PLACE, 1)  # named once, ahead of the first array's bytes
