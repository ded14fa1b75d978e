"""Ctrl-C and SIGTERM in a program, from its first import to its end. Imports nothing that takes time.

While the program starts or leaves there is nothing to clear away: it ends at once. While it works, Ctrl-C raises
KeyboardInterrupt, SIGTERM SystemExit, so that what is half written is removed. Either ends it with a word, of several
processes that of the first. For programs only: a library's signals belong to its user.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

STOPPED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
WORDS = {STOPPED: "Stopped.", TERMINATED: "Terminated."}
AGAIN_S = 0.02  # by then Python has left the place that drops exceptions, or where a lock would stay taken
_TAKING = (threading.Condition.__enter__.__code__, threading.Condition.__exit__.__code__)
_arrived = 0
_first = 0
_holding = 0
_waiting: int | None = None


def starting() -> None:
    """From now on either signal ends the program at once. Ctrl-C stays ignored where it is, as in the background."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)


def working() -> None:
    """From now on the signals raise. A second one waits for the clearing away; a third one ends it."""
    if signal.getsignal(signal.SIGINT) in (_stop, signal.default_int_handler):
        signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _raise_again


@contextmanager
def delayed() -> Iterator[None]:
    """What is begun inside is ended: a signal that comes meanwhile raises when the outermost block is left.

    A third one still ends the program. In a library, whose signals are its user's, nothing changes, nor in another
    thread than the main one: signals raise in that alone.
    """
    global _holding, _waiting  # noqa: PLW0603
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _holding += 1
    try:
        yield
    finally:
        _holding -= 1
        if not _holding and _waiting is not None:
            number, _waiting = _waiting, None
            raise _exception(number)


def waiting() -> bool:
    """Whether a signal came that is held back."""
    return _waiting is not None


def stopped() -> int | None:
    """The status that the first signal ends the program with; None if none came.

    A library may have made another fault of what was raised in it.
    """
    return 128 + _first if _arrived else None


def leaving(status: int) -> None:
    """The work is done and cleared away: from now on either signal ends the program at once with its status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, lambda *_: os._exit(status))


def _stop(number: int, *_: object) -> NoReturn:
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        with suppress(OSError, AttributeError, ValueError):  # nobody listens
            os.write(sys.stderr.fileno(), f"{WORDS[128 + number]}\n".encode())
    os._exit(128 + number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _arrived, _first, _waiting  # noqa: PLW0603 - a program has one keyboard
    if frame is not None and frame.f_code in _TAKING:  # raised in there, other threads would wait for ever
        _arrive_again(number)
        return
    _arrived += 1
    if _arrived == 1:
        _first = number
        if not _holding:
            raise _exception(number)
        _waiting = number
    if _arrived > 2:
        _stop(number)


def _exception(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(TERMINATED)


def _raise_again(problem: Any) -> None:
    """Python drops what is raised while it clears an object away; a signal is not to be lost there.

    Once one came, other faults there are not told: libraries were stopped amid making what they now cannot close.
    """
    global _arrived  # noqa: PLW0603
    if problem.exc_type is KeyboardInterrupt:
        number = signal.SIGINT
    elif problem.exc_type is SystemExit and problem.exc_value.code == TERMINATED:
        number = signal.SIGTERM
    else:
        if not _arrived:
            sys.__unraisablehook__(problem)
        return
    _arrived = 0
    _arrive_again(number)


def _arrive_again(number: int) -> None:
    threading.Timer(AGAIN_S, _arrive, (number,)).start()


def _arrive(number: int) -> None:
    if os.name == "nt":  # where os.kill ends the process at once
        _thread.interrupt_main(number)
    else:
        os.kill(os.getpid(), number)
