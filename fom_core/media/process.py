"""A running ffmpeg: started, fed, read and listened to, and asked at its end whether it did all that it was told.

An ffmpeg that dies closes its pipes just as one that is done: only its status and its own last words tell them apart.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import signals
from ..errors import MissingPackage
from ..files.reserved import end_first
from .program import environment, executable

STALL_S = 600  # without a byte in or out, while one is waited for, before an ffmpeg is given up
_KEPT_LINES = 5000  # of what ffmpeg says, at the beginning and at the end each: a damaged file may have a word a frame
_LINE = 4096  # bytes of a line that are looked at
_PROGRESS = re.compile(
    rb"(frame|fps|stream_\d+_\d+_\w+|bitrate|total_size|out_time\w*|dup_frames|drop_frames|speed|progress)=\s*(\S*)\s*$"
)
_NOT_WRITTEN = re.compile(
    "(No space left on device|File too large|Disk quota exceeded|Read-only file system)"
    r"|(?:out#|writing|\bmuxing|closing)[^\n]*(Input/output error)"  # which an input meets too
)
_OUT_OF_MEMORY = re.compile("Cannot allocate memory|Out of memory")


@dataclass(frozen=True)
class Ending:
    """How an ffmpeg ended.

    status:  what it returned; below zero the signal that killed it.
    said:    its words, one a line; of very many the first and the last.
    frames:  how many frames it says to have put out, in ffmpeg 7.0 without those that it only copied; None where it
             ended before its work was.
    stalled: it was given up because it did nothing any more.
    size:    how many bytes it says its first output has; None where it does not say.
    """

    status: int
    said: str
    frames: int | None
    stalled: bool = False
    size: int | None = None

    @property
    def reason(self) -> str:
        """Why it is no good end, in a few words; for an ffmpeg that failed."""
        if self.stalled:
            return f"it did nothing for {STALL_S} seconds"
        number = -self.status if self.status < 0 else self.status - 128 if os.name != "nt" else 0
        if number in _SIGNALS:  # a shell around ffmpeg adds 128 to the number
            return f"it was killed by {_SIGNALS[number]}"
        return (
            first_complaint(self.said) if self.said.strip() else f"it ended with status {self.status}, without a word"
        )

    @property
    def died(self) -> bool:
        """Whether it ended by something else than what it was given."""
        killed = self.stalled or self.status < 0 or (os.name != "nt" and self.status - 128 in _SIGNALS)
        silent = (self.status != 0 and not self.said.strip()) or (self.status == 0 and self.frames is None)
        return killed or silent or (self.status != 0 and bool(_OUT_OF_MEMORY.search(self.said)))

    @property
    def unwritten(self) -> str | None:
        """The system's words for an output that was refused, such as a full disk; None where nothing was."""
        refusal = _NOT_WRITTEN.search(self.said)
        if self.status and refusal:
            return refusal[1] or refusal[2]
        limited = hasattr(signal, "SIGXFSZ") and abs(self.status) in (signal.SIGXFSZ, 128 + signal.SIGXFSZ)
        return "File too large" if limited else None


_DEADLY = "SIGHUP SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGSEGV SIGPIPE SIGTERM SIGXCPU SIGXFSZ SIGSYS"
_SIGNALS = {getattr(signal, name).value: name for name in _DEADLY.split() if hasattr(signal, name)}


def first_complaint(report: str) -> str:
    """The line of ffmpeg's error output that came first, without its memory addresses."""
    lines = [re.sub(r"^(\[[^\]]*\] )+", "", line).strip() for line in report.splitlines() if line.strip()]
    return lines[0][:200] if lines else "no reason given"


