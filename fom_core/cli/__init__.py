"""The command line ``fom``: one file per verb; each parses, loads and calls one importable function.

stdout carries results only; progress and messages go to stderr. Exit status: 0 done, 1 bad input, 2 bad usage,
130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr
from importlib import metadata
from typing import Any, NoReturn

from .. import threads
from ..errors import FomError
from ..faults import told
from ..scaleout import rank, speaks_of_failure
from . import animate, bench, compress, demo, evaluate, export, faces, motion, preprocess, train, weights
from .progress import log_to_stderr, one_line

VERBS = (animate, demo, faces, motion, weights, preprocess, train, evaluate, compress, export, bench)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = with_underscores(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    with redirect_stderr(io.StringIO() if rank() else sys.stderr):  # of several processes one explains wrong usage
        args = build_parser().parse_args([word for word in words if word != "--debug"])
    log_to_stderr(debug)
    if argv is None:  # only as a program: a library's signals and threads belong to its user
        signal.signal(signal.SIGTERM, _terminate)
        threads.follow()
    return _run(args, debug)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="fom",
        description="Bring still faces to life with the motion of a video.",
        epilog="Options are accepted with - or _ between their words.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fom {_version()}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error; works with every command")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for verb in VERBS:
        verb.add_parser(subparsers)
    return parser


def with_underscores(argv: Sequence[str]) -> list[str]:
    """Write ``--adapt-scale`` as ``--adapt_scale``; values are left alone, and so is everything after ``--``."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    words = []
    for word in argv[:end]:
        name, equals, value = word.partition("=")
        words.append("--" + name[2:].replace("-", "_") + equals + value if word.startswith("--") else word)
    return [*words, *argv[end:]]


def _run(args: argparse.Namespace, debug: bool) -> int:
    try:
        status = args.run(args)
        sys.stdout.flush()
        return status or 0
    except KeyboardInterrupt:
        if not rank():
            print("Stopped.", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        if speaks_of_failure(error):
            print(f"fom: {_one_line(error)}", file=sys.stderr)
        return error.exit_status if isinstance(error, FomError) else 1


def _one_line(error: Exception) -> str:
    sentence = told(error)
    if sentence is not None:
        return one_line(str(sentence))
    message = one_line(str(error))
    return f"unexpected error ({type(error).__name__}: {message}). Run again with --debug to see where."


def _version() -> str:
    try:
        return metadata.version("fom-face-animation")
    except metadata.PackageNotFoundError:
        return "(not installed as a package)"


def _terminate(*_: Any) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
