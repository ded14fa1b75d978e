"""The authors' code in a checkout of theirs, run on our weights and frames."""

from __future__ import annotations

import ast
import importlib.abc
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from ..backends.pytorch import PyTorchModel
from ..errors import UnsupportedModel, UsageError
from ..networks import GeneratorConfig, HourglassConfig, ModelConfig

MODULES = ("modules", "sync_batchnorm")


class Upstream:
    """The authors' networks with our weights, and their loop ``make_animation``.

    Two things are changed, neither of which takes time: ``grid_sample`` is told the ``align_corners`` of the model
    (their code does not, and torch changed what that means after the weights were trained); and of ``demo.py`` and
    ``animate.py`` only the two functions that animate are read, for the rest wants packages that have nothing to do
    with it.
    """

    def __init__(self, folder: Path, model: PyTorchModel, device: torch.device) -> None:
        """``model``: whose weights are copied. Raises UsageError, UnsupportedModel."""
        for name in ("demo.py", "animate.py", "modules/generator.py", "modules/keypoint_detector.py"):
            if not (folder / name).is_file():
                raise UsageError(
                    f"{folder} is no checkout of first-order-model: it has no {name}. Clone "
                    "https://github.com/AliaksandrSiarohin/first-order-model and give its folder."
                )
        arguments = constructor_arguments(model.config)
        with _importing(folder, model.config.align_corners) as modules, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._generator = modules["generator"].OcclusionAwareGenerator(**arguments["generator"])
            self._detector = modules["keypoint_detector"].KPDetector(**arguments["keypoint_detector"])
        trained = model.as_trained()
        self._generator.load_state_dict(trained.generator.state_dict())
        self._detector.load_state_dict(trained.keypoint_detector.state_dict())
        self._generator.eval().to(device)
        self._detector.eval().to(device)
        self._on_cpu = device.type == "cpu"
        if not self._on_cpu:  # as their demo does; it brings to the GPU what make_animation leaves on the CPU
            self._generator = torch.nn.DataParallel(self._generator, [device])
            self._detector = torch.nn.DataParallel(self._detector, [device])
        normalise = _function(folder / "animate.py", "normalize_kp", {"np": np, "torch": torch, "ConvexHull": _hull()})
        names = {"np": np, "torch": torch, "tqdm": lambda items: items, "normalize_kp": normalise}
        self._make_animation = _function(folder / "demo.py", "make_animation", names)

    def animate(self, source: np.ndarray, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Pictures (H, W, 3) float in [0, 1] → frames of the same kind, as their demo makes them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._make_animation(
                source, frames, self._generator, self._detector,
                relative=True, adapt_movement_scale=True, cpu=self._on_cpu,
            )  # fmt: skip


def constructor_arguments(config: ModelConfig) -> dict[str, dict[str, Any]]:
    """What their classes are made with. Raises UnsupportedModel for networks that only we can build."""
    detector, generator, motion = config.keypoint_detector, config.generator, config.generator.dense_motion
    common = {
        "num_kp": detector.num_kp,
        "num_channels": detector.num_channels,
        "estimate_jacobian": detector.estimate_jacobian,
    }
    widths = (generator.first, *generator.down, *generator.bottleneck, *generator.up)
    regular = GeneratorConfig.regular(
        generator.first, max(widths), len(generator.down), len(generator.bottleneck), motion
    )
    if generator.mobile or detector.mobile or (generator.down, generator.bottleneck, generator.up) != (
        regular.down, regular.bottleneck, regular.up,
    ):  # fmt: skip
        raise UnsupportedModel("The original code cannot build this model: its widths are not the published pattern.")
    return {
        "keypoint_detector": {
            **common,
            **_hourglass(detector.hourglass),
            "temperature": detector.temperature,
            "scale_factor": detector.scale_factor,
            "single_jacobian_map": detector.single_jacobian_map,
            "pad": detector.pad,
        },
        "generator": {
            **common,
            "block_expansion": generator.first,
            "max_features": max(widths),
            "num_down_blocks": len(generator.down),
            "num_bottleneck_blocks": len(generator.bottleneck),
            "estimate_occlusion_map": generator.estimate_occlusion_map,
            "dense_motion_params": None
            if motion is None
            else {
                **_hourglass(motion.hourglass),
                "scale_factor": motion.scale_factor,
                "kp_variance": motion.kp_variance,
            },
        },
    }


def _hourglass(config: HourglassConfig) -> dict[str, int]:
    block_expansion, blocks = config.decoder[-1], len(config.encoder)
    widest = max(config.encoder)
    grows = all(after in (2 * before, widest) for before, after in pairwise((block_expansion, *config.encoder)))
    if not grows or config != HourglassConfig.regular(block_expansion, widest, blocks):
        raise UnsupportedModel("The original code cannot build this model: its widths are not the published pattern.")
    return {"block_expansion": block_expansion, "max_features": widest, "num_blocks": blocks}


@contextmanager
def _importing(folder: Path, align_corners: bool) -> Iterator[dict[str, Any]]:
    """Their modules, which afterwards are no one else's: the names are too common to leave them behind."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] in MODULES}
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        modules = {
            name: importlib.import_module(f"modules.{name}")
            for name in ("util", "keypoint_detector", "dense_motion", "generator")
        }
        functional = types.SimpleNamespace(**vars(F))
        functional.grid_sample = partial(F.grid_sample, align_corners=align_corners)
        for module in modules.values():
            setattr(module, "F", functional)  # noqa: B010 - types know no such attribute
        yield modules
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] in MODULES]:
            del sys.modules[name]
        sys.modules.update(before)


def _function(path: Path, name: str, names: dict[str, Any]) -> Any:
    """One function of a file whose other lines need not run."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if not found:
        raise UsageError(f"{path} has no function {name}. Give a checkout of the authors' repository.")
    module = types.ModuleType(path.stem)
    vars(module).update(names)
    _Statements(path, found).exec_module(module)
    return getattr(module, name)


class _Statements(importlib.abc.InspectLoader):
    """Some statements of a file as a module, without a call of ``exec``, which ComfyUI's registry means to refuse."""

    def __init__(self, path: Path, statements: list[ast.stmt]) -> None:
        self._path, self._statements = path, statements

    def get_source(self, fullname: str) -> None:
        """There is none: only what was parsed."""

    def get_code(self, fullname: str) -> types.CodeType:
        return compile(ast.Module(self._statements, []), str(self._path), "exec")


def _hull() -> Any:
    """scipy's ConvexHull, which they use, or the same area by OpenCV."""
    try:
        return importlib.import_module("scipy.spatial").ConvexHull
    except ImportError:
        return _Hull


class _Hull:
    def __init__(self, points: np.ndarray) -> None:
        self.volume = cv2.contourArea(cv2.convexHull(points.astype(np.float32)))
