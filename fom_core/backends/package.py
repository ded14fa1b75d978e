"""The folder that ``fom export`` writes: graphs of a model's parts, and ``model.json`` that tells what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
STREAMING = ("keypoint_detector", "source_encoder", "generator")  # the parts that an animation needs


@dataclass(frozen=True)
class Variant:
    """One file of a part. ``differences`` from the PyTorch model, as found on real frames before it was kept."""

    file: str
    size: int
    sha256: str
    differences: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, differences: Mapping[str, float]) -> Variant:
        """Describe a file as it lies there."""
        return cls(path.name, path.stat().st_size, sha256_of(path), dict(differences))


@dataclass(frozen=True)
class ExportedPart:
    """A graph: its inputs and outputs by name with their shapes ("batch" is free), its file for each precision."""

    inputs: dict[str, list[int | str]]
    outputs: dict[str, list[int | str]]
    files: dict[str, Variant]


@dataclass(frozen=True)
class Package:
    """An exported model. ``frames`` tells what its files were compared with PyTorch on.

    left_out: by precision, a sentence for each file that was not kept, because it differed too much from PyTorch.
    """

    name: str
    config: ModelConfig
    opset: int
    parts: dict[str, ExportedPart]
    frames: str = ""
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def file_of(self, folder: Path, part: str, precision: str) -> Path:
        """The file of a part: of that precision, or float32 where the part has none. Raises UnsupportedModel."""
        files = self.parts[part].files
        path = folder / (files.get(precision) or files["float32"]).file
        if not path.is_file():
            raise UnsupportedModel(f"{folder} lacks {path.name}, which its {MANIFEST} names. Export the model again.")
        return path

    @property
    def precisions(self) -> list[str]:
        """Those that at least one part of an animation has a file of."""
        return list(dict.fromkeys(precision for name in STREAMING for precision in self.parts[name].files))


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
        config, frames = ModelConfig.from_dict(values["config"]), str(values.get("compared_on", ""))
        check_config(config)
        return Package(str(values["name"]), config, int(values["opset"]), parts, frames, left_out)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise UnsupportedModel(
            f"{path} is damaged or of another version ({shortened(str(reason))}). Export the model again with "
            "`fom export`."
        ) from error


def _part(values: dict[str, Any]) -> ExportedPart:
    files = {str(precision): Variant(**variant) for precision, variant in values["files"].items()}
    if "float32" not in files:
        raise ValueError("a part without a float32 file")
    for variant in files.values():
        if Path(variant.file).name != variant.file:
            raise ValueError(f"the file name {variant.file[:40]!r}")
    return ExportedPart(dict(values["inputs"]), dict(values["outputs"]), files)
