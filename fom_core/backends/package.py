"""The folder that ``fom export`` writes: graphs of a model's parts, and ``model.json`` that tells what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..documents.readers import DocumentError, read_json, shortened
from ..errors import UnsupportedModel
from ..files.leftovers import tidy
from ..files.paths import replacing, sha256_of
from ..networks.config import ModelConfig
from ..networks.limits import check_config

FORMAT = "fom-export-1"
MANIFEST = "model.json"
ONNX, FLOAT32 = "onnx", "float32"
STREAMING = ("keypoint_detector", "source_encoder", "generator")  # the parts that an animation needs


@dataclass(frozen=True)
class Variant:
    """One file of a part. ``differences`` from the PyTorch model, as found on real frames before it was kept.

    beside: what else belongs to it, by name with its checksum: formats that keep weights in a file of their own.
    size:   of all of them.
    """

    file: str
    size: int
    sha256: str
    differences: dict[str, float] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, differences: Mapping[str, float], beside: Sequence[Path] = ()) -> Variant:
        """Describe a file as it lies there, and those beside it."""
        size = sum(each.stat().st_size for each in (path, *beside))
        return cls(path.name, size, sha256_of(path), dict(differences), {each.name: sha256_of(each) for each in beside})


@dataclass(frozen=True)
class ExportedPart:
    """A graph: its inputs and outputs by name with their shapes ("batch" is free), its files by variant.

    A variant is a precision of ONNX ("float32", "float16", "int8"), "archive", or a format and its precision
    (:func:`variant_name`).
    """

    inputs: dict[str, list[int | str]]
    outputs: dict[str, list[int | str]]
    files: dict[str, Variant]


@dataclass(frozen=True)
class Package:
    """An exported model. ``frames`` tells what its files were compared with PyTorch on.

    left_out: by variant, a sentence for each file that was not kept, because it differed too much from PyTorch.
    formats:  by format beside ONNX, in words: layout, batch, names, what made and compared it, and its trap.
    """

    name: str
    config: ModelConfig
    opset: int
    parts: dict[str, ExportedPart]
    frames: str = ""
    left_out: dict[str, list[str]] = field(default_factory=dict)
    formats: dict[str, dict[str, str]] = field(default_factory=dict)

    def file_of(self, folder: Path, part: str, variant: str) -> Path:
        """The file of a part: of that variant, or float32 where the part has none. Raises UnsupportedModel."""
        files = self.parts[part].files
        plain = variant_name(format_and_precision(variant)[0])
        if not (found := files.get(variant) or files.get(plain)):
            raise UnsupportedModel(f"The export in {folder} has no {plain} file of the {part}. Export the model again.")
        for name in (found.file, *found.beside):
            if not (folder / name).is_file():
                raise UnsupportedModel(f"{folder} lacks {name}, which its {MANIFEST} names. Export the model again.")
        return folder / found.file

    @property
    def precisions(self) -> list[str]:
        """The variants that at least one part of an animation has a file of."""
        return list(dict.fromkeys(variant for name in STREAMING for variant in self.parts[name].files))


def variant_name(form: str, precision: str = FLOAT32) -> str:
    """What files of a format and precision are called: "int8", "litert", "litert-int8"."""
    if form == ONNX:
        return precision
    return form if precision == FLOAT32 else f"{form}-{precision}"


def format_and_precision(variant: str) -> tuple[str, str]:
    """The inverse of :func:`variant_name`."""
    if variant in (FLOAT32, "float16", "int8"):
        return ONNX, variant
    form, _, precision = variant.partition("-")
    return form, precision or FLOAT32


def write_manifest(package: Package, path: Path) -> None:
    """Write ``model.json``. Raises WriteError."""
    config = package.config
    summary = {
        "format": FORMAT,
        "name": package.name,
        "image_size": list(config.image_size),
        "num_channels": config.num_channels,
        "num_keypoints": config.keypoint_detector.num_kp,
        "has_jacobian": config.keypoint_detector.estimate_jacobian,
        "opset": package.opset,
        "compared_on": package.frames,
        "left_out": package.left_out,
        "formats": package.formats,
    }
    parts = {name: asdict(part) for name, part in package.parts.items()}
    with replacing(path) as temporary:
        text = json.dumps({**summary, "parts": parts, "config": config.to_dict()}, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_package(folder: Path) -> Package:
    """Read ``model.json`` of an exported model. Raises UnsupportedModel where it is missing or something else."""
    path = folder / MANIFEST
    tidy(folder)  # where an export was killed in its last moment, the rest of it takes its place
    try:
        values = read_json(path)
    except DocumentError as error:
        raise UnsupportedModel(
            f"{folder} holds no exported model: wanted {MANIFEST} in it, which {str(error).rstrip('.')}. "
            f"Make one with `fom export NAME --output {folder}`."
        ) from error
    try:
        if values["format"] != FORMAT:
            raise ValueError(f"format {str(values['format'])[:40]!r}")
        parts = {str(name): _part(part) for name, part in values["parts"].items()}
        missing = [name for name in STREAMING if name not in parts]
        if missing:
            raise ValueError(f"no part {missing[0]}")
        left_out = {str(name): [str(line) for line in lines] for name, lines in values.get("left_out", {}).items()}
        formats = {
            str(name): {str(key): str(word) for key, word in words.items()}
            for name, words in values.get("formats", {}).items()
        }
        config, frames = ModelConfig.from_dict(values["config"]), str(values.get("compared_on", ""))
        check_config(config)
        return Package(str(values["name"]), config, int(values["opset"]), parts, frames, left_out, formats)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise UnsupportedModel(
            f"{path} is damaged or of another version ({shortened(str(reason))}). Export the model again with "
            "`fom export`."
        ) from error


def _part(values: dict[str, Any]) -> ExportedPart:
    files = {str(name): Variant(**variant) for name, variant in values["files"].items()}
    if not files:
        raise ValueError("a part without a file")
    for variant in files.values():
        for name in (variant.file, *variant.beside):
            if Path(name).name != name:
                raise ValueError(f"the file name {name[:40]!r}")
    return ExportedPart(dict(values["inputs"]), dict(values["outputs"]), files)
