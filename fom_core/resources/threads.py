"""As many threads as there are processors free, while a command runs.

Threads that share one piece of a network wait for one another by spinning (OpenMP). Where another process holds the
processor that one of them needs, all the others spin until it gets its turn, thousands of times a second. A command
therefore looks every quarter of a second at what others use, and takes a thread less for each processor that is gone.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import torch

SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
WINDOW_S = 0.25  # 25 ticks of the system's clock on each processor
_IDLE = slice(3, 5)  # idle and waiting for a disk, among the eight times of a processor in /proc/stat
_following: FreeProcessors | None = None


def follow() -> None:
    """From now on :func:`fit` follows the free processors. For programs: threads of a library belong to its user.

    Whoever set one of ``SETTINGS`` has decided; nothing changes then, nor where the system does not tell (it is Linux
    that does).
    """
    global _following  # noqa: PLW0603 - one process, one number of threads
    if any(name in os.environ for name in SETTINGS):
        return
    with suppress(OSError, AttributeError, ValueError):
        _following = FreeProcessors(os.sched_getaffinity(0), torch.get_num_threads())
    fit()


def fit() -> None:
    """Set torch's threads to the free processors; call it now and then, from the thread that computes."""
    if _following is None:
        return
    with suppress(OSError, ValueError):
        threads = _following.threads()
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)


def most() -> int:
    """Threads that there would be if no other process needed a processor."""
    return torch.get_num_threads() if _following is None else _following.most


class FreeProcessors:
    """How many threads, up to ``most``, find a processor of their own. Raises OSError or ValueError if none can tell.

    processors: numbers of those that this process may run on.
    root:       of the file system.
    """

    def __init__(self, processors: set[int], most: int, root: Path = Path("/")) -> None:
        self._root = root
        self._names = {f"cpu{number}" for number in processors}
        bound = quota(root)
        # Whole ones: what is left of a quota goes to pasting and encoding.
        self.most = most if bound is None else min(most, max(1, int(bound)))
        self._threads = self.most
        self._seen = self._used_by_others(), time.monotonic()

    def threads(self) -> int:
        """The number for what others used since the last look, which stays for ``WINDOW_S``."""
        now = time.monotonic()
        used_before, before = self._seen
        if now - before >= WINDOW_S:
            used = self._used_by_others()
            self._threads = self._fitting((used - used_before) / (now - before))
            self._seen = used, now
        return self._threads

    def _fitting(self, gone: float) -> int:
        return min(self.most, max(1, len(self._names) - round(gone)))

    def _used_by_others(self) -> float:
        """Seconds since the machine's start, all processors together."""
        tick = os.sysconf("SC_CLK_TCK")
        ours = sum(_of_child(stat) for stat in self._children()) / tick + sum(os.times()[:4])
        busy = 0
        for line in (self._root / "proc/stat").read_text().splitlines():
            name, *times = line.split()
            if name in self._names:
                spent = [int(ticks) for ticks in times[:8]]
                busy += sum(spent) - sum(spent[_IDLE])
        return busy / tick - ours

    def _children(self) -> list[Path]:
        lists = list((self._root / "proc/self/task").glob("*/children"))
        if not lists:
            raise FileNotFoundError("This kernel does not list children: the encoder would count as another's work.")
        return [self._root / "proc" / number / "stat" for found in lists for number in found.read_text().split()]


def _of_child(stat: Path) -> int:
    """Ticks that a running child and its ended children used: the encoder's work is ours."""
    try:
        return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:15]))
    except OSError:  # it has ended
        return 0


def quota(root: Path = Path("/")) -> float | None:
    """Processors that this process's control groups, of either version, allow; None: no bound."""
    try:
        groups = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return None
    bounds = []
    for _, controllers, own in groups:
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        group = mount / own.lstrip("/")
        # A container sees its group at the mount itself, whatever the name that the host gave it.
        folders = [folder for folder in (group, *group.parents) if folder.is_relative_to(mount)]
        bounds += [bound for folder in folders if (bound := _bound(folder)) is not None]
    return min(bounds, default=None)


def _bound(group: Path) -> float | None:
    with suppress(OSError, ValueError):
        if (group / "cpu.max").exists():
            most, period = (group / "cpu.max").read_text().split()
        else:
            most, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        if most != "max" and int(most) > 0:
            return int(most) / int(period)
    return None
