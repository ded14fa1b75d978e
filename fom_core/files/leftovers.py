"""Temporary files and folders whose names tell who made them, so that what a killed run left is found and removed.

A name is ``.STEM.fom-HOST-PROCESS-BEGAN-RANDOM.KIND``, then the suffix of the result. Whose process is gone, on this
machine, its remains go at once; where nobody can be asked, such as another machine that shares the folder, a day after
their last change: a running process touches its own from time to time. Nothing of another name is ever removed, and
nothing of another user's: in a folder that all may write to, anybody can give a file such a name.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .locks import SUFFIX as LOCK
from .locks import remove_free_lock
from .owners import began_at, this_host

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
    return f".{short}.fom-{this_host()}-{pid:x}-{began_at(pid) or 0:x}-{secrets.token_hex(4)}.{kind}{suffix}"


def tidy(folder: Path) -> None:
    """:func:`sweep`, unless this process did so a moment ago."""
    now = time.monotonic()
    if now - _swept.get(folder, -LOOK_AGAIN_S) >= LOOK_AGAIN_S:
        _swept[folder] = now
        sweep(folder)


_swept: dict[Path, float] = {}


def sweep(folder: Path) -> None:
    """Remove what this user's runs that are gone left in a folder; partial downloads stay.

    Whole results find their place, but for those among the system's temporary files.
    """
    for lock in _locks_in(folder):
        remove_free_lock(lock)
    if not _is_for_all(folder):
        for path in results_in(folder):
            if is_abandoned(path):
                with suppress(OSError):  # gone meanwhile
                    complete(path, spare_newer=True)
                    log.info("Put %s in place, which a run that ended had just finished.", path.parent)
    for path in ours_in(folder):
        if _facts(path)["kind"] != TEMPORARY or not _is_mine(path) or not is_abandoned(path):
            continue
        with suppress(OSError):  # gone meanwhile
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
                log.info("Removed %s, left by a run that ended.", path)
            else:
                path.unlink()
                log.info("Removed %s, left by a run that ended.", path)


def results_in(folder: Path) -> list[Path]:
    """The whole results of this user that are on their way to a folder, oldest first."""
    found = [path for path in ours_in(folder) if _facts(path)["kind"] == READY and _is_mine(path, stat.S_ISDIR)]
    return sorted(found, key=_changed_ns)


def complete(ready: Path, *, spare_newer: bool = False) -> None:
    """Move everything to the folder around ``ready``, tables of contents (JSON) last. Raises OSError.

    spare_newer: leave files there that were written after ``ready`` was; what ``ready`` has instead is removed.
    """
    since = _changed_ns(ready)
    for path in sorted(ready.iterdir(), key=lambda path: path.suffix == ".json"):
        place = ready.parent / path.name
        with suppress(FileNotFoundError):  # another run took it away, for it brings a newer one
            if spare_newer and _changed_ns(place) > since:
                path.unlink()
            elif path.lstat().st_size:
                path.replace(place)
            else:
                place.unlink(missing_ok=True)
                path.unlink()
    ready.rmdir()


def ours_in(folder: Path) -> list[Path]:
    """Everything in a folder that bears a name of :func:`temporary_name`."""
    return [path for path in _marked_in(folder) if _OURS.fullmatch(path.name)]


def _locks_in(folder: Path) -> list[Path]:
    locks = (path for path in _marked_in(folder) if path.name.startswith(".") and path.suffix == LOCK)
    return [path for path in locks if _is_mine(path, stat.S_ISREG)]


def _marked_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if ".fom-" in entry.name]
    except OSError:
        return []


def _is_mine(path: Path, kind: Callable[[int], bool] = lambda mode: True) -> bool:
    """Whether what bears a name, not what it may link to, is of a kind and of this user, where users are told."""
    try:
        about = path.lstat()
    except OSError:
        return False
    return kind(about.st_mode) and (not hasattr(os, "geteuid") or about.st_uid == os.geteuid())


def _is_for_all(folder: Path) -> bool:
    try:
        return folder.samefile(tempfile.gettempdir())
    except OSError:
        return False


def _changed_ns(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0


def is_abandoned(path: Path) -> bool:
    """Whether the process that made ``path``, of a name of ours, is gone."""
    facts = _facts(path)
    if facts["host"] == this_host():
        began, then = began_at(int(facts["pid"], 16)), int(facts["began"], 16)
        if began is None:
            return True
        if began and then:
            return began != then  # another process got the number
    return _untouched_s(path) > ABANDONED_S


def made_by_this_process(path: Path) -> bool:
    """Whether a name of ours was made here, not before a fork."""
    return int(_facts(path)["pid"], 16) == os.getpid()


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
    except FileNotFoundError:
        return False
    except OSError:  # such as of a network folder that is away for a while
        pass
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
        return probe.lstat().st_mtime - path.lstat().st_mtime
    except OSError:
        return 0.0
    finally:
        with suppress(OSError):
            probe.unlink()
