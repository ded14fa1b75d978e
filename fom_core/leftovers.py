"""Temporary files and folders whose names tell who made them, so that what a killed run left is found and removed.

A name is ``.STEM.fom-HOST-PROCESS-BEGAN-RANDOM.KIND``, then the suffix of the result. Whose process is gone, on this
machine, its remains go at once; where nobody can be asked, such as another machine that shares the folder, a day after
their last change: a running process touches its own from time to time. Nothing of another name is ever removed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from .handover import complete
from .locks import SUFFIX as LOCK
from .locks import remove_free_lock

log = logging.getLogger(__name__)

TEMPORARY, PART, READY = "tmp", "part", "ready"  # goes; a download to go on with, stays; a whole result on its way
ABANDONED_S = 24 * 3600
BEAT_S = 600
LOOK_AGAIN_S = 60
STEM_BYTES, SUFFIX_BYTES = 40, 32  # with the rest below the 143 bytes that encrypted home folders allow
_OURS = re.compile(
    r"\..*\.fom-(?P<host>[0-9a-f]{8})-(?P<pid>[0-9a-f]+)-(?P<began>[0-9a-f]+)-[0-9a-f]{8}"
    rf"\.(?P<kind>{TEMPORARY}|{PART}|{READY})(\.[^.]*)?",
    re.DOTALL,
)


def temporary_name(stem: str, suffix: str = "", kind: str = TEMPORARY) -> str:
    """A new name that carries this process; long stems are cut, a suffix that is no file type is left out."""
    short = stem.encode("utf-8", "ignore")[:STEM_BYTES].decode("utf-8", "ignore")
    suffix = suffix if len(suffix.encode("utf-8", "ignore")) <= SUFFIX_BYTES else ""
    pid = os.getpid()
    return f".{short}.fom-{_host()}-{pid:x}-{_began(pid) or 0:x}-{secrets.token_hex(4)}.{kind}{suffix}"


def reserve_file(beside: Path) -> Path:
    """Create an empty temporary file for ``beside``; what killed runs left in its folder goes. Raises OSError."""
    temporary = beside.with_name(temporary_name(beside.stem, beside.suffix))
    temporary.touch(exist_ok=False)
    keep_alive(temporary)
    tidy(temporary.parent)
    return temporary


def reserve_folder(place: Path, stem: str, mode: int = 0o777) -> Path:
    """Create a temporary folder in ``place``; what killed runs left there goes. Raises OSError."""
    folder = place / temporary_name(stem)
    folder.mkdir(mode)
    keep_alive(folder)
    tidy(place)
    return folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of one's own among the system's temporary files; it vanishes at the end."""
    folder = reserve_folder(Path(tempfile.gettempdir()), "work", 0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tidy(folder: Path) -> None:
    """:func:`sweep`, unless this process did so a moment ago."""
    now = time.monotonic()
    if now - _swept.get(folder, -LOOK_AGAIN_S) >= LOOK_AGAIN_S:
        _swept[folder] = now
        sweep(folder)


_swept: dict[Path, float] = {}


def sweep(folder: Path) -> None:
    """Remove what runs that are gone left in a folder; partial downloads stay, whole results find their place."""
    for lock in _locks_in(folder):
        remove_free_lock(lock)
    for path in ours_in(folder):
        kind = _facts(path)["kind"]
        if kind == PART or not is_abandoned(path):
            continue
        with suppress(OSError):  # somebody else's, or gone meanwhile
            if kind == READY:
                complete(path)
                log.info("Put %s in place, which a run that ended had just finished.", path.parent)
            elif path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
                log.info("Removed %s, left by a run that ended.", path)
            else:
                path.unlink()
                log.info("Removed %s, left by a run that ended.", path)


def ours_in(folder: Path) -> list[Path]:
    """Everything in a folder that bears a name of :func:`temporary_name`."""
    return [path for path in _marked_in(folder) if _OURS.fullmatch(path.name)]


def _locks_in(folder: Path) -> list[Path]:
    return [path for path in _marked_in(folder) if path.name.startswith(".") and path.suffix == LOCK]


def _marked_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if ".fom-" in entry.name]
    except OSError:
        return []


def is_abandoned(path: Path) -> bool:
    """Whether the process that made ``path``, of a name of ours, is gone."""
    facts = _facts(path)
    if facts["host"] == _host():
        began, then = _began(int(facts["pid"], 16)), int(facts["began"], 16)
        if began is None:
            return True
        if began and then:
            return began != then  # another process got the number
    return _untouched_s(path) > ABANDONED_S


def keep_alive(path: Path) -> None:
    """Touch a temporary file or folder now and then, until it is gone: other machines see that it is in use."""
    with _beats:
        _alive.add(path)
        if _beater.get("pid") != os.getpid():  # a forked process has none of its parent's threads
            _beater["pid"] = os.getpid()
            threading.Thread(target=_beat, name="fom-alive", daemon=True).start()


_beats = threading.Lock()
_alive: set[Path] = set()
_beater: dict[str, int] = {}


def _beat() -> None:
    while True:
        time.sleep(BEAT_S)
        with _beats:
            known = list(_alive)
        gone = {path for path in known if not _touched(path)}
        with _beats:
            _alive.difference_update(gone)


def _touched(path: Path) -> bool:
    try:
        os.utime(path)
    except OSError:
        return False
    return True


def _facts(path: Path) -> dict[str, str]:
    found = _OURS.fullmatch(path.name)
    assert found is not None
    return found.groupdict()


def _untouched_s(path: Path) -> float:
    """Seconds since the last change, by the clock of the disk: machines that share a folder may disagree."""
    probe = path.with_name(temporary_name("clock"))
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return 0.0
    finally:
        with suppress(OSError):
            probe.unlink()


@cache
def _host() -> str:
    """Eight digits for this machine since it was started and, in a container, for the numbers of its processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        where = f"{boot.strip()} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:  # not Linux
        where = f"{uuid.getnode():x}"
    return hashlib.sha256(f"{socket.gethostname()} {where}".encode()).hexdigest()[:8]


def _began(pid: int) -> int | None:
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
