"""Saving a training so that it can go on as if nothing had happened."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

WEIGHTS, STATE = "weights.safetensors", "state.pt"


def save_checkpoint(folder: Path, step: int, weights: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
    """Write ``step-NNNNNN`` below ``folder``, complete or not at all, and drop all but the previous one.

    ``weights`` go to a safetensors file; ``state`` (optimisers, random states, counters) may hold tensors and plain
    values only, so that it opens with ``weights_only=True``.
    """
    final = folder / f"step-{step:06d}"
    partial = folder / f"{final.name}.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file({name: value.detach().cpu().contiguous() for name, value in weights.items()}, partial / WEIGHTS)
    torch.save(dict(state), partial / STATE)
    shutil.rmtree(final, ignore_errors=True)
    partial.replace(final)
    for old in _finished(folder)[:-2]:
        shutil.rmtree(old)
    return final


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint below ``folder``."""
    return next(reversed(_finished(folder)), None)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Inverse of :func:`save_checkpoint`."""
    return load_file(path / WEIGHTS), torch.load(path / STATE, weights_only=True)


def _finished(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.suffix != ".part")


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put a name before every key, so that several modules fit in one file."""
    return {f"{prefix}.{name}": value for name, value in state.items()}


def part(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of :func:`prefixed`: one module's tensors."""
    return {name[len(prefix) + 1 :]: value for name, value in weights.items() if name.startswith(f"{prefix}.")}


def carry_over(module: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Load every tensor whose name and shape fit, leave the rest as it is; returns the names left out.

    The blur in front of a network is derived from its scale, never carried over.
    """
    own = module.state_dict()
    fitting = {
        name: value
        for name, value in weights.items()
        if name in own and own[name].shape == value.shape and not name.endswith("down.weight")
    }
    module.load_state_dict({**own, **fitting})
    return sorted(set(own) - set(fitting))
