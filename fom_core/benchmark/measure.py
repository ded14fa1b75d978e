"""Clocks, memory and the name of the machine."""

from __future__ import annotations

import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ..resources.processor import cores, processor_name

MATMUL_SIZE = {"cpu": 2048, "cuda": 8192}
GRAIN_S = 0.02  # shorter work is repeated up to this before the clock is read


def seconds(work: Callable[[], object], device: torch.device, *, budget_s: float = 1.0, at_least: int = 3) -> float:
    """Median time of ``work``, after some runs that do not count. A GPU's queue is filled as in a real run."""
    for _ in range(4 if device.type == "cuda" else 1):  # where launches are recorded when they repeat
        work()
    started = clock(device)
    work()
    once = max(clock(device) - started, 1e-6)
    repeats = max(1, int(GRAIN_S / once))
    times: list[float] = []
    end = time.perf_counter() + budget_s
    while len(times) < at_least or (time.perf_counter() < end and len(times) < 200):
        started = clock(device)
        for _ in range(repeats):
            work()
        times.append((clock(device) - started) / repeats)
    return median(times)


def clock(device: torch.device) -> float:
    """Seconds on a clock that is read when the device has done all it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def matmul_flops(device: torch.device, dtype: torch.dtype, budget_s: float = 1.0) -> float:
    """Floating-point operations a second of a large matrix product: what this device can do at best."""
    size = MATMUL_SIZE.get(device.type, 4096)
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(size, size, generator=generator).to(device, dtype) for _ in range(2))
    with torch.inference_mode():
        return 2 * size**3 / seconds(lambda: left @ right, device, budget_s=budget_s)


def forget_peak(device: torch.device) -> None:
    """Begin to look for the peak of a GPU's memory; the processor's is that of the whole process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_mib(device: torch.device) -> float | None:
    """Most memory held so far in MiB: of the GPU, or of the process; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count the process that started this one, too
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(found[1]) / 2**10 if found else None
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def processor_s() -> float:
    """Processor seconds so far, of this process and of the programs it started that have ended."""
    own = time.process_time()
    if sys.platform == "win32":
        return own
    import resource  # noqa: PLC0415 - not on Windows

    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + others.ru_utime + others.ru_stime


def machine(device: torch.device) -> dict[str, Any]:
    """What measured: processor, cores, device, versions."""
    found: dict[str, Any] = {
        "processor": processor_name(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
    elif device.type != "cpu":
        found["gpu"] = device.type
    return found
