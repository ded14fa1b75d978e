"""A file that is arriving: its bytes under a name of this process, and what later runs need to go on.

While it arrives, nobody else writes to it. When the run ends early it becomes ``NAME.part``, and ``NAME.part.etag``
says where it came from; the part of a killed run keeps that run's name. Both are taken over by the next download.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..files.leftovers import PART, is_abandoned, keep_alive, ours_in, temporary_name


@dataclass(frozen=True)
class Version:
    """An address, the server's name (strong ETag) for what it had there, and its length where that was told."""

    url: str
    etag: str
    length: int | None = None

    def goes_with(self, etag: str | None, length: int | None) -> bool:
        """Whether a later answer of the address speaks of the same file, as far as it says."""
        return etag in (None, self.etag) and (length is None or self.length in (None, length))


class PartialFile:
    """What arrived of ``target`` so far. ``in_one`` is False once it was joined from several answers."""

    def __init__(self, target: Path) -> None:
        """Take over the longest part that nobody works on; others are removed."""
        self.target = target
        self.path = target.with_name(_new_name(target))
        self.in_one = True
        for left in sorted(_left_parts(target), key=_size, reverse=True):
            if self.size or not _moved(left, self.path):
                left.unlink(missing_ok=True)
                _note(left).unlink(missing_ok=True)
            else:
                _moved(_note(left), _note(self.path))
                self.in_one = False
        keep_alive(self.path)

    @property
    def size(self) -> int:
        """Bytes that arrived."""
        return _size(self.path)

    @property
    def version(self) -> Version | None:
        """Whose beginning this is, where the server told."""
        try:
            return Version(**json.loads(_note(self.path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, url: str, etag: str | None, length: int | None) -> None:
        """Start anew with the file of an address."""
        self.discard()
        self.path.touch()
        self.in_one = True
        keep_alive(self.path)
        if etag and not etag.startswith("W/"):  # a weak one does not promise the same bytes
            _note(self.path).write_text(json.dumps(asdict(Version(url, etag, length))), encoding="utf-8")

    def discard(self) -> None:
        """Forget what arrived."""
        self.path.unlink(missing_ok=True)
        _note(self.path).unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the file its name. Raises OSError."""
        self.path.replace(self.target)
        _note(self.path).unlink(missing_ok=True)

    def keep(self) -> bool:
        """Leave what arrived for a later run; whether there is anything."""
        if not self.size:
            self.discard()
            return False
        name = self.target.with_name(f"{self.target.name}.part")
        name.unlink(missing_ok=True)  # first, so that it never lies beside another part's note
        _note(name).unlink(missing_ok=True)
        _moved(_note(self.path), _note(name))
        self.path.replace(name)
        return True


def sizes(target: Path) -> list[tuple[str, int]]:
    """The parts of a file that exist, with their sizes: they change while somebody downloads it."""
    return sorted((path.name, _size(path)) for path in [*_parts_of_processes(target), target])


def _left_parts(target: Path) -> list[Path]:
    ended = [path for path in _parts_of_processes(target) if is_abandoned(path)]
    for note in (path for path in ours_in(target.parent) if path.suffix == ".etag" and is_abandoned(path)):
        if not note.with_suffix("").exists():  # its part was taken over by a run that was killed right then
            note.unlink(missing_ok=True)
    parts = (target.with_name(f"{target.name}.part"), *ended)
    return [path for path in parts if path.exists() and not path.is_symlink()]  # writing to a link would follow it


def _parts_of_processes(target: Path) -> list[Path]:
    start, _ = _new_name(target).split(".fom-", 1)
    return [path for path in ours_in(target.parent) if path.name.startswith(f"{start}.fom-") and path.suffix == ".part"]


def _new_name(target: Path) -> str:
    """A temporary name that begins with a hash of the whole name, which may be too long for it."""
    digest = hashlib.sha256(target.name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return temporary_name(f"{digest}-{target.name}", kind=PART)


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _moved(path: Path, to: Path) -> bool:
    """Rename what may have been taken by somebody else meanwhile."""
    try:
        path.replace(to)
    except FileNotFoundError:
        return False
    return True
