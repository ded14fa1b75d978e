"""Making frames of what the network gave with fewer at a time where memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from ..resources.memory import empty_caches, in_chunks, is_out_of_memory
from ..types import Generated

T = TypeVar("T")


class Sparing(Generic[T]):
    """What begins on chunks of frames; where they do not fit it goes on with fewer at a time, and stays at that.

    begin: starts on a chunk, which has what each face became; the call that comes back gives its frames. In which
           chunks frames come must make no difference to it.
    join:  makes one result of those of consecutive frames.
    """

    def __init__(
        self, begin: Callable[[Sequence[Generated]], Callable[[], T]], join: Callable[[Sequence[T]], T]
    ) -> None:
        self._begin, self._join = begin, join
        self._most: int | None = None  # frames that fit; None: any number, as far as is known

    def pieces(self, chunk: Sequence[Generated]) -> Iterator[Sequence[Generated]]:
        """The chunk in parts that fit, as far as is known: mostly one."""
        length = _length(chunk)
        most = self._most or length
        if most >= length:
            yield chunk
            return
        for start in range(0, length, most):
            yield _frames(chunk, slice(start, start + most))

    def begin(self, chunk: Sequence[Generated]) -> Callable[[], T]:
        """Start on a chunk; the call that comes back, from any thread, gives its frames."""
        finish: Callable[[], T] | None = None
        try:
            finish = self._begin(chunk)
        except Exception as error:
            self._check(error, chunk)
        return lambda: self._finished(chunk, finish)

    def _finished(self, chunk: Sequence[Generated], finish: Callable[[], T] | None) -> T:
        if finish is not None:
            try:
                return finish()
            except Exception as error:
                self._check(error, chunk)
        finish = None  # and what it holds
        empty_caches()
        length = _length(chunk)

        def work(part: slice) -> T:
            made = self._begin(_frames(chunk, part))()
            self._most = part.stop - part.start
            return made

        return self._join(list(in_chunks(work, length, max(length // 2, 1))))

    def _check(self, error: Exception, chunk: Sequence[Generated]) -> None:
        if _length(chunk) == 1 or not is_out_of_memory(error):
            raise error


def _length(chunk: Sequence[Generated]) -> int:
    return len(chunk[0].prediction) if chunk else 1


def _frames(chunk: Sequence[Generated], part: slice) -> list[Generated]:
    return [each[part] for each in chunk]
