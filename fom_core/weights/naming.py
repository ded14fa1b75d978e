"""What the model of a file is called: by the file itself, by the catalogue, or as the file is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError

from .catalogue import Entry
from .read import told_by_header
from .store import locate

NAME_KEY = "fom.name"  # of a safetensors header
LONGEST_NAME = 100


def model_name(path: Path, entry: Entry | None, metadata: Mapping[str, str]) -> str:
    """The name that a file's metadata state, else its catalogue entry's, else the file's own."""
    stated = metadata.get(NAME_KEY, "")
    return stated if _is_plain(stated) else entry.name if entry else path.name.split(".")[0]


def name_of_model(name_or_path: str | Path) -> str:
    """The same for a catalogue name or a file whose tensors are not read. Raises UnsupportedModel for no such file."""
    path, entry = locate(name_or_path)
    told: Mapping[str, str] = {}
    with suppress(SafetensorError):  # damage is told by those who open the model
        told = told_by_header(path)
    return model_name(path, entry, told)


def _is_plain(name: str) -> bool:
    """Whether a file's own name for its model can be shown, and used as a name in a folder: strangers write it."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name[0] != "." and not set(name) & set("/\\:")
