"""Reference results of the original code, as cases that tests can ask for tensors.

The golden set in tests/golden is always here. Larger cases, of real pictures, are in the folder of the fixture
``shared``.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from fom_core.backends.load import load_model
from fom_core.backends.pytorch import EAGER, Plan
from fom_core.backends.pytorch.plan import has_packed_convolutions
from fom_core.networks import MotionModel
from fom_core.types import Keypoints, MotionTransfer
from fom_core.weights.load import load_module
from tests.golden import cases, formula

LIMITS = {"value": 2e-5, "jacobian": 5e-5, "map": 2e-4, "picture": 2e-3}

MODES = {
    "abs": MotionTransfer(relative_motion=False, relative_jacobian=False, adapt_movement_scale=False),
    "rel": MotionTransfer(adapt_movement_scale=False),
    "rel_adapt": MotionTransfer(adapt_movement_scale=True),
    "rel_nojac": MotionTransfer(relative_jacobian=False, adapt_movement_scale=False),
    "rel_nojac_adapt": MotionTransfer(relative_jacobian=False, adapt_movement_scale=True),
}


PATHS = {
    "eager": EAGER,
    "folded": Plan(),
    "plain layout": Plan(channels_last=False, doubling=False, rows=False),
    "processor": Plan(packed=has_packed_convolutions(), winograd=True, one_by_one=True, warp="gather"),
    "compiled": Plan(compiled=True),
}
DEFAULT = ("eager", "processor")  # the others are parts of the latter, and take as long


GOLDEN = Path(__file__).parents[1] / "golden"
SHIFTED = {"authors": "", "paddlegan": "paddle_"}  # what stands before a case's name in the names of its arrays


@dataclass
class Golden:
    """One stored case: weights, input frames and what the original code made of them.

    input:   ``source`` (H, W, 3) or (1, H, W, 3) and ``driving`` (T, H, W, 3) uint8.
    results: arrays by name, pictures in uint16.
    """

    name: str
    weights: Path
    yaml: Path
    about: dict[str, Any]
    input: Any
    results: dict[str, np.ndarray]
    plan: Plan | None = None  # how its models compute

    @property
    def suffix(self) -> str:
        return self.weights.name[len(self.yaml.stem) :]

    def model(self, **overrides: Any):
        model = load_model(self.weights, config=self.yaml, device="cpu", **{"dtype": "float32", **overrides})
        return model.use(self.plan)

    def networks(self, dtype: torch.dtype = torch.float32, **overrides: Any) -> MotionModel:
        """As they were trained."""
        return load_module(self.weights, config=self.yaml, **overrides).to(dtype)

    @property
    def settings(self) -> dict[str, Any]:
        return yaml.safe_load(self.yaml.read_text())

    def images(self, key: str, dtype: torch.dtype = torch.float32) -> Tensor:
        frames = torch.from_numpy(self.input[key]).to(dtype) / 255
        batch = frames.reshape(-1, *frames.shape[-3:]).permute(0, 3, 1, 2)
        return batch.mean(dim=1, keepdim=True) if self.about.get("channels", 3) == 1 else batch

    def __contains__(self, key: str) -> bool:
        return key in self.results

    def __getitem__(self, key: str) -> Tensor:
        array = self.results[key]
        return torch.from_numpy(array.astype(np.float32) / 65535 if array.dtype == np.uint16 else array)

    def keypoints(self, prefix: str, dtype: torch.dtype = torch.float32) -> Keypoints:
        has_jacobian = f"{prefix}_jacobian" in self
        jacobian = self[f"{prefix}_jacobian"].to(dtype) if has_jacobian else None
        return Keypoints(self[f"{prefix}_value"].to(dtype), jacobian)

    def frame_numbers(self, prefix: str = "") -> list[int]:
        """Driving frames whose generator stages are stored under ``<prefix>frameN/``."""
        names = {key[len(prefix) :].split("/")[0] for key in self.results if key.startswith(f"{prefix}frame")}
        return sorted(int(name.removeprefix("frame")) for name in names)

    def stages(self, prefix: str) -> list[str]:
        """What is stored under ``<prefix>``."""
        return [key.removeprefix(prefix) for key in self.results if key.startswith(prefix)]

    def held(self, *keys: str) -> list[str]:
        """Those of ``keys`` that the case holds; each case holds a choice of modes."""
        return [key for key in keys if key in self]

    def psnr(self, actual: Tensor, key: str) -> float:
        """In dB, of a picture against the stored one."""
        return float(-10 * (actual - self[key]).square().mean().log10())

    def assert_close(
        self, actual: Tensor | None, key: str, kind: str, *, precise: Callable[[], Tensor] | None = None
    ) -> None:
        """Within the limits that the references themselves keep between float32 and float64.

        ``precise`` computes the same in float64, for cases whose rounding noise is not stored.
        """
        assert actual is not None
        expected = self[key]
        assert actual.shape == expected.shape
        error = (actual - expected).abs()
        if kind in ("value", "jacobian"):
            assert error.max() <= LIMITS[kind], f"{self.name} {key}: max {error.max():.2e}"
            return
        noise = self.about.get("fp32_noise_vs_fp64", {}).get(key.rsplit("/", 1)[-1], 0.0)
        mean_noise = 0.0
        if precise is not None and (error.max() > LIMITS[kind] or error.mean() > 1e-4):
            rounding = (actual - precise()).abs()
            noise, mean_noise = float(rounding.max()), float(rounding.mean())
        assert error.max() <= max(LIMITS[kind], 5 * noise), f"{self.name} {key}: max {error.max():.2e}"
        if kind == "picture":
            assert error.mean() <= max(1e-4, 5 * mean_noise), f"{self.name} {key}: mean {error.mean():.2e}"


def larger(folder: Path, family: str, name: str) -> Golden:
    """A case that is stored whole."""
    stem = folder / "golden" / family / name
    about = json.loads((stem.parent / "manifest.json").read_text())[name]
    weights = stem.with_suffix(".pth.tar" if family == "torch" else ".pdparams")
    results = dict(np.load(f"{stem}.golden.npz"))
    return Golden(name, weights, stem.with_suffix(".yaml"), about, np.load(f"{stem}.input.npz"), results)


def embedded(folder: Path, family: str, name: str) -> Golden:
    """A case of the golden set; its weights are made by formula and written to ``folder`` as the original writes."""
    stored = dict(np.load(GOLDEN / family / f"{name}.npz"))
    about = json.loads(str(stored.pop("about")))
    settings = cases.authors(name) if family == "authors" else cases.paddlegan(name)
    checkpoint = golden_checkpoint(SHIFTED[family] + name, about["shapes"], stored)
    weights = folder / f"{family}_{name}{'.pth.tar' if family == 'authors' else '.pdparams'}"
    if family == "authors":
        tensors = {
            kind: {key: torch.from_numpy(value) for key, value in checkpoint[kind].items()} for kind in checkpoint
        }
        torch.save({**tensors, "epoch": 1}, weights, _use_new_zipfile_serialization=name != "vox")
    else:
        weights.write_bytes(pickle.dumps({**checkpoint, "StructuredToParameterName@@": {}}, protocol=4))
    path = folder / f"{family}_{name}.yaml"
    path.write_text(yaml.safe_dump(settings))
    source, driving = formula.frames(SHIFTED[family] + name, *cases.size(settings))
    results = {key: value for key, value in stored.items() if not key.startswith("filters/")}
    return Golden(name, weights, path, about, {"source": source, "driving": driving}, results)


def golden_checkpoint(name: str, shapes: dict[str, Any], stored: dict[str, np.ndarray]) -> dict[str, formula.Arrays]:
    """The tensors of all networks of a golden case: by formula, but for fixed filters, which are stored."""
    networks = {}
    for kind, wanted in shapes.items():
        made = formula.weights(f"{name}/{kind}", {key: tuple(shape) for key, shape in wanted.items()})
        prefix = f"filters/{kind}/"
        made |= {key[len(prefix) :]: value for key, value in stored.items() if key.startswith(prefix)}
        assert made.keys() == wanted.keys()
        networks[kind] = {key: made[key] for key in wanted}
    return networks


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Golden]:
    """``golden("authors/vox")`` → the case of the golden set, ``golden("torch/vox_64")`` → one of the larger ones."""
    folder = tmp_path_factory.mktemp("golden")

    @cache
    def load(case: str) -> Golden:
        family, name = case.split("/")
        if family in SHIFTED:
            return embedded(folder, family, name)
        return larger(request.getfixturevalue("shared"), family, name)

    return lambda case: replace(load(case), plan=None)


def larger_cases(*names: str) -> list[Any]:
    """Parameters for tests that have some of the larger cases too."""
    return [pytest.param(name, marks=pytest.mark.shared) for name in names]


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name not in DEFAULT)) for name in PATHS])
def path(request: pytest.FixtureRequest) -> Plan:
    """Each form in which the networks compute in float32."""
    return PATHS[request.param]


@pytest.fixture
def modes() -> dict[str, MotionTransfer]:
    """The kinds of motion transfer that the cases hold, by their stored names."""
    return MODES
