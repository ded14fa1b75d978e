"""Several processes that train as one: who is who, means over all, and normalisation over the whole batch.

Start them with ``torchrun`` or ``accelerate launch``; both say in the environment who is who. Everything here also
works for a single process, where it does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..errors import UsageError

PATIENCE = timedelta(hours=12)  # the others wait while the first one decodes a data set or measures


@contextmanager
def joined(device: str) -> Iterator[torch.device]:
    """Take part in the group that the launcher started, if it did; gives the device of this process.

    ``auto`` is a graphics card of CUDA where there is one, else the processor. ``cuda`` becomes the device of this
    process's number on its machine; a device with a number is taken as it is. Raises UsageError for one that is not
    there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was compiled for the device
        raise UsageError(f"This machine has no device {device!r}. Leave --device out, or choose cpu.") from error
    if "RANK" not in os.environ or dist.is_initialized():
        yield torch.device(device)
        return
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if device == "cuda" else torch.device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield own
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process; 0 keeps the books and writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together, on all machines."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def first_alone() -> Iterator[None]:
    """The first process does the block while the others wait, then they do it too and find it done."""
    if rank():
        dist.barrier()
    yield
    if not rank() and world_size() > 1:
        dist.barrier()


def from_first(value: Any) -> Any:
    """What the first process holds; the argument of the others is ignored."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box)
    return box[0]


def from_all(value: Any) -> list[Any]:
    """What every process holds, in the order of their numbers."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def mean_over_all(values: Tensor) -> Tensor:
    """The mean of a tensor over all processes; a NaN of one becomes everybody's."""
    if world_size() > 1:
        dist.all_reduce(values)
        values /= world_size()
    return values


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over all processes, in one message."""
    if world_size() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = mean_over_all(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def normalise_together(module: nn.Module, device: torch.device) -> nn.Module:
    """Let every BatchNorm2d take its statistics over all processes; the tensors and their names stay."""
    if world_size() == 1:
        return module
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    for part in list(module.modules()):
        for name, child in part.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(part, name, SharedBatchNorm.like(child))
    return module


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes, which must be equally large.

    torch's own SyncBatchNorm does the same on CUDA only; this one is for the CPU, where training in several processes
    is for trying things out.
    """

    @classmethod
    def like(cls, other: nn.BatchNorm2d) -> SharedBatchNorm:
        """One that goes on with the same parameters and statistics."""
        norm = cls(other.num_features, eps=other.eps, momentum=other.momentum)
        norm.weight, norm.bias = other.weight, other.bias
        norm._buffers.update(other._buffers)
        return norm.train(other.training)

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        count = input.numel() // input.shape[1] * world_size()
        mean = _Sum.apply(input.sum((0, 2, 3))) / count
        centred = input - mean[:, None, None]
        variance = _Sum.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale[:, None, None] + self.bias[:, None, None]


class _Sum(torch.autograd.Function):
    """Sum over all processes. The sum of everybody's loss depends on each input, so gradients are summed as well."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return _summed(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])


def _summed(value: Tensor) -> Tensor:
    total = value.detach().clone().contiguous()
    dist.all_reduce(total)
    return total
