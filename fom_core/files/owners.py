"""Which machine this is, and since when a process of it runs: what temporary names tell of who made them."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import uuid
from functools import cache
from pathlib import Path


@cache
def this_host() -> str:
    """Eight digits for this machine since it was started and, in a container, for the numbers of its processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        where = f"{boot.strip()} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:  # not Linux
        where = f"{uuid.getnode():x}"
    return hashlib.sha256(f"{socket.gethostname()} {where}".encode()).hexdigest()[:8]


def began_at(pid: int) -> int | None:
    """When a process of this machine began, in ticks; 0 where that is not told, None where there is none."""
    if sys.platform == "win32":
        return 0 if _runs_on_windows(pid) else None
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if state[0] in "ZX" else int(state[19])
    except (OSError, IndexError, ValueError):  # gone, hidden, or not Linux
        pass
    try:
        os.kill(pid, 0)  # only asks
    except ProcessLookupError:
        return None
    except OSError:  # somebody else's
        return 0
    return 0


def _runs_on_windows(pid: int) -> bool:
    """os.kill would end the process there, or interrupt it."""
    import ctypes  # noqa: PLC0415 - elsewhere not needed

    windows = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    windows.OpenProcess.restype = ctypes.c_void_p
    synchronize, access_denied, still_running = 0x100000, 5, 0x102
    handle = windows.OpenProcess(synchronize, False, pid)
    if not handle:
        return ctypes.get_last_error() == access_denied  # type: ignore[attr-defined]
    try:
        return windows.WaitForSingleObject(ctypes.c_void_p(handle), 0) == still_running
    finally:
        windows.CloseHandle(ctypes.c_void_p(handle))
