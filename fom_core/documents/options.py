"""Options as files give them: each with the place where it stands, so that messages can name it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from .readers import DocumentError, shortened


class SettingsError(DocumentError):
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
                raise SettingsError(f"{self.place(key)}unknown option {shortened(self.full_name(str(key)))}. {hint}")
        return self


def described(value: Any) -> str:
    """A value for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a table of options"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "true" if value is True else "false" if value is False else shortened(repr(value))
