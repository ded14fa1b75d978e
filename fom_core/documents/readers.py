"""Texts that people and other programs write: one careful reader each for JSON, JSON Lines and CSV.

Their YAML is read in :mod:`.yaml_text`. What is wrong is a :class:`DocumentError` of one line, with the place in the
document and without the file's name; whoever knows what the file is for raises it anew as a FomError.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FomError
from ..files.paths import no_file

MOST_BYTES = 64 << 20  # of a document that people write; a list of a million clips has as many
DEEPEST = 64  # tables in tables
LARGEST = 2**63 - 1  # of whole numbers
LONGEST = 120  # characters of what a message repeats
TOO_DEEP = f"is nested more than {DEEPEST} deep."
_WIDE = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


class DocumentError(ValueError):
    """What is wrong with a document, in one line."""


@contextmanager
def wrong_as(kind: type[FomError], name: str | Path, advice: str = "") -> Iterator[None]:
    """Raise a DocumentError inside as an error of this kind that names the file and says what to do."""
    try:
        yield
    except DocumentError as error:
        raise kind(" ".join(filter(None, (in_file(name, error), advice)))) from error


def in_file(name: str | Path, error: DocumentError) -> str:
    """The message of an error with the file's name before it."""
    text = str(error)
    sentence = text.startswith(("is ", "does ", "cannot ", "has to "))
    between = ", " if text.startswith("line ") else " " if sentence else ": "
    return f"{name}{between}{text}"


def shortened(text: str) -> str:
    """A value or a name for a message, cut where it is long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """A file's text, without a byte order mark. Raises DocumentError for anything else, or more than ``most`` bytes."""
    odd = no_file(path)
    if odd:
        raise DocumentError(f"is {odd}, not a file. Save what comes from it as a file first.")
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError as error:
        raise DocumentError(f"does not exist. Check the path; relative ones start at {Path.cwd()}.") from error
    except IsADirectoryError as error:
        raise DocumentError("is a folder. Give one file of it.") from error
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}.") from error
    if len(data) > most:
        raise DocumentError(f"is larger than {most >> 10} KiB, which no file of its kind is. Is it another file?")
    if coding := _WIDE.get(data[:2]):
        raise DocumentError(f"is text in {coding}. Save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"line {line}: is no text in UTF-8 (byte {data[error.start]:#04x}). Save it so.") from error
    if "\0" in text:
        raise DocumentError(f"line {text.count(chr(10), 0, text.index(chr(0))) + 1}: is no text: it holds a zero byte.")
    return text


def read_json(path: Path) -> Any:
    """The value that a JSON file holds. Raises DocumentError."""
    return parse_json(read_text(path))


def parse_json(text: str, *, finite: bool = True, largest: int = LARGEST) -> Any:
    """The value of a JSON text, as the standard has it: a name once in a table, numbers that are some.

    ``finite``: refuse NaN and Infinity, which this project writes into its own logs only, and ComfyUI into workflows.
    ``largest``: of whole numbers. Raises DocumentError.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=_refuse if finite else None,
            parse_int=lambda digits: whole_number(digits, largest),
            parse_float=_number if finite else None,
        )
    except RecursionError as error:
        raise DocumentError(TOO_DEEP) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}: " if "\n" in text else ""
        raise DocumentError(f"{where}is no JSON ({error.msg}).") from error
    if text.count("[") + text.count("{") > DEEPEST:
        _check_depth(value)
    return value


def whole_number(text: str, largest: int = LARGEST) -> int:
    """A whole number of 64 bits. Raises DocumentError for a larger one, ValueError for none."""
    if len(text) > 80 or abs(int(text)) > largest:
        raise DocumentError(f"has to hold numbers of at most 64 bits, found one of {len(text.lstrip('+-'))} digits.")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(text: str) -> Any:
    raise DocumentError(f"has to hold numbers only, found {text[:20]}.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if twice := _twice(name for name, _ in pairs):
        raise DocumentError(f"{shortened(twice[0])!r} was given twice. Remove one of them.")
    return dict(pairs)


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        if depth > DEEPEST:
            raise DocumentError(TOO_DEEP)
        level = [child for part in level for child in (part.values() if isinstance(part, dict) else part)]


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a file that hold something, each with its number from 1. Raises DocumentError."""
    return [(number, line) for number, line in enumerate(read_text(path).split("\n"), 1) if line.strip()]


@dataclass(frozen=True)
class Rows:
    """A CSV: its columns, and the rows by the names of the columns, each with its line in the file."""

    columns: list[str]
    rows: list[tuple[int, dict[str, str]]]


def read_csv(path: Path, wanted: Collection[str] = ()) -> Rows:
    """The rows of a CSV file whose first line names the columns. Raises DocumentError, also where one is missing."""
    return parse_csv(read_text(path), wanted)


def parse_csv(text: str, wanted: Collection[str] = ()) -> Rows:
    """The rows of a CSV text; empty lines are passed over, and so are empty fields behind the last column."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = next((_trimmed(row) for row in reader if any(row)), [])
        _check_columns(columns, wanted)
        rows = [(reader.line_num, _named(columns, row, reader.line_num)) for row in reader if any(row)]
    except csv.Error as error:
        raise DocumentError(f"line {reader.line_num}: is no CSV ({error}).") from error
    return Rows(columns, rows)


def _trimmed(row: list[str]) -> list[str]:
    """A row without the empty fields at its end, which spreadsheets leave."""
    return row[: max((number for number, field in enumerate(row, 1) if field.strip()), default=0)]


def _check_columns(columns: list[str], wanted: Collection[str]) -> None:
    missing = sorted(set(wanted) - set(columns))
    if missing:
        found = ", ".join(shortened(name) for name in columns[:12]) or "nothing"
        comma = " Columns are separated by commas." if len(columns) == 1 and re.search("[;\t]", columns[0]) else ""
        raise DocumentError(
            f"line 1: there is no column {missing[0]}; wanted {', '.join(sorted(wanted))}, found {found}.{comma}"
        )
    if twice := _twice(columns):
        raise DocumentError(f"line 1: the column {shortened(twice[0])!r} is there twice. Remove one of them.")


def _named(columns: list[str], row: list[str], line: int) -> dict[str, str]:
    fields = row[: len(columns)] + _trimmed(row[len(columns) :])
    if len(fields) != len(columns):
        raise DocumentError(
            f"line {line}: has {len(fields)} fields, and there are {len(columns)} columns. Correct the line."
        )
    return dict(zip(columns, fields, strict=True))
