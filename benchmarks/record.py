"""Measures this machine and records tables, figures and plots beside this file, under the machine's name.

    python benchmarks/record.py network original group growth backends --original CHECKOUT

Each part replaces its own figures in ``MACHINE.json``; ``MACHINE.md`` and ``MACHINE.svg`` are drawn anew from all. Run
it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fom_core.benchmark.bench import BenchmarkOptions, run_benchmark
from fom_core.benchmark.counting import multiply_adds, per_frame
from fom_core.benchmark.measure import machine
from fom_core.benchmark.subject import Subject
from fom_core.benchmark.tables import as_markdown
from fom_core.benchmark.whole import BenchmarkJob
from fom_core.benchmark.worker import measure_growth
from fom_core.documents.charts import Chart, charts_as_svg
from fom_core.documents.markdown import table
from fom_core.files.paths import CONFIGS

HERE = Path(__file__).resolve().parent
MINI = Subject(model="mini")
FULL = Subject(config=str(CONFIGS / "vox-256.yaml"))
MOBILE = Subject(config=str(CONFIGS / "vox-mobile-256.yaml"))
GROUP = BenchmarkJob(frames=16, faces=4, width=1920, height=1080)


def network(device: str, _: argparse.Namespace) -> dict[str, Any]:
    """Batches of the embedded and of the published size."""
    batches = (1, 2, 4, 8) if device == "cpu" else (1, 2, 4, 8, 16, 32, 64)
    return {
        name: run_benchmark(
            BenchmarkOptions(replace(subject, device=device), parts=("network",), batches=batches, budget_s=0.5)
        )
        for name, subject in (("mini", MINI), ("vox-256", FULL))
    }


def original(device: str, args: argparse.Namespace) -> dict[str, Any]:
    """The authors' code beside ours at 256 pixels."""
    job = BenchmarkJob(frames=args.frames, driving_video=args.driving_video)
    subject = replace(FULL, device=device, dtype="float32")
    return run_benchmark(BenchmarkOptions(subject, parts=(), job=job, against=args.original, rounds=3))


def group(device: str, _: argparse.Namespace) -> dict[str, Any]:
    """Four faces in a picture of 1920x1080 pixels, from file to file."""
    found = {}
    for name, subject, frames in (("mini", MINI, 128), ("vox-256", replace(FULL, dtype="float32"), 16)):
        order = BenchmarkOptions(replace(subject, device=device), parts=("whole",), job=replace(GROUP, frames=frames))
        found[name] = run_benchmark(order)
    return found


def growth(device: str, _: argparse.Namespace) -> dict[str, Any]:
    """Cost against length, faces, picture and model, each job in a process of its own."""
    base = BenchmarkJob(frames=128)
    jobs = {
        "length": [replace(base, frames=frames) for frames in (64, 128, 256, 512)],
        "faces": [replace(base, faces=faces, width=1920, height=1080) for faces in (1, 2, 4, 8)],
        "picture": [replace(base, width=width, height=width * 9 // 16) for width in (640, 1280, 1920, 3840)],
    }
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for axis, asked in jobs.items():
            found[axis] = unhurried(measure_growth(replace(MINI, device=device), asked, Path(folder)))
    found["model"] = []
    for name, subject in (("mini", MINI), ("vox-mobile-256", MOBILE), ("vox-256", replace(FULL, dtype="float32"))):
        with tempfile.TemporaryDirectory() as folder:
            model = replace(subject, device=device)
            work = multiply_adds(model.open(Path(folder)).config)
            rows = measure_growth(model, [replace(base, frames=24)], Path(folder))
        found["model"] += [{**unhurried(rows)[0], "name": name, "gmac": per_frame(work) / 1e9}]
    return {**found, "threads": torch.get_num_threads()}


def unhurried(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What other work on the machine does not change: processor seconds and memory, but no time by the clock."""
    return [{key: row[key] for key in ("job", "processor_s", "peak_mib")} for row in rows]


def backends(device: str, _: argparse.Namespace) -> dict[str, Any]:
    """PyTorch, ONNX Runtime and OpenVINO on the processor, in float32."""
    names = ("torch", "onnx", "openvino")
    return {
        name: run_benchmark(BenchmarkOptions(subject, parts=(), batches=(1, 4), backends=names, budget_s=0.5))
        for name, subject in (
            ("mini", replace(MINI, device="cpu", dtype="float32")),
            ("vox-256", replace(FULL, device="cpu", dtype="float32")),
        )
    }


PARTS = {part.__name__: part for part in (network, original, group, growth, backends)}


def main() -> None:
    """Measure the parts asked for, and write all that was measured so far."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("fom_core").setLevel(logging.INFO)  # not what the packages for export have to tell
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=[*PARTS, "draw"], help="draw: only write tables and plots anew")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--original", type=Path, metavar="CHECKOUT", help="of the authors' first-order-model")
    parser.add_argument("--driving_video", metavar="FILE", help="real frames for the part original")
    parser.add_argument("--frames", type=int, default=64, help="of the part original")
    args = parser.parse_args()
    if "original" in args.parts and args.original is None:
        parser.error("the part original wants --original CHECKOUT")
    about = machine(torch.device(args.device))
    path = HERE / f"{slug(about)}.json"
    results = json.loads(path.read_text()) if path.exists() else {"machine": about}
    for part in args.parts:
        if part != "draw":
            results[part] = {**PARTS[part](args.device, args), "torch": torch.__version__}
            text = json.dumps(results, indent=1).replace(f"{HERE.parent}{os.sep}", "")  # no path of this machine
            path.write_text(text + "\n")
    path.with_suffix(".md").write_text(markdown(results, path.with_suffix(".svg").name) + "\n")
    if drawn := charts(results):
        path.with_suffix(".svg").write_text(charts_as_svg(drawn))


def slug(about: dict[str, Any]) -> str:
    """The machine's name as that of a file: ``amd-epyc-2-cores``."""
    name = about.get("gpu") or f"{about['processor'].partition('(')[0]} {about['cores']} cores"
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))


