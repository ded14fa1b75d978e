"""The report of a compression: a row for the teacher and for every stage, as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..documents import markdown
from ..files.paths import replacing
from ..networks.model import MotionModel
from ..parallel.distributed import rank
from ..training.data.frame_cache import FrameCache
from ..training.data.seen import seen_header
from ..training.figures import reconstruction_figures
from ..weights.load import save_model
from .cost import frame_macs, frame_ms, stored_bytes, trainable_parameters

JSON, TABLE = "report.json", "report.md"
NOTES = """
L1: mean absolute difference of values in [0, 1] between the frames of the validation clips and what the model makes of
them from the first frame. GMAC: of the convolutions for a driven frame. ms: for a driven frame, in batches of 8.
"""


@dataclass(frozen=True)
class StageRow:
    """What a model costs and how well it reconstructs. ``l1`` is None without validation clips."""

    stage: str
    parameters: int
    macs: int
    bytes: int
    l1: float | None
    frame_ms: float
    file: str | None = None
    minutes: float | None = None  # of training
    steps: int | None = None


class ReportWriter:
    """Keeps the report of a compression: every row is measured and written as soon as there is one.

    Of several processes only the first one keeps it.
    """

    def __init__(
        self,
        name: str,
        teacher: MotionModel,
        validation: FrameCache | None,
        output: Path,
        report: Callable[[str], None],
    ) -> None:
        self.name, self.validation, self.output, self.report = name, validation, output, report
        self.rows: list[StageRow] = []
        self.add("teacher", teacher)

    def save(self, model: MotionModel, name: str, half: bool = False, int8: bool = False) -> Path | None:
        """Write a model of the compression; None in processes that write nothing."""
        if rank():
            return None
        path = self.output / f"{name}.safetensors"
        return save_model(model, path, half, self.name, int8, about=seen_header(self.output))

    def add(
        self,
        stage: str,
        model: MotionModel,
        file: Path | None = None,
        *,
        minutes: float | None = None,
        steps: int | None = None,
    ) -> None:
        """Measure a model, and write its row with those before."""
        if rank():
            return
        row = describe(stage, model, self.validation, file, minutes=minutes, steps=steps)
        self.rows.append(row)
        write(self.rows, self.output)
        loss = "" if row.l1 is None else f", L1 {row.l1:.4f}"
        self.report(f"{stage}: {row.parameters / 1e6:.3f} million parameters, {row.bytes / 1e6:.2f} MB{loss}")


def describe(
    stage: str,
    model: MotionModel,
    validation: FrameCache | None,
    file: Path | None = None,
    *,
    minutes: float | None = None,
    steps: int | None = None,
) -> StageRow:
    """Measure a model. Its size is that of ``file``, or of one in float32. The model is left in evaluation mode."""
    model.eval()
    figures = None if validation is None else reconstruction_figures(model, validation)
    return StageRow(
        stage,
        trainable_parameters(model),
        frame_macs(model),
        stored_bytes(model) if file is None else file.stat().st_size,
        None if figures is None else figures.l1,
        frame_ms(model),
        None if file is None else file.name,
        None if minutes is None else round(minutes, 2),
        steps,
    )


def stages_table(rows: Sequence[StageRow]) -> str:
    """The rows as Markdown; in brackets how many times smaller, and how the loss compares with the first row's."""
    first, lines = rows[0], []
    for row in rows:
        smaller = "" if row is first else f" ({first.parameters / row.parameters:.1f}x fewer)"
        size = "" if row is first else f" ({first.bytes / row.bytes:.1f}x)"
        loss = "" if row.l1 is None else f"{row.l1:.4f}"
        if row is not first and row.l1 is not None and first.l1:
            loss += f" ({row.l1 / first.l1:.3f}x)"
        work = "" if row is first else f" ({first.macs / row.macs:.1f}x fewer)"
        parameters, gmac = f"{row.parameters / 1e6:.3f} M{smaller}", f"{row.macs / 1e9:.3f}{work}"
        lines.append([row.stage, parameters, gmac, f"{row.bytes / 1e6:.2f}{size}", loss, f"{row.frame_ms:.2f}"])
    return markdown.table(["", "parameters", "GMAC", "MB", "L1", "ms"], lines) + "\n"


def write(rows: Sequence[StageRow], output: Path) -> str:
    """Write both forms, complete or not at all, and return the table."""
    text = stages_table(rows)
    for name, content in (
        (JSON, json.dumps([asdict(row) for row in rows], indent=1) + "\n"),
        (TABLE, text + NOTES),
    ):
        with replacing(output / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return text
