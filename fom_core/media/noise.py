"""What libraries print by themselves (libpng, libtiff, OpenCV, Pillow, Qt), kept off stderr.

They print about files that open all the same, and what they refuse becomes an error of ours. They write to the file
descriptor, which all threads share: so a program's own messages get a descriptor of their own first.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_turn = threading.Lock()
_own: int | None = None  # where stderr leads, once a program has a descriptor of its own
_nowhere = -1
_decoding = 0


def keep_off_stderr() -> None:
    """From now on :func:`hushed` works. For programs only: a library's stderr belongs to its user."""
    global _own, _nowhere  # noqa: PLW0603 - a program has one stderr
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"PIL\.")
    if _own is not None or sys.stderr is None or sys.stderr is not sys.__stderr__:
        return
    try:
        own = os.dup(sys.stderr.fileno())
        _nowhere = os.open(os.devnull, os.O_WRONLY)
    except OSError:  # closed by whoever started the program
        return
    sys.stderr.flush()
    sys.stderr = open(own, "w", 1, sys.stderr.encoding, sys.stderr.errors, closefd=False)  # noqa: SIM115
    _own = own


@contextmanager
def hushed() -> Iterator[None]:
    """Around a decoder: what it prints goes nowhere, and the program's own messages come through from any thread."""
    global _decoding  # noqa: PLW0603
    if _own is None:
        yield
        return
    with _turn:
        if not _decoding:
            os.dup2(_nowhere, 2)
        _decoding += 1
    try:
        yield
    finally:
        with _turn:
            _decoding -= 1
            if not _decoding:
                os.dup2(_own, 2)
