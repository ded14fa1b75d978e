"""One measurement in a process of its own, whose peak memory is that of the measurement alone.

``python -m fom_core.benchmark.worker '{"kind": ..., ...}'`` prints one line of JSON. Run by :func:`measured_apart`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..errors import FomError
from ..files.reserved import scratch_folder
from .against import Comparison, peak_of, runner
from .subject import Subject
from .whole import BenchmarkJob, prepare, run_job


def measured_apart(kind: str, subject: Subject, folder: Path, **options: Any) -> dict[str, Any]:
    """What :func:`run_measurement` finds in another process. Raises FomError with what that process said."""
    order = {"kind": kind, "subject": subject.to_dict(), "folder": str(folder), **options}
    package = Path(__file__).resolve().parents[2]
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", f"{__name__}", json.dumps(order)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise FomError(f"The measurement {kind} failed in its process: {lines[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def run_measurement(order: dict[str, Any]) -> dict[str, Any]:
    """``job``: a whole job. ``ours``, ``upstream``: frames of one face, without any file."""
    kind, subject, folder = order.pop("kind"), Subject(**order.pop("subject")), Path(order.pop("folder"))
    if kind == "job":
        model = subject.open(folder)
        with scratch_folder() as place:
            return run_job(BenchmarkJob(**order["job"]), model, Path(order["driver"]), place / "result.mp4")
    return {"peak_mib": peak_of(*runner(kind, Comparison(subject, **order), folder))}


def measure_growth(subject: Subject, jobs: list[BenchmarkJob], folder: Path) -> list[dict[str, Any]]:
    """Every job in a process of its own."""
    model, rows = subject.open(folder), []
    for job in jobs:
        driver = prepare(job, model, folder)
        found = measured_apart("job", subject, folder, job=vars(job), driver=str(driver))
        rows.append({"job": vars(job), **found})
    return rows


if __name__ == "__main__":
    print(json.dumps(run_measurement(json.loads(sys.argv[1]))))
