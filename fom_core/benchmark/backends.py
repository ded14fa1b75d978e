"""The same networks under PyTorch and under the runtimes of exported models, on the processor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..backends import RUNTIMES, Backend, open_exported
from ..backends.open import format_for
from ..backends.pytorch import PyTorchModel
from ..export import export_model
from ..motion import transfer_motion
from ..pictures import to_batch
from ..types import MotionTransfer, SourceFeatures
from .measure import seconds
from .subject import moving_frames

EXPORTED = {name: (name, "float32") for name in RUNTIMES} | {f"{name}-int8": (name, "int8") for name in RUNTIMES}
"""Runtime and precision by name."""
BACKENDS = ("torch", *EXPORTED)


def measure_backends(
    model: PyTorchModel, names: Sequence[str], batches: Sequence[int], folder: Path, *, budget_s: float = 1.0
) -> list[dict[str, Any]]:
    """Milliseconds a frame of every backend for every batch, in turns, and how far its pictures are from PyTorch's.

    model: on the processor. It is exported into ``folder`` first.
    names: of :data:`BACKENDS`.
    Raises UsageError, MissingPackage for what this machine lacks, UnsupportedModel where int8 is outside its bound.
    """
    backends: dict[str, Backend] = {"torch": model}
    wanted = {name: EXPORTED[name] for name in names if name != "torch"}
    if wanted:
        precisions, formats = (
            [precision for _, precision in wanted.values()],
            [format_for(name) for name, _ in wanted.values()],
        )
        export_model(model.as_trained(), folder / "exported", variants=precisions, formats=formats)
        for name, (runtime, precision) in wanted.items():
            backends[name] = open_exported(folder / "exported", runtime, precision=precision)
    frames = to_batch(
        moving_frames(max(batches), model.config.image_size), channels=model.config.num_channels, device="cpu"
    )
    expected = _animated(model, _encoded(model, frames[:1]), frames)
    sources = {name: _encoded(backends[name], frames[:1]) for name in names}
    rows = []
    for batch in batches:
        for name in names:
            work = partial(_animated, backends[name], sources[name], frames[:batch])
            took = seconds(work, model.device, budget_s=budget_s)
            apart = float((work() - expected[:batch]).abs().max())
            rows.append({"backend": name, "batch": batch, "ms": 1e3 * took / batch, "max_abs_difference": apart})
    return rows


@torch.inference_mode()
def _encoded(backend: Backend, picture: Tensor) -> SourceFeatures:
    return backend.encode_source(picture)


@torch.inference_mode()
def _animated(backend: Backend, source: SourceFeatures, frames: Tensor) -> Tensor:
    driving = backend.detect_keypoints(frames)
    moved = transfer_motion(source.keypoints, driving, driving[:1], MotionTransfer())
    return backend.generate(source, moved).prediction
