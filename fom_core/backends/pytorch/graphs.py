"""CUDA graphs: the hundreds of kernels of a pass, launched as one. Recorded per shape, replayed on copied inputs."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from ...resources.recording import Recording, on_stream

log = logging.getLogger(__name__)
KEPT = 8  # recordings at a time; each holds the memory of its shape
WARM_UP = 3  # passes before recording, in which cuDNN and Triton make their choices

Work = Callable[..., list[Tensor]]
Replay = Callable[[Sequence[Tensor]], list[Tensor]]


def recorded(work: Work, inputs: Sequence[Tensor]) -> Replay:
    """``work`` recorded on the current device, for inputs of these shapes. What it gives is the caller's own."""
    stream = torch.cuda.Stream()
    for _ in range(WARM_UP):
        on_stream(stream, lambda: work(*inputs))
    # Of this thread alone: others wait for pictures to arrive meanwhile, which would spoil the recording.
    recording = Recording(work, inputs, stream, "thread_local")

    def replay(given: Sequence[Tensor]) -> list[Tensor]:
        return [output.clone(memory_format=torch.preserve_format) for output in recording(given)]

    return replay


class Graphs:
    """Recordings by function and shape, for one thread at a time. Shapes are recorded when they come a second time."""

    def __init__(self, record: Callable[[Work, Sequence[Tensor]], Replay] = recorded) -> None:
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
