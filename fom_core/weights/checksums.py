"""Whether a file is the one that the catalogue means.

A name of the catalogue promises a content, so its file is compared with the published checksum, after a download and
before the first use of a file that somebody put there. A file that is opened by its own path is taken as it is, and so
are safetensors that this project converted.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from ..documents.readers import read_json
from ..errors import DownloadError, UnsupportedModel, WriteError
from ..files.locks import alone
from ..files.paths import replacing, sha256_of
from .catalogue import Entry
from .read import has_end, recognise

CHECKSUMS = "checksums.json"  # beside the weights: what was found in files whose checksum nobody published
VERIFIED = "verified.json"  # the same: size, date and checksum of files that were right, to spare hashing them again
log = logging.getLogger(__name__)


def verify(path: Path, entry: Entry, folder: Path) -> None:
    """Compare a complete file with the catalogue, or with what its first download was. Raises DownloadError."""
    known = entry.sha256 or _read(folder / CHECKSUMS).get(entry.file)
    found = sha256_of(path) if entry.size in (None, path.stat().st_size) else None
    if found is None or not found.startswith(known or entry.sha256_start):
        what = f"{path.stat().st_size} bytes instead of {entry.size}" if found is None else f"checksum {found}"
        promised = entry.sha256 or not known
        reason = "the catalogue promises" if promised else "the first download had (checksums.json)"
        wanted = known or f"{entry.sha256_start}..."
        problem = f"is not the file that {reason}: {what}" + ("." if found is None else f" instead of {wanted}.")
        if path.suffix == ".part":
            raise DownloadError(f"what arrived {problem} It was deleted.")
        raise DownloadError(
            f"{path} {problem} Delete it and download it again; opened as a file, not by its name {entry.name}, "
            "it is taken as it is."
        )
    if not known and found:
        _refuse_unlikely(path)
        try:
            _remember(folder / CHECKSUMS, entry.file, found)
        except WriteError as error:  # such as a folder that is only read: its file is as good as the record
            if path.suffix == ".part":
                raise
            log.debug("The checksum of %s is not remembered: %s", path, error)


def verify_once(path: Path, entry: Entry) -> None:
    """:func:`verify` a file where it lies, unless its size and date are those of the last time. Raises DownloadError.

    Other files than the published one, such as a converted copy, have no checksum and pass.
    """
    if entry.embedded or path.name != entry.file:
        return
    about = path.stat()
    stamp = f"{about.st_size} {about.st_mtime_ns} {entry.sha256}"
    record = path.parent / VERIFIED
    try:
        seen = _read(record)
    except DownloadError:
        seen = {}  # a damaged record costs a hash
    if seen.get(entry.file) == stamp:
        return
    try:
        verify(path, entry, path.parent)
        _write(record, {**seen, entry.file: stamp})
    except WriteError as error:
        log.debug("%s is hashed again the next time: %s", path, error)


def _refuse_unlikely(path: Path) -> None:
    """A first download has no checksum to fail: at least it has to look like weights, and to have an end."""
    try:
        cut_off = not has_end(path, recognise(path))
    except UnsupportedModel as error:
        raise DownloadError(str(error)) from error
    if cut_off:
        raise DownloadError(f"what arrived is cut off after {path.stat().st_size} bytes. It was deleted.")


def _remember(record: Path, name: str, value: str) -> None:
    """Add a line to a record that other processes add to as well."""
    with alone(record, patience_s=10):
        _write(record, {**_read(record), name: value})


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        return {str(name): str(value) for name, value in read_json(path).items()}
    except (ValueError, AttributeError) as error:
        raise DownloadError(
            f"{path} is damaged; it holds the checksums of earlier downloads. Delete it to trust the files anew."
        ) from error


def _write(path: Path, content: dict[str, str]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
