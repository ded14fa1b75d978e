"""What a training tells while it runs: lines with the time left, a log file, TensorBoard, and pictures."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .. import signals
from ..documents.readers import DocumentError, parse_json
from ..documents.times import duration_text
from ..files.paths import replacing, unwritable
from ..media import write_picture
from ..parallel.distributed import world_size
from ..weights.load import header_of
from .checkpoint import WEIGHTS, save_checkpoint
from .data.clips import ClipEntry
from .data.seen import note_seen, seen_header
from .trainer import Trainer

log = logging.getLogger(__name__)

LOG = "log.jsonl"
Progress = Callable[[int, "int | None"], None]


class Stages(Protocol):
    """Opened around what takes long; what it gives is told how much is done, and of how much.

    unit: what is counted: clips, steps.
    done: how much an earlier call did.
    """

    def __call__(self, label: str, unit: str, done: int = 0) -> AbstractContextManager[Progress | None]: ...


def untold(*_: object, **__: object) -> AbstractContextManager[None]:
    """The stages of which nobody is told."""
    return nullcontext()


class TrainingLog:
    """Book-keeping of one stage in its folder.

    ``log.jsonl`` has a line for the first step and for every ``line_every`` ones with the mean of each loss, and one
    for every measurement.
    ``keep`` is of :func:`~.checkpoint.save_checkpoint`; checkpoints keep the name ``configuration``, for messages.
    ``clips``: what is learnt from; the run's folder notes them with the first step.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        report: Callable[[str], None],
        line_every: int = 50,
        keep: int = 2,
        *,
        configuration: str = "",
        clips: Sequence[ClipEntry] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.configuration, self._unnoted = configuration, clips
        self.trainer, self.folder, self.report, self.line_every, self.keep = trainer, folder, report, line_every, keep
        self._recent: list[dict[str, float]] = []
        self._losses: dict[str, float] = {}  # of the last step
        self._saved = trainer.step_number
        self._begun_at = (trainer.step_number, trainer.seconds)
        self._board = open_board(folder, trainer.step_number)

    def rewind(self) -> None:
        """Forget the lines behind the step that the trainer goes on from: those steps are about to be made again."""
        path = self.folder / LOG
        if path.is_file():
            lines = read_log(path)
            kept = "".join(json.dumps(line) + "\n" for line in lines if line["step"] <= self.trainer.step_number)
            with replacing(path) as temporary:
                temporary.write_text(kept)
        if self.trainer.step_number:
            done = "done before, up to" if self.trainer.progress == 1 else "going on from"
            self.report(f"{self.trainer.stage.name}: {done} step {self.trainer.step_number}")

    def add(self, losses: dict[str, float], *, now: bool = False) -> None:
        """Count a step; after the first, every ``line_every`` ones, or ``now``, tell the means since the last time."""
        if self._unnoted:
            note_seen(self.folder.parent, self._unnoted)
            self._unnoted = ()
        self._recent.append(losses)
        self._losses = losses
        if not now and self.trainer.step_number != 1 and self.trainer.step_number % self.line_every:
            return
        means, self._recent = _means(self._recent), []
        self._append("train", {"minutes": self.trainer.seconds / 60, **means})
        parts = ", ".join(f"{name} {value:.3f}" for name, value in means.items() if not name.startswith("norm_"))
        stage = self.trainer.stage
        self.report(f"{stage.name} {self.trainer.step_number}/{stage.steps}: {parts}; {self._pace()}")

    def measured(self, figures: Mapping[str, float], line: str) -> None:
        """Note what was measured on the validation clips."""
        self._append("validation", figures)
        self.report(f"{self.trainer.stage.name} {self.trainer.step_number}: validation {line}")

    def picture(self, array: np.ndarray) -> None:
        """Keep an (H, W, 3) uint8 picture of how it stands: ``sheet-NNNNNN.png``."""
        write_picture(self.folder / f"sheet-{self.trainer.step_number:06d}.png", array)
        if self._board is not None:
            self._board.add_image("sheet", array, self.trainer.step_number, dataformats="HWC")

    def save(self, state: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Write a checkpoint. Whoever stops the training waits for it."""
        about = {"configuration": self.configuration, "losses": self._losses, **about}
        about = {"seconds": self.trainer.seconds, "processes": world_size(), **about}
        step = self.trainer.step_number
        model = header_of(self.trainer.average, f"{self.trainer.stage.name}-{step}")  # so that it opens as one
        model |= seen_header(self.folder.parent)
        with signals.delayed():
            save_checkpoint(
                self.folder, step, self.trainer.weights(), state, about=about, metadata=model, keep=self.keep
            )
            self._saved = step

    def stop(self, state: Mapping[str, Any]) -> None:
        """Write a checkpoint for a training that is stopped, unless there is one of this step, and say so."""
        step = self.trainer.step_number
        if step > self._saved:
            self.save(state, {})
        if step:
            self.report(
                f"{self.trainer.stage.name}: step {step} is kept; the same command goes on from it, and "
                f"{self.folder / f'step-{step:06d}' / WEIGHTS} opens as a model."
            )

    def close(self) -> None:
        if self._board is not None:
            self._board.close()

    def _append(self, kind: str, values: Mapping[str, float]) -> None:
        step = self.trainer.step_number
        try:
            with (self.folder / LOG).open("a") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        except OSError as error:
            raise unwritable(self.folder / LOG, error) from error
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)

    def _pace(self) -> str:
        """Seconds a step since this process began, and the time left at the pace of the whole stage."""
        steps, seconds = self._begun_at
        done = max(1, self.trainer.step_number - steps)
        left = self.trainer.seconds * (1 / self.trainer.progress - 1)
        return f"{(self.trainer.seconds - seconds) / done:.2f} s/step, {duration_text(left)} left"


def open_board(folder: Path, step: int) -> Any:
    """A TensorBoard writer that writes steps from ``step`` on anew; None and a line where the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an optional package
    except ImportError:
        _tell_of_no_board()
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step)


@cache
def _tell_of_no_board() -> None:
    """Once, not at every stage."""
    log.info("No TensorBoard curves: the package tensorboard is missing. log.jsonl and the report have them too.")


def read_log(path: Path) -> list[dict[str, float]]:
    """The lines of a ``log.jsonl``; one that a killed process left half written is passed over."""
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(DocumentError):
            lines.append(parse_json(text, finite=False))
    return [line for line in lines if isinstance(line, dict)]


def _means(steps: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each loss over the steps that have it."""
    names = dict.fromkeys(name for step in steps for name in step)
    found = {name: [step[name] for step in steps if name in step] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}
