"""``fom weights``: which models and detectors there are, and getting, converting and describing them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import DownloadError, FomError
from ..files.paths import require_file
from ..files.places import Work, keep_apart
from ..networks.config import ModelConfig
from ..weights.catalogue import Entry, catalogue, size_text
from ..weights.connect import Broken
from ..weights.download import address, download
from ..weights.foreign import is_foreign, yaml_beside
from ..weights.load import convert, resolve_config
from ..weights.read import read_checkpoint
from ..weights.store import locate, models_dir, path_on_disk
from .common import file_name, file_path
from .progress import ProgressBar, sentence
from .verbs import HELP


def add_parser(subparsers: Any) -> None:
    """Declare the command with its own commands, and their options."""
    parser = subparsers.add_parser(
        "weights",
        help=HELP["weights"],
        description="List, download, convert and describe weights.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    action = _add_action(actions, "list", "what there is, under which licence, and what is on this machine")
    action.add_argument("--json", action="store_true", help="the whole catalogue as JSON")
    action.set_defaults(run=run_list)

    action = _add_action(actions, "download", "get weights from the catalogue")
    action.add_argument("names", nargs="+", metavar="NAME", help="names from `fom weights list`")
    action.add_argument("--yes", action="store_true", help="do not ask")
    action.add_argument(
        "--folder", type=file_path, metavar="FOLDER", help="where to put them (default: FOM_MODELS, else ~/.cache/fom)"
    )
    action.set_defaults(run=run_download)

    action = _add_action(actions, "convert", "write any supported weights in another format")
    action.add_argument(
        "source", type=file_name, metavar="SOURCE", help="a .pth.tar, .pdparams or .safetensors file, or a name"
    )
    action.add_argument(
        "target",
        type=file_path,
        metavar="TARGET",
        help="the .safetensors file to write; .pth.tar (for the authors' code) and .pdparams (for PaddleGAN) get "
        "a YAML beside them",
    )
    stored = action.add_mutually_exclusive_group()
    stored.add_argument("--half", action="store_true", help="store convolutions in float16: half the size")
    stored.add_argument("--int8", action="store_true", help="store convolutions in 8 bits: a quarter of the size")
    action.add_argument(
        "--config", type=file_path, metavar="YAML", help="configuration of a file that does not carry it"
    )
    action.set_defaults(run=run_convert)

    action = _add_action(actions, "info", "architecture, parameters and conventions of weights")
    action.add_argument(
        "source", type=file_name, metavar="NAME_OR_PATH", help="name from `fom weights list`, or a file"
    )
    action.add_argument(
        "--config", type=file_path, metavar="YAML", help="configuration of a file that does not carry it"
    )
    action.add_argument("--json", action="store_true", help="as JSON")
    action.set_defaults(run=run_info)


def _add_action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    return actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")


def run_list(args: argparse.Namespace) -> None:
    """Print the catalogue as a table or JSON, with what is on this machine."""
    entries = list(catalogue().values())
    if args.json:
        print(json.dumps([_facts(entry) for entry in entries], indent=2))
        return
    rows = [("NAME", "KIND", "SIZE", "ON THIS MACHINE", "LICENCE")]
    for entry in entries:
        path = path_on_disk(entry)
        rows.append((entry.name, entry.kind, _size(entry), str(path) if path else _absent(entry), entry.licence))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))


def run_download(args: argparse.Namespace) -> int:
    """Say size and licence of each, ask where somebody sits before it, and fetch them; print where they are."""
    entries = [catalogue()[name] for name in args.names if name in catalogue()]
    failures = [_unknown(name) for name in args.names if name not in catalogue()]
    folder = args.folder or models_dir()
    for entry in entries:
        print(
            f"{entry.summary}\nfrom {' or '.join(map(_shown, entry.urls)) or entry.home}, to {folder}", file=sys.stderr
        )
    if entries and not args.yes and sys.stdin.isatty() and not _confirmed():
        print("Nothing was downloaded.", file=sys.stderr)
        return 1
    for entry in entries:
        try:
            with ProgressBar(entry.file, unit="MB") as bar:
                path = download(entry, folder, progress=lambda done, total, bar=bar: bar(*_megabytes(done, total)))
        except FomError as error:  # the others may come
            failures.append(sentence(error))
            continue
        print(path, flush=True)
    for line in failures:
        print(f"fom: {line}", file=sys.stderr)
    return 1 if failures else 0


def run_convert(args: argparse.Namespace) -> None:
    """Write a model's file in another form, and say how its size changed."""
    source, _ = locate(args.source)
    outputs = [args.target, yaml_beside(args.target)] if is_foreign(args.target) else [args.target]
    keep_apart([Work([source, *_config_of(args)], outputs)])
    convert(args.source, args.target, half=args.half, config=args.config, int8=args.int8)
    saved = f"{size_text(source.stat().st_size)} became {size_text(args.target.stat().st_size)}"
    print(f"{source.name}: {saved}", file=sys.stderr)
    print(*outputs, sep="\n")


