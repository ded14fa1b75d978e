"""Damaged files of every kind are opened, or refused in one line: no crash, no wait, no memory beyond their due.

``FOM_MUTATIONS`` says how many files of each kind are damaged in the slow test (default 30; of videos a third),
``FOM_MUTATIONS_SEED`` which (default 1). A tenth of what commands take is opened by the command
line. What a failure names, a kind and a number, gives the same file again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from .specimen_files import make_all
from .specimens import KINDS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is watched by Linux's /proc")
ROOT = Path(__file__).resolve().parents[2]
COUNT, SEED = int(os.environ.get("FOM_MUTATIONS", "30")), int(os.environ.get("FOM_MUTATIONS_SEED", "1"))
MOST_S, MOST_MB = 10, 500
PART = 500  # files of one process; then its memory is as at the start again
File = tuple[str, int, bool]


@pytest.fixture(scope="module")
def right(tiny_model, tmp_path_factory) -> Path:
    """Right files of every kind."""
    folder = tmp_path_factory.mktemp("right")
    make_all(folder, tiny_model)
    return folder


def process_of(right: Path, place: Path, files: list[File]) -> Iterator[dict[str, object]]:
    """Open files in a process of their own; where it dies, the last line is about its death."""
    order = json.dumps({"right": str(right), "place": str(place), "files": files})
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TMPDIR": str(place.parent)}
    words = [sys.executable, "-m", "tests.reliability.mutation_worker"]
    done = subprocess.run(words, input=order, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"')]
    for file, result in zip(lines[::2], lines[1::2], strict=False):
        yield file | result
    if done.returncode or len(lines) < 2 * len(files):
        death = f"died with status {done.returncode}: {done.stderr[-1500:]}"
        yield (lines[-1] if len(lines) % 2 else {"kind": "?", "seed": 0}) | {"outcome": death, "s": 0.0, "mb": 0.0}


def opened(right: Path, place: Path, files: list[File]) -> list[dict[str, object]]:
    """Every file's line; a process that dies takes its file only with it."""
    results: list[dict[str, object]] = []
    deaths = 0
    while len(results) < len(files) and deaths < 20:
        part = files[len(results) : len(results) + PART]
        before = len(results)
        results += process_of(right, place, part)
        deaths += len(results) - before < len(part)
    return results


def told(results: list[dict[str, object]]) -> list[str]:
    """Prints figures for each kind, and gives what is wrong."""
    by_kind = defaultdict(list)
    for result in results:
        by_kind[result["kind"]].append(result)
    print(f"\n{'kind':<20}{'files':>6}{'opened':>8}{'refused':>9}{'worst s':>9}{'worst MB':>10}")
    for kind, found in by_kind.items():
        counts = [sum(each["outcome"] == word for each in found) for word in ("opened", "refused")]
        worst = [max(each[unit] for each in found) for unit in ("s", "mb")]  # type: ignore[type-var]
        print(f"{kind:<20}{len(found):>6}{counts[0]:>8}{counts[1]:>9}{worst[0]:>9.2f}{worst[1]:>10.0f}")
    return [f"{each['kind']}/{each['seed']}: {each}" for each in results if is_wrong(each)]


def is_wrong(result: dict[str, object]) -> bool:
    in_time, in_room = float(str(result["s"])) < MOST_S, float(str(result["mb"])) < MOST_MB
    return result["outcome"] not in ("opened", "refused") or not in_time or not in_room


def files_of(right: Path, count: int, costly: int, seed: int, commands: int) -> list[File]:
    """Damaged files of all kinds by turns; every ``commands``-th is opened by the command line, 0 for none."""
    there = {name: kind for name, kind in KINDS.items() if (right / name / kind.file).is_file()}
    return [
        (name, seed + number, kind.command is not None and bool(commands) and number % commands == commands - 1)
        for name, kind in there.items()
        for number in range(costly if kind.costly else count)
    ]


def test_right_files_are_opened(right):
    from .mutation_worker import opened as outcome

    for name, kind in KINDS.items():
        if (right / name / kind.file).is_file():
            assert outcome(kind, right / name / kind.file) == "opened", name


def test_some_damaged_files_of_every_kind(right, tmp_path):
    wrong = told(opened(right, tmp_path / "place", files_of(right, 8, 1, 1000, 0)))

    assert wrong == [], "\n".join(wrong[:5])


@pytest.mark.slow
def test_many_damaged_files_of_every_kind(right, tmp_path):
    files = files_of(right, COUNT, -(-COUNT // 3), SEED * 1_000_000, 10)

    results = opened(right, tmp_path / "place", files)

    wrong = told(results)
    print(f"{len(results)} files, {sum(file[2] for file in files)} by the command line, {len(wrong)} wrong")
    assert wrong == [], "\n".join(wrong[:20])
    assert len(results) == len(files)
