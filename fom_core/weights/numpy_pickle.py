"""What numpy writes into pickles beside arrays: the type of numbers, and single numbers such as a trainer's epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .pickle_machine import COMMON_GLOBALS, Machine, short

NUMERIC = frozenset(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"])
NUMPY_GLOBALS = {
    "numpy.core.multiarray scalar": "scalar",
    "numpy._core.multiarray scalar": "scalar",  # numpy 2 moved the module
    "numpy dtype": "dtype",
    "_codecs encode": "encode",  # protocol 2 has no bytes: it writes latin-1 text and this call
}


@dataclass
class Dtype:
    """A type of numbers, as its own pickle describes it."""

    code: str
    byte_order: str = "="

    @property
    def numpy(self) -> np.dtype:
        return np.dtype(self.byte_order + self.code)


class NumpyMachine(Machine):
    """A machine that knows single numbers of numpy's; they come out as Python's.

    size: of the whole pickle, in bytes.
    """

    globals = COMMON_GLOBALS | NUMPY_GLOBALS

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name)
        self.unencoded = size  # bytes of text that may still become bytes: each can, once

    def construct(self, role: str, arguments: tuple[Any, ...]) -> Any:
        match role, arguments:
            case "dtype", (str(code), *_):
                if code not in NUMERIC:
                    raise self.refused(f"numbers of type {short(code)}")
                return Dtype(code)
            case "scalar", (Dtype() as dtype, bytes(content)):
                (value,) = np.frombuffer(content, dtype.numpy).tolist()
                return value
            case "encode", (str(text), "latin1" | "latin-1") if len(text) <= self.unencoded:
                self.unencoded -= len(text)
                return text.encode("latin-1")
            case _:
                return super().construct(role, arguments)

    def fill(self, target: Any, state: Any) -> None:
        match target, state:
            case Dtype(), (int(), "<" | ">" | "|" | "=" as order, None, None, None, *_):
                target.byte_order = order
            case _:
                super().fill(target, state)
