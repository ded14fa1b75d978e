"""What a running command says on stderr: messages, and a bar with frames a second and the time left.

The bar is our own: tqdm goes by the wall clock, writes one endless line into log files, and draws in every process.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ..documents.times import duration_text
from ..parallel.ranks import launched_rank
from ..resources import threads
from ..resources.faults import told

PACKAGE = __name__.rpartition(".cli")[0]
BAR_WIDTH = 24
REDRAW_S = 0.1  # on a terminal
LINE_S = 15.0  # elsewhere, such as in a log file,
FIRST_S = 3.0  # where the first one comes sooner
LONGEST_LINE = 2000  # characters


class ProgressBar:
    """A line that follows the work; call it with frames done and frames in all (None while unknown).

    On a terminal it redraws itself and vanishes at the end; elsewhere it prints a line now and then.

    done:  how much an earlier call did.
    fitted: whether torch's threads follow the free processors meanwhile; their number shows in the last bits of a
            training.
    beats:  whether lines also come while nothing gets done, which may take minutes: as a context manager only.
    """

    def __init__(
        self,
        label: str,
        total: int | None = None,
        unit: str = "frames",
        *,
        done: int = 0,
        fitted: bool = True,
        beats: bool = False,
    ) -> None:
        self._label = label
        self._step = ""
        self._total = total
        self._unit = unit
        self._begun_with, self._fitted = done, fitted
        self._terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._shown = self._started if self._terminal else self._started - LINE_S + FIRST_S
        self._last = done, total
        self._beat = (
            threading.Thread(target=self._show_now_and_then, daemon=True) if beats and not launched_rank() else None
        )
        self._over = threading.Event()
        if fitted:
            threads.fit()

    def __call__(self, done: int, total: int | None = None) -> None:
        if self._fitted:
            threads.fit()  # here comes by whatever takes long, in the thread that computes
        if launched_rank():
            return
        self._last = done, total or self._total
        self._show(REDRAW_S if self._terminal else LINE_S)

    def begin(self, step: str) -> None:
        """Name what begins now; it stands at the end of the line."""
        self._step = f"  {step}"
        if self._terminal and not launched_rank():
            self._show(0)

    def _show_now_and_then(self) -> None:
        while not self._over.wait(FIRST_S):
            self._show(LINE_S)

    def _show(self, after_s: float) -> None:
        """Draw the line, if the last one is so old, or a last time."""
        now = time.monotonic()
        done, total = self._last
        if now - self._shown < after_s and not (self._terminal and done == total):
            return
        self._shown = now
        line = progress_line(self._label, done, total, now - self._started, self._unit, begun_with=self._begun_with)
        line += self._step
        with suppress(BrokenPipeError):  # whoever reads along has seen enough; the work goes on
            print(f"\r{line}\033[K" if self._terminal else line, end="" if self._terminal else "\n", file=sys.stderr)
            sys.stderr.flush()

    def __enter__(self) -> ProgressBar:
        if self._beat is not None:
            self._beat.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._beat is not None:
            self._beat.join()
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def training_bar(label: str, unit: str, done: int = 0) -> ProgressBar:
    """What follows the stages of a training: see :class:`~fom_core.training.journal.Stages`."""
    return ProgressBar(label, unit=unit, done=done, fitted=False, beats=True)


def progress_line(
    label: str, done: int, total: int | None, elapsed_s: float, unit: str = "frames", *, begun_with: int = 0
) -> str:
    """``animating [######------] 300/600  24.0 frames/s  0:12 left``; the rate is of what is done since the begin."""
    rate = (done - begun_with) / elapsed_s if elapsed_s > 0 else 0.0
    pace = f"{1 / rate:.1f} s/{unit[:-1]}" if 0 < rate < 0.5 else f"{rate:.1f} {unit}/s"
    if rate == 0:
        pace = f"{duration_text(max(0.0, elapsed_s))} so far"
    if not total:
        return f"{label} {done}  {pace}"
    filled = min(BAR_WIDTH, BAR_WIDTH * done // total)
    left = f"  {duration_text(max(0, total - done) / rate)} left" if rate > 0 else ""
    return f"{label} [{'#' * filled}{'-' * (BAR_WIDTH - filled)}] {done}/{total}  {pace}{left}"


def how_many(number: int, noun: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class _AboveTheBar(logging.Handler):
    """One line a message on whatever stderr is at that time, over a bar that may be half drawn."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(BrokenPipeError):
            print(self.format(record), file=sys.stderr, flush=True)

    def format(self, record: logging.LogRecord) -> str:
        line = one_line(super().format(record))
        if record.levelno >= logging.WARNING:
            line = f"{record.levelname.lower()}: {line}"
        return f"\r\033[K{line}" if sys.stderr.isatty() else line


@contextmanager
def each_warning_once(is_said_first: Callable[[str], bool] | None, *, heard: bool = False) -> Iterator[None]:
    """Let warnings that say the same of several jobs be shown once, as ``is_said_first`` tells; None: all are shown.

    heard: of a process that is silent otherwise, too.
    """

    def is_new(record: logging.LogRecord) -> bool:
        return record.levelno < logging.WARNING or is_said_first is None or is_said_first(record.getMessage())

    logger = logging.getLogger(PACKAGE)
    handlers, level = list(logger.handlers), logger.level
    for handler in handlers:
        handler.addFilter(is_new)
    if heard:
        logger.setLevel(min(level, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(level)
        for handler in handlers:
            handler.removeFilter(is_new)


def one_line(text: str) -> str:
    """A message on one line, without the control characters that a name in a stranger's file may hold.

    One that repeats a long text of such a file is cut in the middle.
    """
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE // 2]} ... {line[-LONGEST_LINE // 2 :]}"


def sentence(error: Exception) -> str:
    """An error in a line: its own sentence, or what it is where nobody foresaw it."""
    foreseen = told(error)
    if foreseen is not None:
        return one_line(str(foreseen))
    message = one_line(str(error))
    return f"unexpected error ({type(error).__name__}: {message}). Run again with --debug to see where."


def log_to_stderr(debug: bool) -> None:
    """Show what the library tells of a run, one line each; with ``debug`` everything.

    Of several processes only the first one speaks.
    """
    handler = _AboveTheBar()
    logger = logging.getLogger(PACKAGE)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if debug else logging.ERROR if launched_rank() else logging.INFO)
