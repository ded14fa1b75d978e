"""``fom export``: trace, compare with PyTorch on real frames, keep what is within bounds."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..backends import MANIFEST, ExportedModel, Package, Part, Variant, write_manifest
from ..backends.onnx import open_graph
from ..errors import FomError, UsageError
from ..files import missing_folders, remove_empty, unwritable
from ..networks import MotionModel
from .compare import Frames, Rendered, differences, read_frames, render, verdict
from .graph_file import OPSET, require_onnx, write_onnx
from .parts import BATCH, Graph, streaming_graphs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """What an export left: the folder, and what its ``model.json`` says."""

    folder: Path
    package: Package


def export_model(
    model: MotionModel,
    folder: Path,
    *,
    size: tuple[int, int] | None = None,
    frames: Path | None = None,
) -> Exported:
    """Write a model's parts as ONNX with ``model.json`` into a folder.

    model:  on the processor, in float32.
    size:   height and width of the pictures; None is the model's own.
    frames: a video to compare with PyTorch on; None is an embedded clip.
    Raises FomError when the graphs do not compute what PyTorch does; nothing is written then.
    """
    require_onnx()
    config = replace(model.config, image_size=_checked(model, size or model.config.image_size))
    pictures = read_frames(config, frames)
    wanted = render(pictures, model)
    with _work_folder(folder) as work:
        parts = {}
        for graph in streaming_graphs(model, config.image_size):
            path = work / f"{graph.name}.onnx"
            write_onnx(graph, path)
            parts[graph.name] = _part(graph, path)
            log.info("%s: %s", path.name, f"{path.stat().st_size / 1e6:.2f} MB")
        package = Package(model.name, config, OPSET, parts, pictures.name)
        package = _compared(package, work, model, pictures, wanted)
        write_manifest(package, work / MANIFEST)
        _hand_over(work, folder)
    return Exported(folder, package)


def _compared(package: Package, work: Path, model: MotionModel, pictures: Frames, wanted: Rendered) -> Package:
    """The package with each file's difference from PyTorch: the picture's when this part alone is not PyTorch's."""
    exported = ExportedModel(package, work, lambda path: open_graph(path, "cpu"))
    parts = {}
    for name, part in package.parts.items():
        apart = differences(render(pictures, model, **{name: exported}), wanted)
        variant = part.files["float32"]
        parts[name] = replace(part, files={"float32": replace(variant, differences=apart)})
        log.info("%s: %s", variant.file, _told(apart))
    together = differences(render(pictures, exported), wanted)
    log.info("all together, on %s: %s", pictures.name, _told(together))
    wrong = verdict("float32", together)
    if wrong:
        raise FomError(f"The exported {package.name} does not paint what PyTorch paints: {wrong}. Nothing was written.")
    return replace(package, parts=parts)


def _told(apart: dict[str, float]) -> str:
    points = f"; keypoints {apart['value_max']:.1e}" if apart["value_max"] else ""
    return f"pictures differ by at most {apart['prediction_max']:.1e} ({apart['prediction_psnr_db']:.0f} dB){points}"


def _part(graph: Graph, path: Path) -> Part:
    def shape(name: str) -> list[int | str]:
        first, *rest = graph.inputs[name].shape
        return [BATCH if name in graph.batched else first, *rest]

    outputs = graph.output_shapes()
    return Part({name: shape(name) for name in graph.inputs}, outputs, {"float32": Variant.of(path, {})})


def _checked(model: MotionModel, size: tuple[int, int]) -> tuple[int, int]:
    """The size, once the networks can halve it. Raises UsageError."""
    multiple = model.size_multiple
    if any(side % multiple or side < 2 * multiple for side in size):
        raise UsageError(
            f"The model {model.name} takes pictures with sides divisible by {multiple}, from {2 * multiple} on; got "
            f"{size[0]}x{size[1]}. Choose another --image_size."
        )
    return size


@contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the target that vanishes at the end. Raises WriteError."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"The output {folder} is a file. Give the name of a folder.")
    made = missing_folders(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield work
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
        remove_empty(made)


def _hand_over(work: Path, folder: Path) -> None:
    """Move the files into the target folder, ``model.json`` last: with it the export is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for path in sorted(work.iterdir(), key=lambda path: path.name == MANIFEST):
        path.replace(folder / path.name)
