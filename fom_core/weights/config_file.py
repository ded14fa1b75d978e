"""Reads the model of a YAML file: the authors' layout and PaddleGAN's, into one ModelConfig."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..documents.options import SettingsError, Table
from ..documents.readers import in_file
from ..documents.settings import converted, fill
from ..documents.yaml_text import read_settings
from ..errors import UnsupportedModel
from ..networks.config import (
    DenseMotionConfig,
    GeneratorConfig,
    HourglassConfig,
    KeypointDetectorConfig,
    ModelConfig,
)
from ..networks.limits import check_config, complaint
from .config_of_tensors import USUAL, Conventions

T = TypeVar("T")


@dataclass(frozen=True)
class _Common:
    """Options under common_params, with the authors' defaults."""

    num_kp: int
    num_channels: int = 3
    estimate_jacobian: bool = False
    displacement_flow: bool | None = None  # absent: as the caller's conventions say


@dataclass(frozen=True)
class _Detector:
    """Options under kp_detector_params (PaddleGAN: kp_detector_cfg)."""

    block_expansion: int
    max_features: int
    num_blocks: int
    temperature: float
    scale_factor: float = 1.0
    single_jacobian_map: bool = False
    pad: int = 0
    mobile_net: bool = False


@dataclass(frozen=True)
class _Motion:
    """Options under dense_motion_params."""

    block_expansion: int
    max_features: int
    num_blocks: int
    scale_factor: float = 1.0
    kp_variance: float = 0.01
    mobile_net: bool = False


@dataclass(frozen=True)
class _Generator:
    """Options under generator_params (PaddleGAN: generator_cfg). Widths follow the published pattern, or are listed."""

    block_expansion: int | None = None
    max_features: int | None = None
    num_down_blocks: int | None = None
    num_bottleneck_blocks: int | None = None
    first: int | None = None
    down: tuple[int, ...] | None = None
    bottleneck: tuple[int, ...] | None = None
    up: tuple[int, ...] | None = None
    estimate_occlusion_map: bool | None = None  # absent: on beside listed widths, off in the authors' layout
    dense_motion_params: _Motion | None = None
    mobile_net: bool = False
    inference: bool = False  # PaddleGAN's name of our border_blend, which is no property of the training


PATTERN = ("block_expansion", "max_features", "num_down_blocks", "num_bottleneck_blocks")
LISTED = ("first", "down", "bottleneck", "up")


def read_config(path: Path, conventions: Conventions = USUAL) -> ModelConfig:
    """Read the model of a YAML file; ``conventions`` fills in what such files do not say. Raises UnsupportedModel."""
    try:
        return parse_config(read_settings(path), conventions)
    except SettingsError as error:
        raise UnsupportedModel(in_file(path.name, error)) from error


def parse_config(values: Mapping[str, Any], conventions: Conventions = USUAL) -> ModelConfig:
    """The model of a configuration in either layout; absent options have the authors' defaults.

    Raises SettingsError for unknown options and wrong values.
    """
    table = Table(values)
    common, detector, generator = _sections(table)
    learnt = frame_size(table)
    return model_from_tables(
        common,
        detector,
        generator,
        image_size=conventions.image_size if conventions.motion_size else learnt or conventions.image_size,
        motion_size=conventions.motion_size and (learnt or conventions.motion_size),
        align_corners=conventions.align_corners,
        border_blend=conventions.border_blend,
        displacement_flow=conventions.displacement_flow,
    )