class Ffmpeg:
    """One run of ffmpeg, in a process group of its own, so that Ctrl-C reaches Python alone and we end it."""

    def __init__(self, *arguments: str, feed: bool = False, read: bool = False) -> None:
        """Start it. ``feed``, ``read``: whether it gets bytes from us, or gives us some. Raises MissingPackage."""
        self._head: list[str] = []
        self._tail: deque[str] = deque(maxlen=_KEPT_LINES)
        self._told: dict[bytes, bytes] = {}  # of its progress, by name
        self._beats = 0  # goes up with every sign of life
        self._awaited = self._stalled = False
        self._ended = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        with signals.delayed():
            self._process = _started(arguments, feed, read)
            _running[self] = os.getpid()
            self._listener.start()
            threading.Thread(target=self._watch, daemon=True).start()

    def write(self, data: Any) -> None:
        """Feed it. Raises OSError when it takes no more."""
        assert self._process.stdin is not None
        with self._waiting():
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def fill(self, array: np.ndarray) -> bool:
        """Read bytes into an array; False where fewer came before the end."""
        assert self._process.stdout is not None
        with self._waiting():
            return self._process.stdout.readinto(memoryview(array).cast("B")) == array.nbytes  # type: ignore[attr-defined]

    def lines(self) -> Iterator[bytes]:
        """What it gives, line by line."""
        assert self._process.stdout is not None
        while True:
            with self._waiting():
                line = self._process.stdout.readline(_LINE)
            if not line:
                return
            yield line

    def rest(self, limit: int) -> bytes:
        """What it still gives, ``limit`` bytes at most."""
        assert self._process.stdout is not None
        with self._waiting():
            return self._process.stdout.read(limit)

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def end(self) -> Ending:
        """Close what it is fed with and wait for its end."""
        with self._waiting():
            if self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()
            status = self._process.wait()
        self._listener.join(5)  # what it left running may still hold the pipe
        self._close()
        done = self._told.get(b"progress") == b"end"
        frames = int(self._told.get(b"frame") or 0) if done else None
        size = self._told.get(b"total_size", b"")
        return Ending(
            status,
            "\n".join([*self._head, *self._tail]),
            frames,
            self._stalled,
            int(size) if done and size.isdigit() else None,
        )

    def kill(self) -> None:
        """End it, and what it started."""
        if self.runs:
            self._kill_all()
        self._process.wait()
        self._listener.join(5)
        self._close()

    def _close(self) -> None:
        _running.pop(self, None)
        self._ended.set()
        pipes = [self._process.stdin, self._process.stdout]
        if not self._listener.is_alive():
            pipes.append(self._process.stderr)
        for pipe in pipes:
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._beats += 1
        self._awaited = True
        try:
            yield
        finally:
            self._awaited = False

    def _listen(self) -> None:
        """Keep what it says, apart from its progress; a full pipe of words would stop it."""
        assert self._process.stderr is not None
        for line in iter(lambda: self._process.stderr.readline(_LINE), b""):  # type: ignore[union-attr]
            told = _PROGRESS.match(line)
            if told is None:
                kept = self._head if len(self._head) < _KEPT_LINES else self._tail
                kept.append(line.decode("utf-8", "replace").rstrip())
            elif self._told.get(told[1]) != told[2]:
                self._told[told[1]] = told[2]
                self._beats += told[1] in (b"frame", b"total_size")

    def _watch(self) -> None:
        """End an ffmpeg that hangs. Counts seconds of its own: those of a sleeping machine do not pass here."""
        still, beats = 0, -1
        while not self._ended.wait(1):
            still = still + 1 if self._awaited and beats == self._beats else 0
            beats = self._beats
            if still >= STALL_S:
                self._stalled = True
                self._kill_all()
                return

    def _kill_all(self) -> None:
        with suppress(OSError):
            self._process.kill() if os.name == "nt" else os.killpg(self._process.pid, signal.SIGKILL)


def _started(arguments: Sequence[str], feed: bool, read: bool) -> subprocess.Popen[bytes]:
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        apart = {"creationflags": 0x200}  # CREATE_NEW_PROCESS_GROUP
    program = executable()
    try:
        return subprocess.Popen[bytes](
            [program, "-hide_banner", "-nostdin", "-nostats", "-progress", "pipe:2", *arguments],
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE if read else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(),
            **apart,
        )
    except OSError as error:
        raise MissingPackage(
            f"The ffmpeg program {program} cannot be started ({error.strerror or error}). Run: pip install "
            "--force-reinstall imageio-ffmpeg, or name another one in the environment variable IMAGEIO_FFMPEG_EXE."
        ) from error


_running: dict[Ffmpeg, int] = {}  # and the process that started it, which a fork is not


def _end_all() -> None:
    """One that nobody ends, as a signal came right after its start, would write on."""
    for ffmpeg, starter in list(_running.items()):
        if starter == os.getpid():
            ffmpeg.kill()


end_first(_end_all)
