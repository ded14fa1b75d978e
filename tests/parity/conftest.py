"""Reference results of the original code, as cases that tests can ask for tensors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass
class Golden:
    """One stored case: weights, input frames and what the original code made of them."""

    folder: Path
    name: str
    suffix: str

    def __post_init__(self) -> None:
        self.weights = self.folder / f"{self.name}{self.suffix}"
        self.yaml = self.folder / f"{self.name}.yaml"
        self.about: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())[self.name]
        self.input = np.load(self.folder / f"{self.name}.input.npz")
        self.results = np.load(self.folder / f"{self.name}.golden.npz")
        self.plan: Plan | None = None  # how its models compute

    def model(self, **overrides: Any):
        model = load_model(self.weights, config=self.yaml, device="cpu", **{"dtype": "float32", **overrides})
        return model.use(self.plan)

    def networks(self, dtype: torch.dtype = torch.float32, **overrides: Any) -> MotionModel:
        """As they were trained."""
        return load_module(self.weights, config=self.yaml, **overrides).to(dtype)

    @property
    def settings(self) -> dict[str, Any]:
        return yaml.safe_load(self.yaml.read_text())

    def images(self, key: str) -> Tensor:
        frames = torch.from_numpy(self.input[key]).float() / 255
        batch = frames.reshape(-1, *frames.shape[-3:]).permute(0, 3, 1, 2)
        return batch.mean(dim=1, keepdim=True) if self.about.get("channels", 3) == 1 else batch

    def __contains__(self, key: str) -> bool:
        return key in self.results.files

    def __getitem__(self, key: str) -> Tensor:
        array = self.results[key]
        return torch.from_numpy(array.astype(np.float32) / 65535 if array.dtype == np.uint16 else array)

    def keypoints(self, prefix: str, dtype: torch.dtype = torch.float32) -> Keypoints:
        has_jacobian = f"{prefix}_jacobian" in self
        jacobian = self[f"{prefix}_jacobian"].to(dtype) if has_jacobian else None
        return Keypoints(self[f"{prefix}_value"].to(dtype), jacobian)

    def frame_numbers(self, prefix: str = "") -> list[int]:
        """Driving frames whose generator stages are stored under ``<prefix>frameN/``."""
        names = {key[len(prefix) :].split("/")[0] for key in self.results.files if key.startswith(f"{prefix}frame")}
        return sorted(int(name.removeprefix("frame")) for name in names)

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


@pytest.fixture
def golden(shared: Path) -> Callable[[str], Golden]:
    """``golden("torch/vox_64")`` → the stored case."""

    def load(case: str) -> Golden:
        family, name = case.split("/")
        return Golden(shared / "golden" / family, name, ".pth.tar" if family == "torch" else ".pdparams")

    return load


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name not in DEFAULT)) for name in PATHS])
def path(request: pytest.FixtureRequest) -> Plan:
    """Each form in which the networks compute in float32."""
    return PATHS[request.param]


@pytest.fixture
def modes() -> dict[str, MotionTransfer]:
    """The kinds of motion transfer that the cases hold, by their stored names."""
    return MODES
