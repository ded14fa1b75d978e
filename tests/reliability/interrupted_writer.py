"""Writes a result again and again, each time stopped by a signal at another line; prints what that left.

``python -m tests.reliability.interrupted_writer NAME FOLDER STRIDE OLD``: every STRIDE-th line of ours, and of the
standard library's where that makes files and processes, in a process of its own; OLD frames lie under that name before.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import fom_core
from fom_core import signals
from fom_core.files.reserved import clear_away
from fom_core.media.write import VideoWriter

OURS = str(Path(fom_core.__file__).parent)
THEIRS = {module.__file__ for module in (contextlib, pathlib, shutil, subprocess, threading)}
THROUGH = 77  # the status of a process that came to its end before the signal
LONGEST_S = 60  # of one of these processes, which takes a tenth of a second
FRAMES = 2


def write(path: Path, count: int) -> None:
    """A video or numbered pictures of as many frames, whose grey tells how many."""
    with VideoWriter(path, 25) as writer:
        writer.write(np.full((count, 32, 32, 3), 20 * count, np.uint8))


def stopped_at(path: Path, last: int) -> str:
    """Write, and stop at a line, counted from 1; where that is. Empty if there are fewer."""
    passed, place = 0, ""

    def at_line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal passed, place
        passed += event == "line"
        if event == "line" and passed == last:
            sys.settrace(None)
            place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
            signal.raise_signal(signal.SIGTERM)
        return at_line

    def at_call(frame: FrameType, *_: object) -> Any:
        file = frame.f_code.co_filename
        if frame.f_code in signals._TAKING:  # where a real signal waits, which looks at the frame that it meets
            return None
        return at_line if file in THEIRS or (file.startswith(OURS) and file != signals.__file__) else None

    signals.starting()
    signals.working()
    sys.settrace(at_call)
    try:
        write(path, FRAMES)
    except SystemExit:
        pass
    except Exception:  # such as of a lock in the library, which lost its owner
        if not signals.stopped():
            raise
    finally:
        sys.settrace(None)
        clear_away()
    return place


def main(name: str, folder: Path, stride: int, old: int) -> None:
    """Print after which lines there is neither what was there before nor the whole result, and how many lines ran."""

    def prepared(line: int) -> Path:
        path = folder / f"{line}" / "new" / "deep" / name
        (folder / f"{line}").mkdir()
        if old:
            write(path, old)
        return path

    before, whole = prepared(-1), prepared(0)
    write(whole, FRAMES)
    good = [held(before), held(whole)]
    faults, line = {}, 1
    while True:
        path = prepared(line)
        process = os.fork()
        if not process:
            signal.alarm(LONGEST_S)
            place = stopped_at(path, line)
            (folder / "place.txt").write_text(place)
            os._exit(0 if place else THROUGH)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if status == THROUGH:
            break
        alone = others_end(folder / f"{line}")
        if status or not alone or held(path) not in good:
            files = [str(file) for file, _ in held(path)]
            where = (folder / "place.txt").read_text() if status >= 0 else f"line {line}, ended by signal {-status}"
            faults[where] = files if alone else ["ffmpeg goes on", *files]
        shutil.rmtree(folder / f"{line}")
        line += stride
    print(json.dumps({"faults": faults, "lines": line}))


def held(path: Path) -> list[tuple[Path, bytes]]:
    """All files and folders that a result makes, with what is in them."""
    top = path.parents[2]
    files = sorted(top.rglob("*"))
    return [(file.relative_to(top), file.read_bytes() if file.is_file() else b"") for file in files]


def others_end(folder: Path) -> bool:
    """Whether soon no process speaks of a folder in its arguments: an ffmpeg that is left may still write."""
    deadline = time.monotonic() + 2
    while any(str(folder).encode() + b"/" in arguments(process) for process in Path("/proc").glob("[0-9]*")):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def arguments(process: Path) -> bytes:
    """Of a process that may have ended, where the system tells."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
