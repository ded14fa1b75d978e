"""Many jobs in one file: JSON Lines, one job a line, its options by their names on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NoReturn

from ..documents.options import described
from ..documents.readers import DocumentError, parse_json, read_lines, shortened, wrong_as
from ..errors import FomError, MediaError, UsageError
from ..files.paths import require_file
from .parser import in_our_words


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(in_our_words(message))


def jobs_of(
    args: argparse.Namespace, declare: Callable[[argparse.ArgumentParser], None]
) -> list[tuple[str, argparse.Namespace]]:
    """The options of every job and the name of its line; options of the command line hold for all that do not say so.

    declare: adds the command's options to a parser. All lines are read, so that mistakes show before work starts.
    Raises MediaError, UsageError.
    """
    path = require_file(args.manifest, "The manifest")
    parser = _Parser(add_help=False, allow_abbrev=False)
    declare(parser)
    known = {flag[2:]: action for action in parser._actions for flag in action.option_strings if flag.startswith("--")}
    jobs = []
    with wrong_as(MediaError, f"The manifest {path}"):
        lines = read_lines(path)
    for number, line in lines:
        name = f"{path.name}, line {number}"
        with named(name):
            words, switches = _options_of(_job(line), known)
            given = argparse.Namespace(**{**vars(args), **switches, "manifest": None})
            jobs.append((name, parser.parse_args(words, given)))
    if not jobs:
        raise UsageError(f"The manifest {path} holds no job. Write one JSON object a line.")
    return jobs


class named:
    """Puts the name of a job, if it has one, before the message of an error in it, unless that names it already."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self._name and isinstance(error, FomError) and self._name not in str(error):
            raise type(error)(f"{self._name}: {error}") from error


def _job(line: str) -> dict[str, Any]:
    try:
        options = parse_json(line)
    except DocumentError as error:
        raise UsageError(f"this {error}") from error
    if not isinstance(options, dict):
        raise UsageError('a job looks like {"source_image": "a.jpg", "driving_video": "b.mp4", "output": "c.mp4"}.')
    return options


def _options_of(job: dict[str, Any], known: dict[str, argparse.Action]) -> tuple[list[str], dict[str, Any]]:
    """A job's options as words of a command line, and its switches as values."""
    words: list[str] = []
    switches: dict[str, Any] = {}
    for key, value in job.items():
        name = key.replace("-", "_")
        action = known.get(name)
        if action is None or name == "manifest":
            near = get_close_matches(name, [other for other in known if other != "manifest"], 1, 0.5)
            raise UsageError(f"there is no option {shortened(repr(key))}.{f' Did you mean {near[0]}?' if near else ''}")
        if action.nargs == "?" and isinstance(value, bool):  # the option alone, or not at all
            switches[action.dest] = action.const if value else action.default
        elif action.nargs != 0:
            words += _several(key, name, value, action) if isinstance(value, list) else [f"--{name}={_word(value)}"]
        elif not isinstance(value, bool):
            raise UsageError(f"{key} is true or false, not {described(value)}.")
        elif value or isinstance(action.const, bool):
            switches[action.dest] = action.const if value else not action.const
    return words, switches


def _several(key: str, name: str, values: list[Any], action: argparse.Action) -> list[str]:
    words = [_word(value) for value in values]
    if len(words) > 1 and action.nargs != "+":
        raise UsageError(f"{key} takes one value, not {described(values)}.")
    if dashed := next((word for word in words if word.startswith("-")), None):
        raise UsageError(f"{key}: {shortened(repr(dashed))} begins as options do. Write ./ before the name of a file.")
    return [f"--{name}", *words]


def _word(value: Any) -> str:
    """A value as it would stand on the command line. Raises UsageError for what cannot stand there."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise UsageError(
        f"values are texts, numbers or lists of these, not {described(value)}. Change it, or leave it out."
    )
