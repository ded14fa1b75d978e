"""What is reserved becomes the result or goes, with the folders made for it, and nothing of anybody else's goes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fom_core.files import reserved
from fom_core.files.reserved import clear_away, release, reserve_file, reserve_folder

ROOT = Path(__file__).resolve().parents[3]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("reserve", [reserve_file, lambda path: reserve_folder(path.parent, "a")])
def test_what_is_released_goes_with_the_folders_made_for_it(tmp_path, reserve):
    (tmp_path / "before").mkdir()
    temporary = reserve(tmp_path / "before" / "new" / "deep" / "a.mp4")
    assert temporary.exists()

    release(temporary)

    assert list(tmp_path.rglob("*")) == [tmp_path / "before"]


def test_the_last_one_in_a_new_folder_removes_it(tmp_path):
    first, second = (reserve_file(tmp_path / "new" / name) for name in ("a.gif", "b.png"))

    release(first)
    assert names(tmp_path / "new") == {second.name}
    release(second)

    assert names(tmp_path) == set()


def test_a_result_stays_and_its_folder_is_forgotten(tmp_path):
    temporary = reserve_file(tmp_path / "new" / "a.mp4")
    temporary.replace(tmp_path / "new" / "a.mp4")
    release(temporary)
    (tmp_path / "new" / "a.mp4").rename(tmp_path / "mine.mp4")  # the empty folder is its user's now

    clear_away()

    assert names(tmp_path) == {"new", "mine.mp4"}


def test_a_folder_that_somebody_makes_after_a_failure_is_theirs(tmp_path):
    release(reserve_file(tmp_path / "new" / "a.mp4"))
    (tmp_path / "new").mkdir()

    clear_away()

    assert names(tmp_path) == {"new"}


def test_it_is_found_where_it_was_reserved_whatever_the_current_folder_is(tmp_path, monkeypatch):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "there" / "out").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    temporary = reserve_file(Path("out/a.mp4"))
    monkeypatch.chdir(tmp_path / "there")

    release(temporary)

    assert names(tmp_path / "here") == set()
    assert names(tmp_path / "there") == {"out"}


def test_folders_above_one_that_cannot_be_made_go(tmp_path, monkeypatch):
    make = os.mkdir

    def refused(path, *arguments, **options):
        if Path(path).name == "deepest" and Path(path).parent.exists():
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        make(path, *arguments, **options)

    monkeypatch.setattr(os, "mkdir", refused)

    with pytest.raises(OSError, match="quota"):
        reserve_file(tmp_path / "a" / "b" / "deepest" / "a.mp4")

    assert names(tmp_path) == set()


def test_clearing_away_ends_writers_first_and_spares_what_another_process_has(tmp_path, monkeypatch):
    monkeypatch.setattr(reserved, "_unreleased", {})
    ended = []
    monkeypatch.setattr(reserved, "_writers", [lambda: ended.append(names(tmp_path))])
    temporary = reserve_file(tmp_path / "a.mp4")
    parents = tmp_path / temporary.name.replace(f"-{os.getpid():x}-", f"-{os.getppid():x}-")
    parents.touch()
    reserved._unreleased[parents] = ()

    clear_away()

    assert ended == [{temporary.name, parents.name}]
    assert names(tmp_path) == {parents.name}


def test_a_library_is_left_to_complete_its_result_when_the_process_ends(tmp_path):
    code = (
        "import atexit, sys\n"
        "from pathlib import Path\n"
        "atexit.register(lambda: writer.close())\n"
        "import numpy as np\n"
        "from fom_core.media import VideoWriter\n"
        "writer = VideoWriter(Path(sys.argv[1]), 25)\n"
        "writer.write(np.zeros((2, 32, 32, 3), np.uint8))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.mp4")], cwd=ROOT, check=True)

    assert names(tmp_path) == {"a.mp4"}