def run_info(args: argparse.Namespace) -> None:
    """Print what the catalogue and the file itself say of a model, as lines or JSON."""
    _config_of(args)
    entry = catalogue().get(args.source)
    facts = {} if entry is None else _facts(entry)
    if entry is None or (entry.kind == "model" and path_on_disk(entry)):
        facts |= _model_facts(args.source, args.config)
    if args.json:
        print(json.dumps(facts, indent=2))
    else:
        print("\n".join(_lines(facts)))


def _config_of(args: argparse.Namespace) -> list[Path]:
    """The file that ``--config`` names, once it is known to be there, also where nothing is looked up in it."""
    return [require_file(args.config, "The configuration")] if args.config else []


def _facts(entry: Entry) -> dict[str, Any]:
    """What the catalogue knows, and where the file is on this machine."""
    path = path_on_disk(entry)
    return {
        "name": entry.name,
        "kind": entry.kind,
        "title": entry.title,
        "path": None if path is None else str(path),
        "size": entry.size,
        "about": entry.about,
        "sha256": entry.sha256,
        "licence": entry.licence,
        "home": entry.home,
        "urls": list(entry.urls),
    }


def _model_facts(source: str, config: Path | None) -> dict[str, Any]:
    """What a file itself tells."""
    path, entry = locate(source)
    checkpoint = read_checkpoint(path)
    described = resolve_config(checkpoint, path, entry, config)
    return {
        "path": str(path),
        "size": path.stat().st_size,
        "format": checkpoint.format,
        "parameters": {
            "keypoint_detector": _count(checkpoint.keypoint_detector),
            "generator": _count(checkpoint.generator),
        },
        "config": described.to_dict(),
    }


def _lines(facts: Mapping[str, Any]) -> list[str]:
    lines = [f"{key:<12} {facts[key]}" for key in ("name", "title", "kind", "licence", "home") if facts.get(key)]
    lines.append(f"{'file':<12} {facts['path'] or 'not on this machine'} ({_size_of(facts)})")
    if "config" not in facts:
        return lines
    config = ModelConfig.from_dict(facts["config"])
    detector, generator = config.keypoint_detector, config.generator
    motion = generator.dense_motion
    counts = facts["parameters"]
    return [
        *lines,
        f"{'format':<12} {facts['format']}",
        f"{'parameters':<12} {sum(counts.values()) / 1e6:.2f} million: keypoint detector "
        f"{counts['keypoint_detector'] / 1e6:.2f}, generator {counts['generator'] / 1e6:.2f}",
        f"{'keypoints':<12} {detector.num_kp}, {'with' if detector.estimate_jacobian else 'without'} jacobians, at "
        f"scale {detector.scale_factor:g}{_mobile(detector.mobile)}; {_levels(detector.hourglass)}",
        f"{'dense motion':<12} "
        + ("none" if motion is None else f"at scale {motion.scale_factor:g}; {_levels(motion.hourglass)}"),
        f"{'generator':<12} {generator.first} → {generator.down} → {len(generator.bottleneck)} residual blocks → "
        f"{generator.up}{_mobile(generator.mobile)}, {'with' if generator.estimate_occlusion_map else 'without'} "
        "occlusion map",
        f"{'pictures':<12} {config.image_size[0]}x{config.image_size[1]}, {config.num_channels} channels"
        + ("" if config.motion_size is None else f"; motion seen at {config.motion_size[0]}x{config.motion_size[1]}"),
        f"{'conventions':<12} align_corners {_yes(config.align_corners)}, border_blend {_yes(config.border_blend)}, "
        f"displacement_flow {_yes(config.resizes_displacement)}, "
        f"temperature {detector.temperature:g}, pad {detector.pad}"
        + ("" if motion is None else f", kp_variance {motion.kp_variance:g}"),
    ]


def _size_of(facts: Mapping[str, Any]) -> str:
    """Of the file that is here; of one that is not as the catalogue tells it."""
    if facts["path"]:
        return size_text(Path(facts["path"]).stat().st_size)
    return catalogue()[facts["name"]].size_told


def _levels(hourglass: Any) -> str:
    return f"encoder {hourglass.encoder}, decoder {hourglass.decoder}"


def _mobile(mobile: bool) -> str:
    return ", mobile blocks" if mobile else ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _count(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def _size(entry: Entry) -> str:
    if entry.embedded:
        return size_text(entry.asset.stat().st_size) if entry.asset.is_file() else "-"
    return entry.size_told if entry.size or entry.about else "not published"


def _shown(url: str) -> str:
    """The address that is asked for a mirror; the mirror's own name where HF_ENDPOINT is none, which shows later."""
    try:
        return address(url)
    except Broken:
        return url


def _absent(entry: Entry) -> str:
    return "no" if entry.urls or entry.embedded else "no, and no public copy"


def _unknown(name: str) -> str:
    near = get_close_matches(name, catalogue(), 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"There are no weights called {name!r} in the catalogue: {', '.join(catalogue())}.{meant}"


def _megabytes(done: int, total: int | None) -> tuple[int, int | None]:
    return done // 1_000_000, None if total is None else max(1, total // 1_000_000)


def _confirmed() -> bool:
    try:
        print("Download? [y/N] ", end="", file=sys.stderr, flush=True)
        return input().strip().lower() in ("y", "yes")
    except EOFError as error:
        raise DownloadError("No answer. Add --yes to download without being asked.") from error
