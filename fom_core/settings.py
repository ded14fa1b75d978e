"""Settings files: YAML that remembers the line of every option, filled into dataclasses with errors that name it."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

T = TypeVar("T")
LONGEST_SHOWN = 100  # characters of a value in a message
# The reader itself, and Python where it makes dates and numbers of what looks like them.
_NOT_YAML = (yaml.YAMLError, RecursionError, ValueError, TypeError, AttributeError, LookupError, OverflowError)


class SettingsError(ValueError):
    """What is wrong with a settings file, in one line. Whoever reads the file raises it anew as a FomError."""


class Table(dict[str, Any]):
    """Options of one section: ``name`` is its full name, ``places`` tells where each option stands ("line 7")."""

    def __init__(self, values: Mapping[str, Any] | None = None, name: str = "") -> None:
        super().__init__(values or {})
        self.name = name
        self.places: dict[str, str] = dict(values.places) if isinstance(values, Table) else {}

    def full_name(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def place(self, key: str) -> str:
        """ "line 7: " for the start of a message; empty where no file stands behind it."""
        return f"{self.places[key]}: " if key in self.places else ""

    def wrong(self, key: str, message: str) -> SettingsError:
        """The error for an option: place, full name, message."""
        return SettingsError(f"{self.place(key)}{self.full_name(key)} {message}")

    def table(self, key: str) -> Table:
        """The section of this name; an absent or empty one has no options. Raises SettingsError for anything else."""
        value = self.get(key)
        if value is None:
            value = Table()
        elif not isinstance(value, Mapping):
            raise self.wrong(key, f"has to be a table of options, found {described(value)}.")
        table = Table(value)
        table.name = self.full_name(key)
        return table

    def merged(self, changes: Table) -> Table:
        """``changes`` over this table, sections option by option."""
        merged = Table(self)
        merged.name = changes.name or self.name
        for key, value in changes.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged.put(key, Table(merged[key]).merged(Table(value)) if both else value, changes.places.get(key))
        return merged

    def put(self, key: str, value: Any, place: str | None = None) -> None:
        """Set an option and where it stands."""
        self[key] = value
        if place is not None:
            self.places[key] = place

    def move(self, key: str, target: Table, new_key: str | None = None) -> None:
        """Take an option out, if it is there, and give it to another table with its place."""
        if key in self:
            target.put(new_key or key, self.pop(key), self.places.get(key))

    def only(self, known: Collection[str]) -> Table:
        """This table, once all of its options are known. Raises SettingsError with the nearest known name."""
        for key in self:
            if key not in known:
                near = get_close_matches(str(key), known, 1, 0.5)
                hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known))}."
                raise SettingsError(f"{self.place(key)}unknown option {self.full_name(str(key))}. {hint}")
        return self


def in_file(path: Path, error: SettingsError) -> str:
    """The message of an error with the file's name before it."""
    text = str(error)
    between = ", " if text.startswith("line ") else " " if text.startswith(("is not ", "cannot ", "has to ")) else ": "
    return f"{path.name}{between}{text}"


class _Loader(yaml.SafeLoader):
    """Plain values only; 2e-4 is a number and None is null, as people write them."""


def _tables(loader: _Loader, node: yaml.MappingNode) -> Any:
    seen: dict[str, int] = {}
    for key_node, _ in node.value:
        line = key_node.start_mark.line + 1
        if isinstance(key_node, yaml.ScalarNode) and key_node.tag != "tag:yaml.org,2002:merge":
            if key_node.value in seen:
                raise SettingsError(f"line {line}: {key_node.value} was given already in line {seen[key_node.value]}.")
            seen[key_node.value] = line
    table = Table()
    yield table
    table.update({str(key): value for key, value in loader.construct_mapping(node).items()})
    table.places.update({str(loader.construct_object(key)): f"line {key.start_mark.line + 1}" for key, _ in node.value})


_Loader.add_constructor("tag:yaml.org,2002:map", _tables)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"), list("-+.0123456789")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"None"), ["N"])


def read_settings(path: Path) -> Table:
    """Read a YAML file. Raises SettingsError, without the file's name, when it is none or cannot be read."""
    try:
        return parse_settings(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"is not a YAML file: {error}.") from error


