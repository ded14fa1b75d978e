"""Networks on a processor, by threads that each compute a piece of the work alone.

Where all threads share each step of a network (OpenMP), they wait for one another by spinning, hundreds of times a
frame, and beside another busy process each of these waits lasts until the late thread gets its turn. Frames do not
depend on one another: here each thread computes its own, and waits for nobody.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

import torch

from ..backends import Backend
from ..backends.pytorch import PyTorchModel
from ..networks.model import MotionModel
from ..resources import threads

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """As many threads as ``size`` says; where that is one, it is the caller's own."""

    def __init__(self, size: int = 1, pool: ThreadPoolExecutor | None = None) -> None:
        self.size, self._pool = size, pool

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """``work`` on each item, in inference mode. When one fails, its error is raised once all have ended."""
        work = torch.inference_mode()(work)
        if self._pool is None:
            return [work(item) for item in items]
        running = [self._pool.submit(work, item) for item in items]
        wait(running)
        return [each.result() for each in running]

    def pieces(self, part: slice, among: int = 1) -> list[slice]:
        """A part in as many pieces as give every thread one, where there are ``among`` such parts to do."""
        length = part.stop - part.start
        count = max(1, min(length, -(-self.size // among)))
        bounds = [part.start + length * index // count for index in range(count + 1)]
        return [slice(*pair) for pair in itertools.pairwise(bounds)]


ALONE = Workers()


@contextmanager
def workers_for(model: Backend, most: int) -> Iterator[Workers]:
    """The workers that suit a model: the caller alone where something else than PyTorch on a processor computes.

    most: pieces that there are at a time. The processors of threads that this leaves out go to the others.
    """
    processors = threads.most()
    size = min(processors, most) if isinstance(model, (MotionModel, PyTorchModel)) and model.device.type == "cpu" else 1
    if size <= 1:
        yield ALONE
        return
    with ThreadPoolExecutor(size, "fom-worker") as pool:
        yield Workers(size, pool) if _give_each(pool, size, processors // size) else ALONE


def _give_each(pool: ThreadPoolExecutor, size: int, share: int) -> bool:
    """Give each of a pool's threads ``share`` OpenMP threads; all others keep theirs. False where not all can start.

    PyTorch notes the last number that was set for threads that are yet to come, so the caller's is set again.
    """
    together = Barrier(size)  # or one thread could take two turns

    def take(_: int) -> None:
        torch.get_num_threads()  # a thread's own number begins with this call
        torch.set_num_threads(share)
        together.wait()

    before = torch.get_num_threads()
    taking: list[Future[None]] = []
    try:
        for index in range(size):
            taking.append(pool.submit(take, index))  # noqa: PERF401 - those that began count, if one cannot
        wait(taking)
    except RuntimeError:  # no further thread is allowed here
        return False
    finally:
        if len(taking) < size:
            together.abort()  # those that have begun wait for no one who does not come
            wait(taking)
        torch.set_num_threads(before)
    return True
