"""A catalogue name promises a content; a file opened as a file does not."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from fom_core.errors import DownloadError
from fom_core.files.paths import sha256_of
from fom_core.weights import checksums, store
from fom_core.weights.catalogue import Entry, catalogue
from fom_core.weights.checksums import VERIFIED, verify_once

CONTENT = b"the weights"
ENTRY = replace(
    catalogue()["vox-256"],
    name="known",
    file="known.pth.tar",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ENTRY.file
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read to the end."""
    read: list[Path] = []
    monkeypatch.setattr(checksums, "sha256_of", lambda path: read.append(path) or sha256_of(path))
    return read


def test_a_file_is_hashed_once_for_as_long_as_it_stays_the_same(file, hashed):
    verify_once(file, ENTRY)
    verify_once(file, ENTRY)
    assert hashed == [file]

    os.utime(file, ns=(0, 0))
    verify_once(file, ENTRY)
    assert len(hashed) == 2


def test_a_new_checksum_in_the_catalogue_asks_again(file):
    verify_once(file, ENTRY)
    with pytest.raises(DownloadError, match="checksum"):
        verify_once(file, replace(ENTRY, sha256="0" * 64))


@pytest.mark.parametrize("content", [b"other words", b"longer than the weights"])
def test_another_content_is_refused_and_not_remembered(file, content):
    file.write_bytes(content)
    for _ in range(2):
        with pytest.raises(DownloadError, match=r"known\.pth\.tar is not the file that the catalogue promises"):
            verify_once(file, ENTRY)
    assert file.read_bytes() == content


def test_a_damaged_record_costs_a_hash(file, hashed):
    (file.parent / VERIFIED).write_text("[")
    verify_once(file, ENTRY)
    verify_once(file, ENTRY)
    assert hashed == [file]
    assert list(json.loads((file.parent / VERIFIED).read_text())) == [ENTRY.file]


def test_a_converted_copy_has_no_checksum_and_passes(tmp_path):
    copy = tmp_path / "known.safetensors"
    copy.write_bytes(b"anything")
    verify_once(copy, ENTRY)


def test_names_are_verified_and_paths_are_not(file, monkeypatch):
    known: dict[str, Entry] = {"known": ENTRY}
    monkeypatch.setattr(store, "catalogue", lambda: known)
    monkeypatch.setenv("FOM_MODELS", str(file.parent))
    assert store.locate("known") == (file, ENTRY)

    file.write_bytes(b"my own work")
    with pytest.raises(DownloadError, match="opened as a file"):
        store.locate("known")
    assert store.locate(file)[0] == file
