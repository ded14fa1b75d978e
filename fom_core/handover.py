"""Several files that get their names together: a process that dies midway is finished by the next one.

The files lie in a folder ``work``. They move from there one by one, after ``work`` took a name that says that it is
whole; see :mod:`.leftovers`. An empty file stands for one that has to go.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def hand_over(work: Path, folder: Path, ready_name: str, outdated: Iterable[str] = ()) -> None:
    """Make the files of ``work`` those of ``folder``, where other files may lie; ``outdated`` ones leave it.

    A new folder appears as a whole. ``ready_name`` is a name of the kind READY of :func:`.temporary_name`. Raises
    OSError.
    """
    if not folder.exists():
        work.rename(folder)
        return
    for name in outdated:
        (work / name).touch()
    complete(work.rename(folder / ready_name))


def complete(ready: Path) -> None:
    """Move everything to the folder around ``ready``, tables of contents (JSON) last. Raises OSError."""
    files = sorted(ready.iterdir(), key=lambda path: path.suffix == ".json")
    for path in files:
        place = ready.parent / path.name
        if path.stat().st_size:
            path.replace(place)
        else:
            place.unlink(missing_ok=True)
            path.unlink()
    ready.rmdir()
