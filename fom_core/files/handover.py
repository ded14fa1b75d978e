"""Several files that get their names together: a process that dies midway is finished by the next one.

The files lie in a folder ``work``. They move from there one by one, after ``work`` took a name that says that it is
whole; see :mod:`.leftovers`. An empty file stands for one that has to go.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .. import signals
from .leftovers import complete, is_abandoned, results_in


def hand_over(
    work: Path, folder: Path, ready_name: str, is_outdated: Callable[[str], bool] = lambda name: False
) -> None:
    """Make the files of ``work`` those of ``folder``, where other files may lie; outdated ones leave it.

    A new folder appears as a whole. What is still on its way to the folder, such as of a run that was killed, loses
    the files that these replace. ``ready_name`` is a name of the kind READY of :func:`.temporary_name`. A program's
    signals wait until all are there. Raises OSError.
    """
    with signals.delayed():
        _hand_over(work, folder, ready_name, is_outdated)


def _hand_over(work: Path, folder: Path, ready_name: str, is_outdated: Callable[[str], bool]) -> None:
    if not folder.exists():
        work.rename(folder)
        return
    earlier = results_in(folder)
    for name in {path.name for place in (folder, *earlier) for path in place.iterdir()} - _names(work):
        if is_outdated(name):
            (work / name).touch()
    os.utime(work)
    ready = work.rename(folder / ready_name)
    for left in earlier:
        _supersede(left, _names(ready))
    complete(ready)


def _supersede(left: Path, names: set[str]) -> None:
    """Take the files of these names from an earlier result, so that it never replaces what is newer."""
    for name in names & _names(left):
        (left / name).unlink(missing_ok=True)
    if is_abandoned(left) and not _names(left):
        left.rmdir()


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()
