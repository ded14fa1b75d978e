"""The zip archive that ``torch.save`` writes since version 1.6: which entries it holds, and where their bytes lie.

Other programs of PyTorch write zip archives too, with graphs and source code in them. They are told apart by the names
of their entries before anything is read.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from ..errors import UnsupportedModel
from .pickle_machine import short

PICKLE = "data.pkl"
SAVE_ANEW = "Give the checkpoint that it was made from, as torch.save or safetensors wrote it."
_LOCAL_HEADER = struct.Struct("<26xHH")  # at its end, the lengths of the name and of what pads it


@dataclass(frozen=True)
class Records:
    """Entries of an archive, by their names below its one folder. Raises ValueError for those that are not there."""

    file: IO[bytes]
    entries: dict[str, zipfile.ZipInfo]

    def bytes_of(self, name: str) -> bytes:
        """A small entry as a whole."""
        return self.tensor_of(name).numpy().tobytes()

    def tensor_of(self, name: str) -> Tensor:
        """The bytes of an entry (N,), uint8, in memory of their own."""
        if name not in self.entries:
            raise ValueError(f"its entry {short(name)} is missing")
        entry = self.entries[name]
        self.file.seek(entry.header_offset)
        header = self.file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
            raise ValueError(f"its entry {short(name)} does not begin where the table of contents says")
        self.file.seek(sum(_LOCAL_HEADER.unpack(header)), os.SEEK_CUR)
        return read_bytes(self.file, entry.file_size)


def read_bytes(file: IO[bytes], count: int) -> Tensor:
    """The next bytes of a file (N,), uint8, in memory of their own. Raises ValueError where it ends before them."""
    if count > os.fstat(file.fileno()).st_size - file.tell():  # before memory is asked for
        raise ValueError("it ends too early")
    content = torch.empty(count, dtype=torch.uint8)
    if count and file.readinto(memoryview(content.numpy())) != count:  # type: ignore[attr-defined]
        raise ValueError("it ends too early")
    return content


def open_records(path: Path, file: IO[bytes], expected: str) -> Records:
    """The entries of an archive of ``torch.save``. Raises UnsupportedModel with what else it is."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise UnsupportedModel(
            f"{path.name} is damaged or incomplete ({short(str(error))}). Download it again."
        ) from error
    names = [member.filename for member in members]
    found = _what_else(names)
    if found is not None:
        raise UnsupportedModel(f"{path.name} {found}")
    inner = [name.partition("/")[2] for name in names]
    if PICKLE not in inner:
        raise UnsupportedModel(f"{path.name} is a zip archive, but not one that torch.save wrote. {expected}")
    wrong = "compressed" if any(member.compress_type != zipfile.ZIP_STORED for member in members) else None
    wrong = "encrypted" if any(member.flag_bits & 1 for member in members) else wrong
    if wrong:
        raise UnsupportedModel(f"{path.name} is {wrong} inside, which torch.save never does; it was not opened.")
    size, claimed = path.stat().st_size, sum(member.file_size for member in members)
    if claimed > size:
        raise UnsupportedModel(
            f"{path.name} claims to hold {claimed} bytes, more than its own size of {size}; it was not opened. "
            "Download it again."
        )
    name, times = Counter(inner).most_common(1)[0]
    if times > 1:
        raise UnsupportedModel(
            f"{path.name} holds {short(name)!r} {times} times, which torch.save never does; it was not opened. "
            "Download it again."
        )
    return Records(file, dict(zip(inner, members, strict=True)))


def _what_else(names: list[str]) -> str | None:
    """Say what another program of PyTorch wrote, by the names of its entries."""
    parts = [name.replace("\\", "/").split("/") for name in names]
    files = {part[-1] for part in parts}
    folders = {folder for part in parts for folder in part[:-1]}
    if "constants.pkl" in files or "code" in folders:
        return f"is a scripted model (TorchScript), a program and not weights alone; nothing in it was run. {SAVE_ANEW}"
    if "archive_format" in files or files & {"serialized_exported_program.json", "serialized_state_dict.pt"}:
        return f"is an exported program (.pt2), not weights alone; it was not opened. {SAVE_ANEW}"
    if "extern_modules" in files:
        return f"is a package of Python code and weights (torch.package); nothing in it was run. {SAVE_ANEW}"
    return None
