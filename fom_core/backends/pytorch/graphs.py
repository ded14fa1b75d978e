"""CUDA graphs: the hundreds of kernels of a pass, launched as one. Recorded per shape, replayed on copied inputs."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger(__name__)
KEPT = 8  # recordings at a time; each holds the memory of its shape
WARM_UP = 3  # passes before recording, in which cuDNN and Triton make their choices

Work = Callable[..., list[Tensor]]
Replay = Callable[[Sequence[Tensor]], list[Tensor]]


class Recording:
    """One function on tensors of one shape, on the current device."""

    def __init__(self, work: Work, inputs: Sequence[Tensor]) -> None:
        self.inputs = held_copies(inputs)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                work(*self.inputs)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        # Of this thread alone: others wait for pictures to arrive meanwhile, which would spoil the recording.
        with torch.cuda.graph(self.graph, stream=side, capture_error_mode="thread_local"):
            self.outputs = work(*self.inputs)

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The work on other inputs. The results are the caller's own: the next call does not touch them."""
        for held, given in zip(self.inputs, inputs, strict=True):
            held.copy_(given, non_blocking=True)
        self.graph.replay()
        return [output.clone(memory_format=torch.preserve_format) for output in self.outputs]


def held_copies(inputs: Sequence[Tensor]) -> list[Tensor]:
    """Copies that may be written to in inference mode and out of it, whichever reigns now."""
    with torch.inference_mode(False), torch.no_grad():
        return [tensor.clone(memory_format=torch.preserve_format) for tensor in inputs]


class Graphs:
    """Recordings by function and shape, for one thread at a time. Shapes are recorded when they come a second time."""

    def __init__(self, record: Callable[[Work, Sequence[Tensor]], Replay] = Recording) -> None:
        self.record = record
        self.recordings: OrderedDict[tuple[Any, ...], Replay] = OrderedDict()
        self.seen: set[tuple[Any, ...]] = set()
        self.failed = False
        self._turn = Lock()  # a recording has one set of inputs

    def run(self, name: str, work: Work, inputs: Sequence[Tensor]) -> list[Tensor]:
        """``work(*inputs)``, replayed where it was recorded."""
        with self._turn:
            return self._run(name, work, inputs)

    def _run(self, name: str, work: Work, inputs: Sequence[Tensor]) -> list[Tensor]:
        key = (name, *((tuple(tensor.shape), tensor.dtype, tensor.device) for tensor in inputs))
        if key in self.recordings:
            self.recordings.move_to_end(key)
            return self.recordings[key](inputs)
        if self.failed or key not in self.seen:
            self.seen.add(key)
            return work(*inputs)
        try:
            self.recordings[key] = self.record(work, inputs)
        except RuntimeError as error:
            # Also for want of memory: then the plain pass raises again, for those who go on with less.
            log.warning("CUDA graphs do not work here, going on without: %s", str(error).splitlines()[0])
            self.failed = True
            self.recordings.clear()
            torch.cuda.synchronize()
            return work(*inputs)
        if len(self.recordings) > KEPT:
            self.recordings.popitem(last=False)
        return self.recordings[key](inputs)
