"""The work of a training step recorded once as a CUDA graph, then launched as a whole.

Small networks are launched slower than they compute: a step consists of thousands of short kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from .data.augment import Pairs, Transform

TrainingStep = Callable[[Pairs, Transform], dict[str, Tensor]]
WARM_UP = 3  # steps after which every library has chosen its kernels and every optimiser has its state


class RecordedWork:
    """Does ``work`` on a batch as it would do by itself, from the fourth call on by replaying it.

    Batches must keep their shapes. The work may neither wait for the GPU nor bring values to it, and results are the
    same tensors every time, valid until the next call.
    """

    def __init__(self, work: TrainingStep, device: torch.device) -> None:
        self.work, self.calls = work, 0
        self.stream = torch.cuda.Stream(device)
        self.graph = torch.cuda.CUDAGraph()
        self.pairs: Pairs | None = None
        self.transform: Transform | None = None
        self.results: dict[str, Tensor] = {}

    def __call__(self, pairs: Pairs, transform: Transform) -> dict[str, Tensor]:
        self.calls += 1
        if self.calls <= WARM_UP:
            return self._on_own_stream(pairs, transform)
        if self.pairs is None or self.transform is None:
            self.pairs, self.transform = _copy(pairs), replace(transform)
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.results = self.work(self.pairs, self.transform)
        _refill(self.pairs, pairs)
        _refill(self.transform, transform)
        self.graph.replay()
        return self.results

    def _on_own_stream(self, pairs: Pairs, transform: Transform) -> dict[str, Tensor]:
        """The stream of the recording, so that the gradients' bookkeeping does not tie the graph to another one."""
        current = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            results = self.work(pairs, transform)
        current.wait_stream(self.stream)
        return results


def _copy(pairs: Pairs) -> Pairs:
    return Pairs(**{name: value.clone() for name, value in vars(pairs).items()})


def _refill(kept: Pairs | Transform, given: Pairs | Transform) -> None:
    for place, value in zip(vars(kept).values(), vars(given).values(), strict=True):
        if place is not None and place is not value:
            place.copy_(value, non_blocking=True)
