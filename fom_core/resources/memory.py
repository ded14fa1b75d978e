"""Going on with less when a device's memory does not suffice, and giving memory back."""

from __future__ import annotations

import ctypes
import functools
import logging
import mmap
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from ..errors import UsageError
from .faults import is_out_of_memory

__all__ = ["apart_from_heap", "copied_apart", "empty_caches", "in_chunks", "is_out_of_memory", "trim_heap"]
log = logging.getLogger(__name__)
T = TypeVar("T")
LARGE, LARGEST = 2**20, 2**25  # bytes: from which memory is apart, and glibc's own ceiling for that
ARENAS = 2
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt


def in_chunks(work: Callable[[slice], T], length: int, size: int) -> Generator[T, None, None]:
    """``work`` on consecutive slices of ``length`` things, at most ``size`` at a time.

    Where memory runs out, the same slice is tried again with half as many, and it stays at that. A single thing that
    does not fit raises the device's error. Raises UsageError for a ``size`` below 1.
    """
    if size < 1:
        raise UsageError(f"At least one frame must be worked on at a time; got {size}.")
    start = 0
    while start < length:
        size = min(size, length - start)
        try:
            result = work(slice(start, start + size))
        except Exception as error:
            if size == 1 or not is_out_of_memory(error):
                raise
        else:
            yield result
            start += size
            continue
        # Out here, for inside the handler the error still holds the tensors of the attempt.
        size //= 2
        log.info("Memory is short: going on with %d at a time.", size)
        empty_caches()


def empty_caches() -> None:
    """Give back what torch keeps for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def trim_heap() -> None:
    """Give back what the C library keeps for later between blocks in use; only glibc does so."""
    trim = _libc_call("malloc_trim")
    if trim is not None:
        trim(0)


def share_heaps() -> None:
    """Threads allocate from two heaps together instead of keeping one each, and its holes. For programs; glibc only.

    Whoever set ``MALLOC_ARENA_MAX`` has decided.
    """
    mallopt = _libc_call("mallopt")
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(_ARENA_MAX, ARENAS)


@contextmanager
def apart_from_heap() -> Iterator[None]:
    """What is allocated inside, if large, lies apart from the C library's heap: weights that stay leave no holes in it.

    Unless the heap has a hole that it fits into, which it fills then.
    glibc only. Its threshold ends at the highest value that it reaches by itself.
    """
    mallopt = _libc_call("mallopt")
    if mallopt is None:
        yield
        return
    mallopt(_MMAP_THRESHOLD, LARGE)
    try:
        yield
    finally:
        mallopt(_MMAP_THRESHOLD, LARGEST)
        mallopt(_TRIM_THRESHOLD, 2 * LARGEST)


def copied_apart(tensor: Tensor) -> Tensor:
    """A copy on the processor; if large, in no heap on Linux: its memory goes back when it goes, and leaves no hole."""
    if tensor.nbytes < LARGE or sys.platform != "linux":
        return tensor.clone()
    pages = mmap.mmap(-1, tensor.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(pages, dtype=tensor.dtype).view(tensor.shape).copy_(tensor)


@functools.cache
def _libc_call(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
