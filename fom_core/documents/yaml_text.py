"""YAML as people write it, into a :class:`.Table` that remembers the line of every option."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from .options import SettingsError, Table, described
from .readers import DEEPEST, LARGEST, TOO_DEEP, DocumentError, read_text

MOST_BYTES = 1 << 20
MOST_VALUES = 100_000  # each anchor counted as often as it is used
LONGEST = 80  # characters of a number


class _Loader(yaml.SafeLoader):
    """Plain values only; 2e-4 is a number, None is null, and a date is a text, as people write them.

    Values that stand for much more than what is written (anchors in anchors) are refused, and so is what contains
    itself or is nested too deeply.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._sizes: dict[yaml.Node, tuple[int, int]] = {}  # values that a node stands for, and how deep they go

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) and event.anchor in self.anchors:
            if self.anchors[event.anchor] not in self._sizes:
                raise _at(event.start_mark, f"{event.anchor!r} contains itself.")
            return super().compose_node(parent, index)
        self._depth += 1
        if self._depth > DEEPEST:
            raise _at(event.start_mark, TOO_DEEP)
        node = super().compose_node(parent, index)
        self._depth -= 1
        assert node is not None
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        nodes = [part for item in parts for part in (item if isinstance(item, tuple) else (item,))]
        values = 1 + sum(self._sizes[part][0] for part in nodes)
        height = 1 + max((self._sizes[part][1] for part in nodes), default=0)
        self._sizes[node] = values, height
        if values > MOST_VALUES or height > DEEPEST:
            many = f"stands for more than {MOST_VALUES} values. Write fewer anchors."
            raise _at(event.start_mark, many if values > MOST_VALUES else TOO_DEEP)
        return node


def _at(mark: Any, message: str) -> SettingsError:
    return SettingsError(f"line {mark.line + 1}: {message}")


def _checked(construct: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A constructor of plain values whose mistakes are told with their line: ``!!int two``."""

    def checked(loader: _Loader, node: yaml.Node) -> Any:
        try:
            if len(node.value) > LONGEST:
                raise ValueError("a name of thousands of digits takes minutes to read")
            value = construct(loader, node)
        except (ValueError, LookupError, OverflowError) as error:
            raise _at(node.start_mark, f"{str(node.value)[:40]!r} is no {node.tag.rpartition(':')[2]}.") from error
        if isinstance(value, int) and abs(value) > LARGEST:
            raise _at(node.start_mark, "has to hold numbers of at most 64 bits.")
        return value

    return checked


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


_TAG = "tag:yaml.org,2002:"
_Loader.yaml_constructors = {
    None: yaml.SafeLoader.yaml_constructors[None],  # what has no constructor is refused
    f"{_TAG}map": _tables,
    **{_TAG + name: yaml.SafeLoader.yaml_constructors[_TAG + name] for name in ("null", "str", "seq")},
    **{_TAG + name: _checked(yaml.SafeLoader.yaml_constructors[_TAG + name]) for name in ("bool", "int", "float")},
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != f"{_TAG}timestamp"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"), list("-+.0123456789")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"None"), ["N"])


def read_settings(path: Path) -> Table:
    """Read a YAML file. Raises SettingsError, without the file's name, when it is none or cannot be read."""
    try:
        return parse_settings(read_text(path, MOST_BYTES))
    except SettingsError:
        raise
    except DocumentError as error:
        raise SettingsError(str(error)) from error


def parse_settings(text: str) -> Table:
    """The options of a YAML text. Raises SettingsError."""
    values = parse_yaml(text)
    if not isinstance(values, Table):
        raise SettingsError(f"has to be a table of options, found {described(values)}.")
    return values


def parse_yaml(text: str) -> Any:
    """The value of a YAML text. Raises SettingsError."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        problem, mark = " ".join(str(error.problem).split()), error.problem_mark or error.context_mark
        line = "" if mark is None else f"line {mark.line + 1}: "
        advice = " Indent with blanks." if "'\\t'" in problem else ""
        raise SettingsError(f"{line}is not YAML ({problem}).{advice}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"is not a YAML file: {' '.join(str(error).split())}.") from error
