"""From a name or a file to the networks as they were trained, and back to a file."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..documents.readers import parse_json, shortened
from ..errors import UnsupportedModel, UsageError, WriteError
from ..files.paths import write_tensors
from ..networks.config import ModelConfig
from ..networks.limits import check_config
from ..networks.model import MotionModel, create_model
from ..resources.faults import pass_on
from ..resources.memory import apart_from_heap
from .catalogue import Entry
from .config_file import read_config
from .config_of_tensors import Conventions, detect_config
from .foreign import COUNTER, is_foreign, save_foreign
from .layout import StateDict
from .naming import NAME_KEY, model_name
from .quantise import SCALE, quantise
from .read import Checkpoint, read_checkpoint, told_by_header
from .store import locate

log = logging.getLogger(__name__)
CONFIG_KEY = "fom.config"  # of a safetensors header: ModelConfig.to_dict() as JSON
COARSEST_CLOCK_NS = 2 * 10**9  # FAT file systems count in steps of two seconds


def load_module(
    name_or_path: str | Path = "mini",
    config: str | Path | None = None,
    device: str | torch.device = "cpu",
    *,
    align_corners: bool | None = None,
    border_blend: bool | None = None,
) -> MotionModel:
    """Open a model's networks as they were trained, in evaluation mode: to train, export, convert or look into.

    ``fom_core.load_model``, which takes the same, gives the form that paints. Never downloads: the error for a model
    that is not here says how to get it.

    name_or_path: a name from the catalogue, or a .safetensors, .pth.tar or .pdparams file.
    config:       a YAML in the authors' or PaddleGAN's layout, for what the tensors do not tell; it must fit them.
    device:       of the weights, which are float32; "auto" is the first of cuda, mps and cpu that this machine has.
    align_corners, border_blend: None is what the file, the catalogue or the format says.
    Raises UnsupportedModel for files that are not usable, UsageError for a device that is not.
    """
    path, entry = locate(name_or_path)
    chosen_device = choose_device(device)
    with apart_from_heap():
        checkpoint = read_checkpoint(path)
        model_config = resolve_config(checkpoint, path, entry, None if config is None else Path(config))
        if align_corners is not None:
            model_config = replace(model_config, align_corners=align_corners)
        if border_blend is not None:
            model_config = replace(model_config, border_blend=border_blend)
        model = build(model_config, checkpoint, path.name)
    model.name = model_name(path, entry, checkpoint.metadata)
    return model.to(chosen_device)


def resolve_config(
    checkpoint: Checkpoint, path: Path, entry: Entry | None = None, config: Path | None = None
) -> ModelConfig:
    """The configuration of a checkpoint: widths from its tensors, the rest from YAML, header, catalogue or format.

    Raises UnsupportedModel where these contradict each other.
    """
    conventions = Conventions(border_blend=checkpoint.format == "paddle") if entry is None else entry.conventions
    stated, source = None, ""
    if CONFIG_KEY in checkpoint.metadata:
        stated, source = _stated_config(checkpoint.metadata[CONFIG_KEY], path), "its own header"
        conventions = Conventions.of(stated)
    if config is not None:
        stated, source = read_config(config, conventions), config.name
        conventions = Conventions.of(stated)
    detected = detect_config(checkpoint.keypoint_detector, checkpoint.generator, conventions)
    _check_plausible(detected, path.name)
    if detected.motion_size and not detected.sees_evenly:
        raise UnsupportedModel(
            f"{source or path.name} states a motion_size of {'x'.join(map(str, detected.learnt_size))}, and its "
            f"networks need sides that are divisible by {detected.motion_multiple}. Correct it."
        )
    if stated is not None and stated != detected:
        differences = "; ".join(_differences(stated.to_dict(), detected.to_dict()))
        raise UnsupportedModel(
            f"{path.name} does not fit {source}: {differences}. Give the configuration it was trained with, or none: "
            "sizes are read from the tensors."
        )
    return detected


def build(config: ModelConfig, checkpoint: Checkpoint, name: str) -> MotionModel:
    """A model in evaluation mode made of a checkpoint's tensors. Raises UnsupportedModel if they do not fit."""
    try:
        with _Unfilled():
            model = create_model(config)
    except (ValueError, IndexError, RuntimeError, ZeroDivisionError) as error:
        pass_on(error)
        raise UnsupportedModel(f"{name}: no model can be built from the sizes of its tensors ({error}).") from error
    for network in ("keypoint_detector", "generator"):
        module, tensors = getattr(model, network), getattr(checkpoint, network)
        expected = module.state_dict()
        _check_fit(expected, tensors, f"{name}, {network}")
        counters = {key: value for key, value in expected.items() if key.endswith(COUNTER)}
        module.load_state_dict({**counters, **tensors}, assign=True)
    return model.eval()


class Weights(Protocol):
    """What has weights to save."""

    name: str
    config: ModelConfig

    def state_dict(self) -> Mapping[str, Tensor]: ...


