"""Saving a training so that it can go on as if nothing had happened."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from ..documents.readers import DocumentError, parse_json, read_text
from ..errors import WriteError
from ..files.leftovers import sweep, temporary_name
from ..files.reserved import release, reserve_folder
from ..resources.faults import pass_on
from ..weights.read import read_state_dict, read_tree

log = logging.getLogger(__name__)

WEIGHTS, STATE, ABOUT = "weights.safetensors", "state.pt", "about.json"
Loaded = tuple[dict[str, Tensor], dict[str, Any]]


@dataclass(frozen=True)
class Checkpointing:
    """Every ``every`` steps a checkpoint is written; the newest ``keep`` of them and the best one stay."""

    every: int = 250
    keep: int = 2


DEFAULT = Checkpointing()


def save_checkpoint(
    folder: Path,
    step: int,
    weights: Mapping[str, Tensor],
    state: Mapping[str, Any],
    *,
    about: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    keep: int = Checkpointing.keep,
) -> Path:
    """Write ``step-NNNNNN`` below ``folder``, complete or not at all; the newest ``keep`` and the best one stay.

    weights:  go to a safetensors file, with ``metadata`` in its header.
    state:    optimisers, random states, counters: tensors and plain values only, so that it opens without running code.
    about:    what to read in it, as JSON. The best checkpoint is the one whose ``score`` is lowest.
    Raises WriteError when the place is full or refuses; earlier checkpoints stay as they are then.
    """
    final = folder / f"step-{step:06d}"
    try:
        partial = reserve_folder(folder, final.name)
        try:
            tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
            save_file(tensors, partial / WEIGHTS, None if metadata is None else dict(metadata))
            with (partial / STATE).open("wb") as file:
                torch.save(dict(state), file)
            (partial / ABOUT).write_text(json.dumps({"step": step, **(about or {})}, indent=1))
            for path in (*partial.iterdir(), partial):
                _settle(path)
            _remove(final)
            partial.replace(final)
            _settle(folder)
        finally:
            release(partial)
    except (OSError, SafetensorError, RuntimeError) as error:  # torch's writer reports a full disk as a RuntimeError
        raise _not_written(folder, final, error) from error
    _drop_old(folder, keep)
    return final


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint below ``folder``."""
    return next(reversed(_finished(folder)), None)


def best_checkpoint(folder: Path) -> Path | None:
    """The checkpoint with the lowest score; the newest one when none has a score."""
    scored = [(score, path) for path in _finished(folder) if (score := describe_checkpoint(path).get("score"))]
    return min(scored)[1] if scored else latest_checkpoint(folder)


def load_checkpoint(path: Path) -> Loaded:
    """Inverse of :func:`save_checkpoint`; everything is on the CPU. Raises UnsupportedModel for damaged files."""
    return read_state_dict(path / WEIGHTS), read_tree(path / STATE)[0]


def load_latest(folder: Path) -> Loaded | None:
    """The newest checkpoint that opens; a damaged one is reported and passed over, remains of a killed run vanish."""
    sweep(folder)
    return next((loaded for path in reversed(_finished(folder)) if (loaded := _load_whole(path))), None)


def describe_checkpoint(path: Path) -> dict[str, Any]:
    """What :func:`save_checkpoint` was told about it; nothing for files of earlier versions."""
    about = path / ABOUT
    try:
        return parse_json(read_text(about), finite=False) if about.is_file() else {}
    except DocumentError:
        return {}


def _load_whole(path: Path) -> Loaded | None:
    try:
        return load_checkpoint(path)
    except Exception as error:  # damage shows in many ways
        pass_on(error)
        log.warning("The checkpoint %s is damaged (%s); an older one is used.", path, error)
        return None


def _finished(folder: Path) -> list[Path]:
    whole = (path for path in folder.glob("step-*") if not path.suffix)
    return sorted(whole, key=lambda path: int(path.name.removeprefix("step-")))


def _drop_old(folder: Path, keep: int) -> None:
    best = best_checkpoint(folder)
    for old in _finished(folder)[:-keep]:
        if old != best:
            _remove(old)


def _remove(path: Path) -> None:
    """Take a checkpoint's name away first: one that is half removed must not look like a whole one."""
    if path.exists():
        shutil.rmtree(path.rename(path.with_name(temporary_name(path.name))))


def _settle(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk and not only in memory."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_written(folder: Path, final: Path, error: Exception) -> WriteError:
    cause: BaseException | None = error
    while cause is not None and not getattr(cause, "strerror", None):
        cause = cause.__context__  # torch's writer complains about what it could not finish because of the disk
    reason = cause.strerror if isinstance(cause, OSError) else str(error).splitlines()[0]
    last = latest_checkpoint(folder)
    kept = "no earlier one exists" if last is None else f"the last whole one is {last.name}"
    return WriteError(f"Cannot write the checkpoint {final}: {reason}; {kept}. Free space and start again to go on.")


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put a name before every key, so that several modules fit in one file."""
    return {f"{prefix}.{name}": value for name, value in state.items()}


def part(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of :func:`prefixed`: one module's tensors."""
    return {name[len(prefix) + 1 :]: value for name, value in weights.items() if name.startswith(f"{prefix}.")}


def carry_over(module: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Load every tensor whose name and shape fit, leave the rest as it is; returns the names of what is not learnt yet.

    The blur in front of a network is derived from its scale, never learnt and never carried over.
    """
    own = module.state_dict()
    fitting = {
        name: value
        for name, value in weights.items()
        if name in own and own[name].shape == value.shape and not name.endswith("down.weight")
    }
    module.load_state_dict({**own, **fitting})
    return sorted(name for name in set(own) - set(fitting) if not name.endswith("down.weight"))
