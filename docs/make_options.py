"""Writes ``options.md``: every option of every command, as its parser tells it.

python docs/make_options.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from fom_core.cli import build_parser
from fom_core.documents.markdown import table

PAGE = Path(__file__).resolve().with_name("options.md")
INTRODUCTION = """# Options

Every option of every command, written by `python docs/make_options.py` from the program itself: what
`fom COMMAND --help` says. What the commands are for, and `fom animate` in more words: [command line](command-line.md).
"""
EVERYWHERE = ("help", "max_pixels")  # of every command, but the second of fom weights


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The text of the page."""
    sections = [INTRODUCTION]
    for name, parser in commands(build_parser()):
        sections.append(f"## `{name}`\n\n{parser.description or ''}".rstrip() + "\n")
        sections += tables(parser)
    return "\n".join(sections)


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that does something by itself, with its whole name."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser.prog, parser
    for action in below:
        helps = {choice.dest: choice.help for choice in action._choices_actions}
        for name, child in action.choices.items():
            child.description = child.description or (helps.get(name) or "").capitalize() + "."
            yield from commands(child)


def tables(parser: argparse.ArgumentParser) -> Iterator[str]:
    """A table for each group of options, in the parser's order."""
    for group in parser._action_groups:
        rows = [row(action) for action in group._group_actions if action.dest not in EVERYWHERE]
        if rows:
            named = group.title not in ("options", "positional arguments")
            heading = f"**{(group.title or '').capitalize()}**\n\n" if named else ""
            yield f"{heading}{table(('option', 'meaning'), rows)}\n"


def row(action: argparse.Action) -> tuple[str, str]:
    """One option: its names with what it takes, and its help with the default filled in."""
    value = action.metavar if isinstance(action.metavar, str) else None
    if value is None and action.choices is not None:
        value = " | ".join(str(choice) for choice in action.choices)
    if value is None and action.nargs != 0:
        value = action.dest.upper()
    value = {None: value, "+": f"{value} …", "?": f"[{value}]", "*": f"[{value} …]"}.get(action.nargs, value)
    names = ", ".join(action.option_strings)
    shown = f"{names} {value}" if names and action.nargs != 0 else names or str(value)
    meaning = (action.help or "") % {**vars(action), "prog": "fom"}
    return f"`{escaped(shown)}`", escaped(meaning)


def escaped(text: str) -> str:
    """Text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
