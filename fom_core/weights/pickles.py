"""Reads the arrays out of a pickle (``.pdparams``) without unpickling it.

A pickle is a program. Instead of running it on Python's machine with some imports forbidden, this file is a machine
of its own: it knows the few instructions that build dictionaries, lists, tuples, numbers, text and numeric arrays, and
the handful of globals that numpy and Paddle write into such files. Those globals are names here, never the objects
they name, so nothing outside this file can be called, imported or changed by a file. Arrays are made from the bytes
that are in the file, so a file cannot claim more memory than it brings.
"""

from __future__ import annotations

import math
import mmap
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from ..errors import UnsupportedModel

GLOBALS = {
    "numpy.core.multiarray _reconstruct": "reconstruct",
    "numpy._core.multiarray _reconstruct": "reconstruct",  # numpy 2 moved the module
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "collections OrderedDict": "dict",
    "builtins tuple": "tuple",
    "__builtin__ tuple": "tuple",  # protocol 2 writes the names of Python 2
    "_codecs encode": "encode",  # protocol 2 has no bytes: it writes latin-1 text and this call
}
NUMERIC = frozenset(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"])
MAX_INSTRUCTIONS = 2_000_000  # a checkpoint with optimiser states needs about 60 000
_MARK = object()


@dataclass(frozen=True)
class _Global:
    """A global that a pickle named: a word to be recognised, not something to be called."""

    role: str


@dataclass
class _Dtype:
    code: str
    byte_order: str = "="


@dataclass
class _Array:
    """An array between its creation and the instruction that brings its content."""

    value: np.ndarray | None = None


def read_arrays(path: Path) -> Any:
    """Return the object stored in a pickle: dictionaries, lists, tuples, numbers, text and numpy arrays.

    Raises UnsupportedModel, with nothing executed, for any other content and for damaged files.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _finished(_Machine(path.name, len(data)).run(data))
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        # pickletools and the machine's own stack report damage in many ways; to the user they are all one.
        raise UnsupportedModel(
            f"{path.name} is damaged or incomplete: a pickle of arrays was expected, but reading it failed "
            f"({_short(str(error))}). Download it again."
        ) from error


def _finished(value: Any) -> Any:
    """Replace the machine's array objects by their numpy arrays, two levels of dictionary deep and in pairs."""
    if isinstance(value, dict):
        return {key: _finished(item) if not isinstance(item, dict) else _entries(item) for key, item in value.items()}
    return _leaf(value)


def _entries(values: dict[Any, Any]) -> dict[Any, Any]:
    return {key: _leaf(item) for key, item in values.items()}


def _leaf(value: Any) -> Any:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], _Array):
        return value[0], value[1].value
    return value.value if isinstance(value, _Array) else value


