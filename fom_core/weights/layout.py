"""Finds the networks inside whatever dictionary a checkpoint holds, and gives their tensors our names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

StateDict = dict[str, Tensor]
RawTensors = dict[str, Tensor | np.ndarray]

NETWORKS = {
    "keypoint_detector": ("keypoint_detector", "kp_detector", "kp_extractor"),
    "generator": ("generator",),
    "discriminator": ("discriminator", "Dis"),
}
WRAPPERS = (
    "Gen_Full",  # PaddleGAN's trainer saves both networks in one, beside the losses' own
    "state_dict",  # forks whose networks are parts of one module
)
AVERAGE = "average."  # before the names of the weights to animate with, in checkpoints of our own trainings


def find_networks(tree: Mapping[str, Any]) -> dict[str, RawTensors]:
    """The networks of a checkpoint by our name, their values as they are in the file; absent networks are left out.

    Accepts ``{network: {name: tensor}}`` and ``{"network.name": tensor}``, also within one of WRAPPERS and with
    DataParallel's prefix at any level, of tensors, numpy arrays or Paddle's (parameter name, array) pairs. Counters and
    Paddle's name table are left out.
    """
    average = {name.removeprefix(AVERAGE): tree[name] for name in tree if str(name).startswith(AVERAGE)}
    scopes = [average or _without_module(tree)]
    scopes += [_without_module(tree[name]) for name in WRAPPERS if isinstance(tree.get(name), Mapping)]
    found = {}
    for network, aliases in NETWORKS.items():
        candidates = (_subtree(scope, alias) for scope in scopes for alias in aliases)
        values = next((values for values in candidates if values), None)
        if values:
            found[network] = values
    return found


def count_numbers(networks: Mapping[str, RawTensors]) -> int:
    """How many numbers the networks hold, before any of them is copied."""
    return sum(math.prod(value.shape) for values in networks.values() for value in values.values())


def to_state_dict(values: RawTensors) -> StateDict:
    """Float32 tensors under PyTorch's names."""
    return {_torch_name(name): _tensor(value).float().contiguous() for name, value in values.items()}


def _subtree(tree: Mapping[str, Any], alias: str) -> RawTensors:
    nested = tree.get(alias)
    if not isinstance(nested, Mapping):
        nested = {name.removeprefix(f"{alias}."): value for name, value in tree.items() if name.startswith(f"{alias}.")}
    weights: RawTensors = {}
    for name, value in _without_module(nested).items():
        array = value[1] if isinstance(value, tuple) and len(value) == 2 else value
        if _is_weight(array):
            weights[name] = array
    return weights


def _without_module(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the prefix that torch's DataParallel puts before every name."""
    return {name.removeprefix("module."): value for name, value in tree.items() if isinstance(name, str)}


def _is_weight(value: Any) -> TypeGuard[Tensor | np.ndarray]:
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "f"
    return (
        isinstance(value, Tensor) and value.is_floating_point() and value.layout is torch.strided and not value.is_meta
    )


def _tensor(value: Tensor | np.ndarray) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    return torch.from_numpy(value.astype(value.dtype.newbyteorder("=")))  # a copy: torch wants memory it may write to


def _torch_name(name: str) -> str:
    for paddle, ours in (("._mean", ".running_mean"), ("._variance", ".running_var")):
        if name.endswith(paddle):
            return name.removesuffix(paddle) + ours
    return name
