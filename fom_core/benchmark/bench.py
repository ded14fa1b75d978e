"""All measurements of one ``fom bench``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..files.leftovers import scratch_folder
from .against import SIDES, Contest, measure_against
from .backends import measure_backends
from .measure import machine, matmul_flops
from .network import measure_network
from .plot import Chart, charts_as_svg
from .subject import Subject
from .whole import Job, measure_whole
from .worker import measure_growth, measured_apart

log = logging.getLogger(__name__)
LENGTHS = (1, 2, 4, 8)  # times the frames of the job


@dataclass(frozen=True)
class Order:
    """What to measure.

    parts:   of ``network``, ``whole`` and ``growth``.
    batches: of the networks.
    job:     the whole one; its driving video is also what both sides of a comparison see.
    backends: of :data:`~.backends.BACKENDS`, to be compared on the processor.
    against: a checkout of the authors' code, or None.
    """

    subject: Subject
    parts: Sequence[str] = ("network", "whole")
    batches: Sequence[int] = (1, 2, 4, 8)
    job: Job = field(default_factory=Job)
    backends: Sequence[str] = ()
    against: Path | None = None
    rounds: int = 3
    budget_s: float = 1.0


def run_order(order: Order) -> dict[str, Any]:
    """Measure everything asked for; plain values, for JSON."""
    with scratch_folder() as folder:
        model = order.subject.open(folder)
        dtype = model.plan.dtype
        results: dict[str, Any] = {
            "machine": machine(model.device),
            "model": {**order.subject.to_dict(), "name": model.name, "dtype": str(dtype).removeprefix("torch.")},
        }
        if "network" in order.parts:
            log.info("Measuring the networks.")
            peak = matmul_flops(model.device, dtype, order.budget_s)
            results["network"] = measure_network(model, order.batches, peak, budget_s=order.budget_s)
        if "whole" in order.parts:
            log.info("Measuring the whole job.")
            results["whole"] = measure_whole(order.job, model, folder)
        if order.against is not None:
            log.info("Measuring against %s.", order.against)
            results["against"] = _against(order, order.against, folder)
        if order.backends:
            log.info("Measuring the backends.")
            results["backends"] = measure_backends(
                model, order.backends, order.batches, folder, budget_s=order.budget_s
            )
        if "growth" in order.parts:
            log.info("Measuring jobs of growing length, each in a process of its own.")
            jobs = [replace(order.job, frames=times * order.job.frames) for times in LENGTHS]
            results["growth"] = measure_growth(order.subject, jobs, folder)
    return results


def _against(order: Order, checkout: Path, folder: Path) -> dict[str, Any]:
    job = order.job
    contest = Contest(order.subject, str(checkout), job.driving_video, job.frames, job.chunk_size)
    found = measure_against(contest, order.rounds, folder)
    options = {key: value for key, value in vars(contest).items() if key != "subject"}
    peaks = {side: measured_apart(side, order.subject, folder, **options) for side in SIDES}
    return {**found, "peak_mib": {side: peak["peak_mib"] for side, peak in peaks.items()}}


def plot(results: dict[str, Any]) -> str:
    """Frames a second against the batch, and memory and time against the length, of what was measured: SVG."""
    charts = []
    if "network" in results:
        points = [(row["batch"], row["fps"]) for row in results["network"]["batches"]]
        charts.append(Chart("Networks", "batch", "frames/s", {"": points}))
    if "growth" in results:
        rows = results["growth"]
        for title, unit, key in (
            ("Memory of the whole job", "peak MiB", "peak_mib"),
            ("Its time", "seconds", "seconds"),
        ):
            points = [(row["job"]["frames"], row[key] or 0.0) for row in rows]
            charts.append(Chart(title, "frames of the video", unit, {"": points}))
    return charts_as_svg(charts)
