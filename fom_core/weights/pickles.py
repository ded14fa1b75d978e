"""Reads the arrays out of a pickle (``.pdparams``): numbers, text and what numpy and Paddle write into such files.

Arrays are made from the bytes that are in the file, so a file cannot claim more memory than it brings.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from ..errors import UnsupportedModel
from .numpy_pickle import NUMPY_GLOBALS, Dtype, NumpyMachine
from .pickle_machine import COMMON_GLOBALS, DAMAGE, Global, short


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
            return _finished(_ArrayMachine(path.name, len(data)).run(cast("IO[bytes]", data)))
    except DAMAGE as error:
        raise UnsupportedModel(
            f"{path.name} is damaged or incomplete: a pickle of arrays was expected, but reading it failed "
            f"({short(str(error))}). Download it again."
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


class _ArrayMachine(NumpyMachine):
    globals = (
        COMMON_GLOBALS
        | NUMPY_GLOBALS
        | {
            "numpy.core.multiarray _reconstruct": "reconstruct",
            "numpy._core.multiarray _reconstruct": "reconstruct",  # numpy 2 moved the module
            "numpy ndarray": "ndarray",
        }
    )
    needs = "numeric arrays"

    def construct(self, role: str, arguments: tuple[Any, ...]) -> Any:
        match role, arguments:
            case "reconstruct", (Global(role="ndarray"), tuple(), _):
                return _Array()
            case _:
                return super().construct(role, arguments)

    def fill(self, target: Any, state: Any) -> None:
        match target, state:
            case _Array(value=None), (int(), tuple(shape), Dtype() as dtype, bool(fortran), bytes(content)):
                target.value = _array(shape, dtype, fortran, content)
            case _:
                super().fill(target, state)


def _array(shape: tuple[Any, ...], dtype: Dtype, fortran: bool, content: bytes) -> np.ndarray:
    if not all(isinstance(length, int) and length >= 0 for length in shape):
        raise ValueError("an array's shape is not made of numbers")
    kind = dtype.numpy
    if math.prod(shape) * kind.itemsize != len(content):
        raise ValueError(f"an array of shape {short(str(shape))} comes with {len(content)} bytes")
    return np.frombuffer(content, kind).reshape(shape, order="F" if fortran else "C")
