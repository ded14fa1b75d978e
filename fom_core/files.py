"""Paths at the border: what must exist before reading, and results that appear complete or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from .errors import MediaError, UsageError, WriteError
from .leftovers import reserve_file

_PACKAGE = Path(__file__).resolve().parent
ASSETS = _PACKAGE / "assets"
CONFIGS = _PACKAGE / "configs"


def require_file(path: str | os.PathLike[str], what: str) -> Path:
    """The path, once it is known to exist and to hold something. Raises MediaError otherwise."""
    path = Path(path)
    if not path.exists():
        raise MediaError(f"{what} {path} does not exist. Check the path; relative ones start at {Path.cwd()}.")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{what} {path} cannot be read: permission denied. Change its permissions or copy it.")
    if path.is_file() and path.stat().st_size == 0:
        raise MediaError(f"{what} {path} is empty (0 bytes). Copy or download it again.")
    return path


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def spare(source: Path, target: Path) -> None:
    """Raise UsageError if writing ``target`` would replace what it is made from."""
    if target.exists() and target.samefile(source):
        raise UsageError(f"The output {target} would replace the input {source}. Choose another name for the output.")


def missing_folders(path: Path) -> list[Path]:
    """The folders above ``path`` that do not exist yet, deepest first: to be given back by :func:`remove_empty`."""
    return [folder for folder in path.parents if not folder.exists()]


def remove_empty(folders: list[Path]) -> None:
    """Remove folders that were made for a result that did not come; those that hold something stay."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def reserve_temporary(path: Path) -> Path:
    """Create an empty file beside ``path`` to be renamed to it later, so that an unwritable place shows at once.

    The suffix is kept because encoders choose the container by it. Missing folders are made; what
    killed runs left there is removed. Raises WriteError.
    """
    if path.is_dir():
        raise WriteError(f"Cannot write {path}: it is a folder. Give the name of a file.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return reserve_file(path)
    except OSError as error:
        raise unwritable(path, error) from error


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
        temporary.unlink(missing_ok=True)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file. Raises WriteError."""
    with replacing(path) as temporary:
        try:
            save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        except SafetensorError as error:  # such as a full disk
            raise unwritable(path, error) from error


def unwritable(path: Path, error: Exception) -> WriteError:
    """The error for a place that refuses a file."""
    reason = getattr(error, "strerror", None) or str(error)
    return WriteError(f"Cannot write {path}: {reason}. Choose another place, or free this one.")
