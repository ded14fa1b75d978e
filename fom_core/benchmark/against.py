"""Our networks beside the authors': the same weights, the same frames, turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from ..backends.pytorch import PyTorchModel
from ..metrics import psnr_db
from ..pipeline import animate
from .measure import clock, forget_peak, peak_mib
from .subject import Subject, driving_frames
from .upstream import Upstream

SIDES = ("upstream", "ours")


@dataclass(frozen=True)
class Comparison:
    """What both sides do: animate the middle frame of a video, or of a made clip, like its first ``count`` frames.

    checkout: of the authors' repository.
    """

    subject: Subject
    checkout: str
    video: str | None
    count: int
    chunk_size: int


def runner(side: str, comparison: Comparison, folder: Path) -> tuple[Callable[[], list[np.ndarray]], torch.device]:
    """What animates with one of the sides: gives frames (H, W, C) float in [0, 1]. ``folder`` as for Subject.open."""
    model = comparison.subject.open(folder)
    device = model.device
    frames = driving_frames(comparison.video, comparison.count, model.config.image_size)
    source = frames[len(frames) // 2]
    if side == "ours":
        return partial(_ours, model, source, frames, comparison.chunk_size), device
    theirs = Upstream(Path(comparison.checkout), model, device)
    return partial(theirs.animate, np.float32(source) / 255, [np.float32(frame) / 255 for frame in frames]), device


def measure_against(comparison: Comparison, rounds: int, folder: Path) -> dict[str, Any]:
    """Both sides in one process, in turns; medians, their ratio, and how far the pictures are apart."""
    runs = {side: runner(side, comparison, folder) for side in SIDES}
    results = {side: np.stack(run()) for side, (run, _) in runs.items()}
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side, (run, device) in runs.items():
            started = clock(device)
            run()
            times[side].append(clock(device) - started)
    ours, theirs = (torch.from_numpy(results[side]).double() for side in ("ours", "upstream"))
    identical = torch.equal(ours, theirs)
    return {
        "frames": comparison.count,
        "rounds": rounds,
        "ms": {side: 1e3 * median(times[side]) / comparison.count for side in SIDES},
        "ratio": median(slow / fast for slow, fast in zip(times["upstream"], times["ours"], strict=True)),
        "max_abs_difference": float((ours - theirs).abs().max()),
        "psnr_db": None if identical else float(psnr_db(ours[None], theirs[None], most=200)),
    }


def peak_of(run: Callable[[], list[np.ndarray]], device: torch.device) -> float | None:
    """Peak memory of a run, in a process that did nothing else."""
    forget_peak(device)
    run()
    return peak_mib(device)


def _ours(model: PyTorchModel, source: np.ndarray, frames: np.ndarray, chunk_size: int) -> list[np.ndarray]:
    chunks = animate(model, [source], frames, chunk_size=chunk_size)
    return [frame for (chunk,) in chunks for frame in chunk.movedim(1, -1).cpu().numpy()]
