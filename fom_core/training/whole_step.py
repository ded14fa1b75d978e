"""A training step that is broken off is taken back, or done to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

from .. import signals


class WholeStep:
    """Keeps what a step changes before it changes weights, so that it can be undone; then holds signals back.

    statistics: the tensors that a forward pass alone changes.
    random:     what the step draws from.
    """

    def __init__(self, statistics: Callable[[], Sequence[Tensor]], random: torch.Generator) -> None:
        self._statistics, self._random = statistics, random
        self._before: tuple[list[Tensor], Tensor] | None = None  # of the step under way
        self._changing = False
        self._to_the_end = ExitStack()

    @contextmanager
    def made(self) -> Iterator[None]:
        """One step. Left by an error, it stays under way: see :meth:`undo`."""
        self._before = [value.clone() for value in self._statistics()], self._random.get_state()
        with ExitStack() as self._to_the_end:
            yield
            self.forget()

    def change(self) -> None:
        """From here on weights change: a program's signals wait for the end of the step."""
        if not self._changing:
            self._to_the_end.enter_context(signals.delayed())
            self._changing = True

    def undo(self) -> bool:
        """Take back a step that was broken off, if one was. False if it had begun to change weights."""
        if self._changing:
            return False
        if self._before is not None:
            for value, kept in zip(self._statistics(), self._before[0], strict=True):
                value.copy_(kept)
            self._random.set_state(self._before[1])
            self.forget()
        return True

    def forget(self) -> None:
        """No step is under way."""
        self._before, self._changing = None, False
