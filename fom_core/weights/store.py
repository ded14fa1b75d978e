"""Where weights live on this machine, and which of them are there.

The folder is the environment variable ``FOM_MODELS``, else ``~/.cache/fom``. Files keep their published names; a
converted copy called ``NAME.safetensors`` beside them is preferred, for it is smaller and opens faster.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import UnsupportedModel
from ..files.leftovers import tidy
from .catalogue import Entry, catalogue, entry_for_file, preferred
from .checksums import verify_once


def models_dir() -> Path:
    """The folder for downloaded weights; it need not exist yet."""
    folder = os.environ.get("FOM_MODELS")
    return Path(folder).expanduser() if folder else Path.home() / ".cache" / "fom"


def path_on_disk(entry: Entry, folders: Sequence[Path] | None = None) -> Path | None:
    """The file of a catalogue entry in the first of ``folders`` that has it; None if it is not on this machine.

    Without ``folders``, :func:`models_dir` is searched.
    """
    if entry.embedded:
        return entry.asset if entry.asset.is_file() else None
    names = [f"{entry.name}.safetensors", entry.file] if entry.kind == "model" else [entry.file]
    places = [folder / name for folder in folders or [models_dir()] for name in names]
    return next((place for place in places if place.is_file()), None)


def best_on_disk(kind: str, *, image_size: int = 256, mobile: bool = False) -> Entry:
    """The best entry of a kind that is already here. Raises UnsupportedModel if not even an embedded one is."""
    for entry in preferred(kind, image_size=image_size, mobile=mobile):
        if path_on_disk(entry):
            return entry
    raise UnsupportedModel(
        f"No weights of the kind {kind!r} are on this machine, and this installation lacks the embedded ones. Install "
        "the project again, or choose from `fom weights list` and run `fom weights download NAME`."
    )


def locate(name_or_path: str | Path, kind: str = "model") -> tuple[Path, Entry | None]:
    """The file that a catalogue name or a path stands for, with its catalogue entry where it has one.

    A name of the catalogue wins over a file of that name; write ``./name`` for the file. ``kind`` is what is looked
    for, and only words the error. Raises UnsupportedModel; DownloadError for a file that is not the catalogue's.
    """
    tidy(models_dir())
    entry = catalogue().get(str(name_or_path))
    if entry is None:
        path = Path(name_or_path).expanduser()
        if path.exists():
            return path, entry_for_file(path.name)
        names = ", ".join(name for name, known in catalogue().items() if known.kind == kind)
        raise UnsupportedModel(f"There is no weights file {path}, and no {kind} of that name. Known {kind}s: {names}.")
    return require_on_disk(entry), entry


def require_on_disk(entry: Entry, folders: Sequence[Path] | None = None) -> Path:
    """The file of a catalogue entry, as :func:`path_on_disk` finds it.

    Raises UnsupportedModel with the command that downloads it where it is not there, DownloadError for a file that is
    not the catalogue's.
    """
    path = path_on_disk(entry, folders)
    if path is None:
        raise UnsupportedModel(how_to_get(entry))
    verify_once(path, entry)
    return path


def named_file(name_or_path: str | Path) -> Path:
    """The file of a catalogue name, or the path that is none. Raises UnsupportedModel for a name without its file."""
    return locate(name_or_path)[0] if str(name_or_path) in catalogue() else Path(name_or_path)


def how_to_get(entry: Entry) -> str:
    """One or two sentences for somebody who wants an entry that is not on this machine."""
    if entry.embedded:
        return f"The embedded weights {entry.file} are missing from this installation. Install the project again."
    if not entry.urls:
        return (
            f"{entry.name} has no stable public copy (licence: {entry.licence}). If you have {entry.file}, give its "
            f"path, or put it into {models_dir()}; the authors link it from {entry.home}."
        )
    return (
        f"{entry.name} is not on this machine. To get it ({entry.size_told}; licence: {entry.licence}), run: "
        f"fom weights download {entry.name}"
    )
