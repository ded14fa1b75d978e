"""Opens weights files of every published format. What a file is, its content decides, not its name.

:func:`read_tree` is the one way to the content of a file from elsewhere, for models, detectors, restorers and training
alike. No file is ever unpickled, and none reaches ``torch.load``, whatever its version: ``.pth.tar`` goes through
:mod:`.torch_files`, ``.pdparams`` through :mod:`.pickles`.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import UnsupportedModel
from ..files.paths import no_file
from ..resources.faults import pass_on
from ..resources.memory import copied_apart
from .layout import RawTensors, StateDict, count_numbers, find_networks, to_state_dict
from .pickle_machine import short
from .pickles import read_arrays
from .quantise import dequantise
from .torch_files import read_torch

EXPECTED = "Expected a .pth.tar, .pdparams or .safetensors file; `fom weights list` names some."
PIECE = 2**25  # bytes that are read of a mapped file before it is closed
_HEADS = {"kp.weight", "kp.0.weight"}
_STEMS = {"first.conv.weight", "first.0.conv.weight"}
_TAR_MEMBERS = {b"storages", b"tensors", b"pickle", b"sys_info"}  # of torch.save before version 0.1.10
_PADDLE_BLOCK = bytes.fromhex("080010ffffffff")  # the first block of a program: number 0, with none above it
_LONGEST_HEADER = 100_000_000  # that the safetensors library reads
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


def read_checkpoint(path: Path) -> Checkpoint:
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
    return (read_arrays(path) if kind == "paddle" else read_torch(path, kind, EXPECTED)), {}, kind


def read_state_dict(path: Path) -> StateDict:
    """The tensors of a file that holds a single network, by their names. Raises UnsupportedModel like above.

    Where a file keeps them under ``state_dict``, beside what training needs, that part alone counts.
    """
    tree = read_tree(path)[0]
    if isinstance(tree, Mapping) and isinstance(tree.get("state_dict"), Mapping):
        tree = tree["state_dict"]
    if not isinstance(tree, Mapping):
        raise UnsupportedModel(f"{path.name} holds a {type(tree).__name__} in place of a state dict. {EXPECTED}")
    tensors = {str(name): value for name, value in tree.items() if isinstance(value, Tensor)}
    _check_claims(path, sum(value.numel() for value in tensors.values()))
    return tensors


def told_by_header(path: Path) -> dict[str, str]:
    """What the header of a safetensors file of ours says; nothing for other files."""
    if recognise(path) != "safetensors":
        return {}
    with safe_open(path, framework="pt") as file:
        return {key: value for key, value in (file.metadata() or {}).items() if key.startswith("fom.")}


def recognise(path: Path) -> str:
    """Name the format of a weights file from its first bytes. Raises UnsupportedModel with the reason if it is none."""
    if path.is_dir():
        models = sorted(each.name for each in path.glob("*.safetensors"))
        if models:
            raise UnsupportedModel(f"{path} is a folder. Give the model in it: {path / models[0]}.")
        raise UnsupportedModel(
            f"{path} is a folder. A .pth.tar file is not an archive, in spite of its name: leave it as downloaded, "
            "do not unpack it."
        )
    odd = no_file(path)
    if odd:
        raise UnsupportedModel(f"The weights file {path} is {odd}, not a file. {EXPECTED}")
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
    if breaks_off(path):
        raise _cut_off(path)
    raise UnsupportedModel(f"{path.name} {_what_else(start)} {EXPECTED}")


def _cut_off(path: Path) -> UnsupportedModel:
    return UnsupportedModel(
        f"{path.name} is a safetensors file that breaks off after {path.stat().st_size:,} bytes: its download or copy "
        "did not finish. Get it again."
    )


def has_end(path: Path, kind: str) -> bool:
    """Whether a file of a format is there up to its end, as far as that shows without reading it all."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if kind == "torch-zip":
            return zipfile.is_zipfile(file)
        if kind == "paddle":  # a pickle says where it stops
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"."
        if kind != "safetensors":
            return True
        return size == _promised_size(file)


