"""A process that opens damaged files one after the other and writes a line about each.

The folder of right files, the number of commands and the pairs of kind and seed come as JSON on stdin. Before each file
its name is written, so that whoever listens knows which one this process died of.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import resource
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from fom_core.cli import main
from fom_core.errors import FomError, OutOfMemory

from .mutations import mutated
from .specimens import KINDS, Kind

LONGEST_S = 20  # for one file; then this process ends
ROOM = 6 << 30  # bytes of addresses beside those at rest, so that a mistake does not take the machine
LONGEST_LINE = 2200  # characters of a message


def memory_mb(field: str) -> float:
    """A line of this process's status: VmRSS is what it holds, VmHWM the most that it held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def children_mb() -> float:
    """The most that any ffmpeg has held so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def opened(kind: Kind, path: Path) -> str:
    """What comes of a file in the library: "opened", "refused", or what is wrong with the way it is refused."""
    try:
        kind.read(path)
    except OutOfMemory as error:
        return f"memory: {error}"
    except FomError as error:
        text = str(error)
        return "refused" if "\n" not in text and 10 < len(text) < LONGEST_LINE else f"no plain line: {text[:3000]!r}"
    except BaseException as error:
        where = "".join(traceback.format_exception(error)[-3:])
        return f"{type(error).__name__}: {str(error)[:300]}\n{where}"
    return "opened"


def commanded(words: list[object]) -> str:
    """The same of a command line."""
    said, told = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(told):
            status = main([str(word) for word in words])
    except SystemExit as stop:
        status = int(stop.code or 0)
    except BaseException:
        return traceback.format_exc()[-600:]
    lines = [line for line in said.getvalue().split("\n") if line.startswith("fom: ")]
    plain = "Traceback" not in said.getvalue() and "unexpected error" not in said.getvalue()
    if status not in (0, 1, 2) or not plain or len(lines) != (status > 0):
        return f"status {status}, said {said.getvalue()[-1500:]!r}"
    return "refused" if status else "opened"


def worked_s() -> float:
    """Seconds of the processor, of children that ended, too: other work beside this one does not count."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def watched(open_it: Callable[[], str]) -> dict[str, object]:
    """The outcome, seconds of the processor, and the most memory beside what this process had before, in MB."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the most so far
    before, children, begun = memory_mb("VmRSS"), children_mb(), worked_s()
    faulthandler.dump_traceback_later(LONGEST_S, exit=True)
    outcome = open_it()
    faulthandler.cancel_dump_traceback_later()
    own, most = memory_mb("VmHWM") - before, children_mb()
    grown = most if most > children and most > before + own + 1 else 0.0  # a child begins as a copy of this process
    return {"outcome": outcome, "s": worked_s() - begun, "mb": max(own, grown)}


def work(right: Path, place: Path, name: str, seed: int, command: bool) -> dict[str, object]:
    """Damage a file of a kind and open it."""
    kind = KINDS[name]
    folder = place / name
    if not folder.is_dir() or len(list(folder.rglob("*"))) > 1:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(right / name, folder)
    path = folder / kind.file
    path.write_bytes(mutated((right / name / kind.file).read_bytes(), OTHERS, f"{name}/{seed}"))
    if command and kind.command is not None:
        words = kind.command(path, place)
        return watched(lambda: commanded(words))
    return watched(lambda: opened(kind, path))


OTHERS: list[bytes] = []


def run() -> None:
    order = json.load(sys.stdin)
    right, place = Path(order["right"]), Path(order["place"])
    place.mkdir(parents=True, exist_ok=True)
    for path in right.iterdir():
        if path.is_file():
            shutil.copy(path, place)
    (place / "empty").mkdir(exist_ok=True)
    shutil.copytree(right / "frames", place / "frames", dirs_exist_ok=True)
    OTHERS.extend(path.read_bytes() for name, kind in KINDS.items() if (path := right / name / kind.file).is_file())
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    for name, seed, command in order["files"]:
        print(json.dumps({"kind": name, "seed": seed, "command": command}), flush=True)
        print(json.dumps(work(right, place, name, seed, command)), flush=True)


if __name__ == "__main__":
    run()
