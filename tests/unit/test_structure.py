"""The shape of fom_core: imports flow one way, rooms stay small, and a name means one thing."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "fom_core"
ORDER = (  # of the rooms: each may import what stands before it
    "errors", "version", "signals", "files", "documents", "resources", "types", "geometry", "pictures", "metrics",
    "networks", "weights", "media", "faces", "motion", "backends", "parallel", "driver", "compose", "enhance",
    "pipeline", "source_video", "scaleout", "live", "draw", "stills", "workflow", "export", "training", "preprocess",
    "evaluation", "inspection", "benchmark", "compress", "demo", "cli", "__main__",
)  # fmt: skip
LONGEST_FILE, LONGEST_FUNCTION = 300, 60  # lines
LARGEST_ROOM = 0.15  # of all lines
SHARED_NAMES = {  # one meaning in several files: what every command, graph runtime and detector has
    "add_parser", "declare", "decode", "log", "main", "open_graph", "run",
}  # fmt: skip


def module_name(path: Path) -> str:
    """``weights.load`` for fom_core/weights/load.py; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
LINES = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in FILES.items()}


def room_of(module: str) -> str:
    return module.partition(".")[0]


def statements(nodes: Iterable[ast.AST]) -> Iterator[ast.stmt]:
    """What runs when a module is imported: not the bodies of functions, nor what only type checkers read."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements(node.orelse)
            continue
        if isinstance(node, ast.stmt):
            yield node
        yield from statements(ast.iter_child_nodes(node))


def imported_by(module: str) -> set[str]:
    """The modules of fom_core that a module imports when it is imported."""
    is_package = FILES[module].name == "__init__.py"
    folder = module.split(".") if is_package else module.split(".")[:-1]
    found = set()
    for node in statements(TREES[module].body):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = [*folder[: len(folder) - node.level + 1], *(node.module.split(".") if node.module else [])]
        for alias in node.names:
            inner = ".".join([*base, alias.name])
            found.add(inner if inner in FILES else ".".join(base))
    return found - {module}


IMPORTS = {name: imported_by(name) for name in FILES}


def circles(graph: dict[str, set[str]]) -> list[frozenset[str]]:
    """Sets of modules that import one another, straight or by way of others."""
    reachable: dict[str, set[str]] = {}
    for start, first in graph.items():
        seen, ahead = set(), list(first)
        while ahead:
            if (node := ahead.pop()) not in seen:
                seen.add(node)
                ahead += graph.get(node, ())
        reachable[start] = seen
    inside = [node for node in graph if node in reachable[node]]
    return list({frozenset(other for other in inside if other in reachable[node] and node in reachable[other])
                 for node in inside})  # fmt: skip


def test_imports_are_read_as_python_reads_them():
    assert {"media.ffmpeg", "files.paths", "errors"} <= IMPORTS["media.read"]
    assert "cli.parser" in IMPORTS["cli"]
    assert "pipeline" in IMPORTS["scaleout"]


def test_circles_are_found_also_by_way_of_a_third():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}
    assert circles(graph) == [frozenset("abc")]


def test_no_modules_import_one_another():
    assert [sorted(circle) for circle in circles(IMPORTS)] == []


def test_rooms_import_only_what_stands_before_them():
    rank = {room: number for number, room in enumerate(ORDER)}
    assert {room_of(name) for name in FILES} - {""} == set(rank)
    backwards = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        for other in sorted(others)
        if room_of(name) != room_of(other) and rank.get(room_of(other), len(rank)) >= rank.get(room_of(name), len(rank))
    ]
    assert backwards == []


def test_files_and_functions_are_short():
    long_files = {name: count for name, count in LINES.items() if count > LONGEST_FILE}
    functions = {
        f"{name}.{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert long_files == {}
    assert {name: count for name, count in functions.items() if count > LONGEST_FUNCTION} == {}


def test_no_room_holds_more_than_its_share_of_the_lines():
    rooms: Counter[str] = Counter()
    for name, count in LINES.items():
        rooms[room_of(name)] += count
    largest, lines = rooms.most_common(1)[0]
    assert lines <= LARGEST_ROOM * rooms.total(), f"{largest} holds {lines} of {rooms.total()} lines"


def test_every_public_class_and_function_says_what_it_is_for():
    silent = [
        f"{name}.{node.name}"
        for name, tree in TREES.items()
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_a_public_name_is_defined_once():
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    twice = {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED_NAMES}
    assert twice == {}


def test_the_shares_of_colours_in_brightness_are_written_down_once():
    places = [name for name, path in FILES.items() if re.search(r"0\.587,", path.read_text("utf-8"))]
    assert places == ["pictures"]


def public(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Functions and methods that others call: their name, themselves, and what they say, or their class for them."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node, ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and (inner.name[0] != "_" or inner.name[:2] == "__"):
                    said = ast.get_docstring(inner) or ""
                    yield f"{node.name}.{inner.name}", inner, said + (ast.get_docstring(node) or "")


def raised_in(function: ast.AST) -> set[str]:
    """The names of what a function itself raises, not those that it calls or defines."""
    found = set()
    for node in ast.iter_child_nodes(function):
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            found.add(node.exc.func.id)
        found |= raised_in(node)
    return found


def test_what_raises_an_error_for_users_says_so():
    errors = {node.name for node in TREES["errors"].body if isinstance(node, ast.ClassDef)}
    told = [
        (f"{name}.{called}", raised_in(function) & errors, said)
        for name, tree in TREES.items()
        for called, function, said in public(tree)
        if room_of(name) != "cli"  # whose commands tell the user
    ]
    assert sum(len(raised) for _, raised, _ in told) > 80
    silent = [f"{where}: {error}" for where, raised, said in told for error in sorted(raised) if error not in said]
    assert silent == []


def test_the_table_of_the_folders_is_true_to_a_tenth():
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("## Size")[2].partition("\n## ")[0]
    told = {
        name: (int(files), int(lines)) for name, files, lines in re.findall(r"\| `(\w+)/` \| (\d+) \| (\d+) \|", table)
    }
    folders = Counter(room_of(name) for name, path in FILES.items() if path.parent != PACKAGE)
    assert told.keys() == folders.keys()
    for room, (files, lines) in told.items():
        found = sum(count for name, count in LINES.items() if room_of(name) == room)
        assert abs(files - folders[room]) <= max(1, files / 10), f"{room} has {folders[room]} files"
        assert abs(lines - found) <= max(100, lines / 10), f"{room} has {found} lines"
