"""What travels to a machine with a graphics card and back: see ``tools.gpu_run``.

    python -m tools.gpu_pack PACK.tar --clips FOLDER [--state RUN_OR_WEIGHTS] [--wheels FOLDER] [--yunet FILE]
        [--mesh FILE] [--matte FILE]

A pack holds this checkout's tracked files, the clips of an index that may be learnt from and measured on, and the last
state of a training, or weights to start from.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from fom_core.networks.model import create_model
from fom_core.training.checkpoint import describe_checkpoint, latest_checkpoint, load_checkpoint, part
from fom_core.training.config import load_config
from fom_core.weights.load import save_model

ROOT = Path(__file__).resolve().parents[1]
PACKED = ("fom_core", "tools", "pyproject.toml", "requirements.txt")
MOST_MB = 60.0  # of a pack, and of what comes back
PART_MB = 15  # of a file of the state that comes back


def write_pack(args: argparse.Namespace) -> int:
    """Write all that ``go`` takes into one file. Refuses what is larger than :data:`MOST_MB`, and what is not there."""
    given = [Path(args.clips) / "index.csv", args.state, args.wheels, args.yunet, args.mesh, args.matte]
    missing = [path for path in given if path and not Path(path).exists()]
    if missing:
        print(f"Wanted {missing[0]}, and nothing is there. Check the path.", file=sys.stderr)
        return 1
    listed = subprocess.run(["git", "ls-files", *PACKED], cwd=ROOT, check=True, capture_output=True, text=True)
    target = Path(args.pack)
    with tarfile.open(target, "w:xz") as tar:
        for name in listed.stdout.splitlines():
            tar.add(ROOT / name, name)
        for place, name in _clips(Path(args.clips), args.licence_class):
            _add(tar, place, f"clips/{name}")
        for wheel in sorted(Path(args.wheels).glob("*.whl")) if args.wheels else ():
            _add(tar, _unpacked(wheel), f"wheels/{wheel.name}")
        if args.yunet:
            tar.add(args.yunet, "yunet.onnx")
        if args.mesh:
            tar.add(args.mesh, "mesh.tflite")
        if args.matte:
            tar.add(args.matte, "matte.tflite")
        if args.state:
            _add_state(tar, Path(args.state))
    size = target.stat().st_size / 1e6
    print(f"{target}: {size:.1f} MB")
    if size > MOST_MB:
        print(
            f"Wanted at most {MOST_MB:g} MB. Pack weights in place of a run's state, or fewer clips.", file=sys.stderr
        )
        return 1
    return 0


def _clips(folder: Path, licence_class: str) -> Iterator[tuple[Path | bytes, str]]:
    """The files of a class in an index, and that index with their names here."""
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["licence_class"] == licence_class]
    text = io.StringIO()
    table = csv.DictWriter(text, [*rows[0]])
    table.writeheader()
    for row in rows:
        path = folder / row["file"]
        row["file"] = f"{row['kind']}/{path.name}"
        table.writerow(row)
        yield path, row["file"]
    yield text.getvalue().encode(), "index.csv"


def _unpacked(wheel: Path) -> bytes:
    """The same wheel without compression of its own: the pack's is better by a quarter."""
    held = io.BytesIO()
    with zipfile.ZipFile(wheel) as packed, zipfile.ZipFile(held, "w") as stored:
        for entry in packed.infolist():
            content = packed.read(entry)
            entry.compress_type = zipfile.ZIP_STORED
            stored.writestr(entry, content)
    return held.getvalue()


def _add(tar: tarfile.TarFile, content: Path | bytes, name: str) -> None:
    if isinstance(content, Path):
        tar.add(content, name)
        return
    facts = tarfile.TarInfo(name)
    facts.size = len(content)
    tar.addfile(facts, io.BytesIO(content))


def _add_state(tar: tarfile.TarFile, state: Path) -> None:
    """Weights as ``state``, or of a run the newest checkpoint of its last stage, as the first stage of ``state/``."""
    if state.is_file():
        tar.add(state, "state.safetensors")
        return
    stage, found = _newest(state)
    tar.add(found, f"state/1-{stage.name.partition('-')[2]}/{found.name}")


def collect(run: Path, output: Path, model: Path) -> int:
    """The newest state of a training: its averaged weights as a model, its last picture, and itself in parts."""
    folder, found = _newest(run)
    weights, state = load_checkpoint(found)
    config = load_config(run.parent / "stage.yaml")
    trained = create_model(config.stages[-1].model)
    trained.load_state_dict(part("average", weights))
    save_model(trained, model, name=config.name)
    save_model(trained, output / model.name, half=True, name=config.name)
    for sheet in sorted(folder.glob("sheet-*.png"))[-1:]:
        shutil.copy(sheet, output / "sheet.png")
    _write_parts(folder, found, output)
    figures = describe_checkpoint(found).get("figures", {})
    print(json.dumps({"steps": state["step"], "minutes": state["seconds"] / 60, **figures}))
    return 0


def _write_parts(folder: Path, checkpoint: Path, output: Path) -> None:
    """A state as ``state.tar.0``, ``.1``, …, of which ``cat state.tar.* | tar x`` makes a whole, unless too large."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        tar.add(checkpoint, f"{folder.name}/{checkpoint.name}")
    used = sum(path.stat().st_size for path in output.iterdir())
    if used + held.tell() > MOST_MB * 1e6:
        print(
            f"The state has {held.tell() / 1e6:.0f} MB and is left here: beside {used / 1e6:.0f} MB of other results "
            f"it would be more than the {MOST_MB:g} MB that come back."
        )
        return
    data, size = held.getvalue(), PART_MB * 2**20
    for number, start in enumerate(range(0, len(data), size)):
        (output / f"state.tar.{number}").write_bytes(data[start : start + size])


def _newest(run: Path) -> tuple[Path, Path]:
    """Folder and newest checkpoint of the last stage that has one. Exits where none has."""
    for stage in sorted(run.glob("[0-9]*-*"), reverse=True):
        found = latest_checkpoint(stage)
        if found is not None:
            return stage, found
    raise SystemExit(f"Wanted a checkpoint below {run} and found none. Give the output folder of `fom train`.")


def main() -> int:
    parser = argparse.ArgumentParser("python -m tools.gpu_pack", description="Pack what a machine with a card takes")
    parser.add_argument("pack", type=Path, nargs="?", help="the file to write")
    parser.add_argument("--clips", type=Path, help="folder with an index.csv")
    parser.add_argument("--licence_class", default="permissive")
    parser.add_argument("--state", type=Path, help="a run of `fom train` to go on with, or weights to start from")
    parser.add_argument("--wheels", type=Path, help="folder of packages that the machine lacks")
    parser.add_argument("--yunet", type=Path, help="YuNet's file, which finds eyes and mouths")
    parser.add_argument("--mesh", type=Path, help="MediaPipe's face_landmark.tflite, which finds meshes of faces")
    parser.add_argument("--matte", type=Path, help="MediaPipe's selfie_segmentation.tflite, which finds people")
    parser.add_argument(
        "--collect", type=Path, nargs=3, metavar=("RUN", "RESULTS", "MODEL"), help="instead, what came of a training"
    )
    args = parser.parse_args()
    if args.collect:
        return collect(*args.collect)
    if args.pack is None or args.clips is None:
        parser.error("wanted the file to write, and --clips")
    return write_pack(args)


if __name__ == "__main__":
    raise SystemExit(main())
