"""Going on with less when a device's memory does not suffice."""

from __future__ import annotations

import ctypes
import functools
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from .errors import UsageError

log = logging.getLogger(__name__)
T = TypeVar("T")


def in_chunks(work: Callable[[slice], T], length: int, size: int) -> Iterator[T]:
    """``work`` on consecutive slices of ``length`` things, at most ``size`` at a time.

    Where memory runs out, the same slice is tried again with half as many, and it stays at that. A single thing that
    does not fit raises the device's error.
    """
    if size < 1:
        raise UsageError(f"At least one frame must be worked on at a time; got {size}.")
    start = 0
    while start < length:
        size = min(size, length - start)
        try:
            result = work(slice(start, start + size))
        except RuntimeError as error:
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


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device (or the processor) had no room; the errors of some of them are told by their text alone."""
    said = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)
    )


def empty_caches() -> None:
    """Give back what torch keeps for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def trim_heap() -> None:
    """Give back what the C library keeps for later between blocks in use; only glibc does so."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
