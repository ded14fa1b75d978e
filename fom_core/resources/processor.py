"""Which processor this is, and how much of it is ours."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cores() -> int:
    """How many of them this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_name() -> str:
    """Its name, with what it has of wide vectors."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
        wide = [name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if name in flags]
        if names:
            return f"{names[0]} ({', '.join(wide)})" if wide else names[0]
    return platform.processor() or platform.machine()
