"""Reads a model's configuration from its tensors: every width, whatever the pattern, pruned and mobile ones too."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..errors import UnsupportedModel
from ..networks.config import (
    DenseMotionConfig,
    GeneratorConfig,
    HourglassConfig,
    KeypointDetectorConfig,
    ModelConfig,
)
from .layout import StateDict

MOBILE_KERNEL = 3  # the mobile blur is always this wide, whatever its scale


@dataclass(frozen=True)
class Conventions:
    """What leaves no trace in the tensors; the values here are those of nearly all published models."""

    temperature: float = 0.1
    pad: int = 0
    kp_variance: float = 0.01
    keypoint_scale: float = 0.25  # read from the tensors where the blur kernel tells it
    motion_scale: float = 0.25
    occlusion_map: bool = True  # told by the tensors of every model with a dense motion network
    image_size: tuple[int, int] = (256, 256)
    align_corners: bool = True
    border_blend: bool = False
    motion_size: tuple[int, int] | None = None
    displacement_flow: bool = False

    @classmethod
    def of(cls, config: ModelConfig) -> Conventions:
        """The conventions of a known configuration."""
        motion = config.generator.dense_motion
        return cls(
            temperature=config.keypoint_detector.temperature,
            pad=config.keypoint_detector.pad,
            kp_variance=cls.kp_variance if motion is None else motion.kp_variance,
            keypoint_scale=config.keypoint_detector.scale_factor,
            motion_scale=cls.motion_scale if motion is None else motion.scale_factor,
            occlusion_map=config.generator.estimate_occlusion_map,
            image_size=config.image_size,
            align_corners=config.align_corners,
            border_blend=config.border_blend,
            motion_size=config.motion_size,
            displacement_flow=config.displacement_flow,
        )


USUAL = Conventions()


def detect_config(keypoint_detector: StateDict, generator: StateDict, conventions: Conventions = USUAL) -> ModelConfig:
    """Read the configuration that built these tensors. Raises UnsupportedModel where one of the layout is missing."""
    try:
        detector = _keypoint_detector(keypoint_detector, conventions)
        return ModelConfig(
            detector,
            _generator(generator, detector.num_kp, conventions),
            image_size=conventions.image_size,
            align_corners=conventions.align_corners,
            border_blend=conventions.border_blend,
            motion_size=conventions.motion_size,
            displacement_flow=conventions.displacement_flow,
        )
    except (KeyError, IndexError) as error:
        raise UnsupportedModel(
            f"The networks are not laid out like a First Order Motion Model's: {error} was expected among their "
            "tensors and is missing or has another shape."
        ) from error


def _keypoint_detector(state: StateDict, conventions: Conventions) -> KeypointDetectorConfig:
    mobile = "kp.0.weight" in state
    head = state["kp.2.weight" if mobile else "kp.weight"]
    jacobian = state.get("jacobian.2.weight" if mobile else "jacobian.weight")
    first = state["predictor.encoder.down_blocks.0.conv.weight"]
    return KeypointDetectorConfig(
        hourglass=_hourglass(state, "predictor", mobile),
        num_kp=head.shape[0],
        num_channels=first.shape[0 if mobile else 1],
        estimate_jacobian=jacobian is not None,
        single_jacobian_map=jacobian is not None and jacobian.shape[0] == 4 and head.shape[0] != 1,
        scale_factor=_scale(state.get("down.weight"), conventions.keypoint_scale),
        temperature=conventions.temperature,
        pad=conventions.pad,
        mobile=mobile,
    )


def _generator(state: StateDict, num_kp: int, conventions: Conventions) -> GeneratorConfig:
    mobile = "first.0.conv.weight" in state
    first = "first.{}.conv.weight" if mobile else "first.conv.weight"
    inner = "conv_pw" if mobile else "conv1"
    block = "conv1" if mobile else "conv"
    has_motion = any(name.startswith("dense_motion_network.") for name in state)
    blocks = range(_length(state, "bottleneck.r"))
    return GeneratorConfig(
        first=state[first.format(2)].shape[0],
        down=_widths(state, "down_blocks", block),
        bottleneck=tuple(state[f"bottleneck.r{index}.{inner}.weight"].shape[0] for index in blocks),
        up=_widths(state, "up_blocks", block),
        dense_motion=_dense_motion(state, mobile, conventions) if has_motion else None,
        num_kp=num_kp,
        num_channels=state[first.format(0)].shape[1],
        estimate_occlusion_map=_has_occlusion(state) if has_motion else conventions.occlusion_map,
        mobile=mobile,
    )


def _has_occlusion(state: StateDict) -> bool:
    return any(name.startswith("dense_motion_network.occlusion.") for name in state)


def _dense_motion(state: StateDict, mobile: bool, conventions: Conventions) -> DenseMotionConfig:
    return DenseMotionConfig(
        hourglass=_hourglass(state, "dense_motion_network.hourglass", mobile),
        scale_factor=_scale(state.get("dense_motion_network.down.weight"), conventions.motion_scale),
        kp_variance=conventions.kp_variance,
    )


def _hourglass(state: StateDict, prefix: str, mobile: bool) -> HourglassConfig:
    block = "conv1" if mobile else "conv"
    return HourglassConfig(
        encoder=_widths(state, f"{prefix}.encoder.down_blocks", block),
        decoder=_widths(state, f"{prefix}.decoder.up_blocks", block),
    )


def _widths(state: StateDict, prefix: str, block: str) -> tuple[int, ...]:
    """Output channels of each block of a list."""
    return tuple(state[f"{prefix}.{i}.{block}.weight"].shape[0] for i in range(_length(state, f"{prefix}.")))


def _length(state: StateDict, prefix: str) -> int:
    """How many blocks a list has whose names go on with a number after ``prefix``."""
    return len({name[len(prefix) :].split(".", 1)[0] for name in state if name.startswith(prefix)})


def _scale(kernel: Tensor | None, untold: float) -> float:
    """Invert the blur's width, 2·round(4σ) + 1 with σ = (1/scale - 1) / 2: 29 → 1/8, 13 → 1/4, 5 → 1/2, none → 1."""
    if kernel is None:
        return 1.0
    width = kernel.shape[-1]
    if kernel.shape[-2:] != (width, width):  # or a thin kernel in a small file would make a model of gigabytes
        raise KeyError("a square blur kernel 'down.weight'")
    if width == MOBILE_KERNEL:
        return untold if untold != 1 else USUAL.keypoint_scale
    return 1 / (1 + (width - 1) // 4)
