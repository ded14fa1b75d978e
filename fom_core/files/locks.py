"""One process at a time for a file, also of several machines where their shared folder knows locks.

The system ends a lock with its process. Where a folder knows no locks, or a holder stands still, others go on without:
whoever writes has a temporary name of its own, and the lock only spares doing the same work twice.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

SUFFIX = ".fom-lock"
POLL_S = 0.2


@contextmanager
def alone(
    path: Path,
    *,
    patience_s: float,
    waiting: Callable[[], object] = lambda: None,
    signs: Callable[[], object] = lambda: None,
) -> Iterator[None]:
    """Hold the lock of ``path``, waiting for who has it as long as ``signs`` change within ``patience_s``.

    waiting: called again and again while this process waits; may raise to give up.
    """
    lock = FileLock(path.with_name(f".{path.name}{SUFFIX}"))
    held = _acquired(lock, patience_s, waiting, signs)
    try:
        yield
    finally:
        if held:
            _release(lock)


def remove_free_lock(path: Path) -> None:
    """Remove a lock file that nobody holds, such as a killed process left."""
    lock = FileLock(path)
    if _tried(lock):
        _release(lock)


def _acquired(lock: FileLock, patience_s: float, waiting: Callable[[], object], signs: Callable[[], object]) -> bool:
    seen, since = signs(), time.monotonic()
    while (free := _tried(lock)) is False:
        time.sleep(POLL_S)
        waiting()
        now = signs()
        if now != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > patience_s:
            log.warning("The process that holds %s stands still; going on without it.", lock.lock_file)
            return False
    return free is True


def _tried(lock: FileLock) -> bool | None:
    """Whether the lock is ours now; None where there are no locks."""
    try:
        lock.acquire(timeout=0)
        return True
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:
        log.debug("No lock at %s: %s", lock.lock_file, error)
        return None


def _release(lock: FileLock) -> None:
    """The file goes first: who waits for it sees that it has lost its name, and makes a new one."""
    if os.name != "nt":  # there the library removes it
        with suppress(OSError):
            Path(lock.lock_file).unlink()
    with suppress(OSError):
        lock.release()
