"""What a file format beside ONNX is: how its files are made, what computes them here, and what to know of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ...backends import ExportedPart
from ...backends.exported import Run
from ...backends.quiet import import_openvino
from ...errors import MissingPackage
from ..graph_file import quietly
from ..int8 import GraphInputs
from ..parts import Graph

NEVER_RUN = "never run here"
QUIET: dict[str, Callable[[str], Any]] = {"openvino": lambda _: import_openvino()}  # opened without their reports


@dataclass(frozen=True)
class Material:
    """What a format's file of one part is made of.

    onnx:    the part's ONNX file in float32.
    plain:   where the format's own float32 file is, made before the smaller ones.
    samples: gives inputs of the part as frames of a clip bring them, for what is calibrated.
    """

    graph: Graph
    onnx: Path
    plain: Path
    samples: Callable[[], Sequence[GraphInputs]]

    def one_frame(self) -> dict[str, Tensor]:
        """The part's example inputs for a batch of one."""
        return {name: value[:1].clone() for name, value in self.graph.inputs.items()}


@dataclass(frozen=True)
class Format:
    """A format of files.

    extra:     of pyproject.toml, which installs ``needs``: module by module the package that brings it.
    suffixes:  of the files, by precision: those that the format can have.
    beside:    suffixes of files that belong to one, after its name without its own suffix.
    layout, batch, names, trap: what whoever runs the files must know, in words.
    write:     makes the file of a part in a precision at a path.
    open_file: opens it for computing; None where nothing here does.
    runtime:   the package that computes in ``open_file``.
    """

    name: str
    title: str
    extra: str
    needs: dict[str, str]
    suffixes: dict[str, str]
    write: Callable[[Material, Path, str], None]
    open_file: Callable[[Path, ExportedPart], Run] | None
    runtime: str
    batch: str
    trap: str
    layout: str = "as in ONNX: pictures (batch, channels, height, width)"
    names: str = "those of the inputs and outputs here"
    beside: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def require(self) -> None:
        """Raise MissingPackage where one of its packages is not installed."""
        with quietly():
            for module, package in self.needs.items():
                _require(module, package, self)

    def files_of(self, path: Path) -> list[Path]:
        """The files that belong to one of its files."""
        for precision, suffix in self.suffixes.items():
            if path.name.endswith(suffix):
                stem = path.name.removesuffix(suffix)
                return [path.with_name(stem + other) for other in self.beside.get(precision, ())]
        return []

    def about(self) -> dict[str, str]:
        """For ``model.json``, in words."""
        made_by = ", ".join(f"{package} {_version(package)}" for package in dict.fromkeys(self.needs.values()))
        compared = f"{self.runtime} {_version(self.runtime)}" if self.open_file else NEVER_RUN
        return {
            "title": self.title,
            "layout": self.layout,
            "batch": self.batch,
            "names": self.names,
            "made_by": made_by,
            "compared_by": compared,
            "trap": self.trap,
        }


def _require(module: str, package: str, form: Format) -> None:
    try:
        QUIET.get(module, import_module)(module)
    except ImportError as error:
        raise MissingPackage(
            f"The format {form.name} needs the package {package}, which does not open here ({error}). Run: "
            f'pip install "fom-face-animation[{form.extra}]"'
        ) from error


def as_listed(part: ExportedPart, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The inputs in the order of ``model.json``."""
    return [np.ascontiguousarray(inputs[name]) for name in part.inputs]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "of unknown version"