def model_from_tables(common: Table, detector: Table, generator: Table, **conventions: Any) -> ModelConfig:
    """The model that three sections describe; ``conventions`` are further fields of ModelConfig."""
    shared, nets = filled(_Common, common), filled(_Detector, detector)
    if nets.single_jacobian_map and not shared.estimate_jacobian:
        raise detector.wrong("single_jacobian_map", f"contradicts {common.full_name('estimate_jacobian')}: false.")
    if shared.displacement_flow is not None:
        conventions["displacement_flow"] = shared.displacement_flow
    config = ModelConfig(
        KeypointDetectorConfig(
            hourglass=HourglassConfig.regular(nets.block_expansion, nets.max_features, nets.num_blocks),
            num_kp=shared.num_kp,
            num_channels=shared.num_channels,
            estimate_jacobian=shared.estimate_jacobian,
            single_jacobian_map=nets.single_jacobian_map,
            scale_factor=nets.scale_factor,
            temperature=nets.temperature,
            pad=nets.pad,
            mobile=nets.mobile_net,
        ),
        _generator(generator, shared),
        **conventions,
    )
    try:
        check_config(config)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return config


def filled(kind: type[T], table: Table, **options: Any) -> T:
    """:func:`fill` for a section of a model, whose numbers have to be within the limits of networks."""
    values = fill(kind, table, **options)
    check_limits(table, values)
    return values


def check_limits(table: Table, values: Any) -> None:
    """Raise SettingsError for the first option that is beyond the limits of networks, with its line."""
    for option in fields(values):
        value = getattr(values, option.name)
        if is_dataclass(value):
            check_limits(table.table(option.name), value)
        elif (wrong := complaint(option.name, value)) is not None:
            raise table.wrong(option.name, wrong)


def frame_size(table: Table) -> tuple[int, int] | None:
    """Height and width of the training frames, where a file tells them."""
    for section in (table.table("dataset_params"), table.table("dataset").table("train")):
        if "frame_shape" in section:
            height, width, _ = converted(section, "frame_shape", tuple[int, int, int])
            if (wrong := complaint("image_size", (height, width))) is not None:
                raise section.wrong("frame_shape", wrong)
            return height, width
    return None


def _sections(values: Table) -> tuple[Table, Table, Table]:
    """The common, keypoint detector and generator options of either layout."""
    if "model_params" in values:
        model = values.table("model_params")
        return model.table("common_params"), model.table("kp_detector_params"), model.table("generator_params")
    if "model" in values:
        model = values.table("model")
        nets = model.table("generator")
        return model.table("common_params"), nets.table("kp_detector_cfg"), nets.table("generator_cfg")
    raise SettingsError(
        "wanted a section 'model_params' (the authors' layout) or 'model' (PaddleGAN's), found "
        f"{', '.join(map(str, list(values)[:5])) or 'nothing'}."
    )


def _generator(table: Table, shared: _Common) -> GeneratorConfig:
    options = filled(_Generator, table)
    motion = options.dense_motion_params
    dense_motion = None
    if motion is not None:
        hourglass = HourglassConfig.regular(motion.block_expansion, motion.max_features, motion.num_blocks)
        dense_motion = DenseMotionConfig(hourglass, scale_factor=motion.scale_factor, kp_variance=motion.kp_variance)
    listed = [key for key in LISTED if key in table]
    pattern = [key for key in PATTERN if key in table]
    if listed and pattern:
        raise table.wrong(listed[0], f"lists the widths, and {table.full_name(pattern[0])} gives a pattern for them.")
    missing = [key for key in (LISTED if listed else PATTERN) if key not in table]
    if missing:
        raise SettingsError(f"{table.full_name(missing[0])} is missing.")
    occlusion = options.estimate_occlusion_map
    further: dict[str, Any] = {
        "num_kp": shared.num_kp,
        "num_channels": shared.num_channels,
        "estimate_occlusion_map": bool(listed) if occlusion is None else occlusion,
        "mobile": options.mobile_net,
    }
    if listed:
        widths: dict[str, Any] = {key: getattr(options, key) for key in LISTED}
        return GeneratorConfig(**widths, dense_motion=dense_motion, **further)
    return GeneratorConfig.regular(*(getattr(options, key) for key in PATTERN), dense_motion=dense_motion, **further)