def breaks_off(path: Path) -> bool:
    """Whether a file is a safetensors file that ends before its header says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(9)
        length = int.from_bytes(start[:8], "little")
        if start[8:] != b"{" or length > _LONGEST_HEADER:
            return False
        file.seek(0)
        promised = 8 + length if 8 + length > size else _promised_size(file)
    return promised is not None and size < promised


def _promised_size(file: BinaryIO) -> int | None:
    """Bytes of a safetensors file by its header; None where that is damaged."""
    length = int.from_bytes(file.read(8), "little")
    try:
        tensors = json.loads(file.read(length)).items()
        ends = [facts["data_offsets"][1] for name, facts in tensors if name != "__metadata__"]
        return 8 + length + max(ends, default=0)
    except (ValueError, AttributeError, LookupError, TypeError, RecursionError):
        return None


def _what_else(start: bytes) -> str:
    """Say what a file is instead of weights, for the mistakes people make."""
    tar = start[257:262] == b"ustar"
    found = (
        (not start, "is empty: the download did not finish."),
        (
            start.lstrip()[:1] == b"<",
            "is a web page, not weights: the download site answered with a page. Download it again by hand.",
        ),
        (
            start.startswith(b"version https://git-lfs"),
            "is only a Git LFS pointer: run `git lfs pull` where it came from, or download the file itself.",
        ),
        (
            tar and start.split(b"\0", 1)[0] in _TAR_MEMBERS,
            "was saved by a PyTorch of before 2017, as a tar archive, which is not opened.",
        ),
        (
            tar or start.startswith(b"\x1f\x8b"),
            "is an archive that holds other files: unpack this one and choose the weights inside.",
        ),
        (
            start[:1] == b"\n" and _PADDLE_BLOCK in start[:32],
            "is a static graph of Paddle (.pdmodel), a program without weights.",
        ),
        (
            len(start) > 20 and start[:16] == bytes(16) and start[20:21] == b"\x08",
            "holds the weights of a static graph of Paddle (.pdiparams), which have no names.",
        ),
        (
            start[:1] == b"\x08" and start[2:3] == b"\x12",
            "is an ONNX graph. Models in ONNX are opened as the folder that `fom export` wrote.",
        ),
    )
    return next((text for fits, text in found if fits), "is not a weights file, or is damaged.")


def _read_safetensors(path: Path) -> tuple[StateDict, dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            names, metadata = list(file.keys()), file.metadata() or {}
        return dequantise(dict(_copies(path, names)), path.name), metadata
    # The last three: numbers of a kind that this version of torch does not have.
    except (SafetensorError, OSError, ValueError, AttributeError, TypeError, RuntimeError) as error:
        pass_on(error)
        if breaks_off(path):
            raise _cut_off(path) from error
        raise UnsupportedModel(
            f"{path.name} is a damaged safetensors file ({short(str(error))}). Download it again."
        ) from error


def _copies(path: Path, names: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
    """Tensors in memory of their own, so that the file may be replaced, and each can go when it was used.

    What was read of a mapped file counts as memory in use until the file is closed: it is, now and then.
    """
    left = list(names)[::-1]
    while left:
        with safe_open(path, framework="pt") as file:
            read = 0
            while left and read < PIECE:
                name = left.pop()
                tensor = copied_apart(file.get_tensor(name))
                read += tensor.nbytes
                yield name, tensor


def _check(path: Path, tree: Any, networks: dict[str, RawTensors]) -> None:
    detector, generator = networks.get("keypoint_detector", {}), networks.get("generator", {})
    if not (_HEADS & detector.keys() and _STEMS & generator.keys()):
        count = len(tree) if isinstance(tree, Mapping) else 0
        names = ", ".join(repr(str(name)[:40]) for name in list(tree)[:3]) if count else "nothing"
        raise UnsupportedModel(
            f"{path.name} is not a First Order Motion checkpoint: wanted a keypoint detector ('kp.weight') and a "
            f"generator ('first.conv.weight'), found {count} entries ({names}). {EXPECTED}"
        )
    _check_claims(path, count_numbers(networks))


def _check_claims(path: Path, claimed: int) -> None:
    if claimed > path.stat().st_size:  # each number takes a byte at least, unless tensors are views of one another
        raise UnsupportedModel(f"{path.name} claims {claimed} numbers, more than its size allows; it was refused.")
