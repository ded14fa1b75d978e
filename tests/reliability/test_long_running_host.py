"""Hundreds of prompts leave ComfyUI as it was, and the next result is the same to the last bit.

They run in a real ComfyUI, see tests/comfyui/conftest.py. ``FOM_RUNS`` is the number of prompts in a row (200),
``FOM_CANCELS`` that of cancelled ones (20).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import numpy as np
import pytest

from tests.comfyui.prompts import Prompt
from tests.comfyui.server import Server
from tests.reliability.host_state import (
    State,
    Watched,
    animates,
    checkout,
    graph,
    install_pack,
    one_node,
    pixels,
    python,
    watched,
)

__all__ = ["checkout", "install_pack", "python", "watched"]  # fixtures
pytestmark = [pytest.mark.comfyui, pytest.mark.slow]

RUNS = int(os.environ.get("FOM_RUNS", "200"))
CANCELS = int(os.environ.get("FOM_CANCELS", "20"))
WARM = 20  # prompts after which the allocator has what it keeps
MORE_MB = 60  # that the allocator's share moves by, up as well as down
MORE_THREADS, MORE_DESCRIPTORS = 2, 4


def kept(before: State, after: State) -> bool:
    """Whether nothing has grown but by what comes and goes."""
    return (
        after.memory_mb <= before.memory_mb + MORE_MB
        and after.threads <= before.threads + MORE_THREADS
        and after.descriptors <= before.descriptors + MORE_DESCRIPTORS
        and after.children <= before.children
        and after.temporary <= before.temporary
    )


def made(server: Server, make: Callable[[], Prompt]) -> np.ndarray:
    """The frames of a prompt that is not in the cache."""
    finished = server.run(make())
    assert animates(make()) not in finished.cached
    return pixels(finished)


def numbered(number: int) -> Prompt:
    """Both ways to animate by turns, each time with a gain that was not there before."""
    return (graph if number % 2 else one_node)(gain=round(0.5 + number * 0.002, 3))


def was_cancelled(server: Server, prompt: str) -> bool:
    """Whether a prompt ended before its time; it may have been done, or not begun, when it was cancelled."""
    try:
        server.finish(prompt)
    except InterruptedError:
        return True
    return False


def test_eight_prompts_queued_at_once_give_what_one_gives(watched: Watched):
    server = watched.server
    alone = {make: made(server, make) for make in (graph, one_node)}
    before = watched.state()

    waiting = [(make, server.submit(make())) for make in (graph, one_node) * 4]
    finished = [(make, server.finish(prompt)) for make, prompt in waiting]

    print(f"\n8 at once: {before} → {watched.state()}")
    assert all(np.array_equal(pixels(result), alone[make]) for make, result in finished)
    assert not any(animates(make()) in result.cached for make, result in finished)


def test_a_long_row_of_prompts_leaves_the_host_as_it_was(watched: Watched):
    server = watched.server
    first = [made(server, make) for make in (graph, one_node)]
    states, begun = {0: watched.state()}, time.monotonic()
    for number in range(1, RUNS + 1):
        server.run(numbered(number))
        if number in (WARM, RUNS // 2, RUNS):
            states[number] = watched.state()
    took = time.monotonic() - begun
    last = [made(server, make) for make in (graph, one_node)]

    print(f"\n{RUNS} in a row, {took:.0f} s:", *(f"\n  after {number}: {state}" for number, state in states.items()))
    assert all(np.array_equal(*pair) for pair in zip(first, last, strict=True))
    assert kept(states[min(WARM, RUNS)], states[RUNS]), states


def test_a_storm_of_cancelled_prompts_leaves_the_host_as_it_was(watched: Watched):
    server, moments = watched.server, random.Random(1)
    first = [made(server, make) for make in (graph, one_node)]
    for make in (graph, one_node):
        server.run(make(gain=1.1, frames=60))  # the most that the cancelled ones can take
    before, cancelled = watched.state(), 0
    for number in range(CANCELS):
        prompt = server.submit((graph if number % 2 else one_node)(gain=round(1.2 + number * 0.01, 2), frames=60))
        time.sleep(moments.uniform(0, 4))
        server.ask("/interrupt", {})
        cancelled += was_cancelled(server, prompt)
    after = watched.state()
    last = [made(server, make) for make in (graph, one_node)]

    print(f"\n{cancelled} of {CANCELS} cancelled: {before} → {after}")
    assert cancelled >= CANCELS // 2
    assert all(np.array_equal(*pair) for pair in zip(first, last, strict=True))
    assert kept(before, after), (before, after)
