"""Measurements as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..documents.markdown import table


def as_markdown(results: dict[str, Any]) -> str:
    """All that was measured, each in its table, under the machine's name."""
    machine = results["machine"]
    where = ", ".join(
        str(part)
        for part in (machine.get("gpu"), machine["processor"], f"{machine['cores']} cores", f"torch {machine['torch']}")
        if part
    )
    parts = [f"{results['model']['name']}, {results['model']['dtype']}, on {where}"]
    if "network" in results:
        parts += [network_table(results["network"])]
    if "whole" in results:
        parts += [whole_table(results["whole"])]
    if "against" in results:
        parts += [against_table(results["against"])]
    if "backends" in results:
        parts += [backends_table(results["backends"])]
    if "growth" in results:
        parts += [growth_table(results["growth"])]
    return "\n\n".join(parts)


def network_table(found: dict[str, Any]) -> str:
    """Networks by batch, and their arithmetic."""
    rows = [
        [
            str(row["batch"]),
            _rounded(row["fps"]),
            *(_rounded(row["stages_ms"][stage]) for stage in ("keypoints", "transfer", "generate")),
            _rounded(row["ms"]),
            _rounded(row["gflops"]),
            f"{100 * row['share']:.0f} %",
            _mib(row["peak_mib"]),
        ]
        for row in found["batches"]
    ]
    head = [
        "batch",
        "frames/s",
        "keypoints ms",
        "transfer ms",
        "generate ms",
        "all ms",
        "GFLOP/s",
        "of peak",
        "peak MiB",
    ]
    height, width = found["image_size"]
    work = ", ".join(f"{part} {giga:.4g}" for part, giga in found["gmac"].items())
    return (
        f"{table(head, rows)}\n\nNetworks at {width}x{height}, per frame: {found['gmac_per_frame']:.4g} GMAC, and "
        f"{found['source_ms']:.3g} ms once per face. GMAC by part: {work}. Peak: a matrix product, "
        f"{found['peak_gflops']:.4g} GFLOP/s."
    )


def whole_table(found: dict[str, Any]) -> str:
    """The whole job beside its steps."""
    job, steps = found["job"], found["steps_ms"]
    row = [_rounded(found["fps"]), _rounded(found["ms"]), *map(_rounded, steps.values()), _mib(found["peak_mib"])]
    head = ["frames/s", "whole ms", *(f"{step} ms" for step in steps), "peak MiB"]
    return (
        f"{table(head, [row])}\n\n{job['faces']} face(s) in {job['width']}x{job['height']}, {job['frames']} frames "
        f"from file to file: {found['over_network']:.2f} times the networks alone; the slowest step, "
        f"{found['bound']}, alone takes {100 * found['share']:.0f} % of the whole."
    )


def against_table(found: dict[str, Any]) -> str:
    """Us beside the authors."""
    ms, peak = found["ms"], found["peak_mib"]
    rows = [
        [name, _rounded(1e3 / ms[side]), _rounded(ms[side]), _mib(peak[side])]
        for side, name in (("upstream", "original"), ("ours", "this project"))
    ]
    psnr = "identical" if found["psnr_db"] is None else f"{found['psnr_db']:.1f} dB"
    return (
        f"{table(['', 'frames/s', 'ms a frame', 'peak MiB'], rows)}\n\n{found['ratio']:.2f} times as fast (median of "
        f"{found['rounds']} turns of {found['frames']} frames); pictures differ by at most "
        f"{found['max_abs_difference']:.2g} of 1 ({psnr})."
    )


def backends_table(rows: Sequence[dict[str, Any]]) -> str:
    """Runtimes side by side."""
    batches = list(dict.fromkeys(row["batch"] for row in rows))
    lines = []
    for name in dict.fromkeys(row["backend"] for row in rows):
        own = [row for row in rows if row["backend"] == name]
        apart = max(row["max_abs_difference"] for row in own)
        lines.append([name, *(_rounded(1e3 / row["ms"]) for row in own), f"{apart:.1e}"])
    return table(["backend", *(f"frames/s, batch {batch}" for batch in batches), "difference from torch"], lines)


def growth_table(rows: Sequence[dict[str, Any]]) -> str:
    """Cost against the size of the job, every row in a process of its own."""
    lines = [
        [
            str(row["job"]["frames"]),
            str(row["job"]["faces"]),
            f"{row['job']['width']}x{row['job']['height']}",
            f"{row['seconds']:.1f}",
            f"{row['processor_s']:.1f}",
            _rounded(row["fps"]),
            _mib(row["peak_mib"]),
        ]
        for row in rows
    ]
    return table(["frames", "faces", "picture", "seconds", "processor s", "frames/s", "peak MiB"], lines)


def _rounded(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _mib(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"