def parse_settings(text: str) -> Table:
    """The options of a YAML text. Raises SettingsError."""
    try:
        values = yaml.load(text, _Loader)
    except SettingsError:
        raise
    except _NOT_YAML as error:
        raise SettingsError(f"is not a YAML file: {' '.join(str(error).split())}.") from error
    if not isinstance(values, Table):
        raise SettingsError(f"has to be a table of options, found {described(values)}.")
    return values


def override(table: Table, assignment: str) -> None:
    """Apply ``train_params.batch_size=4``, with the value in YAML; items of lists by number or by their ``name``.

    Sections may leave ``_params`` out (``train.batch_size``), and may be new. Raises SettingsError.
    """
    path, equals, text = assignment.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise SettingsError(f"an override looks like train_params.batch_size=4, not {assignment!r}.")
    place = f"-o {assignment}"
    try:
        value = yaml.load(text, _Loader)
    except _NOT_YAML as error:
        raise SettingsError(f"{place}: the value is not YAML ({' '.join(str(error).split())}).") from error
    target: Any = table
    for key in keys[:-1]:
        target = _below(target, key, place)
    if not isinstance(target, Table):
        raise SettingsError(f"{place}: there is no section {'.'.join(keys[:-1])}.")
    target.put(_known_key(target, keys[-1]), value, place)


def _below(target: Any, key: str, place: str) -> Any:
    if isinstance(target, list):
        names = [item.get("name") if isinstance(item, Mapping) else None for item in target]
        index = names.index(key) if key in names else int(key) if key.isdecimal() else len(target)
        if index >= len(target):
            raise SettingsError(f"{place}: no item {key} in a list of {len(target)}.")
        return target[index]
    if not isinstance(target, Table):
        raise SettingsError(f"{place}: {key} is no section.")
    key = _known_key(target, key)
    if target.get(key) is None:
        target.put(key, Table(), place)
    return target[key]


def _known_key(table: Table, key: str) -> str:
    return f"{key}_params" if key not in table and f"{key}_params" in table else key


def fill(kind: type[T], table: Table, renamed: Mapping[str, str] | None = None, **ready: Any) -> T:
    """Make a dataclass of a table's options, checking names and types.

    Lists become tuples and tables become the dataclass of their field. ``renamed`` gives fields other option names;
    ``ready`` fields are no options. Raises SettingsError.
    """
    assert is_dataclass(kind)
    options = [field for field in fields(kind) if field.name not in ready]
    names = {field.name: (renamed or {}).get(field.name, field.name) for field in options}
    table.only(set(names.values()))
    hints = get_type_hints(kind)
    values: dict[str, Any] = dict(ready)
    for field in options:
        key = names[field.name]
        if key in table:
            values[field.name] = converted(table, key, hints[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise SettingsError(f"{table.full_name(key)} is missing.")
    return kind(**values)


def converted(table: Table, key: str, kind: Any) -> Any:
    """An option as the type of its field. Raises SettingsError when it is of another kind."""
    value = table[key]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        kind = next(each for each in inner if each is not type(None))
        origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return fill(kind, table.table(key))
    if origin is tuple:
        return _tuple(table, key, inner)
    if origin is Literal:
        if value not in inner:
            raise table.wrong(key, f"is one of {', '.join(map(str, inner))}, not {described(value)}.")
        return value
    return _plain(table, key, value, kind)


def _tuple(table: Table, key: str, inner: tuple[Any, ...]) -> tuple[Any, ...]:
    items = table[key]
    many = inner[-1] is ...
    if not isinstance(items, list) or (not many and len(items) != len(inner)):
        count = "" if many else f" of {len(inner)}"
        raise table.wrong(key, f"has to be a list{count}, found {described(items)}.")
    return tuple(_plain(table, key, item, inner[0], " of") for item in items)


def _plain(table: Table, key: str, value: Any, kind: Any, part: str = "") -> Any:
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        return float(value)
    if kind is str and isinstance(value, str):
        return value
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[kind]
    raise table.wrong(
        key, f"has to be {'a list of' if part else ''}{' ' if part else ''}{wanted}, found {described(value)}."
    )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def described(value: Any) -> str:
    """A value for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a table of options"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = "true" if value is True else "false" if value is False else repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
