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
from ..pipeline import animate
from .measure import clock, forget_peak, peak_mib
from .subject import Subject, driving_frames
from .upstream import Upstream

Frames = list[np.ndarray]
SIDES = ("upstream", "ours")


@dataclass(frozen=True)
class Contest:
    """What both sides do: animate the middle frame of a video, or of a made clip, like its first ``count`` frames.

    checkout: of the authors' repository.
    """

    subject: Subject
    checkout: str
    video: str | None
    count: int
    chunk_size: int


def runner(side: str, contest: Contest, folder: Path) -> tuple[Callable[[], Frames], torch.device]:
    """What animates with one of the sides: gives frames (H, W, C) float in [0, 1]. ``folder`` as for Subject.open."""
    model = contest.subject.open(folder)
    device = model.device
    frames = driving_frames(contest.video, contest.count, model.config.image_size)
    source = frames[len(frames) // 2]
    if side == "ours":
        return partial(_ours, model, source, frames, contest.chunk_size), device
    theirs = Upstream(Path(contest.checkout), model, device)
    return partial(theirs.animate, np.float32(source) / 255, [np.float32(frame) / 255 for frame in frames]), device


def measure_against(contest: Contest, rounds: int, folder: Path) -> dict[str, Any]:
    """Both sides in one process, in turns; medians, their ratio, and how far the pictures are apart."""
    runs = {side: runner(side, contest, folder) for side in SIDES}
    results = {side: np.stack(run()) for side, (run, _) in runs.items()}
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side, (run, device) in runs.items():
            started = clock(device)
            run()
            times[side].append(clock(device) - started)
    difference = np.abs(results["ours"] - results["upstream"])
    mean_square = float(np.square(difference, dtype=np.float64).mean())
    return {
        "frames": contest.count,
        "rounds": rounds,
        "ms": {side: 1e3 * median(times[side]) / contest.count for side in SIDES},
        "ratio": median(theirs / ours for theirs, ours in zip(times["upstream"], times["ours"], strict=True)),
        "max_abs_difference": float(difference.max()),
        "psnr_db": 10 * float(np.log10(1 / mean_square)) if mean_square else None,
    }


def peak_of(run: Callable[[], Frames], device: torch.device) -> float | None:
    """Peak memory of a run, in a process that did nothing else."""
    forget_peak(device)
    run()
    return peak_mib(device)


def _ours(model: PyTorchModel, source: np.ndarray, frames: np.ndarray, chunk_size: int) -> Frames:
    chunks = animate(model, [source], frames, chunk_size=chunk_size)
    return [frame for (chunk,) in chunks for frame in chunk.movedim(1, -1).cpu().numpy()]
