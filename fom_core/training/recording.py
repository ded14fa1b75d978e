"""A training step that is recorded once as a CUDA graph: small networks are launched slower than they compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..resources.recording import Recording, on_stream
from .data.augment import Pairs, Transform

TrainingStep = Callable[[Pairs, Transform], dict[str, Tensor]]
WARM_UP = 3  # steps after which every library has chosen its kernels and every optimiser has its state


class RecordedStep:
    """Does ``work`` on a batch as it would do by itself, from the fourth call on by replaying it.

    Batches must keep their shapes. The work may neither wait for the GPU nor bring values to it, and results are the
    same tensors every time, valid until the next call.
    """

    def __init__(self, work: TrainingStep, device: torch.device) -> None:
        self.work, self.calls = work, 0
        self.stream = torch.cuda.Stream(device)
        self.recording: Recording[dict[str, Tensor]] | None = None

    def __call__(self, pairs: Pairs, transform: Transform) -> dict[str, Tensor]:
        self.calls += 1
        if self.calls <= WARM_UP:
            # The stream of the recording, so that the gradients' bookkeeping does not tie the graph to another one.
            return on_stream(self.stream, lambda: self.work(pairs, transform))
        batch = _tensors(pairs) | _tensors(transform)
        if self.recording is None:

            def work(*held: Tensor) -> dict[str, Tensor]:
                values = dict(zip(batch, held, strict=True))
                kept = [{name: values[name] for name in _tensors(part)} for part in (pairs, transform)]
                return self.work(replace(pairs, **kept[0]), replace(transform, **kept[1]))

            self.recording = Recording(work, list(batch.values()), self.stream)
        return self.recording(list(batch.values()))


def _tensors(part: Pairs | Transform) -> dict[str, Tensor]:
    """By their names, which no two parts of a batch share."""
    return {name: value for name, value in vars(part).items() if value is not None}
