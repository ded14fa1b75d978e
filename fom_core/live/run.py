"""The loop of a live animation: the newest frame in, the animated one out to everything that shows it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Literal, Protocol, get_args

import numpy as np

from ..errors import MediaError, UsageError
from .animator import LiveAnimator
from .meter import Meter
from .newest import Capture, Captured

PATIENCE_S = 10.0  # for a frame: cameras take seconds to start, or while somebody is asked to allow them
SLICE_S = 0.1  # of that waiting, after which it is seen what is asked for

Command = Literal["next", "previous", "calibrate", "stop"]


class Controls:
    """What people ask for while it runs, from any thread."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[Command] = SimpleQueue()
        self._polled: list[Callable[[], None]] = []

    def poll(self, source: Callable[[], None]) -> None:
        """Call ``source`` before each answer of :meth:`asked`, in its thread: it presses what was pressed there."""
        self._polled.append(source)

    def press(self, command: Command) -> None:
        """Ask for something. Raises UsageError for what there is not."""
        if command not in get_args(Command):
            raise UsageError(f"A live animation knows {', '.join(get_args(Command))}; got {command!r}.")
        self._asked.put(command)

    def asked(self) -> list[Command]:
        """All that was asked for since the last call."""
        for source in self._polled:
            source()
        found: list[Command] = []
        try:
            while True:
                found.append(self._asked.get_nowait())
        except Empty:
            return found


class Screen(Protocol):
    """Something that shows frames."""

    def show(self, frame: np.ndarray, captured_s: float, state: str) -> None:
        """Show a frame (H, W, 3) uint8 RGB that shows the moment ``captured_s``; ``state`` is a line about the run."""
        ...

    def close(self) -> None: ...


def play(
    capture: Capture,
    animator: LiveAnimator,
    screens: Sequence[Screen],
    controls: Controls,
    *,
    name: str = "the camera",
    mirror: bool = False,
    duration_s: float | None = None,
    meter: Meter | None = None,
    tell: Callable[[str], None] | None = None,
) -> Meter:
    """Animate what is captured until it ends, somebody stops it, or so many seconds have passed.

    name:   how messages call what gives the frames.
    mirror: see the driver as in a mirror.
    tell:   hears the state after every frame.
    Raises what ended the capture, and MediaError where no frame comes for ten seconds.
    """
    meter = meter or Meter()
    ends_s = math.inf if duration_s is None else time.monotonic() + duration_s
    while (captured := _next_frame(capture, animator, controls, ends_s, name)) is not None:
        frame = animator(np.ascontiguousarray(captured.frame[:, ::-1]) if mirror else captured.frame, captured.at_s)
        line = state(meter, animator.seen)
        for screen in screens:
            screen.show(frame, captured.at_s, line)
        meter.shown(captured.at_s, time.monotonic())
        if tell:
            tell(line)
    return meter


def _next_frame(
    capture: Capture, animator: LiveAnimator, controls: Controls, ends_s: float, name: str
) -> Captured | None:
    """The newest frame, and what was asked for is done; None where there is none any more, by whatever end."""
    patient_until_s = time.monotonic() + PATIENCE_S
    while (now_s := time.monotonic()) < ends_s:
        captured = capture.newest.take(max(0.0, min(SLICE_S, ends_s - now_s, patient_until_s - now_s)))
        asked = controls.asked()
        if "stop" in asked:
            return None
        _obey(animator, asked)
        if captured is not None or capture.newest.ended:
            return captured
        if time.monotonic() >= patient_until_s:
            raise MediaError(f"No frame has come from {name} for {PATIENCE_S:.0f} seconds. Start anew.")
    return None


def state(meter: Meter, seen: bool) -> str:
    """``24.9 frames/s  41 ms``, and whether the driver is missing."""
    return f"{meter.rate:.1f} frames/s  {meter.latency_ms:.0f} ms{'' if seen else '  no face'}"


def _obey(animator: LiveAnimator, asked: Sequence[Command]) -> None:
    for command in asked:
        if command == "calibrate":
            animator.calibrate()
        elif command in ("next", "previous"):
            animator.switch(1 if command == "next" else -1)
