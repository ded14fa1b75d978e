"""What killed runs leave is found by its name; what lives, or is somebody's own, stays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fom_core.files import leftovers
from fom_core.files.handover import hand_over
from fom_core.files.leftovers import PART, READY, complete, is_abandoned, keep_alive, sweep, temporary_name
from fom_core.files.locks import alone
from fom_core.files.paths import replacing
from fom_core.files.reserved import scratch_folder

ROOT = Path(__file__).resolve().parents[2]


def run(code: str, *arguments: object) -> str:
    """The output of another process, which is gone when this returns."""
    words = [sys.executable, "-c", f"from fom_core.files.leftovers import temporary_name\n{code}", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout.strip()


@pytest.fixture(scope="module")
def dead_name() -> str:
    """A name that a process made which is gone."""
    return run("print(temporary_name('result', '.mp4'))")


def of(name: str, **changes: str) -> str:
    """A name with another host, process or beginning."""
    for part, value in changes.items():
        found = leftovers._OURS.fullmatch(name)
        assert found is not None
        name = name[: found.start(part)] + value + name[found.end(part) :]
    return name


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_files_and_folders_of_a_process_that_is_gone_are_removed(tmp_path, dead_name):
    (tmp_path / dead_name).write_text("half")
    (tmp_path / of(dead_name, kind="tmp").replace("result", "export")).mkdir()
    (tmp_path / of(dead_name).replace("result", "export") / "a.onnx").write_text("half")

    sweep(tmp_path)

    assert names(tmp_path) == set()


def test_a_process_that_runs_keeps_its_own(tmp_path):
    code = "import sys; print(temporary_name('a', '.mp4'), flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", f"from fom_core.files.leftovers import temporary_name\n{code}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdout is not None
        path = tmp_path / process.stdout.readline().strip()
        path.write_text("half")
        os.utime(path, (0, 0))
        sweep(tmp_path)
        assert path.exists()
        process.kill()
        process.wait()
        sweep(tmp_path)
    assert not path.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="beginnings are told by Linux")
def test_a_number_that_another_process_got_is_no_owner(tmp_path, dead_name):
    path = tmp_path / of(dead_name, pid=f"{os.getpid():x}")
    path.touch()
    assert is_abandoned(path)


def test_another_machine_is_believed_for_a_day(tmp_path, dead_name):
    path = tmp_path / of(dead_name, host="00000000")
    path.touch()
    sweep(tmp_path)
    assert path.exists()

    long_ago = time.time() - leftovers.ABANDONED_S - 60
    os.utime(path, (long_ago, long_ago))
    sweep(tmp_path)
    assert names(tmp_path) == set()


def test_what_is_in_use_is_touched_for_other_machines_to_see(tmp_path, monkeypatch):
    monkeypatch.setattr(leftovers, "BEAT_S", 0.01)
    monkeypatch.setattr(leftovers, "_beater", {})
    path = tmp_path / temporary_name("a")
    path.touch()
    os.utime(path, (0, 0))

    keep_alive(path)

    deadline = time.monotonic() + 10
    while path.stat().st_mtime == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.stat().st_mtime > 0
    assert sum(thread.name == "fom-alive" for thread in threading.enumerate()) >= 1


def test_files_of_other_names_stay_however_old_they_are(tmp_path, dead_name):
    own = [
        ".result.1a2b3c4d.tmp.mp4",
        "result.mp4.tmp",
        dead_name.removeprefix("."),
        dead_name.replace(".fom-", ".fom"),
        ".fom-a-b-c-d.tmp",
        f"{dead_name}.backup.zip",
        ".fom-notes",
    ]
    for name in own:
        (tmp_path / name).write_text("mine")
        os.utime(tmp_path / name, (0, 0))

    sweep(tmp_path)

    assert names(tmp_path) == set(own)


def test_a_link_goes_and_what_it_points_to_stays(tmp_path, dead_name):
    kept = tmp_path / "pictures"
    kept.mkdir()
    (kept / "a.png").write_text("mine")
    try:
        (tmp_path / dead_name).symlink_to(kept)
    except OSError:
        pytest.skip("links are not allowed here")

    sweep(tmp_path)

    assert names(tmp_path) == {"pictures"}
    assert names(kept) == {"a.png"}


def test_partial_downloads_stay(tmp_path, dead_name):
    path = tmp_path / of(dead_name, kind=PART)
    path.write_text("half")
    sweep(tmp_path)
    assert path.exists()


@pytest.mark.parametrize("stem", ["a" * 250, "ä" * 120, "動" * 80, "a.b c%06d[]'\n"])
def test_names_are_short_and_recognised(stem):
    name = temporary_name(stem, ".mp4")
    assert len(name.encode()) <= 143
    assert leftovers._OURS.fullmatch(name)
    assert name.endswith(".tmp.mp4")


def test_a_longest_possible_name_can_be_written(tmp_path):
    path = tmp_path / ("x" * 250 + ".json")
    with replacing(path) as temporary:
        temporary.write_text("{}")
    assert names(tmp_path) == {path.name}


def test_the_next_writer_into_a_folder_clears_it(tmp_path, dead_name):
    (tmp_path / dead_name).write_text("half")
    with replacing(tmp_path / "other.json") as temporary:
        temporary.write_text("{}")
    assert names(tmp_path) == {"other.json"}


@pytest.fixture
def work(tmp_path) -> Path:
    work = tmp_path / temporary_name("result")
    work.mkdir()
    for number in range(3):
        (work / f"{number}.png").write_text("new")
    return work


def test_a_new_folder_appears_as_a_whole(tmp_path, work):
    hand_over(work, tmp_path / "result", temporary_name("result", kind=READY))
    assert names(tmp_path) == {"result"}
    assert names(tmp_path / "result") == {"0.png", "1.png", "2.png"}


@pytest.mark.parametrize("moves", range(6))
def test_a_death_between_the_moves_is_made_good_by_the_next_run(tmp_path, work, dead_name, monkeypatch, moves):
    folder = tmp_path / "result"
    folder.mkdir()
    for name in ("1.png", "2.png", "3.png", "4.png", "mine.txt"):
        (folder / name).write_text("old")
    done = 0

    def counted(function):
        def call(*arguments, **options):
            nonlocal done
            if done == moves:
                raise KeyboardInterrupt
            done += 1
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        with pytest.raises(KeyboardInterrupt):
            hand_over(work, folder, of(dead_name, kind=READY), {"3.png", "4.png"}.__contains__)
    sweep(folder)

    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "0.png": "new",
        "1.png": "new",
        "2.png": "new",
        "mine.txt": "old",
    }


def test_a_whole_result_moves_with_its_table_of_contents_last(tmp_path, monkeypatch):
    ready = tmp_path / temporary_name("a", kind=READY)
    ready.mkdir()
    for name in ("model.json", "a.onnx", "z.onnx"):
        (ready / name).write_text("new")
    moved = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, target: moved.append(path.name) or replace(path, target))

    complete(ready)

    assert moved[-1] == "model.json"
    assert names(tmp_path) == {"model.json", "a.onnx", "z.onnx"}


def a_result_on_its_way(folder: Path, name: str, *files: str) -> Path:
    ready = folder / of(name, kind=READY)
    ready.mkdir()
    for file in files:
        (ready / file).write_text("of the killed run")
    return ready


def test_an_old_result_on_its_way_replaces_nothing_newer(tmp_path, dead_name):
    ready = a_result_on_its_way(tmp_path, dead_name, "0.png", "1.png")
    (ready / "2.png").touch()  # has to go
    for name in ("0.png", "2.png"):
        (tmp_path / name).write_text("new")
    os.utime(ready, (0, 0))

    sweep(tmp_path)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "0.png": "new",
        "1.png": "of the killed run",
        "2.png": "new",
    }


@pytest.mark.parametrize("host", [None, "00000000"])
def test_a_new_result_takes_the_place_of_one_that_is_still_on_its_way(tmp_path, work, dead_name, host):
    folder = tmp_path / "result"
    folder.mkdir()
    name = of(dead_name, host=host) if host else dead_name
    ready = a_result_on_its_way(folder, name, "0.png", "1.png", "2.png", "3.png")

    hand_over(work, folder, temporary_name("result", kind=READY), lambda name: name.endswith(".png"))
    if ready.exists():
        os.utime(ready, (0, 0))
    sweep(folder)

    assert {path.name: path.read_text() for path in folder.iterdir()} == dict.fromkeys(
        ["0.png", "1.png", "2.png"], "new"
    )


def test_among_the_system_s_temporary_files_no_result_is_put_in_place(tmp_path, dead_name, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "mine.txt").write_text("mine")
    ready = a_result_on_its_way(tmp_path, dead_name, "mine.txt")

    with scratch_folder():
        pass

    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert ready.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users are told by Unix")
def test_what_bears_such_a_name_and_is_another_user_s_stays(tmp_path, dead_name, monkeypatch):
    (tmp_path / "mine.txt").write_text("mine")
    ready = a_result_on_its_way(tmp_path, dead_name, "mine.txt")
    (tmp_path / dead_name).write_text("theirs")
    lock = tmp_path / ".a.fom-lock"
    lock.touch()
    monkeypatch.setattr(os, "geteuid", lambda: ready.lstat().st_uid + 1)

    sweep(tmp_path)

    assert names(tmp_path) == {"mine.txt", ready.name, dead_name, lock.name}
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["a result", ".a.fom-lock"])
def test_links_in_the_place_of_results_and_locks_are_not_followed(tmp_path, dead_name, name):
    target = tmp_path / "target"
    link = tmp_path / (of(dead_name, kind=READY) if name == "a result" else name)
    if name == "a result":
        target.mkdir()
        (target / "a.png").write_text("mine")
    else:
        target.write_text("mine")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("links are not allowed here")

    sweep(tmp_path)

    assert names(tmp_path) == {"target", link.name}
    kept = target / "a.png" if name == "a result" else target
    assert kept.read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="not told on this system")
def test_a_lock_that_is_a_link_empties_no_file(tmp_path):
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / ".a.fom-lock").symlink_to(target)

    with alone(tmp_path / "a", patience_s=1):
        pass

    assert target.read_text() == "mine"
