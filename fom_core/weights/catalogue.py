"""The catalogue of known weights: data, one JSON file per entry in ``entries/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard

from ..documents.readers import read_json
from ..files.paths import ASSETS, CONFIGS
from .config_file import read_config
from .config_of_tensors import Conventions

ENTRIES = Path(__file__).with_name("entries")


@dataclass(frozen=True)
class Entry:
    """One known weights file.

    kind:     "model", "face-detector", "face-landmarks", "face-parser", "face-recogniser", "enhancer" or
              "perceptual-network" (which compares pictures).
    urls:     mirrors in the order to try, https:// or hf://owner/repository/file; empty: no stable public copy.
    size:     bytes; None where nobody published it.
    sha256:   None where nobody published it: then the first download is remembered and later ones must match it.
    sha256_start: its first digits, where the publisher tells no more.
    embedded: the file comes with the package, nothing to download.
    config:   YAML in ``configs/`` with what leaves no trace in the tensors.
    quality:  order of preference within a kind; only a guess for files whose results were not compared.
    about:    bytes, roughly, where only that is known.
    """

    name: str
    kind: str
    title: str
    file: str
    licence: str
    home: str
    urls: tuple[str, ...] = ()
    size: int | None = None
    sha256: str | None = None
    sha256_start: str = ""
    embedded: bool = False
    config: str | None = None
    image_size: int = 256
    align_corners: bool = True
    border_blend: bool = False
    mobile: bool = False
    faces: bool = False
    quality: int = 0
    about: int | None = None

    @property
    def asset(self) -> Path:
        """Where an embedded entry's file lies."""
        return ASSETS / self.file

    @property
    def conventions(self) -> Conventions:
        """What leaves no trace in the tensors."""
        base = Conventions() if self.config is None else Conventions.of(read_config(CONFIGS / self.config))
        return replace(
            base,
            image_size=(self.image_size, self.image_size),
            align_corners=self.align_corners,
            border_blend=self.border_blend,
        )

    @property
    def summary(self) -> str:
        """Size and licence in a line: what a user has to know before a download."""
        return f"{self.name} ({self.title}): {self.size_told}; licence: {self.licence}"

    @property
    def size_told(self) -> str:
        """How large the download is, for people."""
        return f"about {size_text(self.about)}" if self.size is None and self.about else size_text(self.size)


@cache
def catalogue() -> Mapping[str, Entry]:
    """All entries by name, kind by kind, each best first."""
    entries = []
    for path in ENTRIES.glob("*.json"):
        values = read_json(path)
        entries.append(Entry(**{**values, "urls": tuple(values["urls"])}))
    kinds = [
        "model", "face-detector", "face-landmarks", "face-parser", "face-recogniser", "enhancer", "perceptual-network",
    ]  # fmt: skip
    entries.sort(key=lambda entry: (kinds.index(entry.kind), -entry.quality, entry.name))
    return MappingProxyType({entry.name: entry for entry in entries})


def is_file(name_or_path: str | Path | None) -> TypeGuard[str | Path]:
    """Whether what was given, if anything, stands for a file, and not for an entry by its name."""
    return name_or_path is not None and str(name_or_path) not in catalogue()


def entry_for_file(file: str) -> Entry | None:
    """The entry whose published file has this name, wherever it was put."""
    return next((entry for entry in catalogue().values() if entry.file == file and not entry.embedded), None)


def preferred(kind: str, *, image_size: int = 256, mobile: bool = False) -> list[Entry]:
    """Entries that fit a task on faces, best first; ``image_size`` and ``mobile`` matter for models only."""

    def rank(entry: Entry) -> tuple[bool, bool, int]:
        return mobile and not entry.mobile, entry.image_size != image_size, -entry.quality

    entries = [entry for entry in catalogue().values() if entry.kind == kind and (entry.faces or kind != "model")]
    return sorted(entries, key=rank)


def size_text(size: int | None) -> str:
    """Bytes for people: 729 MB."""
    if size is None:
        return "size not published"
    return f"{size / 1e6:.0f} MB" if size >= 9.95e6 else f"{size / 1e6:.1f} MB"


def is_for_faces(model: str) -> bool:
    """Whether a model animates faces and not pictures as a whole; one that the catalogue does not know does."""
    entry = catalogue().get(model)
    return entry is None or entry.faces
