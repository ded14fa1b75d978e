"""Work on a graphics card recorded once as a CUDA graph, then launched as a whole: for what is launched slower than it
computes, such as passes and training steps of hundreds of short kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Literal, TypeVar

import torch
from torch import Tensor

R = TypeVar("R")
Mode = Literal["global", "thread_local"]


class Recording(Generic[R]):
    """``work(*inputs)``, recorded on ``stream`` and replayed on inputs of the same shapes.

    The work may neither wait for the card nor bring values to it, and has been done before on that stream, see
    :func:`on_stream`: by then libraries have chosen their kernels.

    mode: which threads' other work on the card spoils the recording; see ``cudaStreamBeginCapture``.
    Raises RuntimeError for work that cannot be recorded, and for want of memory.
    """

    def __init__(
        self, work: Callable[..., R], inputs: Sequence[Tensor], stream: torch.cuda.Stream, mode: Mode = "global"
    ) -> None:
        self.inputs = held_copies(inputs)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=stream, capture_error_mode=mode):
            self.results = work(*self.inputs)

    def __call__(self, inputs: Sequence[Tensor]) -> R:
        """The work on other inputs. The results are the same tensors every time, valid until the next call.

        Raises ValueError for inputs of other shapes, which would be stretched to those recorded.
        """
        shapes = [[tuple(tensor.shape) for tensor in tensors] for tensors in (self.inputs, inputs)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"recorded for inputs of {shapes[0]}, given {shapes[1]}")
        for held, given in zip(self.inputs, inputs, strict=True):
            held.copy_(given, non_blocking=True)
        self.graph.replay()
        return self.results


def on_stream(stream: torch.cuda.Stream, work: Callable[[], R]) -> R:
    """Do work on another stream, in its place among that of the current one."""
    current = torch.cuda.current_stream(stream.device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        results = work()
    current.wait_stream(stream)
    return results


def held_copies(inputs: Sequence[Tensor]) -> list[Tensor]:
    """Copies that may be written to in inference mode and out of it, whichever reigns now."""
    with torch.inference_mode(False), torch.no_grad():
        return [tensor.clone(memory_format=torch.preserve_format) for tensor in inputs]
