"""All measurements of one ``fom bench``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..documents.charts import Chart, charts_as_svg
from ..files.reserved import scratch_folder
from .against import SIDES, Comparison, measure_against
from .backends import measure_backends
from .measure import machine, matmul_flops
from .network import measure_network
from .subject import Subject
from .whole import BenchmarkJob, measure_whole
from .worker import measure_growth, measured_apart

log = logging.getLogger(__name__)
LENGTHS = (1, 2, 4, 8)  # times the frames of the job


@dataclass(frozen=True)
class BenchmarkOptions:
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
    job: BenchmarkJob = field(default_factory=BenchmarkJob)
    backends: Sequence[str] = ()
    against: Path | None = None
    rounds: int = 3
    budget_s: float = 1.0


def run_benchmark(options: BenchmarkOptions) -> dict[str, Any]:
    """Measure everything asked for; plain values, for JSON."""
    with scratch_folder() as folder:
        model = options.subject.open(folder)
        dtype = model.plan.dtype
        results: dict[str, Any] = {
            "machine": machine(model.device),
            "model": {**options.subject.to_dict(), "name": model.name, "dtype": model.plan.numbers},
        }
        if "network" in options.parts:
            log.info("Measuring the networks.")
            peak = matmul_flops(model.device, dtype, options.budget_s)
            results["network"] = measure_network(model, options.batches, peak, budget_s=options.budget_s)
        if "whole" in options.parts:
            log.info("Measuring the whole job.")
            results["whole"] = measure_whole(options.job, model, folder)
        if options.against is not None:
            log.info("Measuring against %s.", options.against)
            results["against"] = _against(options, options.against, folder)
        if options.backends:
            log.info("Measuring the backends.")
            results["backends"] = measure_backends(
                model, options.backends, options.batches, folder, budget_s=options.budget_s
            )
        if "growth" in options.parts:
            log.info("Measuring jobs of growing length, each in a process of its own.")
            jobs = [replace(options.job, frames=times * options.job.frames) for times in LENGTHS]
            results["growth"] = measure_growth(options.subject, jobs, folder)
    return results


def _against(options: BenchmarkOptions, checkout: Path, folder: Path) -> dict[str, Any]:
    job = options.job
    comparison = Comparison(options.subject, str(checkout), job.driving_video, job.frames, job.chunk_size)
    found = measure_against(comparison, options.rounds, folder)
    values = {key: value for key, value in vars(comparison).items() if key != "subject"}
    peaks = {side: measured_apart(side, options.subject, folder, **values) for side in SIDES}
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
