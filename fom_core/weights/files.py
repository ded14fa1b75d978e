"""Opens weights files of every published format. What a file is, its content decides, not its name.

No file is ever unpickled: ``.pth.tar`` goes through torch's ``weights_only`` reader, ``.pdparams`` through
:mod:`.pickles`.
"""

from __future__ import annotations

import math
import os
import pickle
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import UnsupportedModel
from ..faults import asked_bytes, pass_on
from .layout import RawTensors, StateDict, count_numbers, find_networks, to_state_dict
from .pickles import read_arrays
from .quantise import dequantise

EXPECTED = "Expected a .pth.tar, .pdparams or .safetensors file from the weights table in the README."
_HEADS = {"kp.weight", "kp.0.weight"}
_STEMS = {"first.conv.weight", "first.0.conv.weight"}
_LEGACY_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")  # opens every file of torch.save before version 1.6


@dataclass(frozen=True)
class Checkpoint:
    """The networks of a weights file: float32 tensors under PyTorch's names, without BatchNorm's counters.

    format:   "safetensors", "torch-zip", "torch-legacy" or "paddle".
    metadata: the text stored in a safetensors header; empty for the other formats.
    """

    keypoint_detector: StateDict
    generator: StateDict
    discriminator: StateDict | None
    format: str
    metadata: dict[str, str] = field(default_factory=dict)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a First Order Motion checkpoint. Raises UnsupportedModel, with nothing executed, for anything else."""
    tree, metadata, kind = read_tree(path)
    raw = find_networks(tree) if isinstance(tree, Mapping) else {}
    _check(path, tree, raw)
    networks = {name: to_state_dict(values) for name, values in raw.items()}
    return Checkpoint(
        networks["keypoint_detector"], networks["generator"], networks.get("discriminator"), kind, metadata
    )


def read_tree(path: Path) -> tuple[Any, dict[str, str], str]:
    """Whatever nesting of tensors or arrays a weights file holds, a safetensors header's text, and the format.

    Raises UnsupportedModel, with nothing executed, for anything that is no weights file.
    """
    kind = recognise(path)
    if kind == "safetensors":
        return *_read_safetensors(path), kind
    return (read_arrays(path) if kind == "paddle" else _read_torch(path, kind)), {}, kind


def recognise(path: Path) -> str:
    """Name the format of a weights file from its first bytes. Raises UnsupportedModel with the reason if it is none."""
    if path.is_dir():
        raise UnsupportedModel(
            f"{path} is a folder. A .pth.tar file is not an archive, in spite of its name: leave it as downloaded, "
            "do not unpack it."
        )
    try:
        with path.open("rb") as file:
            start = file.read(512)
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise UnsupportedModel(f"The weights file {path} cannot be read: {error.strerror}. {EXPECTED}") from error
    if start.startswith(b"PK\x03\x04"):
        return "torch-zip"
    if start.startswith(b"\x80") and _LEGACY_MAGIC in start[:32]:
        return "torch-legacy"
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "paddle"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= size:
        return "safetensors"
    raise UnsupportedModel(f"{path.name} {_what_else(start)} {EXPECTED}")


def _what_else(start: bytes) -> str:
    """Say what a file is instead of weights, for the mistakes people make."""
    if not start:
        return "is empty: the download did not finish."
    if start.lstrip()[:1] == b"<":
        return "is a web page, not weights: the download site answered with a page. Download it again by hand."
    if start.startswith(b"version https://git-lfs"):
        return "is only a Git LFS pointer: run `git lfs pull` where it came from, or download the file itself."
    if start[257:262] == b"ustar" or start.startswith(b"\x1f\x8b"):
        return "is an archive that holds other files: unpack this one and choose the weights inside."
    return "is not a weights file, or is damaged."


def _read_safetensors(path: Path) -> tuple[StateDict, dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: _kept(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            return dequantise(tensors, path.name), file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise UnsupportedModel(f"{path.name} is a damaged safetensors file ({error}). Download it again.") from error


def _kept(tensor: Tensor) -> Tensor:
    """A tensor of a mapped file, or a copy of it where a mapped file could not be replaced.

    What is written to the tensor never reaches the file. As for every program that maps its weights, the file must not
    be overwritten in place while they are in use; replacing it by another one of its name is fine.
    """
    return tensor if sys.platform == "linux" else tensor.clone()


def _read_torch(path: Path, kind: str) -> Any:
    if kind == "torch-zip":
        _check_zip(path)
    try:
        with path.open("rb") as file:  # given a path, newer torch would choose the reader by suffix
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]{1,80})", str(error))
        detail = f"the Python object {wanted[1]}" if wanted else "something else than tensors"
        raise UnsupportedModel(
            f"{path.name} was refused and nothing in it was run: it asks for {detail}, and a weights file needs "
            "tensors only. Get the weights from the table in the README."
        ) from error
    # The reader meets damage wherever it happens to be: in text, numbers, memory sizes, the end of the file.
    except (RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, MemoryError, OSError) as error:
        if (asked_bytes(error) or math.inf) <= path.stat().st_size:  # no more than there is to read
            pass_on(error)
        raise UnsupportedModel(
            f"{path.name} is damaged or incomplete ({type(error).__name__} while reading). Download it again."
        ) from error


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UnsupportedModel(f"{path.name} is damaged or incomplete ({error}). Download it again.") from error
    if not any(member.filename.endswith("/data.pkl") for member in members):
        raise UnsupportedModel(f"{path.name} is a zip archive, but not one that torch.save wrote. {EXPECTED}")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise UnsupportedModel(f"{path.name} is compressed inside, which torch.save never does; it was not opened.")


def _check(path: Path, tree: Any, networks: dict[str, RawTensors]) -> None:
    detector, generator = networks.get("keypoint_detector", {}), networks.get("generator", {})
    if not (_HEADS & detector.keys() and _STEMS & generator.keys()):
        count = len(tree) if isinstance(tree, Mapping) else 0
        names = ", ".join(repr(str(name)[:40]) for name in list(tree)[:3]) if count else "nothing"
        raise UnsupportedModel(
            f"{path.name} is not a First Order Motion checkpoint: wanted a keypoint detector ('kp.weight') and a "
            f"generator ('first.conv.weight'), found {count} entries ({names}). {EXPECTED}"
        )
    claimed = count_numbers(networks)
    if claimed > path.stat().st_size:  # each number takes a byte at least, unless tensors are views of one another
        raise UnsupportedModel(f"{path.name} claims {claimed} numbers, more than its size allows; it was refused.")
