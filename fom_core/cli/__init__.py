"""The command line ``fom``: one file per verb; each parses, loads and calls one importable function.

stdout carries results only; progress and messages go to stderr. Exit status: 0 done, 1 bad input, 2 bad usage,
130 stopped by Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from importlib import import_module

from .. import signals
from ..errors import FomError
from ..files.reserved import clear_away
from ..parallel.ranks import launched_rank
from ..version import version
from . import verbs
from .parser import Parser

WITHOUT_PICTURES = ("weights", "workflow")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = with_underscores(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    explained = io.StringIO() if launched_rank() else sys.stderr  # of several processes one explains wrong usage
    with redirect_stderr(explained):
        args = _parsed([word for word in words if word != "--debug"])
    from .progress import log_to_stderr  # noqa: PLC0415 - imports PyTorch, which takes seconds, as the verb has done

    log_to_stderr(debug)
    return _program(args, debug) if argv is None else _run(args, debug, program=False)


def _program(args: argparse.Namespace, debug: bool) -> int:
    """Run a command in a process of its own: a library's signals and threads belong to its user."""
    from ..media import noise  # noqa: PLC0415 - imports PyTorch
    from ..resources import threads  # noqa: PLC0415
    from ..resources.memory import share_heaps  # noqa: PLC0415

    threads.follow()
    share_heaps()
    if not debug:
        noise.keep_off_stderr()
    if sys.stdout is not None and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files are told as they are
    status = _run(args, debug, program=True)
    signals.leaving(status)
    return status


def _parsed(words: list[str]) -> argparse.Namespace:
    with _whoever_reads():
        try:
            return build_parser(verbs.wanted(words)).parse_args(words)
        except SystemExit:
            _flush()
            raise
    raise SystemExit(0)  # it was the help that nobody read to its end, which argparse notices from Python 3.11 on


def build_parser(wanted: Iterable[str] = tuple(verbs.HELP)) -> argparse.ArgumentParser:
    """The parser; of the verbs that are not ``wanted`` it knows the name alone, for importing them takes seconds."""
    parser = Parser(
        prog="fom",
        description="Bring the faces of pictures and videos to life: with the motion of a video, "
        "with motions that come along, or with poses by hand.",
        epilog="Options are accepted with - or _ between their words.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fom {version()}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error; works with every command")
    parser.set_defaults(max_pixels=None)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in verbs.HELP.items():
        if name in wanted:
            import_module(f".{name}", __name__).add_parser(subparsers)
            _add_max_pixels(subparsers.choices[name], name)
        else:
            subparsers.add_parser(name, help=text)
    return parser


def _add_max_pixels(parser: argparse.ArgumentParser, name: str) -> None:
    from ..media import limits  # noqa: PLC0415 - imports PyTorch, as the verb has done
    from . import common  # noqa: PLC0415

    if name not in WITHOUT_PICTURES:
        parser.add_argument(
            "--max_pixels",
            type=common.positive,
            default=argparse.SUPPRESS,
            metavar="N",
            help="largest picture and video frame to open, in pixels; those of more than "
            f"{limits.PIXEL_BYTES} bytes, as of 16 bits, count as several "
            f"(default: {limits.PICTURE_PIXELS} and {limits.FRAME_PIXELS})",
        )


def with_underscores(argv: Sequence[str]) -> list[str]:
    """Write ``--adapt-scale`` as ``--adapt_scale``, and the command ``crop-video`` so.

    Values are left alone, and so is everything after ``--``.
    """
    end = list(argv).index("--") if "--" in argv else len(argv)
    words = []
    for word in argv[:end]:
        name, equals, value = word.partition("=")
        words.append("--" + name[2:].replace("-", "_") + equals + value if word.startswith("--") else word)
    return [*(word.replace("crop-video", "crop_video") for word in words[:1]), *words[1:], *argv[end:]]


@contextmanager
def _whoever_reads() -> Iterator[None]:
    """The reader of our output, such as head, may have seen enough."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _flush() -> None:
    if sys.stdout is not None:  # nobody listens
        sys.stdout.flush()


def _stopped(status: int) -> int:
    if not launched_rank():
        print(signals.WORDS[status], file=sys.stderr)
    return status


@contextmanager
def _clearing_away(program: bool) -> Iterator[None]:
    try:
        yield
    finally:
        if program:
            clear_away()


def _run(args: argparse.Namespace, debug: bool, program: bool) -> int:
    from ..media import limits  # noqa: PLC0415 - imports PyTorch, as the verb has done
    from .progress import sentence  # noqa: PLC0415

    status = 0
    try:
        with limits.allowing(args.max_pixels), _whoever_reads(), _clearing_away(program):
            if program:
                signals.working()
            status = args.run(args) or 0
            _flush()
        return status
    except KeyboardInterrupt:
        return _stopped(signals.STOPPED)
    except SystemExit as end:
        if end.code != signals.TERMINATED:
            raise
        return _stopped(signals.TERMINATED)
    except Exception as error:
        if program and (stopped := signals.stopped()):
            return _stopped(stopped)
        if debug:
            traceback.print_exc()
        if "RANK" not in os.environ or _speaks_of_failure(error):
            print(f"fom: {sentence(error)}", file=sys.stderr)
        return error.exit_status if isinstance(error, FomError) else 1


def _speaks_of_failure(error: Exception) -> bool:
    from ..parallel.distributed import speaks_of_failure  # noqa: PLC0415 - imports PyTorch

    return speaks_of_failure(error)
