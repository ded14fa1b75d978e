"""Reads what ``torch.save`` wrote without torch's own reader, so that every version of PyTorch opens it alike.

Versions differ in what their ``torch.load`` lets a file do, ``weights_only`` or not. Here a file can only describe
tensors over the bytes that it brings.
"""

from __future__ import annotations

import io
import math
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import torch
from torch import Tensor

from ..errors import UnsupportedModel
from ..resources.faults import asked_bytes, pass_on
from .numpy_pickle import NUMPY_GLOBALS, NumpyMachine
from .pickle_machine import COMMON_GLOBALS, DAMAGE, Global, Machine, short
from .torch_archive import PICKLE, open_records, read_bytes

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # opens every file of torch.save before version 1.6
LEGACY_VERSION = 1001
MOST_DIMENSIONS = 64
LARGEST = 2**62  # numbers that a tensor may claim to have: torch counts in 63 bits
STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
UNTYPED = "UntypedStorage"
NAMED_DTYPES = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "uint16", "uint32", "uint64")
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in STORAGES.values()} | {
    name: getattr(torch, name) for name in NAMED_DTYPES if hasattr(torch, name)
}
UNUSUAL = {  # tensors of kinds that no published weights have, and that torch builds by code of their own
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_sparse_csr_tensor": "a sparse tensor",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_qtensor": "a quantised tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor without content",
    "ComplexFloatStorage": "complex numbers",
    "ComplexDoubleStorage": "complex numbers",
}


def read_torch(path: Path, kind: str, expected: str) -> Any:
    """Whatever nesting of tensors a file of ``torch.save`` holds, on the CPU and without gradients.

    kind:     "torch-zip" or "torch-legacy".
    expected: the sentence that tells which files are weights.
    Raises UnsupportedModel, with nothing executed, for any other content and for damaged files.
    """
    try:
        with path.open("rb") as file:
            return _read_zip(path, file, expected) if kind == "torch-zip" else _read_legacy(path, file)
    except (*DAMAGE, OSError, RuntimeError, MemoryError) as error:  # the last two: sizes that no file of that size has
        if (asked_bytes(error) or math.inf) <= path.stat().st_size:  # no more than there is to read
            pass_on(error)
        raise UnsupportedModel(
            f"{path.name} is damaged or incomplete ({short(str(error) or type(error).__name__)}). Download it again."
        ) from error


def _read_zip(path: Path, file: IO[bytes], expected: str) -> Any:
    records = open_records(path, file, expected)
    if "byteorder" in records.entries and records.bytes_of("byteorder") != b"little":
        raise ValueError("its numbers are stored in another byte order than this machine's")
    pickled = records.bytes_of(PICKLE)
    machine = _TensorMachine(path.name, len(pickled))
    tree = machine.run(io.BytesIO(pickled))
    machine.bind(lambda storage: records.tensor_of(f"data/{storage.key}"))
    return tree


