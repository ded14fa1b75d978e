"""Steps side by side: the order stays, errors come through, and no thread is left."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fom_core.parallel.overlap import map_in_background, prefetch, run_in_background

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def numbers(made: list[int], count: int = 100) -> Iterator[int]:
    """Counts, and notes what was made and, with -1, that it was closed."""
    try:
        for number in range(count):
            made.append(number)
            yield number
    finally:
        made.append(-1)


def test_items_come_in_order():
    assert list(prefetch(range(50))) == list(range(50))
    assert list(map_in_background(lambda number: 2 * number, range(50))) == list(range(0, 100, 2))


def test_an_item_is_made_while_the_one_before_is_used():
    made: list[int] = []
    items = prefetch(numbers(made))
    assert next(items) == 0
    wait_for(lambda: 1 in made)
    items.close()


def test_no_more_is_made_ahead_than_allowed():
    made: list[int] = []
    for number in prefetch(numbers(made, 20), depth=3):
        time.sleep(0.002)
        assert max(made) <= number + 3 or made[-1] == -1


def test_who_stops_early_stops_the_making():
    made: list[int] = []
    items = prefetch(numbers(made))
    next(items)
    items.close()
    assert made[-1] == -1 and len(made) <= 4


def test_an_error_in_the_making_is_raised_where_the_item_is_wanted():
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("torn")

    items = prefetch(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="torn"):
        next(items)


def test_an_error_before_the_first_item_is_raised_too():
    class Closed:
        def __iter__(self) -> Iterator[int]:
            raise ValueError("closed")

    with pytest.raises(ValueError, match="closed"):
        next(prefetch(Closed()))


def test_an_error_in_applied_work_stops_the_line():
    made: list[int] = []
    items = numbers(made)
    with pytest.raises(ZeroDivisionError):
        list(map_in_background(lambda number: 1 // (2 - number), items))
    assert max(made) <= 4


def test_work_behind_is_done_when_the_block_ends():
    done: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.001)
        done.append(number)

    with run_in_background(work) as hand_over:
        for number in range(10):
            hand_over(number)
    assert done == list(range(10))


def test_an_error_behind_is_raised_at_the_next_handing_over_or_at_the_end():
    def fail(number: int) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), run_in_background(fail) as hand_over:
        hand_over(1)
        hand_over(2)
        pytest.fail("the second one must not be taken")
    with pytest.raises(OSError, match="full"), run_in_background(fail) as hand_over:
        hand_over(1)


def test_after_an_error_in_the_block_no_further_work_begins():
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt), run_in_background(done.append) as hand_over:
        hand_over(1)
        raise KeyboardInterrupt
    assert done == [1]


def wait_for(condition) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


INTERRUPTED = """
import faulthandler, random, signal
from fom_core.parallel.overlap import prefetch

class Stop(BaseException): pass
def stop(*_): raise Stop

signal.signal(signal.SIGALRM, stop)
faulthandler.dump_traceback_later(40, exit=True)
for _ in range(400):
    try:
        items = prefetch(iter(int, 1), depth=8)
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 2e-3))
            for _ in items: pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            items.close()
    except Stop:
        pass
print("ended")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a timer that raises in the main thread")
def test_a_signal_at_any_moment_leaves_no_thread_waiting():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("ended\n", "")
