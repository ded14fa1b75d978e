"""Two processes, such as two ComfyUIs with one models folder, that want the same file at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .lying import CONTENT, HALF, Talk, serving

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import hashlib, logging, sys
from pathlib import Path
from fom_core.files import locks
from fom_core.weights.catalogue import Entry
from fom_core.weights.download import download
url, folder, known, locked = sys.argv[1:]
if locked == "no":
    locks._tried = lambda lock: None  # as on a network folder without locks
size, checksum = (int(known.split()[0]), known.split()[1]) if known else (None, None)
logging.basicConfig(level=logging.INFO, format="%(message)s")
print("ready", file=sys.stderr, flush=True)
sys.stdin.readline()
file, home = "vox.pdparams", "https://example.org"
entry = Entry("vox", "model", "Faces", file, "MIT", home, (url,), size, checksum)
print(download(entry, Path(folder)))
"""
Child = subprocess.Popen[str]


def slowly(talk: Talk, until: threading.Event | None = None) -> None:
    """An honest server that takes a second, or keeps its last tenth until something has happened."""
    start = talk.start or 0
    span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    status, place = ("206 Partial Content", {"Content_Range": span}) if start else ("200 OK", {})
    talk.head(status, Content_Length=len(CONTENT) - start, ETag='"1"', **place)
    for begin in range(start, len(CONTENT), 10_000):
        if until is not None and begin > 0.9 * len(CONTENT):
            until.wait(60)
        talk.send(CONTENT[begin : begin + 10_000])
        time.sleep(0.1)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Child]:
    """Starts a process that is ready to download when it gets a line."""

    def start(url: str, *, known: str = "", locked: bool = True) -> Child:
        words = [sys.executable, "-c", CHILD, f"{url}/vox", tmp_path, known, "yes" if locked else "no"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": ""}
        pipe = subprocess.PIPE
        child = subprocess.Popen([*map(str, words)], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
        return child

    return start


def go(*children: Child) -> None:
    """Let children begin together, once all are ready."""
    for child in children:
        assert child.stderr is not None
        assert child.stderr.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()


def ended(child: Child) -> tuple[str, str]:
    """What a child printed and said, once it succeeded."""
    printed, said = child.communicate(timeout=60)
    assert child.returncode == 0, said
    return printed.strip(), said


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_one_downloads_and_the_other_says_that_it_waits_and_finds_the_file(start, tmp_path):
    with serving(slowly) as liar:
        children = [start(liar.url), start(liar.url)]
        go(*children)
        ends = [ended(child) for child in children]

    path = tmp_path / "vox.pdparams"
    assert [printed for printed, _ in ends] == [str(path)] * 2
    assert path.read_bytes() == CONTENT
    assert len(liar.asked) == 1
    assert sum("Waiting for another process that downloads vox.pdparams" in said for _, said in ends) == 1
    assert names(tmp_path) == {"vox.pdparams", "checksums.json"}


def test_where_locks_do_not_work_both_download_and_the_file_is_right(start, tmp_path):
    with serving(slowly) as liar:
        children = [start(liar.url, locked=False), start(liar.url, locked=False)]
        go(*children)
        for child in children:
            ended(child)

    assert (tmp_path / "vox.pdparams").read_bytes() == CONTENT
    assert len(liar.asked) == 2
    assert names(tmp_path) == {"vox.pdparams", "checksums.json"}


def test_nobody_waits_for_a_process_that_was_killed_and_its_part_is_gone_on_with(start, tmp_path):
    killing = threading.Event()

    def held(talk: Talk) -> None:
        slowly(talk, until=None if talk.start else killing)

    with serving(held) as liar:
        first, second = start(liar.url), start(liar.url)
        go(first)
        while not any(path.suffix == ".part" and path.stat().st_size > HALF // 2 for path in tmp_path.iterdir()):
            time.sleep(0.02)
        go(second)
        time.sleep(0.5)
        first.kill()
        first.communicate()
        killing.set()
        killed = time.monotonic()
        ended(second)

    assert time.monotonic() - killed < 10
    assert (tmp_path / "vox.pdparams").read_bytes() == CONTENT
    assert len(liar.asked) == 2
    assert int(liar.asked[1]["range"].removeprefix("bytes=").removesuffix("-")) > HALF // 2
    assert names(tmp_path) == {"vox.pdparams", "checksums.json"}
