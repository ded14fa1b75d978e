"""Pages that tell what the code has: options, folders, names."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

import fom_core
from fom_core.cli import build_parser, with_underscores
from fom_core.weights.catalogue import catalogue

ROOT = Path(__file__).resolve().parents[2]
COMMAND_LINE = ROOT / "docs" / "command-line.md"


@pytest.fixture(scope="module")
def options() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_options", ROOT / "docs" / "make_options.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def commands(options) -> dict[str, argparse.ArgumentParser]:
    return dict(options.commands(build_parser()))


def test_the_page_about_options_is_what_the_parsers_say(options):
    assert options.PAGE.read_text(encoding="utf-8") == options.page(), "run python docs/make_options.py"


def test_the_page_about_the_command_line_names_every_command(commands):
    text = COMMAND_LINE.read_text(encoding="utf-8")

    for name in commands:
        verb = " ".join(name.split()[:2])
        assert f"`{verb}" in text, name
        assert f"`{name.split()[-1]}`" in text or f"`{name}" in text, name


def test_the_page_about_the_command_line_explains_all_options_of_animate_and_no_others(commands):
    text = COMMAND_LINE.read_text(encoding="utf-8")
    told = set(re.findall(r"--\w+", "".join(re.findall(r"^\| (`-.*?) \| ", text, re.MULTILINE))))
    own = {name for name in commands["fom animate"]._option_string_actions if name.startswith("--")}

    assert told == own - {"--help", "--max_pixels"}


def test_the_defaults_of_animate_on_the_page_are_those_of_the_program(commands):
    text = COMMAND_LINE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `--(\w+) [^|`]*(?:\\\|[^|`]*)*` \| `?([\w. ]+?)`? \|", text, re.MULTILINE)
    defaults = {action.dest: action.default for action in commands["fom animate"]._actions}
    compared = {name: told for name, told in rows if isinstance(defaults.get(name), str | float)}

    assert len(compared) >= 12
    for name, told in compared.items():
        assert told == f"{defaults[name]:g}" if isinstance(defaults[name], float) else told == defaults[name], name


def test_the_choices_of_animate_on_the_page_are_those_of_the_program(commands):
    text = COMMAND_LINE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `--(\w+) (\w+(?:\\\|\w+)+)` \|", text, re.MULTILINE)
    choices = {action.dest: action.choices for action in commands["fom animate"]._actions if action.choices}
    compared = {name: told.split("\\|") for name, told in rows if name in choices}

    assert {"mask", "crop", "length", "backend"} <= set(compared)
    assert compared == {name: list(choices[name]) for name in compared}


def test_the_page_about_the_architecture_names_what_is_there():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("## Folders", 1)[1].split("## ", 1)[0]
    cells = [re.findall(r"`([^`]+)`", row.split("|")[1]) for row in table.splitlines() if row.startswith("| `")]
    named = {
        str((Path(names[0]).parent if index else Path()) / name) for names in cells for index, name in enumerate(names)
    }
    files = (path for path in (ROOT / "fom_core").iterdir() if path.name[0] != "_" and path.suffix in ("", ".py"))
    there = {str(path.relative_to(ROOT)) for path in files}

    assert all((ROOT / name).exists() for name in named)
    assert there <= named


def test_the_page_about_the_api_has_every_name_of_the_library_once():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

    assert sorted(re.findall(r"^\.\. auto\w+:: (\w+)$", text, re.MULTILINE)) == fom_core.__all__


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    named = re.findall(r"`((?:\.ci|benchmarks|deploy|docs|fom_core|locales|nodes|tests|tools|workflows)/[^`\s]*)`",
                       page.read_text(encoding="utf-8"))  # fmt: skip

    assert [name for name in named if "ID" not in name and not (ROOT / name).exists()] == []


def shown_commands() -> list[tuple[str, list[str]]]:
    """(page, words after fom) of every command line in a fence, also of one that starts with torchrun."""
    found = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for fence in re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for line in re.split(r"\n|&&", fence):
                called = re.match(r"\s*(?:fom|torchrun .* -m fom_core) (.*)$", line)
                if called:
                    found.append((page.name, shlex.split(called[1], comments=True)))
    return found


@pytest.mark.parametrize(("page", "words"), shown_commands())
def test_a_command_that_a_page_shows_is_one_that_the_program_knows(page, words):
    assert callable(build_parser().parse_args(with_underscores(words)).run), page


def test_the_pages_show_commands():
    pages = {page for page, _ in shown_commands()}

    assert pages >= {"README.md", "command-line.md", "compression.md", "export.md", "looks.md", "training.md"}


def test_the_page_about_weights_has_every_name_of_the_catalogue():
    text = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \|", text, re.MULTILINE)

    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == set(catalogue())


def test_the_readme_is_short_and_opens_with_the_two_commands_that_are_run_before_every_change():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first, second = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[:2]

    assert len(text.splitlines()) < 160
    assert first.count("\n") == second.count("\n") == 1
    assert first.endswith("fom demo\n") and second.endswith("pytest -n auto --dist loadfile\n")


def test_the_page_about_chains_names_every_graph():
    text = (ROOT / "docs" / "chains.md").read_text(encoding="utf-8")

    named = set(re.findall(r"^\| `(\w+\.json)` \|", text, re.MULTILINE))
    assert named == {path.name for path in (ROOT / "docs" / "chains").iterdir()}


def test_no_page_keeps_the_place_of_words_to_come():
    places = re.compile(r"\b(?:FIGURES|TODO|TBD|XXX)\b")
    pages = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))

    assert [page.name for page in pages if places.search(page.read_text(encoding="utf-8"))] == []


def test_every_page_stands_below_another_on_the_site():
    source = ast.parse((ROOT / "docs" / "conf.py").read_text(encoding="utf-8"))
    (below,) = (
        ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "BELOW"
    )
    named = {page for groups in below.values() for pages in groups.values() for page in pages}

    assert {page.stem for page in (ROOT / "docs").glob("*.md")} <= named