class _Unfilled(TorchFunctionMode):
    """Builds networks without random weights: they take seconds, and memory that a damaged file may ask too much of.

    torch has its "meta" device for this, but the first use of that imports its compiler, which takes longer still.
    """

    fillers = (nn.init.kaiming_uniform_, nn.init.uniform_, Tensor.uniform_, Tensor.normal_)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self.fillers:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def save_model(
    model: Weights,
    path: str | Path,
    half: bool = False,
    name: str | None = None,
    int8: bool = False,
    *,
    about: Mapping[str, str] | None = None,
) -> Path:
    """Write a model, of ``load_model`` too, as safetensors: the tensors that painting needs, and its configuration.

    ``half`` stores convolutions in float16, half the size; ``int8`` in eight bits, a quarter. Statistics, biases and
    blur kernels stay float32. ``about``: what else the header says. Raises UsageError for another suffix or both kinds,
    WriteError for an unwritable place.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise UsageError(f"Models are written as .safetensors; {path.name} has another suffix. Rename the target.")
    if half and int8:
        raise UsageError("Convolutions are stored in float16 (half) or in int8, not in both. Choose one.")
    tensors: StateDict = {}
    for key, value in model.state_dict().items():
        if key.endswith(COUNTER):
            continue
        full = value.detach().float().cpu()
        if int8 and _is_kernel(key, value):
            tensors[key], tensors[key + SCALE] = quantise(full)
        else:
            tensors[key] = full.half() if half and _is_kernel(key, value) else full
    write_tensors(path, tensors, {**(about or {}), **header_of(model, name or model.name or path.stem)})
    return path


def header_of(model: Weights, name: str) -> dict[str, str]:
    """What a safetensors file says of the model in it."""
    config = json.dumps(model.config.to_dict(), sort_keys=True)
    return {"format": "pt", CONFIG_KEY: config, NAME_KEY: name}


def convert(
    source: str | Path,
    target: str | Path,
    half: bool = False,
    config: str | Path | None = None,
    int8: bool = False,
) -> MotionModel:
    """Write any supported weights as slim safetensors and return the model they were read into.

    A target called .pth.tar or .pdparams is written for the authors' code or PaddleGAN, with a YAML beside it. Raises
    UsageError for these in ``half`` or ``int8``, and what :func:`load_module` and :func:`save_model` raise.
    """
    model = load_module(source, config)
    if is_foreign(Path(target)):
        if half or int8:
            raise UsageError("Only .safetensors files store convolutions in float16 or int8. Rename the target.")
        save_foreign(model, Path(target))
        return model
    save_model(model, target, half=half, int8=int8, about=told_by_header(locate(source)[0]))
    return model


def slim(path: Path) -> Path:
    """The safetensors twin of a weights file, ``FILE.safetensors`` beside it, written when there is none of its date.

    A twin opens many times faster, and bears the date of its file, so that another file of that name gets another twin.
    Returns ``path`` itself for safetensors, and where nothing can be written.
    """
    if path.suffix == ".safetensors":
        return path
    twin = path.with_name(f"{path.name}.safetensors")
    written = path.stat().st_mtime_ns
    if twin.is_file() and abs(twin.stat().st_mtime_ns - written) <= COARSEST_CLOCK_NS:
        return twin
    try:
        convert(path, twin)
        os.utime(twin, ns=(written, written))
    except WriteError as error:
        log.warning("%s is read as it is, which takes longer: %s", path.name, error)
        return path
    return twin


def _stated_config(text: str, path: Path) -> ModelConfig:
    try:
        config = ModelConfig.from_dict(parse_json(text))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise UnsupportedModel(
            f"The configuration in the header of {path.name} is not one that this version reads "
            f"({shortened(repr(error))}). Convert the original weights again."
        ) from error
    _check_plausible(config, f"The header of {path.name}")
    return config


def _check_plausible(config: ModelConfig, source: str) -> None:
    """Refuse what no model has: a stranger's file must not ask for networks or pictures of gigabytes."""
    try:
        check_config(config)
    except ValueError as error:
        raise UnsupportedModel(f"{source} describes a model that cannot be: {error}") from error


def _differences(stated: dict[str, Any], detected: dict[str, Any], prefix: str = "") -> list[str]:
    """Each option in which two configurations differ, as a line."""
    lines = []
    for key, value in stated.items():
        other = detected[key]
        if isinstance(value, dict) and isinstance(other, dict):
            lines += _differences(value, other, f"{prefix}{key}.")
        elif value != other:
            lines.append(f"{prefix}{key} is stated as {value}, the tensors say {other}")
    return lines


def _check_fit(expected: StateDict, found: StateDict, where: str) -> None:
    missing = [key for key in expected if key not in found and not key.endswith(COUNTER)]
    unknown = [key for key in found if key not in expected]
    shapes = [key for key in found if key in expected and found[key].shape != expected[key].shape]
    if missing or unknown or shapes:
        problems = [
            f"{len(keys)} {what} (first: {keys[0][:80]!r})"
            for keys, what in ((missing, "missing"), (unknown, "unknown"), (shapes, "of another shape"))
            if keys
        ]
        raise UnsupportedModel(
            f"{where}: the tensors do not make up the network they begin: {', '.join(problems)}. The file is damaged, "
            "or of a model that is not supported."
        )


def _is_kernel(key: str, value: Tensor) -> bool:
    """Whether a tensor is a convolution that was learnt; a blur is not."""
    return value.dim() == 4 and not key.endswith("down.weight")


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """A device by its name; "auto" is the first of cuda, mps and cpu. Raises UsageError for one that is not here."""
    if device != "auto":
        try:
            return torch.empty(0, device=device).device
        except (RuntimeError, AssertionError) as error:  # torch asserts that it was compiled for the device
            raise UsageError(f"This machine has no device {device!r}; use auto, cpu, cuda, cuda:1 or mps.") from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
