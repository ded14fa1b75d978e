"""The networks alone: stages, batches, and their share of what the device could do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..backends.pytorch import PyTorchModel
from ..motion import transfer_motion
from ..pictures import to_batch
from ..types import MotionTransfer
from .counting import multiply_adds, per_frame
from .measure import forget_peak, peak_mib, seconds
from .subject import moving_frames


def measure_network(
    model: PyTorchModel, batches: Sequence[int], peak_flops: float, *, budget_s: float = 1.0
) -> dict[str, Any]:
    """Stages and the whole of the networks for every batch, in milliseconds a frame.

    One face, its source encoded before; frames are on the device. ``peak_flops``: see :func:`measure.matmul_flops`.
    """
    work = multiply_adds(model.config)
    of_a_frame = per_frame(work)
    frames = to_batch(
        moving_frames(max(batches), model.config.image_size), channels=model.config.num_channels, device=model.device
    )
    source_ms = 1e3 * _source_s(model, frames[:1], budget_s)
    rows = []
    for batch in batches:
        row = {"batch": batch, **_stages(model, frames[:batch], budget_s)}
        flops = 2 * of_a_frame * 1e3 / row["ms"]
        rows.append({**row, "fps": 1e3 / row["ms"], "gflops": flops / 1e9, "share": flops / peak_flops})
    return {
        "image_size": list(model.config.image_size),
        "gmac_per_frame": of_a_frame / 1e9,
        "gmac": {part: count / 1e9 for part, count in work.items()},
        "source_ms": source_ms,
        "peak_gflops": peak_flops / 1e9,
        "batches": rows,
    }


@torch.inference_mode()
def _source_s(model: PyTorchModel, picture: torch.Tensor, budget_s: float) -> float:
    return seconds(lambda: model.encode_source(picture), model.device, budget_s=budget_s)


@torch.inference_mode()
def _stages(model: PyTorchModel, frames: torch.Tensor, budget_s: float) -> dict[str, Any]:
    """Milliseconds a frame of each stage, and of all in a row."""
    device, count = model.device, len(frames)
    source = model.encode_source(frames[:1])
    driving = model.detect_keypoints(frames)
    transfer = MotionTransfer()
    moved = transfer_motion(source.keypoints, driving, driving[:1], transfer)

    def whole() -> None:
        found = model.detect_keypoints(frames)
        model.generate(source, transfer_motion(source.keypoints, found, driving[:1], transfer))

    stages = {
        "keypoints": lambda: model.detect_keypoints(frames),
        "transfer": lambda: transfer_motion(source.keypoints, driving, driving[:1], transfer),
        "generate": lambda: model.generate(source, moved),
    }
    measured = {name: 1e3 * seconds(stage, device, budget_s=budget_s) / count for name, stage in stages.items()}
    forget_peak(device)
    whole_ms = 1e3 * seconds(whole, device, budget_s=budget_s) / count
    return {"stages_ms": measured, "ms": whole_ms, "peak_mib": peak_mib(device)}
