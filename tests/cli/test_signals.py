"""Ctrl-C, SIGTERM and closed pipes end a program quietly, however early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fom_core.cli.demo import FILENAME, PICTURE

ROOT = Path(__file__).resolve().parents[2]
MOMENTS = [0.0, 0.15, 0.4, 0.7, 1.1, 1.6]  # seconds after its first import

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals as a terminal does")


def started(words: list[str], folder: Path, **pipes: int) -> subprocess.Popen[str]:
    """A command as its entry point starts it, once it has begun to listen."""
    code = (
        "import sys, fom_core.signals as s; s.starting(); sys.stderr.write('begun\\n'); sys.stderr.flush();"
        "from fom_core.__main__ import main; sys.exit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=folder, text=True, start_new_session=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=pipes.get("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - ignored in the background
    )  # fmt: skip
    assert process.stderr is not None and process.stderr.readline() == "begun\n"
    return process


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "Stopped."), (signal.SIGTERM, 143, "Terminated.")]
)
def test_a_signal_at_any_moment_ends_in_a_word(tmp_path, moment, number, status, word):
    process = started(["demo", "--output", str(tmp_path / "out")], tmp_path)
    time.sleep(moment)
    process.send_signal(number)
    results, messages = process.communicate(timeout=30)

    lines = messages.splitlines()
    assert "Traceback" not in messages
    if process.returncode == 0:  # it was faster
        assert results
    else:
        assert (process.returncode, lines[-1:]) == (status, [word]), messages
        assert messages.count(word) == 1
        left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
        assert left <= {FILENAME, PICTURE}  # which are whole when they get their names


def test_a_second_and_third_ctrl_c_are_heard_at_last(tmp_path):
    code = (
        "import fom_core.signals as s, signal, time\n"
        "signal.signal(2, signal.default_int_handler); s.starting(); s.working()\n"  # a shell's & ignores it
        "try: signal.raise_signal(2)\n"
        "except KeyboardInterrupt: signal.raise_signal(2); print('cleared', flush=True); signal.raise_signal(2)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "cleared\n", "Stopped.\n")


@pytest.mark.parametrize(("number", "error"), [(2, "KeyboardInterrupt"), (15, "SystemExit")])
def test_a_signal_is_not_lost_where_python_drops_it(number, error):
    code = (
        "import fom_core.signals as s, signal, time\n"
        "signal.signal(2, signal.default_int_handler); s.starting(); s.working()\n"  # a shell's & ignores it
        f"class Loud:\n def __del__(self): signal.raise_signal({number})\n"
        f"try:\n Loud()\n time.sleep(5)\nexcept {error}: print('heard')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("heard\n", "")


@pytest.mark.parametrize(("number", "error"), [(2, "KeyboardInterrupt"), (15, "SystemExit")])
def test_a_signal_waits_where_a_lock_would_stay_taken(number, error):
    code = (
        "import fom_core.signals as s, functools, signal, threading, time\n"
        "signal.signal(2, signal.default_int_handler); s.starting(); s.working()\n"  # a shell's & ignores it
        "class Lock:\n"
        f" __enter__ = staticmethod(functools.partial(signal.raise_signal, {number}))\n"
        " acquire = release = None\n"
        " def __exit__(self, *_): print('given back')\n"
        "try:\n"
        " with threading.Condition(Lock()): print('taken')\n"
        " time.sleep(5)\n"
        f"except {error}: print('heard')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("taken\ngiven back\nheard\n", "")


def test_a_second_sigterm_waits_for_the_clearing_away():
    code = (
        "import fom_core.signals as s, signal; s.starting(); s.working()\n"
        "try: signal.raise_signal(15)\n"
        "finally: signal.raise_signal(15); print('cleared', flush=True); signal.raise_signal(15); print('never')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "cleared\n", "Terminated.\n")


@pytest.mark.parametrize("interrupted", [False, True])
def test_what_cannot_be_closed_is_told_unless_a_signal_stopped_it_amid_being_made(interrupted):
    code = (
        "import signal, fom_core.signals as s\n"
        "class Writer:\n"
        "    def __init__(self):\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "    def __del__(self):\n"
        "        self.pages.clear()\n"
        "s.working()\n"
        "try:\n"
        f"    {'Writer()' if interrupted else 'Writer.__new__(Writer)'}\n"
        "except SystemExit:\n"
        "    pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert ("no attribute 'pages'" in done.stderr) is not interrupted


def test_a_signal_that_a_library_takes_for_damage_still_ends_in_a_word(tmp_path):
    """Such as safetensors, which tells of an exception in PyTorch as of a file that it cannot read."""
    code = (
        "import signal, sys, fom_core.signals as s\n"
        "s.starting()\n"
        "from fom_core import cli\n"
        "from fom_core.cli import weights\n"
        "def listed(args):\n"
        "    try: signal.raise_signal(signal.SIGTERM)\n"
        "    except BaseException: raise ValueError('damaged') from None\n"
        "weights.run_list = listed\n"
        "sys.argv[1:] = ['weights', 'list']\n"
        "sys.exit(cli.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (143, "", "Terminated.\n")


def test_what_a_command_reserved_and_nobody_released_goes_with_it(tmp_path):
    code = (
        "import signal, sys, fom_core.signals as s\n"
        "s.starting()\n"
        "from pathlib import Path\n"
        "from fom_core import cli\n"
        "from fom_core.cli import weights\n"
        "from fom_core.files.reserved import reserve_file\n"
        "place = Path(sys.argv.pop()) / 'new' / 'a.mp4'\n"
        "def listed(args):\n"
        "    print(reserve_file(place).exists())\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "weights.run_list = listed\n"
        "sys.argv[1:] = ['weights', 'list']\n"
        "sys.exit(cli.main())"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (143, "True\n", "Terminated.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_does_not_wait_for_another_thread():
    code = (
        "import threading, signal, fom_core.signals as s\n"
        "s.working()\n"
        "inside, heard = threading.Event(), threading.Event()\n"
        "def work():\n"
        "    with s.delayed():\n"
        "        inside.set(); heard.wait(20)\n"
        "threading.Thread(target=work).start(); inside.wait()\n"
        "try: signal.raise_signal(signal.SIGTERM)\n"
        "except SystemExit: print('heard')\n"
        "finally: heard.set()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("heard\n", "")


@pytest.mark.parametrize("words", [["weights", "list"], ["--help"], ["--version"]])
def test_a_reader_that_has_seen_enough_is_no_error(words):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "fom_core", *words],
        cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_is_imported_when_its_names_are_used():
    code = (
        "import sys, fom_core; assert 'torch' not in sys.modules\n"
        "assert all(getattr(fom_core, name) for name in fom_core.__all__) and fom_core.faces.detect\n"
        "print(hasattr(fom_core, 'nothing'), set(fom_core.__all__) <= set(dir(fom_core)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False True\n", "")
