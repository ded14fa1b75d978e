"""Threads for the processors that are free."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fom_core.cli import main
from fom_core.resources import threads
from fom_core.resources.threads import SETTINGS, FreeProcessors, quota

ROOT = Path(__file__).resolve().parents[2]
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what others use")


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


class Machine:
    """A /proc of a machine whose time stands still."""

    def __init__(self, root, monkeypatch):
        self.root, self.now, self.ours = root, 0.0, 0.0
        monkeypatch.setattr("fom_core.resources.threads.time.monotonic", lambda: self.now)
        monkeypatch.setattr("fom_core.resources.threads.os.times", lambda: (self.ours, 0.0, 0.0, 0.0, self.now))
        self.busy = dict.fromkeys(range(4), 0.0)
        self.of_child = 0.0
        self.goes_on()

    def goes_on(self, seconds=0.0, ours=0.0, of_child=0.0, busy=()):
        """``busy``: the part of the time that each processor is."""
        self.now += seconds
        self.ours += ours * seconds
        self.of_child += of_child * seconds
        for number, part in enumerate(busy):
            self.busy[number] += part * seconds
        lines = ["cpu 1 2 3 4 5 6 7 8 9 10"]
        for number, used in self.busy.items():
            ticks = round(used * TICK)
            lines.append(f"cpu{number} {ticks} 0 0 {round(self.now * TICK) - ticks} 0 0 0 0 0 0")
        write(self.root, "proc/stat", "\n".join([*lines, "intr 7 0"]))
        write(self.root, "proc/self/task/9/children", "12 ")
        spent = f"{round(self.of_child * TICK)} 0 0 0"
        write(self.root, "proc/12/stat", f"12 (a) b) S 9 12 12 0 -1 0 1 1 1 1 {spent} 20 0 5")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    return Machine(tmp_path, monkeypatch)


@linux_only
@pytest.mark.parametrize(
    ("busy", "number"),
    [((1, 0.1, 0, 0), 3), ((0.2, 0.1, 0, 0), 4), ((0.7, 0, 0, 0), 3), ((1, 1, 0.4, 0), 2), ((1, 1, 1, 1), 1)],
)
def test_a_thread_less_for_each_processor_that_others_use(machine, busy, number):
    free = FreeProcessors({0, 1, 2, 3}, 4, machine.root)
    machine.goes_on(1, busy=busy)
    assert free.threads() == number


@linux_only
def test_own_work_and_that_of_the_encoder_leave_the_processors_free(machine):
    free = FreeProcessors({0, 1, 2, 3}, 4, machine.root)
    machine.goes_on(1, ours=2, of_child=1.5, busy=(1, 1, 1, 0.5))
    assert free.threads() == 4


@linux_only
def test_threads_come_back_with_the_processors(machine):
    free = FreeProcessors({0, 1, 2, 3}, 4, machine.root)
    machine.goes_on(1, busy=(1, 1, 0, 0))
    assert free.threads() == 2
    machine.goes_on(0.1)
    assert free.threads() == 2, "too short to tell"
    machine.goes_on(1)
    assert free.threads() == 4


@linux_only
def test_processors_that_this_process_may_not_use_do_not_count(machine):
    free = FreeProcessors({2, 3}, 2, machine.root)
    machine.goes_on(1, busy=(1, 1, 0, 0))
    assert free.threads() == 2


@linux_only
def test_a_kernel_that_does_not_list_children_cannot_tell(machine):
    (machine.root / "proc/self/task/9/children").unlink()
    with pytest.raises(OSError, match="children"):
        FreeProcessors({0, 1}, 2, machine.root)


@linux_only
def test_threads_follow_the_quota(machine):
    write(machine.root, "proc/self/cgroup", "0::/\n")
    for most, number in (("50000 100000", 1), ("250000 100000", 2), ("max 100000", 4)):
        write(machine.root, "sys/fs/cgroup/cpu.max", most)
        assert FreeProcessors({0, 1, 2, 3}, 4, machine.root).threads() == number


def test_quota_of_version_2_is_the_least_of_the_groups_around(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/user/app\n")
    write(tmp_path, "sys/fs/cgroup/cpu.max", "800000 100000\n")
    write(tmp_path, "sys/fs/cgroup/user/cpu.max", "150000 100000\n")
    write(tmp_path, "sys/fs/cgroup/user/app/cpu.max", "max 100000\n")
    assert quota(tmp_path) == 1.5


@pytest.mark.parametrize("group", ["/", "/docker/a-name-of-the-host"])
def test_quota_of_version_1(tmp_path, group):
    write(tmp_path, "proc/self/cgroup", f"5:cpuset:/\n4:cpu,cpuacct:{group}\n1:name=systemd:/\n0::/\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert quota(tmp_path) == 3


def test_no_quota(tmp_path):
    assert quota(tmp_path) is None, "no control groups"
    write(tmp_path, "proc/self/cgroup", "4:cpu:/\n0::/\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    write(tmp_path, "sys/fs/cgroup/cpu.max", "nonsense")
    assert quota(tmp_path) is None


@pytest.fixture
def not_followed(monkeypatch):
    """A process that follows nothing yet, and has its number of threads back in the end."""
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "_following", None)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    yield
    torch.set_num_threads(before)


@linux_only
@pytest.mark.usefixtures("not_followed")
@pytest.mark.parametrize("name", [None, *SETTINGS])
def test_who_chose_how_threads_work_is_obeyed(monkeypatch, name):
    if name is not None:
        monkeypatch.setenv(name, "2")
    threads.follow()
    assert (threads._following is None) == (name is not None)


@linux_only
@pytest.mark.usefixtures("not_followed")
def test_threads_are_followed_by_the_program_and_left_to_the_user_of_the_library(monkeypatch, capsys):
    main(["weights", "list"])
    assert threads._following is None
    monkeypatch.setattr("sys.argv", ["fom", "weights", "list"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    main()
    assert threads._following is not None


@pytest.mark.usefixtures("not_followed")
def test_nothing_changes_where_the_system_does_not_tell(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    threads.follow()
    threads.fit()
    assert (threads._following, torch.get_num_threads()) == (None, before)


PROGRAM = """
import time, torch
from fom_core.resources import threads
most = torch.get_num_threads()
threads.follow()
time.sleep(0.6)
threads.fit()
print(most - torch.get_num_threads())
"""


@linux_only
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one thread is the least")
def test_a_program_gives_up_a_thread_beside_a_busy_process():
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
    finally:
        spinning.kill()
        spinning.wait()
    assert int(run.stdout) >= 1