def _read_legacy(path: Path, file: IO[bytes]) -> Any:
    """Five pickles: two numbers, the machine's traits, the tree, the keys of its storages; then their content."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        pickles = cast("IO[bytes]", data)
        if (_plain(path, pickles), _plain(path, pickles)) != (LEGACY_MAGIC, LEGACY_VERSION):
            raise ValueError("its first lines are not torch.save's")
        if not _plain(path, pickles).get("little_endian", True):
            raise ValueError("its numbers are stored in another byte order than this machine's")
        machine = _TensorMachine(path.name, len(data))
        tree = machine.run(pickles)
        keys = [str(key) for key in _plain(path, pickles)]
        file.seek(data.tell())
    contents = {}
    for key in keys:
        if key not in machine.storages:
            raise ValueError(f"no tensor has the storage {short(key)}")
        count = int.from_bytes(file.read(8), "little")
        if count != machine.storages[key].count:
            raise ValueError(f"the storage {short(key)} has {count} numbers, not {machine.storages[key].count}")
        contents[key] = read_bytes(file, machine.storages[key].size)
    machine.bind(lambda storage: contents[storage.key])
    return tree


def _plain(path: Path, pickles: IO[bytes]) -> Any:
    return Machine(path.name).run(pickles)


@dataclass(frozen=True)
class _Storage:
    """Numbers that tensors look at: ``count`` of them from ``first`` on, in what the file has under ``key``.

    dtype is None for bytes that only their tensors give a type; count and first are in bytes then.
    """

    key: str
    dtype: torch.dtype | None
    count: int
    first: int = 0

    @property
    def size(self) -> int:
        """In bytes."""
        return self.count * (1 if self.dtype is None else self.dtype.itemsize)


@dataclass(frozen=True)
class _View:
    """A tensor that was promised, and what it is to show."""

    tensor: Tensor
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _TensorMachine(NumpyMachine):
    globals = (
        COMMON_GLOBALS
        | NUMPY_GLOBALS
        | {f"torch {name}": f"storage {name}" for name in (*STORAGES, UNTYPED)}
        | {f"torch.storage {name}": f"storage {name}" for name in (*STORAGES, UNTYPED)}
        | {f"torch {name}": f"dtype {name}" for name in DTYPES}
        | {
            "torch._utils _rebuild_tensor": "tensor",
            "torch._utils _rebuild_tensor_v2": "tensor",
            "torch._utils _rebuild_tensor_v3": "tensor of bytes",
            "torch._utils _rebuild_parameter": "parameter",
            "torch._utils _rebuild_parameter_with_state": "parameter",
            "torch._tensor _rebuild_from_type_v2": "typed",
            "torch Tensor": "type",
            "torch.nn.parameter Parameter": "type",
            "torch Size": "tuple",
            "torch device": "device",
            "builtins set": "set",
            "__builtin__ set": "set",
        }
    )
    needs = "tensors"

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name, size)
        self.storages: dict[str, _Storage] = {}
        self.views: list[_View] = []

    def construct(self, role: str, arguments: tuple[Any, ...]) -> Any:
        match role, arguments:
            case "tensor", (_Storage(dtype=torch.dtype() as dtype) as storage, offset, shape, stride, *more):
                value = self.view(storage, dtype, (offset, shape, stride), more[2:])
            case "tensor of bytes", (_Storage(dtype=None) as storage, offset, shape, stride, _, _, Global(kind), *more):
                value = self.view(storage, DTYPES[kind.removeprefix("dtype ")], (offset, shape, stride), more)
            case "parameter", (Tensor() as value, *_):
                pass
            case "typed", (Global() as function, Global(role="type"), tuple(inner), _):
                value = self.construct(function.role, inner)
            case "device", (str(value), *_):
                pass
            case "set", (list(items),) if all(isinstance(item, str | int | float) for item in items):
                value = set(items)
            case _:
                value = super().construct(role, arguments)
        return value

    def persistent(self, identity: Any) -> _Storage:
        match identity:
            case ("storage", Global() as kind, str() | int() as key, str(), int(count), *more) if count >= 0:
                name = kind.role.removeprefix("storage ")
                if name != UNTYPED and name not in STORAGES:
                    raise ValueError("a storage of no known type")
                storage = _Storage(str(key), STORAGES.get(name), count)
                if self.storages.setdefault(storage.key, storage) != storage:
                    raise ValueError(f"the storage {short(storage.key)} is described in two ways")
                match more:
                    case [(_, int(first), int(part))] if 0 <= first <= count - part <= count:
                        return _Storage(storage.key, storage.dtype, part, first)
                    case [] | [None]:
                        return storage
        raise ValueError("a storage that is not described as torch.save does")

    def refused_global(self, module: str, name: str) -> UnsupportedModel:
        if module.partition(".")[0] == "torch" and name in UNUSUAL:
            return UnsupportedModel(
                f"{self.name} holds {UNUSUAL[name]}, and weights are plain tensors of real numbers; it was not opened. "
                "`fom weights list` names weights to get instead."
            )
        return super().refused_global(module, name)

    def view(self, storage: _Storage, dtype: torch.dtype, place: tuple[Any, Any, Any], more: Any) -> Tensor:
        """A tensor that :meth:`bind` gives its content; ``place`` is offset, shape and stride, in numbers.

        Raises ValueError where it reaches beyond its storage.
        """
        offset, shape, stride = place
        if any(more):
            raise self.refused("a conjugate or negative view")
        if not (_are_counts([offset]) and isinstance(shape, tuple) and isinstance(stride, tuple)):
            raise ValueError("a tensor's shape is not made of numbers")
        if not (_are_counts(shape) and _are_counts(stride) and len(shape) == len(stride) <= MOST_DIMENSIONS):
            raise ValueError("a tensor's shape and stride do not fit")
        steps = sum((length - 1) * step for length, step in zip(shape, stride, strict=True))
        end = offset + steps + 1 if 0 not in shape else offset
        available = storage.count // (1 if storage.dtype is not None else dtype.itemsize)
        if end > available or math.prod(shape) > LARGEST:
            raise ValueError(f"a tensor of shape {short(str(shape))} reaches beyond the {available} numbers it has")
        first = storage.first if storage.dtype is not None else storage.first // dtype.itemsize
        view = _View(torch.empty(0, dtype=dtype), storage, first + offset, shape, stride)
        self.views.append(view)
        return view.tensor

    def bind(self, content_of: Callable[[_Storage], Tensor]) -> None:
        """Give every tensor its content: the bytes of its storage, in memory that tensors of a storage share."""
        contents: dict[str, Tensor] = {}
        for view in self.views:
            whole = self.storages[view.storage.key]
            if whole.key not in contents:
                contents[whole.key] = content_of(whole)
                if contents[whole.key].numel() != whole.size:
                    raise ValueError(f"the storage {short(whole.key)} has another size than its tensors say")
            view.tensor.set_(contents[whole.key].untyped_storage(), view.offset, view.shape, view.stride)


def _are_counts(values: Any) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST for value in values)
