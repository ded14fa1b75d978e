"""One call on a bare machine with a graphics card: checks, times and trains, and brings back what came of it.

    python -m tools.gpu_pack PACK.tar --clips FOLDER [--state RUN_OR_WEIGHTS] [--wheels FOLDER] [--yunet FILE]
        [--mesh FILE] [--matte FILE]
    tar xf PACK.tar && python3 -m tools.gpu_run --output RESULTS      # there, with PyTorch, OpenCV and NumPy

The steps run one after the other, each in a process of its own and for a limited time; one that fails or takes too long
does not keep the next from running. All in all they take at most ``--seconds``. Training is of the last stage of the
configuration, goes on from the packed state, and gets the time that the other steps leave.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "fom_core" / "configs" / "mini.yaml"
SECONDS = 640.0  # of a whole call, 20 short of eleven minutes
GRACE_S = 20.0  # between asking a step to end and ending it
LIMITS = {  # seconds of each step, in this order; training: what is left
    "install": 40.0, "look": 30.0, "core": 45.0, "compose": 45.0, "graphs": 60.0, "half": 45.0, "bench": 100.0,
    "train": 600.0, "collect": 30.0, "evaluate": 60.0,
}  # fmt: skip
AFTERWARDS = ("collect", "evaluate")  # for which training leaves time


@dataclass(frozen=True)
class StepResult:
    """How a step ended: "ok", "failed", "out of time" or "left out"; ``figures`` if its last line was JSON."""

    name: str
    status: str
    seconds: float
    figures: dict[str, object] | None = None


def run_step(name: str, command: Sequence[str], limit_s: float, log: Path, env: dict[str, str]) -> StepResult:
    """Run a command for at most ``limit_s`` (and the grace), its output at the end of ``log``."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        status = "out of time"
        try:
            status = "ok" if process.wait(max(limit_s, 0.1)) == 0 else "failed"
        except subprocess.TimeoutExpired:
            _ask_to_end(process)
        finally:  # also of a step that ended: what it started may hold the card
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        text = said.read()
    seconds = time.monotonic() - begun
    with log.open("a", encoding="utf-8") as file:
        file.write(f"== {name}: {status} after {seconds:.1f} s\n{text}\n")
    return StepResult(name, status, round(seconds, 1), _figures(text))


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """Ask a step and all it started to end, as a training does that then keeps its state."""
    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(GRACE_S)


def _figures(text: str) -> dict[str, object] | None:
    lines = [line for line in text.splitlines() if line.startswith("{")]
    try:
        return json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        return None


def go(args: argparse.Namespace) -> int:
    """All steps within the time; what they found as ``figures.json``, ``log.txt`` and files of the training."""
    output, end = Path(args.output), time.monotonic() + args.seconds
    output.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="gpu-run-"))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(work / "site")]), "PYTHONUNBUFFERED": "1"}
    results: list[StepResult] = []
    try:
        for name, limit in LIMITS.items():
            left = end - time.monotonic()
            if name not in AFTERWARDS:
                left -= sum(LIMITS[each] for each in AFTERWARDS if each in args.steps)
            command = _command(name, args, work, min(limit, left)) if name in args.steps else None
            if command is None or left <= 0:
                results.append(StepResult(name, "left out", 0.0))
            else:
                results.append(run_step(name, command, min(limit, left), output / "log.txt", env))
            print(f"{name}: {results[-1].status} ({results[-1].seconds:g} s) {results[-1].figures or ''}", flush=True)
            (output / "figures.json").write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return int(any(result.status in {"failed", "out of time"} for result in results))