class _Machine:
    """The stack, the memo, and one method per kind of instruction."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.unencoded = size  # bytes of text that may still become bytes: each can, once
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: mmap.mmap) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(cast("IO[bytes]", data))):
            if count > MAX_INSTRUCTIONS:
                raise self.refused(f"more than {MAX_INSTRUCTIONS} instructions")
            if opcode.name == "STOP":
                return self.stack.pop()
            instruction = _INSTRUCTIONS.get(opcode.name)
            if instruction is None:
                raise self.refused(f"the pickle instruction {opcode.name}")
            instruction(self, argument)
        raise ValueError("the end is missing")

    def refused(self, what: str) -> UnsupportedModel:
        return UnsupportedModel(
            f"{self.name} was refused and nothing in it was run: it asks for {what}, and a weights file needs numeric "
            "arrays only. Do not open it with other software; get the weights from the table in the README."
        )

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def to_mark(self) -> list[Any]:
        """Pop everything above the topmost mark."""
        start = len(self.stack) - 1
        while self.stack[start] is not _MARK:  # running past the bottom is an IndexError: a damaged file
            start -= 1
            if start < 0:
                raise ValueError("a mark is missing")
        items = self.stack[start + 1 :]
        del self.stack[start:]
        return items

    def push_tuple(self, count: int) -> None:
        if len(self.stack) < count:
            raise ValueError("the stack is empty")
        items = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self.push(items)

    def store(self, pairs: list[Any]) -> None:
        """SETITEM and SETITEMS."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ValueError("items for something that is not a dictionary")
        keys = pairs[::2]
        if not all(isinstance(key, str | int) for key in keys):
            raise ValueError("a dictionary key that is neither text nor a number")
        target.update(zip(keys, pairs[1::2], strict=True))

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise ValueError("items for something that is not a list")
        target.extend(items)

    def push_global(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a global without a name")
        role = GLOBALS.get(f"{module} {name}")
        if role is None:
            raise self.refused(f"the Python object {_short(f'{module}.{name}')}")
        self.push(_Global(role))

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.push_global(module, name)

    def reduce(self) -> None:
        """What a call would be: each known global builds one kind of value here."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise self.refused("a call of something that is not a known constructor")
        match function.role, arguments:
            case "reconstruct", (_Global(role="ndarray"), tuple(), _):
                self.push(_Array())
            case "dtype", (str(code), *_):
                if code not in NUMERIC:
                    raise self.refused(f"an array of type {_short(code)}")
                self.push(_Dtype(code))
            case "dict", ():
                self.push({})
            case "tuple", ((_, _) as pair,):
                self.push(tuple(pair))
            case "encode", (str(text), "latin1" | "latin-1") if len(text) <= self.unencoded:
                self.unencoded -= len(text)
                self.push(text.encode("latin-1"))
            case _:
                raise self.refused(f"an unknown use of {function.role}")

    def build(self) -> None:
        """Fill in the state of an array or of its type; nothing else may be changed after it was made."""
        state, target = self.stack.pop(), self.stack[-1]
        match target, state:
            case _Dtype(), (int(), "<" | ">" | "|" | "=" as order, None, None, None, *_):
                target.byte_order = order
            case _Array(value=None), (int(), tuple(shape), _Dtype() as dtype, bool(fortran), bytes(content)):
                target.value = _array(shape, dtype, fortran, content)
            case _:
                raise self.refused("a change to something that is not an array")


def _array(shape: tuple[Any, ...], dtype: _Dtype, fortran: bool, content: bytes) -> np.ndarray:
    if not all(isinstance(length, int) and length >= 0 for length in shape):
        raise ValueError("an array's shape is not made of numbers")
    kind = np.dtype(dtype.byte_order + dtype.code)
    if math.prod(shape) * kind.itemsize != len(content):
        raise ValueError(f"an array of shape {_short(str(shape))} comes with {len(content)} bytes")
    return np.frombuffer(content, kind).reshape(shape, order="F" if fortran else "C")


def _short(text: str) -> str:
    """Text from a file, made safe for one line of a terminal."""
    plain = text.encode("unicode_escape").decode("ascii")
    return plain if len(plain) <= 80 else plain[:77] + "..."


def _value(machine: _Machine, argument: Any) -> None:
    machine.push(argument)


def _nothing(machine: _Machine, argument: Any) -> None:
    pass


_Instruction = Callable[[_Machine, Any], None]
_INSTRUCTIONS: dict[str, _Instruction] = {
    **dict.fromkeys(("PROTO", "FRAME"), _nothing),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), _value),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _value),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _value),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "MARK": lambda machine, _: machine.push(_MARK),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.to_mark())),
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    "SETITEMS": lambda machine, _: machine.store(machine.to_mark()),
    "SETITEM": lambda machine, _: machine.store([machine.stack.pop(-2), machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.to_mark()),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "MEMOIZE": lambda machine, _: machine.memo.__setitem__(len(machine.memo), machine.stack[-1]),
    **dict.fromkeys(
        ("BINPUT", "LONG_BINPUT"), lambda machine, index: machine.memo.__setitem__(index, machine.stack[-1])
    ),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, index: machine.push(machine.memo[index])),
    "GLOBAL": lambda machine, names: machine.push_global(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.stack_global(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
}
