"""Temporary files and folders on their way to a result: reserved first, released at last, whatever came of them.

They bear names of :mod:`.leftovers`, so that the next run finds what a killed one left. Where a signal comes between
two lines, nobody releases them: a program ends with :func:`clear_away`, which does.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .. import signals
from .leftovers import keep_alive, made_by_this_process, temporary_name, tidy

_unreleased: dict[Path, Sequence[Path]] = {}  # and the folders made for each, deepest first
_writers: list[Callable[[], None]] = []


def reserve_file(beside: Path) -> Path:
    """Create an empty temporary file for ``beside``, and the folders above it; gives its absolute path.

    What killed runs left in its folder goes. Raises OSError.
    """
    beside = beside.absolute()  # whoever changes the current folder meanwhile
    temporary = beside.with_name(temporary_name(beside.stem, beside.suffix))
    _reserve(temporary, lambda: temporary.touch(exist_ok=False))
    return temporary


def reserve_folder(place: Path, stem: str, mode: int = 0o777) -> Path:
    """Create a temporary folder in ``place``, as :func:`reserve_file` does a file. Raises OSError."""
    folder = place.absolute() / temporary_name(stem)
    _reserve(folder, lambda: folder.mkdir(mode))
    return folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of one's own among the system's temporary files; it vanishes at the end."""
    folder = reserve_folder(Path(tempfile.gettempdir()), "work", 0o700)
    try:
        yield folder
    finally:
        release(folder)


def release(temporary: Path) -> None:
    """Forget what was reserved: it is a result now, or is removed, with folders made for it that hold nothing else."""
    with suppress(OSError):
        if temporary.is_dir() and not temporary.is_symlink():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
    for folder in _unreleased.get(temporary, ()):
        with suppress(OSError):
            folder.rmdir()
    _unreleased.pop(temporary, None)


def end_first(end: Callable[[], None]) -> None:
    """Have :func:`clear_away` call something before it removes files, such as what ends their writers."""
    _writers.append(end)


def clear_away() -> None:
    """At the end of a program: end who still writes, and release what nobody released.

    Not for libraries: their users may still complete a result when the process ends.
    """
    with signals.delayed():
        for end in _writers:
            end()
        for path in list(_unreleased):
            if made_by_this_process(path):
                release(path)


def _reserve(path: Path, create: Callable[[], None]) -> None:
    made = {folder for folders in list(_unreleased.values()) for folder in folders}  # whoever is last removes them
    made.update(folder for folder in path.parents if not folder.exists())
    _unreleased[path] = [folder for folder in path.parents if folder in made]  # first: a signal may come any time
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            create()
        except FileNotFoundError:  # another process, whose result did not come, has just removed the folder
            path.parent.mkdir(parents=True, exist_ok=True)
            create()
    except OSError:
        release(path)
        raise
    keep_alive(path)
    tidy(path.parent)
