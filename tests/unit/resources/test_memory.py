"""Going on with less memory, and giving it back."""

import re
import sys
from pathlib import Path

import pytest
import torch

from fom_core.errors import UsageError
from fom_core.resources.memory import apart_from_heap, copied_apart, in_chunks, is_out_of_memory

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="memory of files is given back on Linux alone")


def fitting(most, sizes):
    """Work that has room for so many things at once, and notes each attempt."""

    def work(part):
        sizes.append(part.stop - part.start)
        if part.stop - part.start > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return list(range(part.start, part.stop))

    return work


@pytest.mark.parametrize("most", [1, 2, 3, 8, 100])
def test_everything_is_done_once_and_in_order(most):
    chunks = list(in_chunks(fitting(most, []), 21, 8))
    assert [thing for chunk in chunks for thing in chunk] == list(range(21))
    assert max(map(len, chunks)) <= min(most, 8)


def test_what_did_not_fit_once_is_not_tried_again():
    sizes = []
    list(in_chunks(fitting(2, sizes), 10, 8))
    assert sizes == [8, 4, 2, 2, 2, 2, 2]


def test_a_single_thing_without_room_raises_the_devices_error():
    with pytest.raises(torch.cuda.OutOfMemoryError):
        list(in_chunks(fitting(0, []), 5, 4))


def test_the_failed_attempt_is_gone_before_the_next_one():
    class Tensorlike:
        alive = 0

        def __init__(self):
            Tensorlike.alive += 1

        def __del__(self):
            Tensorlike.alive -= 1

    def work(part):
        assert Tensorlike.alive == 0
        kept = Tensorlike()
        if part.stop - part.start > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        del kept
        return part

    assert len(list(in_chunks(work, 4, 4))) == 4


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.cuda.OutOfMemoryError("whatever"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"), True),
        (RuntimeError("The size of tensor a must match the size of tensor b"), False),
    ],
)
def test_lack_of_memory_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) is expected


def test_other_errors_pass():
    def work(part):
        raise RuntimeError("expected scalar type Half")

    with pytest.raises(RuntimeError, match="Half"):
        list(in_chunks(work, 4, 4))


def test_a_size_of_nothing_is_refused():
    with pytest.raises(UsageError, match="At least one"):
        list(in_chunks(fitting(8, []), 5, 0))


def resident_mib(kind):
    """What of this process is in memory: RssFile or RssAnon."""
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 2**10


@linux_only
def test_what_is_large_and_apart_from_the_heap_is_given_back_at_once():
    before = resident_mib("RssAnon")
    with apart_from_heap():
        large = torch.ones(2**26)  # more than the heap may have room for already
        over_it = torch.ones(1000)  # in a heap, this would keep the room below it
    assert resident_mib("RssAnon") > before + 250
    del large
    assert resident_mib("RssAnon") < before + 2
    assert over_it.sum() == 1000


@pytest.mark.parametrize(
    "tensor", [torch.arange(2**20).view(4, -1), torch.ones(2**21, dtype=torch.bfloat16), torch.ones(())]
)
def test_a_copy_apart_is_like_the_tensor_and_its_own(tensor):
    copy = copied_apart(tensor)
    assert copy.dtype == tensor.dtype and torch.equal(copy, tensor)
    copy.zero_()
    assert tensor.any()


@linux_only
def test_a_large_copy_apart_is_given_back_at_once_wherever_the_heap_has_room():
    small = [torch.ones(2**16) for _ in range(100)]  # with holes between, where these are let go
    del small[::2]
    large = torch.ones(2**19)
    before = resident_mib("RssAnon")
    copies = [copied_apart(large) for _ in range(20)]
    assert resident_mib("RssAnon") > before + 35
    del copies
    assert resident_mib("RssAnon") < before + 4
