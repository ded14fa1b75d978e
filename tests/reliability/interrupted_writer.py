"""Writes a result again and again, each time stopped by a signal at another line of ours; prints what that left.

``python -m tests.reliability.interrupted_writer NAME FOLDER STRIDE OLD``: every STRIDE-th line, in a process of its
own, where OLD frames lie under that name, or none.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import fom_core
from fom_core import signals
from fom_core.media.write import VideoWriter

OURS = str(Path(fom_core.__file__).parent)
THROUGH = 77  # the status of a process that came to its end before the signal
FRAMES = 2


def write(path: Path, count: int) -> None:
    """A video or numbered pictures of as many frames."""
    with VideoWriter(path, 25) as writer:
        writer.write(np.zeros((count, 32, 32, 3), np.uint8))


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
        return at_line if file.startswith(OURS) and file != signals.__file__ else None

    signals.starting()
    signals.working()
    sys.settrace(at_call)
    try:
        write(path, FRAMES)
    except SystemExit:
        pass
    finally:
        sys.settrace(None)
    return place


def main(name: str, folder: Path, stride: int, old: int) -> None:
    """Print after which lines there is neither what was there before nor the whole result, and how many lines ran."""

    def prepared(line: int) -> Path:
        path = folder / f"{line}" / "new" / name
        if old:
            write(path, old)
        return path

    nothing, whole = prepared(-1), prepared(0)
    write(whole, FRAMES)
    good = [names(nothing), names(whole)]
    faults, line = {}, 1
    while True:
        path = prepared(line)
        process = os.fork()
        if not process:
            place = stopped_at(path, line)
            (folder / "place.txt").write_text(place)
            atexit._run_exitfuncs()  # as at any end, without the seconds that closing PyTorch takes
            os._exit(0 if place else THROUGH)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if status == THROUGH:
            break
        if status or names(path) not in good:
            faults[(folder / "place.txt").read_text()] = names(path)
        line += stride
    print(json.dumps({"faults": faults, "lines": line}))


def names(path: Path) -> list[str]:
    """All files and folders from the one on that a result makes."""
    top = path.parents[1]
    return sorted(str(file.relative_to(top)) for file in top.rglob("*"))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
