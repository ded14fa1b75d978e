"""Launched processes that know of one another without being joined: short texts in a store, and jobs to share."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch.distributed as dist

from ..errors import FomError

T = TypeVar("T")
LOOK_S = 0.1  # between two looks at what the others do: a wait inside the store would hold signals back
FIRST_PATIENCE_S = 3600.0
JOB_PATIENCE_S = 12 * 3600.0  # for one job
LEAVING_S = 10.0


class OtherProcessFailed(FomError):
    """Another process of this run ended before its work was done; it says why."""


@contextmanager
def waiting_for_others() -> Iterator[None]:
    """Raise OtherProcessFailed when a process that is waited for is gone."""
    try:
        yield
    except RuntimeError as error:
        raise _gone() from error


def _gone() -> OtherProcessFailed:
    return OtherProcessFailed(
        "Another process of this run ended before its work was done. Look at its messages, and at the memory."
    )


@dataclass(frozen=True)
class Meeting:
    """Processes with a store in common: the number of this one, and how many there are. By itself: one alone."""

    rank: int = 0
    size: int = 1
    store: Any = field(default_factory=dist.HashStore)  # pyright: ignore[reportPrivateImportUsage]

    @property
    def first(self) -> bool:
        return self.rank == 0

    def told_by_first(self, key: str, make: Callable[[], T]) -> T:
        """What the first process makes, for all to work by: it looks once, and the others need not look alike.

        It is what JSON can hold. Raises OtherProcessFailed.
        """
        with waiting_for_others():
            if self.first:
                self.store.set(key, json.dumps(make()))
            else:
                wait_until(lambda: self.store.check([key]), FIRST_PATIENCE_S)
            return json.loads(self.store.get(key))

    def first_said(self, key: str, own: str) -> str:
        """What was said first of something by one of the processes, this one's ``own`` word if nobody spoke before."""
        with waiting_for_others():
            return self.store.compare_set(key, "", own).decode()

    def add(self, key: str, number: int = 1) -> int:
        """Add to a number that all share, which begins with 0; gives the sum."""
        with waiting_for_others():
            return self.store.add(key, number)


class SharedJobs:
    """Jobs of a list, by their places in it: whoever is free takes the next one, and every job is taken once.

    Nobody waits for anybody before the list is at its end. A process alone takes all of them.
    """

    def __init__(self, count: int, among: Meeting | None = None) -> None:
        self.count = count
        self.among = among or Meeting()

    def __iter__(self) -> Iterator[int]:
        while (taken := self.among.add("taken")) <= self.count:
            yield taken - 1

    def end(self, place: int, failure: str | None = None) -> None:
        """A job of this process is done, or failed for a reason that the others shall know."""
        if failure is not None:
            number = self.among.add("numbers of failures")
            with waiting_for_others():
                self.among.store.set(f"failure {number}", json.dumps([place, failure]))
            self.among.add("failed")
        self.among.add(f"ended by {self.among.rank}")
        self.among.add("ended")

    @property
    def ended(self) -> int:
        """Jobs that all processes ended, well or not."""
        return self.among.add("ended", 0)

    @property
    def failed(self) -> int:
        """Jobs that failed."""
        return self.among.add("failed", 0)

    def failures(self) -> list[str]:
        """Why jobs failed, in the order of the list."""
        with waiting_for_others():
            told = [json.loads(self.among.store.get(f"failure {number + 1}")) for number in range(self.failed)]
        return [failure for _, failure in sorted(told)]

    def by_process(self) -> list[int]:
        """How many jobs each process ended."""
        return [self.among.add(f"ended by {rank}", 0) for rank in range(self.among.size)]

    def is_said_first(self, line: str) -> bool:
        """Whether no process said a line before."""
        with waiting_for_others():
            key = f"said {hashlib.sha256(line.encode('utf-8', 'replace')).hexdigest()}"
            return self.among.add(key) == 1

    def wait_for_all(self, tell: Callable[[], object] = lambda: None) -> None:
        """Wait until every process is at the end of the list; ``tell`` is called when one of them ended a job.

        Raises OtherProcessFailed where one has nothing to show for JOB_PATIENCE_S.
        """
        self.among.add("at the end")
        seen = self.ended

        def is_over() -> bool:
            nonlocal seen
            if (now := self.ended) != seen:
                seen = now
                tell()
            return self.among.add("at the end", 0) >= self.among.size

        wait_until(is_over, JOB_PATIENCE_S, signs=lambda: seen)

    def leave(self) -> None:
        """To be called when all is said: the others leave once the first process has spoken, and it leaves last.

        The store may be its own, and who exits with an error ends the others, if torchrun started them.
        """
        if self.among.first:
            self.among.add("said all")
            wait_until(lambda: self.among.add("left", 0) >= self.among.size - 1, LEAVING_S, late=lambda: None)
        else:
            wait_until(lambda: self.among.add("said all", 0) > 0, FIRST_PATIENCE_S)
            self.among.add("left")


def _raise_gone() -> None:
    raise _gone()


def wait_until(
    ready: Callable[[], bool],
    patience_s: float,
    *,
    signs: Callable[[], object] = lambda: None,
    late: Callable[[], object] = _raise_gone,
) -> None:
    """Look until something is ready, for as long as ``signs`` change within ``patience_s``; else call ``late``.

    Raises OtherProcessFailed, if ``late`` is not told.
    """
    seen, since = signs(), time.monotonic()
    while not ready():
        time.sleep(LOOK_S)
        now = signs()
        if now != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > patience_s:
            late()
            return