def _command(name: str, args: argparse.Namespace, work: Path, limit_s: float) -> list[str] | None:
    """What a step runs; None where what it takes is not here."""
    python, run, model = [sys.executable, "-m"], work / "run", work / "model.safetensors"
    wheels = sorted(map(str, (ROOT / "wheels").glob("*.whl")))
    yunet = ["--yunet", str(args.yunet)] if args.yunet.is_file() else []
    on = ["--model", args.model, "--device", args.device]
    target = ["--no-index", "--no-deps", "--quiet", "--target", str(work / "site")]
    commands: dict[str, list[str] | None] = {
        "install": [*python, "pip", "install", *target, *wheels] if wheels else None,
        "look": [*python, "tools.gpu_checks", "look", *on],
        "bench": [*python, "fom_core", "bench", *on, "--seconds", "0.5"],
        "collect": [*python, "tools.gpu_pack", "--collect", str(run), str(args.output.resolve()), str(model)],
    }
    if name in commands:
        return commands[name]
    if name not in {"train", "evaluate"}:
        return [*python, "tools.gpu_checks", name, *on]
    if not args.clips.is_dir():
        return None
    if name == "train":
        mesh = ["--mesh", str(args.mesh)] if args.mesh.is_file() else []
        matte = ["--matte", str(args.matte)] if args.matte.is_file() else []
        return _training(args, work, limit_s, [*yunet, *mesh, *matte])
    found = ["--model", str(model), "--device", args.device, "--frames", "8", *yunet]
    return [*python, "fom_core", "evaluate", str(args.clips), *found, "--output", str(work / "evaluation")]


def _training(args: argparse.Namespace, work: Path, limit_s: float, given: list[str]) -> list[str]:
    """``fom train`` of the last stage, from where its last state is, so that it ends within the limit."""
    sys.path.append(str(work / "site"))  # PyYAML may be one of the wheels that came along
    import yaml  # noqa: PLC0415

    values: dict[str, Any] = yaml.safe_load(args.config.read_text(encoding="utf-8"))
    stage, run, before = values["stages"][-1], work / "run", 0.0
    values["stages"] = [stage]
    start: list[str] = []
    if args.state is not None and args.state.is_dir():
        shutil.copytree(args.state, run)
        before = _seconds_of(run)
    elif args.state is not None or args.config == CONFIG:
        start = ["--init_from", str(args.state or "mini")]
    stage["minutes"] = round((before + 0.8 * limit_s) / 60, 3)  # decoding takes time, too
    written = work / "stage.yaml"
    written.write_text(yaml.safe_dump(values), encoding="utf-8")
    options = ["--config", str(written), "--output", str(run), "--device", args.device, "--every", "500"]
    if args.device.startswith("cuda"):
        options += ["-o", "train_params.precision=bfloat16", "-o", "train_params.cuda_graphs=true"]
    return [sys.executable, "-m", "fom_core", "train", str(args.clips), *options, *start, *given]


def _seconds_of(run: Path) -> float:
    """The time that a training has taken by its newest state."""
    from fom_core.training.checkpoint import latest_checkpoint, load_checkpoint  # noqa: PLC0415 - heavy

    found = [path for stage in run.iterdir() if stage.is_dir() and (path := latest_checkpoint(stage)) is not None]
    return float(load_checkpoint(found[-1])[1]["seconds"]) if found else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.gpu_run", description="Check, time and train on a card")
    parser.add_argument(
        "--output", type=Path, required=True, help="for figures.json, log.txt, model, picture and state"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", default="mini", help="that is checked and timed")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--clips", type=Path, default=ROOT / "clips")
    parser.add_argument("--state", type=Path, help="a run's folder or weights (default: what was packed, or mini)")
    parser.add_argument("--yunet", type=Path, default=ROOT / "yunet.onnx")
    parser.add_argument("--mesh", type=Path, default=ROOT / "mesh.tflite")
    parser.add_argument("--matte", type=Path, default=ROOT / "matte.tflite")
    parser.add_argument("--steps", type=lambda text: text.split(","), default=list(LIMITS), help=",".join(LIMITS))
    args = parser.parse_args()
    unknown = set(args.steps) - set(LIMITS)
    if unknown:
        parser.error(f"there is no step {min(unknown)}; the steps are {', '.join(LIMITS)}")
    if args.state is None:
        args.state = next((ROOT / name for name in ("state", "state.safetensors") if (ROOT / name).exists()), None)
    return go(args)


if __name__ == "__main__":
    raise SystemExit(main())
