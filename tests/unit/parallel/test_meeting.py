"""Processes that share a list of jobs: played by threads with one store."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch.distributed as dist

from fom_core.parallel import meeting
from fom_core.parallel.meeting import Meeting, OtherProcessFailed, SharedJobs


@pytest.fixture
def three() -> list[Meeting]:
    """Three processes that met."""
    store = dist.HashStore()  # pyright: ignore[reportPrivateImportUsage]
    return [Meeting(rank, 3, store) for rank in range(3)]


def together(work, processes):
    with ThreadPoolExecutor(len(processes)) as pool:
        return list(pool.map(work, processes))


def test_every_job_is_taken_by_one_process(three):
    taken = together(lambda us: list(SharedJobs(50, us)), three)
    assert sorted(place for places in taken for place in places) == list(range(50))


def test_one_process_takes_all_jobs_in_their_order():
    assert list(SharedJobs(4)) == [0, 1, 2, 3]


def test_who_is_slow_takes_fewer_jobs(three):
    def work(us):
        shared = SharedJobs(16, us)
        for place in shared:
            time.sleep(0.4 if us.first else 0.02)
            shared.end(place)
        shared.wait_for_all()
        return shared.by_process()

    counts = together(work, three)
    assert counts[0] == counts[1] == counts[2]
    assert sum(counts[0]) == 16 and counts[0][0] < min(counts[0][1:])


def test_all_know_the_failures_of_each_in_the_order_of_the_jobs(three):
    def work(us):
        shared = SharedJobs(9, us)
        for place in shared:
            shared.end(place, f"job {place} failed" if place % 4 == 0 else None)
        shared.wait_for_all()
        return shared.ended, shared.failed, shared.failures()

    assert together(work, three) == [(9, 3, ["job 0 failed", "job 4 failed", "job 8 failed"])] * 3


def test_the_jobs_of_a_process_that_stops_go_to_the_others(three):
    """Such as one whose graphics card is lost."""
    begun = threading.Event()

    def work(us):
        shared = SharedJobs(12, us)
        assert us.first or begun.wait(60)
        for place in shared:
            begun.set()
            shared.end(place, "the device is lost" if us.first else None)
            if us.first:
                break
        shared.wait_for_all()
        return shared.ended, shared.failed

    assert together(work, three) == [(12, 1)] * 3


def test_what_the_first_process_finds_holds_for_all(three):
    assert together(lambda us: us.told_by_first("names", lambda: ["a", us.rank]), three) == [["a", 0]] * 3


def test_a_line_is_said_by_one_process(three):
    said = together(lambda us: SharedJobs(3, us).is_said_first("The driver has no sound."), three)
    assert sorted(said) == [False, False, True]


def test_the_first_process_speaks_before_the_others_leave_and_leaves_last(three):
    order = []

    def work(us):
        if us.first:
            time.sleep(0.3)
            order.append("spoken")
        SharedJobs(0, us).leave()
        order.append(us.rank)

    together(work, three)
    assert order[0] == "spoken" and order[-1] == 0


def test_a_process_that_never_comes_is_told(three, monkeypatch):
    monkeypatch.setattr(meeting, "JOB_PATIENCE_S", 0.2)
    with pytest.raises(OtherProcessFailed):
        SharedJobs(2, three[0]).wait_for_all()


def test_a_store_that_is_gone_is_told():
    class Gone:
        def add(self, key, number):
            raise RuntimeError("Connection reset by peer")

    with pytest.raises(OtherProcessFailed):
        list(SharedJobs(2, Meeting(1, 2, Gone())))
