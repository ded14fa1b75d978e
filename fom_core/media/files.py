"""Paths at the border: what must exist before reading and what must be writable before work starts."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ..errors import MediaError


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


def reserve_temporary(path: Path) -> Path:
    """Create an empty file beside ``path`` to be renamed to it later, so that an unwritable place shows at once.

    The suffix is kept because encoders choose the container by it. Missing folders are made.
    """
    if path.is_dir():
        raise MediaError(f"Cannot write {path}: it is a folder. Give a file name, such as {path / 'result.mp4'}.")
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise unwritable(path, error) from error
    return temporary


def unwritable(path: Path, error: OSError) -> MediaError:
    """The error for a place that refuses a file."""
    reason = error.strerror or str(error)
    return MediaError(f"Cannot write {path}: {reason}. Choose another place with --output, or free this one.")
