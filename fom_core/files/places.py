"""Places of files: no result may take the place of what it is made from, nor of another result."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

from ..errors import UsageError

Place = tuple[object, ...]
NUMBER = re.compile(r"%0?(\d*)d")  # in the name of numbered pictures
NUMBERED = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"})


def with_number(name: str, number: int) -> str:
    """The name of one of the numbered pictures that a name such as ``frame_%06d.png`` means."""
    return NUMBER.sub(lambda found: f"{number:0{int(found[1] or 0)}d}", name, count=1)


@dataclass(frozen=True)
class Work:
    """What one job reads and writes. ``name`` stands before messages; an only job needs none.

    Files that numbered pictures replace are meant by their pattern, ``out/frame_%06d.png``. ``folders`` hold results,
    which outputs may name one by one besides.
    """

    inputs: Sequence[str | os.PathLike[str]]
    outputs: Sequence[str | os.PathLike[str]]
    name: str = ""
    folders: Sequence[str | os.PathLike[str]] = ()


def keep_apart(works: Iterable[Work]) -> None:
    """Raise UsageError where an output would take the place of an input or of another output, in all works together.

    Nor may an output lie below another one, which is a file. It does not matter how a place is called: by a link, by
    ``..``, in capitals on a file system that does not tell them apart. Inputs need not exist yet.
    """
    works = list(works)
    written = _Written()
    for work in works:
        for output in work.outputs:
            written.add(Path(output), work)
        for folder in work.folders:
            written.add_folder(Path(folder), work)
    for work in works:
        for source in work.inputs:
            written.check(Path(source), work)


class _Written:
    """The places of all outputs, found again in one step each."""

    def __init__(self) -> None:
        self._files: dict[Place, tuple[Path, Work]] = {}
        self._numbered: dict[Place, list[tuple[re.Pattern[str], Path, Work]]] = {}
        self._folders: dict[Place, tuple[Path, Work]] = {}  # to be made, and an output in each

    def add(self, path: Path, work: Work) -> None:
        """Note an output. Raises UsageError if its place is taken."""
        place = place_of(path)
        for taken, owner in self._at(path, place):
            raise UsageError(
                f"{_before(work)}the output {path} would take the place of {_result_of(owner, work)} ({taken}). "
                "Choose another name for one of them."
            )
        if place in self._folders:
            below, owner = self._folders[place]
            raise UsageError(
                f"{_before(work)}the output {path} would be a file, and {_result_of(owner, work)} would lie in it "
                f"({below}). Choose another name for one of them."
            )
        for folder in _folders_to_make(Path(os.path.realpath(path))):
            self._take_as_folder(folder, path, work)
        self._files[place] = path, work
        if path.suffix.lower() in NUMBERED and (found := NUMBER.search(path.name)):
            name = re.escape(path.name[: found.start()]) + r"\d+" + re.escape(path.name[found.end() :])
            self._numbered.setdefault(place_of(path.parent), []).append((re.compile(name), path, work))

    def add_folder(self, path: Path, work: Work) -> None:
        """Note a folder of outputs. Raises UsageError if it or what is above it would be a file."""
        real = Path(os.path.realpath(path))
        for folder in (real, *_folders_to_make(real)):
            self._take_as_folder(folder, path, work)

    def _take_as_folder(self, folder: Path, path: Path, work: Work) -> None:
        for taken, owner in self._at(folder, place_of(folder)):
            raise UsageError(
                f"{_before(work)}the output {path} would lie in {_result_of(owner, work)} ({taken}), which is a file. "
                "Choose another name for one of them."
            )
        self._folders.setdefault(place_of(folder), (path, work))

    def check(self, path: Path, work: Work) -> None:
        """Raise UsageError if an input would be replaced."""
        place = place_of(path)
        folders = [self._folders[place]] if place in self._folders else []
        numbered = (found[1:] for found in self._numbered.get(place, ()))
        for output, owner in (*self._at(path, place), *numbered, *folders):
            of_whom = f" of {work.name}" if owner is not work and work.name else ""
            raise UsageError(
                f"{_before(owner)}the output {output} would replace the input {path}{of_whom}. "
                "Choose another name for the output."
            )

    def _at(self, path: Path, place: Place) -> Iterator[tuple[Path, Work]]:
        """The outputs that write to a place."""
        if place in self._files:
            yield self._files[place]
        real = Path(os.path.realpath(path))
        for pattern, output, work in self._numbered.get(place_of(real.parent), ()):
            if pattern.fullmatch(real.name):
                yield output, work


def _folders_to_make(path: Path) -> list[Path]:
    """What stands above ``path`` and is no folder yet, deepest first: all of it has to become one."""
    return list(takewhile(lambda folder: not folder.is_dir(), path.parents))


def inside(path: Path, folder: Path) -> bool:
    """Whether a path, which need not exist, lies in a folder or below it."""
    return folder.is_dir() and place_of(folder) in map(place_of, Path(os.path.realpath(path)).parents)


def place_of(path: str | os.PathLike[str]) -> Place:
    """What two names of one file have in common: where its nearest existing folder lies on the disk, and the rest."""
    real = Path(os.path.realpath(path))
    rest: list[str] = []
    for here in (real, *real.parents):
        try:
            about = here.stat()
        except (OSError, ValueError):
            rest.insert(0, here.name)
            continue
        if rest and not _tells_capitals(here):
            rest = [unicodedata.normalize("NFC", name).casefold() for name in rest]
        return about.st_dev, about.st_ino, *rest
    return (str(real),)


def _tells_capitals(folder: Path) -> bool:
    """Whether ``a`` and ``A`` are two files there: asked by names that are there, nothing is written."""
    with suppress(OSError):
        for here in (*islice(folder.iterdir(), 20), folder, *folder.parents):
            other = here.with_name(here.name.swapcase()) if here.name else here
            if other.name != here.name:  # there are letters in it
                return not (other.exists() and other.samefile(here))
    return sys.platform not in ("win32", "darwin")


def _result_of(owner: Work, work: Work) -> str:
    return f"the results of {owner.name}" if owner is not work and owner.name else "another result"


def _before(work: Work) -> str:
    return f"{work.name}: " if work.name else ""
