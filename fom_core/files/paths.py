"""Paths at the border: what must exist before reading, and results that appear complete or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ..errors import MediaError, WriteError
from .reserved import release, reserve_file

_PACKAGE = Path(__file__).resolve().parents[1]
ASSETS = _PACKAGE / "assets"
CONFIGS = _PACKAGE / "configs"


def named_yaml(folder: Path, name: str | Path) -> Path:
    """A YAML file, or the one of that name that comes along in ``folder``; a file of that name goes first."""
    named = folder / f"{name}.yaml"
    return named if named.is_file() and not Path(name).exists() else Path(name)


def require_file(path: str | os.PathLike[str], what: str, *, folder: bool = False) -> Path:
    """The path, once it is known to be a file that holds something, or with ``folder`` perhaps a folder.

    Raises MediaError otherwise: pipes and devices may keep a reader waiting for ever, or never end.
    """
    named = os.fspath(path)
    path = Path(path)
    refusal = name_refusal(path, folder=folder and named != "")
    if refusal:
        raise MediaError(f"{what} {printable(path)} cannot be read: {refusal}. Check the path.")
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise MediaError(
            f"{what} {path} does not exist. Check the path; relative ones start at {Path.cwd()}."
        ) from None
    except OSError as error:
        raise MediaError(f"{what} {path} cannot be read: {error.strerror}. Check the path.") from error
    if stat.S_ISDIR(mode) and not folder:
        raise MediaError(f"{what} {path} is a folder. Give one file of it.")
    if _kind(mode):
        raise MediaError(f"{what} {path} is {_kind(mode)}, not a file. Save what comes from it as a file first.")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{what} {path} cannot be read: permission denied. Change its permissions or copy it.")
    if stat.S_ISREG(mode) and path.stat().st_size == 0:
        raise MediaError(f"{what} {path} is empty (0 bytes). Copy or download it again.")
    return path


def no_file(path: Path) -> str | None:
    """What a path leads to that must not be opened: a pipe, a socket or a device. None for all else."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    return _kind(mode)


def _kind(mode: int) -> str | None:
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def name_refusal(path: Path, *, folder: bool = False) -> str | None:
    """Why no file (or folder) can have this path, whatever the disk holds; None where it can."""
    if path == Path() and not folder:
        return "its name is empty, or the current folder's"
    if "\0" in str(path):
        return "its name holds a NUL character"
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return "its name holds half a character"
    return None


def printable(path: Path) -> str:
    """A path as a line of text, whatever its name holds."""
    return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in str(path))


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def reserve_temporary(path: Path) -> Path:
    """Create an empty file beside ``path`` to be renamed to it later, so that an unwritable place shows at once.

    The suffix is kept because encoders choose the container by it. Missing folders are made; what killed runs left
    there is removed. :func:`.reserved.release` takes it all back. Raises WriteError.
    """
    require_name(path)
    try:
        return reserve_file(path)
    except OSError as error:
        raise unwritable(path, error) from error


def require_name(path: Path, *, folder: bool = False) -> None:
    """Raise WriteError if no file (with ``folder``, nothing) can have this name: it would show late otherwise.

    So it is below what is there already and is no folder.
    """
    refusal = name_refusal(path, folder=folder)
    if refusal:
        raise WriteError(f"Cannot write {printable(path)}: {refusal}. Give the result another name.")
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        above = next((place for place in path.parents if os.path.lexists(place)), path.parent)
        if not above.is_dir() and os.path.lexists(above):
            kind = "a link that leads nowhere" if not above.exists() else _kind(above.stat().st_mode) or "a file"
            raise WriteError(
                f"Cannot write {path}: {above} is {kind}, not a folder. Choose another place, or move that away."
            ) from None
        return
    except OSError as error:  # such as a name that is too long
        raise unwritable(path, error) from error
    if folder:
        return
    if stat.S_ISDIR(mode):
        raise WriteError(f"Cannot write {path}: it is a folder. Give the name of a file.")
    if _kind(mode):
        raise WriteError(f"Cannot write {path}: it is {_kind(mode)}, not a file. Give the name of a file.")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file that takes ``path``'s name at the end, or vanishes on an error. Raises WriteError."""
    temporary = reserve_temporary(path)
    mode = temporary.stat().st_mode
    try:
        yield temporary
        temporary.chmod(mode)  # safetensors leaves files that only their owner can read
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        release(temporary)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file. Raises WriteError."""
    with replacing(path) as temporary:
        try:
            save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        except SafetensorError as error:  # such as a full disk
            raise unwritable(path, error) from error
        _order_header(temporary)


def _order_header(path: Path) -> None:
    """Sort a safetensors file's metadata, whose order changes from one call of the library to the next."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        if "__metadata__" in header:
            header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) <= length:
            file.seek(8)
            file.write(text.ljust(length))


def unwritable(path: Path, error: Exception) -> WriteError:
    """The error for a place that refuses a file."""
    reason = getattr(error, "strerror", None) or str(error)
    advice = "Choose another place, or free this one."
    if getattr(error, "errno", None) == errno.ENAMETOOLONG:
        advice = "Give it a shorter one."
    return WriteError(f"Cannot write {path}: {reason}. {advice}")