def markdown(results: dict[str, Any], drawing: str) -> str:
    """All tables of a machine."""
    about = results["machine"]
    parts = [f"# {about.get('gpu') or about['processor']}, {about['cores']} cores", f"![Plots]({drawing})"]
    for part, title in (
        ("network", "Networks alone"),
        ("original", "Beside the authors' code"),
        ("group", "Four faces in 1920x1080, from file to file"),
        ("backends", "Backends"),
    ):
        found = results.get(part, {})
        tables = [found] if "machine" in found else [each for each in found.values() if isinstance(each, dict)]
        parts += [f"## {title}", *map(as_markdown, tables)] if tables else []
    if "growth" in results:
        parts += [f"## Growth, {results['growth']['threads']} thread(s)", *growth_markdown(results["growth"])]
    return "\n\n".join(parts)


def growth_markdown(found: dict[str, Any]) -> list[str]:
    """The tables of growth, and how straight the lines are."""
    parts = []
    for axis in ("length", "faces", "picture"):
        parts.append(f"{axis.capitalize()}, the model `mini`: {straightness(found[axis], axis)}")
        parts.append(
            table(["frames", "faces", "picture", "processor s", "peak MiB"], [size_and_cost(r) for r in found[axis]])
        )
    rows = [
        [row["name"], f"{row['gmac']:.3g}", f"{milliseconds(row):.0f}", f"{row['peak_mib']:.0f}"]
        for row in found["model"]
    ]
    parts += [
        "Model, 24 frames of one face:",
        table(["model", "GMAC a frame", "processor ms a frame", "peak MiB"], rows),
    ]
    return parts


def size_and_cost(row: dict[str, Any]) -> list[str]:
    """A line of the tables of growth."""
    job = row["job"]
    size = [str(job["frames"]), str(job["faces"]), f"{job['width']}x{job['height']}"]
    return [*size, f"{row['processor_s']:.1f}", f"{row['peak_mib']:.0f}"]


def milliseconds(row: dict[str, Any]) -> float:
    """Processor time of a frame."""
    return 1e3 * row["processor_s"] / row["job"]["frames"]


def amount(row: dict[str, Any], axis: str) -> float:
    """How large a job is along an axis."""
    job = row["job"]
    return {"length": job["frames"], "faces": job["faces"], "picture": job["width"] * job["height"] / 1e6}[axis]


def straightness(rows: list[dict[str, Any]], axis: str) -> str:
    """The line through the processor seconds, and how far the points lie from it."""
    x = np.array([amount(row, axis) for row in rows])
    y = np.array([row["processor_s"] for row in rows])
    slope, start = np.polyfit(x, y, 1)
    off = float(np.abs(y - (start + slope * x)).max() / y.max())
    unit = {"length": "frame", "faces": "face", "picture": "megapixel"}[axis]
    memory = [row["peak_mib"] for row in rows]
    return (
        f"{start:.2f} + {slope:.4g} processor seconds a {unit}, all points within {100 * off:.0f} % of the longest; "
        f"memory {min(memory):.0f} to {max(memory):.0f} MiB."
    )


def charts(results: dict[str, Any]) -> list[Chart]:
    """Frames a second against batch; memory and time against what grows."""
    drawn = []
    if "network" in results:
        for name in ("mini", "vox-256"):
            rows = results["network"][name]["network"]["batches"]
            drawn.append(Chart(f"Networks, {name}", "batch", "frames/s", {"": [(r["batch"], r["fps"]) for r in rows]}))
    if "growth" in results:
        found = results["growth"]
        memory = [(amount(row, "length"), row["peak_mib"]) for row in found["length"]]
        drawn.append(Chart("Memory and length", "frames of the video", "peak MiB", {"": memory}))
        for axis, label in (("length", "frames of the video"), ("faces", "faces"), ("picture", "megapixels")):
            points = [(amount(row, axis), row["processor_s"]) for row in found[axis]]
            drawn.append(Chart(f"Work and {axis}", label, "processor seconds", {"": points}))
        points = sorted((row["gmac"], milliseconds(row)) for row in found["model"])
        drawn.append(Chart("Time and model", "GMAC a frame", "processor ms a frame", {"": points}))
    return drawn


if __name__ == "__main__":
    main()
