"""The files of a part: float32, float16 and int8 ONNX, the ``torch.export`` archive, and those of other formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ..backends import ExportedPart, Package, Variant
from ..backends.exported import Run
from ..backends.onnx import open_graph
from ..backends.package import format_and_precision, variant_name
from ..documents.readers import shortened
from ..resources.faults import pass_on
from .archive import open_archive, write_archive
from .compare import ExportCheck, calibration_samples
from .formats import FORMATS, Material
from .graph_file import quietly, write_onnx
from .half import write_float16
from .int8 import GraphInputs, write_int8
from .parts import BATCH, Graph

FLOAT32, FLOAT16, INT8, ARCHIVE = "float32", "float16", "int8", "archive"
SUFFIXES = {FLOAT32: ".onnx", FLOAT16: ".fp16.onnx", INT8: ".int8.onnx", ARCHIVE: ".pt2"} | {
    variant_name(form.name, precision): suffix
    for form in FORMATS.values()
    for precision, suffix in form.suffixes.items()
}
"""Of the files, by variant."""
BESIDE = {suffix for form in FORMATS.values() for suffixes in form.beside.values() for suffix in suffixes}


class Writer:
    """Writes variants of graphs into a folder, and opens them."""

    def __init__(
        self, graphs: Sequence[Graph], folder: Path, check: ExportCheck, tell: Callable[[str], object]
    ) -> None:
        self.graphs = graphs
        self.folder = folder
        self._tell = tell
        self._check = check
        self._opened: dict[tuple[str, int], Run] = {}

    def write(self, package: Package, variant: str) -> tuple[Package, dict[str, str]]:
        """A package of all parts in this variant (and in those that ``package`` has), and what failed, by part.

        Other people's converters may fail at a part; smaller files are made of parts that have a float32 one.
        """
        parts, failed = {}, {}
        form = FORMATS.get(format_and_precision(variant)[0])
        for graph in self.graphs:
            path = self.folder / f"{graph.name}{SUFFIXES[variant]}"
            part = package.parts.get(graph.name) or _part(graph)
            if form and variant != form.name and form.name not in part.files:
                continue
            self._tell(f"writing {path.name}")
            try:
                self._write(graph, path, variant)
            except Exception as error:
                pass_on(error)
                if form is None:
                    raise
                failed[graph.name] = shortened(f"{type(error).__name__}: {error}")
                continue
            made = Variant.of(path, {}, form.files_of(path) if form else [])
            parts[graph.name] = replace(part, files={**part.files, variant: made})
        return replace(package, parts=parts), failed

    def write_carefully(self, package: Package, name: str, care: int) -> Package | None:
        """The package with a part's float16 file written anew, ``care`` sizes of its maps in float32; None: all are."""
        part = package.parts[name]
        path = self.folder / part.files[FLOAT16].file
        if not write_float16(self._plain(name), path, care):
            return None
        part = replace(part, files={**part.files, FLOAT16: Variant.of(path, {})})
        return replace(package, parts={**package.parts, name: part})

    def open(self, package: Package, name: str, variant: str) -> Run:
        """A part in this variant, ready to compute."""
        return self.open_file(package, self.folder / package.parts[name].files[variant].file)

    def open_file(self, package: Package, path: Path) -> Run:
        """A file of a package, ready to compute on the processor; opened once, unless it is written anew."""
        written = path.name, path.stat().st_mtime_ns
        if written not in self._opened:
            self._opened[written] = self._open(package, path)
        return self._opened[written]

    def _open(self, package: Package, path: Path) -> Run:
        name, _, suffix = path.name.partition(".")
        part = package.parts[name]
        variant = next(variant for variant, known in SUFFIXES.items() if known == f".{suffix}")
        form = FORMATS.get(format_and_precision(variant)[0])
        if form and form.open_file:
            return form.open_file(path, part)
        if variant == ARCHIVE:
            return open_archive(path, list(part.inputs), list(part.outputs))
        return open_graph(path, "cpu")

    def remove_others(self, package: Package) -> None:
        """Close all files, and delete those that the package does not name."""
        self._opened.clear()
        files = [variant for part in package.parts.values() for variant in part.files.values()]
        named = {name for file in files for name in (file.file, *file.beside)}
        for path in self.folder.iterdir():
            if path.name not in named:
                path.unlink()

    def _write(self, graph: Graph, path: Path, variant: str) -> None:
        plain, (form, precision) = self._plain(graph.name), format_and_precision(variant)
        if form in FORMATS:
            own = self.folder / f"{graph.name}{SUFFIXES[variant_name(form)]}"
            FORMATS[form].write(Material(graph, plain, own, lambda: self._samples[graph.name]), path, precision)
        elif variant == FLOAT32:
            write_onnx(graph, path)
        elif variant == FLOAT16:
            write_float16(plain, path)
        elif variant == INT8:
            write_int8(plain, path, self._samples[graph.name])
        else:
            with quietly():
                write_archive(graph, path)

    def _plain(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIXES[FLOAT32]}"

    @cached_property
    def _samples(self) -> dict[str, list[GraphInputs]]:
        samples = calibration_samples(self._check.frames, self._check.plain)
        return {name: list(feeds) for name, feeds in samples.items()}


def _part(graph: Graph) -> ExportedPart:
    def shape(name: str) -> list[int | str]:
        first, *rest = graph.inputs[name].shape
        return [BATCH if name in graph.batched else first, *rest]

    return ExportedPart({name: shape(name) for name in graph.inputs}, graph.output_shapes(), {})
