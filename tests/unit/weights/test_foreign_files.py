"""What is no plain checkpoint is named in one line by every reader, before anything in it is looked at."""

import ast
import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fom_core.errors import FomError, UnsupportedModel
from fom_core.faces.detectors.embedded import EmbeddedDetector
from fom_core.faces.detectors.s3fd import S3FDDetector
from fom_core.training.checkpoint import STATE, WEIGHTS
from fom_core.training.checkpoint import load_checkpoint as load_training
from fom_core.training.perceptual import read_weights
from fom_core.weights.load import convert, load_module
from fom_core.weights.read import read_checkpoint, read_state_dict, read_tree

ROOT = Path(__file__).resolve().parents[3]
BASE = torch.arange(24.0).view(2, 3, 4)
LEGACY = {"_use_new_zipfile_serialization": False}


def archive(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries.items():
            file.writestr(name, content)


def saved(tensor: torch.Tensor) -> dict[str, bytes]:
    """The entries of an archive of torch.save."""
    content = io.BytesIO()
    torch.save({"a": tensor}, content)
    with zipfile.ZipFile(content) as file:
        return {name: file.read(name) for name in file.namelist()}


def scripted(path: Path) -> None:
    archive(path, {"m/data.pkl": b"\x80\x02}.", "m/code/__torch__.py": b"", "m/constants.pkl": b"\x80\x02)."})


def twice(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file, pytest.warns(UserWarning, match="Duplicate name"):
        for name, content in saved(BASE).items():
            file.writestr(name, content)
        file.writestr("archive/data.pkl", b"\x80\x02}.")


def encrypted(path: Path) -> None:
    archive(path, saved(BASE))
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 8] |= 1  # the flag in the table of contents
    path.write_bytes(content)


def overlapping(path: Path) -> None:
    """Each of ten entries has the same thousand bytes."""
    archive(path, {"archive/data.pkl": b"\x80\x02}.", "archive/data/0": bytes(1000)})
    content = path.read_bytes()
    table = content.index(b"PK\x01\x02")
    last = content.index(b"PK\x01\x02", table + 4)
    end = content.index(b"PK\x05\x06")
    entries = [content[last:end].replace(b"data/0", b"data/%c" % (48 + index)) for index in range(10)]
    body = content[table:last] + b"".join(entries)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 11, 11, len(body), table, 0)
    path.write_bytes(content[:table] + body + tail)


def quantised(path: Path) -> None:
    """What names a quantised tensor in a pickle; torch means to give them up."""
    archive(path, {**saved(BASE), "archive/data.pkl": b"\x80\x02ctorch._utils\n_rebuild_qtensor\n."})


def patched(offset: int, shape: str, path: Path) -> None:
    """A tensor whose shape or place in memory was made larger than what it has."""
    entries = saved(torch.zeros(3, 5))
    whole = entries["archive/data.pkl"]
    place = whole.index(b"QK\x00K\x03K\x05\x86")
    changed = b"QK" + bytes([offset]) + (b"K\x03K\x05" if shape == "same" else b"K\xffK\xff") + b"\x86"
    entries["archive/data.pkl"] = whole[:place] + changed + whole[place + len(changed) :]
    archive(path, entries)


def safetensors(header: bytes, length: int | None = None) -> Callable[[Path], Any]:
    size = len(header) if length is None else length
    return lambda path: path.write_bytes(struct.pack("<Q", size) + header)


def nested(depth: int) -> bytes:
    return b'{"__metadata__":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


