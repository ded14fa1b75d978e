"""When memory or a graphics card gives out: telling it from other errors, and saying it in a sentence.

Libraries have many words for both, and some kinds of theirs are told by the text alone.
"""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ..errors import DeviceLost, FomError, OutOfMemory

_SHORT = (  # of torch, cuBLAS and cuDNN, OpenCV, ONNX Runtime, C++ and the system
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "alloc_failed",
    "insufficient memory",
    "failed to allocate memory",
    "bad_alloc",
    "bad allocation",
)
_LOST = ("cuda error", "hip error", "device_lost", "device lost", "status_execution_failed")
_HARMLESS = (  # of a device's errors, those after which it still works
    "kernel image",
    "invalid device ordinal",
    "invalid argument",
    "not supported",
    "not permitted",
    "when stream is capturing",
)
_ASKED = re.compile(r"(?:allocate|allocating|buffer of size|requested)\s*:?\s+([\d.]+) ?(bytes|[KMGT]i?B)?", re.I)
_FREE = re.compile(r"of which ([\d.]+ [KMGT]?i?B|\d+ bytes) is free", re.I)
_UNITS = "KMGT"
_MEMINFO = Path("/proc/meminfo")  # of Linux


class DeviceOutOfMemory(OutOfMemory, torch.cuda.OutOfMemoryError):
    """A graphics card whose memory ran out; for whoever asks for it, torch's own error too."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device (or the processor) had no room."""
    if isinstance(error, (MemoryError, OutOfMemory, torch.cuda.OutOfMemoryError)):
        return True
    if isinstance(error, FomError) or not isinstance(error, Exception):
        return False
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    said = str(error).lower()
    return any(words in said for words in _SHORT)


def is_device_lost(error: BaseException) -> bool:
    """Whether a device failed in such a way that this process can use it no more."""
    if isinstance(error, DeviceLost):
        return True
    if not isinstance(error, RuntimeError) or isinstance(error, FomError) or is_out_of_memory(error):
        return False
    said = str(error).lower()
    by_kind = isinstance(error, getattr(torch, "AcceleratorError", ()))  # of newer versions
    return (by_kind or any(words in said for words in _LOST)) and not any(words in said for words in _HARMLESS)


def pass_on(error: BaseException) -> None:
    """Raise an error again that says nothing about what was read: for handlers that take all errors for damage."""
    if is_out_of_memory(error) or is_device_lost(error):
        raise error


def told(error: BaseException) -> FomError | None:
    """The sentence for memory or a device that gave out; None for any other error."""
    if isinstance(error, FomError):
        return error
    if is_out_of_memory(error):
        on_host = _is_of_host(error)
        what = "The memory of this machine (RAM)" if on_host else "The graphics card's memory"
        other = "" if on_host else ", or let the processor compute (--cpu)"
        kind = OutOfMemory if on_host else DeviceOutOfMemory
        return kind(
            f"{what} ran out{_sizes(error, on_host)}. Use a smaller picture, fewer faces or a smaller image_size, "
            f"close other programs{other}."
        )
    if is_device_lost(error):
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return DeviceLost(
            f"The graphics card stopped working ({reason.rstrip('.')}), and this process can use it no more. Start the "
            "program again; if it comes back, update the card's driver, or let the processor compute (--cpu)."
        )
    return None


def without_frames(error: Exception) -> Exception:
    """The error without the frames that it and those before it came through, which hold what the failed work held."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__context__
    return error


@contextmanager
def telling() -> Iterator[None]:
    """Raise the sentence in place of a library's error, and let go of what the failed work held."""
    try:
        yield
    except Exception as error:
        sentence = told(error)
        if sentence is None or sentence is error:
            raise
        traceback.clear_frames(error.__traceback__)  # the host may keep the error, and with it gigabytes
        raise sentence from None


def asked_bytes(error: BaseException) -> float | None:
    """How much was to be had at once, where the error says it."""
    found = _ASKED.search(str(error))
    if found is None:
        return None
    unit = (found[2] or "bytes")[0].upper()
    return float(found[1]) * 1024 ** (_UNITS.index(unit) + 1 if unit in _UNITS else 0)


def memory_text(count: float) -> str:
    """Bytes for people: 1.5 GB."""
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"


def _is_of_host(error: BaseException) -> bool:
    of_torch = isinstance(error, RuntimeError)
    return not of_torch or "cpuallocator" in str(error).lower() or "bad_alloc" in str(error).lower()


def _sizes(error: BaseException, on_host: bool) -> str:
    asked, free = asked_bytes(error), _FREE.search(str(error))
    if asked is None:
        return ""
    left = f", {free[1]} were free" if free else ""
    if on_host and (available := _available()) is not None and available < asked:
        left = f", {memory_text(available)} are free"
    return f": {memory_text(asked)} more were wanted{left}"


def _available() -> int | None:
    """Bytes of RAM that can be had; None where the system does not tell."""
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", _MEMINFO.read_text())
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
