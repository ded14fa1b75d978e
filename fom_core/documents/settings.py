"""Settings: options of a YAML file, changed by overrides and filled into dataclasses, with errors that name them."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .options import SettingsError, Table, described
from .readers import shortened
from .yaml_text import parse_yaml

T = TypeVar("T")


def override(table: Table, assignment: str) -> None:
    """Apply ``train_params.batch_size=4``, with the value in YAML; items of lists by number or by their ``name``.

    Sections may leave ``_params`` out (``train.batch_size``), and may be new. Raises SettingsError.
    """
    path, equals, text = assignment.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise SettingsError(f"an override looks like train_params.batch_size=4, not {described(assignment)}.")
    place = shortened(f"-o {assignment}")
    try:
        value = parse_yaml(text)
    except SettingsError as error:
        raise SettingsError(f"{place}: the value {str(error).removeprefix('line 1: ')}") from error
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
            known = [name or str(index) for index, name in enumerate(names)]
            raise SettingsError(f"{place}: no item {key} in a list of {len(target)}: {', '.join(map(str, known))}.")
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