KINDS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "scripted": (scripted, r"is a scripted model \(TorchScript\).*nothing in it was run\. Give the checkpoint"),
    "exported": (
        lambda path: archive(path, {"m/archive_format": b"pt2", "m/models/model.json": b"{}"}),
        r"is an exported program \(\.pt2\).*Give the checkpoint",
    ),
    "exported, earlier": (
        lambda path: archive(path, {"serialized_exported_program.json": b"{}", "version": b"5.1"}),
        r"is an exported program \(\.pt2\)",
    ),
    "package": (
        lambda path: archive(path, {"m/.data/extern_modules": b"", "m/mine.py": b""}),
        r"is a package of Python code and weights \(torch\.package\); nothing in it was run",
    ),
    "whole module": (lambda path: torch.save(nn.Linear(1, 1), path), r"asks for the Python object torch\.nn\.modules"),
    "sparse": (lambda path: torch.save({"a": BASE[0].to_sparse()}, path), "holds a sparse tensor"),
    "sparse, legacy": (lambda path: torch.save({"a": BASE[0].to_sparse()}, path, **LEGACY), "holds a sparse tensor"),
    "nested": (lambda path: torch.save({"a": torch.nested.nested_tensor([BASE])}, path), "holds a nested tensor"),
    "quantised": (quantised, "holds a quantised tensor, and weights are plain tensors of real numbers"),
    "empty": (lambda path: torch.save({"a": BASE.to("meta")}, path), "holds a tensor without content"),
    "complex": (lambda path: torch.save({"a": BASE.to(torch.complex64)}, path), "holds complex numbers"),
    "tar": (lambda path: path.write_bytes(b"storages".ljust(257, b"\0") + b"ustar" + bytes(300)), "of before 2017"),
    "paddle program": (
        lambda path: path.write_bytes(bytes.fromhex("0aa80d080010ffffffffffffffffff01") + bytes(99)),
        r"is a static graph of Paddle \(\.pdmodel\)",
    ),
    "paddle weights": (
        lambda path: path.write_bytes(bytes(16) + bytes.fromhex("080000000805100410041003") + bytes(99)),
        r"holds the weights of a static graph of Paddle \(\.pdiparams\)",
    ),
    "onnx": (lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch" + bytes(99)), "is an ONNX graph"),
    "compressed": (lambda path: archive(path, saved(BASE), zipfile.ZIP_DEFLATED), "is compressed inside"),
    "encrypted": (encrypted, "is encrypted inside"),
    "twice": (twice, r"holds 'data\.pkl' 2 times"),
    "overlapping": (overlapping, "claims to hold 10004 bytes, more than its own size"),
    "big-endian": (
        lambda path: archive(path, {**saved(BASE), "archive/byteorder": b"big"}),
        "stored in another byte order",
    ),
    "no storage": (
        lambda path: archive(path, {name: text for name, text in saved(BASE).items() if not name.endswith("/0")}),
        "its entry data/0 is missing",
    ),
    "short storage": (lambda path: archive(path, {**saved(BASE), "archive/data/0": b"1234"}), "has another size"),
    "shape": (lambda path: patched(0, "larger", path), r"shape \(255, 255\) reaches beyond the 15 numbers"),
    "offset": (lambda path: patched(9, "same", path), r"shape \(3, 5\) reaches beyond the 15 numbers"),
    "header length": (safetensors(b'{"a":1}' + bytes(200), 190), "is a damaged safetensors file"),
    "header nesting": (safetensors(nested(10_000)), "is a damaged safetensors file"),
    "header types": (safetensors(json.dumps({"__metadata__": {"a": 1}}).encode()), "is a damaged safetensors file"),
    "list": (lambda path: path.write_bytes(pickle.dumps([1], 4)), "a list in place of a state dict|found 0 entries"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_plain_checkpoint_is_named_in_a_line(tmp_path, kind):
    write, reason = KINDS[kind]
    path = tmp_path / "vox.pth.tar"
    write(path)

    for read in (read_checkpoint, read_state_dict):
        with pytest.raises(UnsupportedModel, match=reason) as refusal:
            read(path)
        assert "\n" not in str(refusal.value) and str(refusal.value).startswith("vox.pth.tar ")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # newer versions mean to give scripts up
def test_a_model_that_torch_scripts_is_recognised(tmp_path):
    torch.jit.script(nn.Linear(1, 1)).save(tmp_path / "vox.pth.tar")

    with pytest.raises(UnsupportedModel, match="scripted model"):
        read_checkpoint(tmp_path / "vox.pth.tar")


READERS: dict[str, Callable[[Path], Any]] = {
    "model": load_module,
    "convert": lambda path: convert(path, path.with_name("converted.safetensors")),
    "s3fd": S3FDDetector,
    "embedded detector": EmbeddedDetector,
    "perceptual network": lambda path: read_weights(path, "The VGG file"),
    "resumed weights": lambda path: load_training(training(path, WEIGHTS)),
    "resumed state": lambda path: load_training(training(path, STATE)),
}


def training(path: Path, part: str) -> Path:
    """A training's checkpoint of which one part is the file."""
    folder = path.parent / "step-000001"
    folder.mkdir()
    save_file({"a": BASE}, folder / WEIGHTS)
    torch.save({"step": 1}, folder / STATE)
    path.rename(folder / part)
    return folder


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["scripted", "exported", "sparse", "overlapping"])
def test_every_reader_refuses_it(tmp_path, reader, kind):
    write, reason = KINDS[kind]
    path = tmp_path / "weights.pth"
    write(path)

    with pytest.raises(FomError, match=reason) as refusal:
        READERS[reader](path)
    assert "\n" not in str(refusal.value)


FORBIDDEN = {("torch", "load"), ("jit", "load"), ("pickle", "load"), ("pickle", "loads"), ("hub", "load")}
FORBIDDEN |= {("pickle", "Unpickler"), ("torch", "package"), ("marshal", "loads"), ("yaml", "unsafe_load")}
FORBIDDEN |= {("hub", "load_state_dict_from_url"), ("yaml", "full_load"), ("joblib", "load"), ("dill", "load")}
OPENED_AFTER_WRITING = {("fom_core/export/archive.py", "torch.export.load")}  # to be compared with PyTorch


def test_no_other_reader_of_pickles_is_called():
    found = set()
    for path in sorted([*(ROOT / "fom_core").rglob("*.py"), *(ROOT / "nodes").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                owner = ast.unparse(node.value)
                if (owner.rpartition(".")[2], node.attr) in FORBIDDEN or (owner, node.attr) == ("torch.export", "load"):
                    found.add((path.relative_to(ROOT).as_posix(), f"{owner}.{node.attr}"))
            if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "weights_only"):
                found.add((path.relative_to(ROOT).as_posix(), node.arg))
    assert found == OPENED_AFTER_WRITING


def whole_tree() -> dict[str, Any]:
    """Every kind of value that checkpoints hold."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.rand(2, 3, 5, 5)).sum().backward()
    optimizer.step()
    views = {"rows": BASE[:, 1:, ::2], "turned": BASE.transpose(0, 2), "same": torch.ones(1).expand(5, 3)}
    kinds = (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.uint8, torch.int64, torch.bool)
    return {
        "net": network.state_dict(),
        "parameters": dict(network.named_parameters()),
        "optimizer": optimizer.state_dict(),
        "schedule": torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 2, 5]).state_dict(),
        "views": views,
        "kinds": {str(kind): BASE.to(kind) for kind in kinds},
        "scalar": torch.tensor(3.5),
        "nothing": torch.zeros(0, 3),
        "random": torch.get_rng_state(),
        "plain": {"size": BASE.shape, "epoch": 7, "large": 2**100, "least": -3, "rate": 1e-4, "none": None},
        "list": [1, (2, "x"), OrderedDict(a=True)],
    }


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, torch.Tensor):
        assert (found.dtype, found.stride()) == (expected.dtype, expected.stride())
        assert not found.requires_grad and torch.equal(found, expected.detach())
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert_same(found[name], value)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


@pytest.mark.parametrize("options", [{}, {"pickle_protocol": 4}, LEGACY, {**LEGACY, "pickle_protocol": 3}])
def test_whatever_torch_saves_comes_back_as_it_was(tmp_path, options):
    tree = whole_tree()
    torch.save(tree, tmp_path / "a.pth", **options)

    found = read_tree(tmp_path / "a.pth")[0]

    assert_same(found, tree)
    storages = [found["views"][name].untyped_storage().data_ptr() for name in ("rows", "turned")]
    assert storages[0] == storages[1]  # tensors that share memory go on sharing it


def test_a_damaged_byte_never_ends_in_another_error(tmp_path):
    for options in ({}, LEGACY):
        path = tmp_path / "a.pth"
        torch.save({"a": BASE, "b": [1, "x"]}, path, **options)
        whole = path.read_bytes()
        for place in range(0, len(whole), 3):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
            try:
                read_tree(path)
            except UnsupportedModel as refusal:
                assert "\n" not in str(refusal)
