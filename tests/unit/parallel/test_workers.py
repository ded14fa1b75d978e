"""Threads that each compute a piece of the work alone."""

from __future__ import annotations

import threading

import pytest
import torch

from fom_core.networks.model import create_model
from fom_core.parallel.workers import ALONE, Workers, workers_for


@pytest.fixture
def model(tiny_config):
    return create_model(tiny_config).eval()


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_each_thread_computes_alone_and_the_caller_keeps_its_threads(model, three_threads):
    with workers_for(model, most=8) as workers:
        assert workers.size == 3
        assert workers.map(lambda _: torch.get_num_threads(), range(9)) == [1] * 9
        assert torch.get_num_threads() == 3
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [3]


def test_threads_without_a_piece_go_to_the_others(model, three_threads):
    torch.set_num_threads(4)
    with workers_for(model, most=2) as workers:
        assert workers.size == 2
        assert workers.map(lambda _: torch.get_num_threads(), range(4)) == [2] * 4


def test_other_runtimes_and_single_pieces_have_the_caller_alone(model, three_threads):
    with workers_for(model, most=1) as workers:
        assert workers is ALONE
    with workers_for(object(), most=8) as workers:  # type: ignore[arg-type]
        assert workers is ALONE
    assert ALONE.map(lambda _: threading.current_thread(), [0]) == [threading.current_thread()]


def test_results_come_in_order_and_in_inference_mode(model, three_threads):
    for pool_of in (lambda: workers_for(model, most=8), lambda: workers_for(model, most=1)):
        with pool_of() as workers:
            done = workers.map(lambda number: (number, torch.is_inference_mode_enabled()), range(20))
        assert done == [(number, True) for number in range(20)]
    assert not torch.is_inference_mode_enabled()


def test_an_error_is_raised_once_all_have_ended(model, three_threads):
    ended: list[int] = []

    def work(number: int) -> None:
        if number == 0:
            raise RuntimeError("out of memory")
        ended.append(number)

    with workers_for(model, most=8) as workers:
        with pytest.raises(RuntimeError, match="out of memory"):
            workers.map(work, range(6))
        assert sorted(ended) == [1, 2, 3, 4, 5]


def test_where_no_further_thread_can_start_the_caller_works_alone(model, three_threads, monkeypatch):
    start, started = threading.Thread.start, []

    def limited(self):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with workers_for(model, most=8) as workers:
        assert workers is ALONE
    assert not started[0].is_alive()
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("size", "part", "among", "wanted"),
    [
        (2, (0, 8), 1, [(0, 4), (4, 8)]),
        (2, (8, 15), 1, [(8, 11), (11, 15)]),
        (2, (0, 8), 4, [(0, 8)]),
        (4, (0, 8), 3, [(0, 4), (4, 8)]),
        (4, (5, 7), 1, [(5, 6), (6, 7)]),
        (1, (0, 8), 1, [(0, 8)]),
    ],
)
def test_a_part_is_cut_so_that_every_thread_has_a_piece(size, part, among, wanted):
    pieces = Workers(size).pieces(slice(*part), among)
    assert [(piece.start, piece.stop) for piece in pieces] == wanted
