"""Steps of a line of work that go on at the same time, each in a thread of its own.

Nothing is held but the few things between two steps, whatever the length of the work; what fails in a thread is raised
in the caller's; and no thread outlives the call that started it. numpy, OpenCV, ffmpeg's pipes and torch let other
threads run while they work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_END = object()


class _Failed:
    """What an item becomes when it cannot be made."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetch(items: Iterable[T], depth: int = 1) -> Generator[T, None, None]:
    """The same items, while up to ``depth`` later ones are already being made in another thread.

    Where the caller stops early, the item being made is the last one, and ``items`` is closed if it is a generator.
    """
    # Simple queues also count the room: a signal that raises within a Semaphore loses what wakes the other thread.
    made: SimpleQueue[Any] = SimpleQueue()
    room: SimpleQueue[None] = SimpleQueue()
    for _ in range(depth):
        room.put(None)
    stopped = Event()

    def make() -> None:
        iterator: Iterator[T] | None = None
        try:
            iterator = iter(items)
            while True:
                room.get()
                if stopped.is_set():
                    break
                item = next(iterator, _END)
                made.put(item)
                if item is _END:
                    break
        except BaseException as error:  # the caller's thread raises it
            made.put(_Failed(error))
        finally:
            getattr(iterator, "close", lambda: None)()

    thread = Thread(target=make, name="fom-ahead", daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not _END:
            if isinstance(item, _Failed):
                raise item.error
            room.put(None)
            yield item
            item = None  # or it would be held while the next one is awaited
    finally:
        stopped.set()
        room.put(None)
        thread.join()


def map_in_background(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """``work`` on each item in another thread, while the caller's makes the next item: results come one late."""
    running: deque[Future[R]] = deque()
    with ThreadPoolExecutor(1, "fom-applied") as pool:
        for item in items:
            running.append(pool.submit(work, item))
            del item
            if len(running) > 1:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


@contextmanager
def run_in_background(work: Callable[[T], object]) -> Iterator[Callable[[T], None]]:
    """Gives a function that has ``work`` done in another thread, and waits only for the work before it.

    What was handed over is done when the block ends. After an error inside, no further work begins.
    """
    running: Future[object] | None = None

    def hand_over(item: T) -> None:
        nonlocal running
        if running is not None:
            running.result()
        running = pool.submit(work, item)

    with ThreadPoolExecutor(1, "fom-behind") as pool:
        yield hand_over
        if running is not None:
            running.result()
