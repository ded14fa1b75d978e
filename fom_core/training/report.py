"""The end of a training on one page: curves of every loss, figures, and pictures of how it went."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path

from ..documents.charts import Curve, lines_as_svg
from ..files.paths import replacing
from .checkpoint import best_checkpoint, describe_checkpoint
from .journal import LOG, read_log

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 sans-serif; max-width: 1200px; margin: 2em auto; padding: 0 1em; color: #222 }}
figure {{ display: inline-block; margin: 0 1em 1em 0 }} figcaption {{ font-size: 13px }}
svg {{ background: #f6f6f6 }} img {{ max-width: 100% }}
table {{ border-collapse: collapse }} td, th {{ padding: 2px 12px; text-align: right; border-bottom: 1px solid #ddd }}
</style></head><body><h1>{title}</h1>
{body}
</body></html>
"""
LEGEND = (
    "Left to right: source and driving frame with keypoints, the source warped by the flow, the occlusion map (dark: "
    "painted anew), which keypoint moves what, the prediction, and its difference from the driving frame, three times "
    "enlarged. Where a second half stands beside, the same person drives another; its last column is the initial frame."
)


def write_report(run_folder: Path, name: str) -> Path:
    """Write ``report.html`` into the output folder of a training and return its path."""
    stages = sorted(path.parent for path in run_folder.glob(f"*/{LOG}"))
    body = "\n".join(_stage(folder) for folder in stages)
    path = run_folder / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(PAGE.format(title=f"Training of {html.escape(name)}", body=body), encoding="utf-8")
    return path


def _stage(folder: Path) -> str:
    lines = read_log(folder / LOG)
    steps = [line for line in lines if "minutes" in line]
    measured = [line for line in lines if "minutes" not in line]
    parts = [f"<h2>{html.escape(folder.name)}</h2>"]
    if steps:
        parts.append(f"<p>{steps[-1]['step']} steps in {steps[-1]['minutes']:.0f} minutes.</p>")
    names = dict.fromkeys(name for line in steps for name in line if name not in ("step", "minutes"))
    parts += [curve(name, [[(line["step"], line[name]) for line in steps if name in line]]) for name in names]
    if measured:
        parts += ["<h3>Validation</h3>", _figures(measured), _best(folder)]
        for name in (name for name in measured[0] if f"copy_{name}" in measured[0]):
            pairs = [[(line["step"], line[key]) for line in measured] for key in (name, f"copy_{name}")]
            parts.append(curve(f"{name} (grey: showing the source unmoved)", pairs))
    sheets = sorted(folder.glob("sheet-*.png"))
    if sheets:
        parts.append(f"<h3>Pictures</h3><p>{LEGEND}</p>")
    for sheet in dict.fromkeys(sheets[:: max(1, len(sheets) // 3)] + sheets[-1:]):
        address = html.escape(f"{folder.name}/{sheet.name}")
        parts.append(f'<p>Step {int(sheet.stem[6:])}</p><img src="{address}" alt="pictures of step {sheet.stem[6:]}">')
    return "\n".join(parts)


def curve(title: str, curves: Sequence[Curve]) -> str:
    """Values over steps, all curves on one scale, the first in colour; its ends are written below."""
    drawing = lines_as_svg(curves, ("#c33", "#999"))
    if not drawing:
        return ""
    values = [value for curve in curves for _, value in curve if math.isfinite(value)]
    first, last = curves[0][0][1], curves[0][-1][1]
    text = f"{html.escape(title)}: {first:.4g} → {last:.4g}; axis {min(values):.4g} to {max(values):.4g}"
    return f"<figure>{drawing}<figcaption>{text}</figcaption></figure>"


def _figures(measured: Sequence[dict[str, float]]) -> str:
    """The measurements as a table, at most ten rows."""
    names = list(measured[0])
    shown = {line["step"]: line for line in (*measured[:: max(1, len(measured) // 9)], measured[-1])}
    rows = ["".join(f"<td>{line[name]:.5g}</td>" for name in names) for line in shown.values()]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _best(folder: Path) -> str:
    best = best_checkpoint(folder)
    about = {} if best is None else describe_checkpoint(best)
    return f"<p>Best checkpoint: step {about['step']}, L1 {about['score']:.4f}.</p>" if "score" in about else ""
