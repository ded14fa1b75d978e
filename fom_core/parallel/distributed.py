"""Processes that work as one, on one machine or several: who is who, joining, what each holds, and what fails.

Start them with ``torchrun`` or ``accelerate launch``; both say in the environment who is who. Everything here also
works for a single process, where it does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from ..errors import UsageError
from .meeting import Meeting, OtherProcessFailed, waiting_for_others
from .ranks import launched_rank

TRAINING_PATIENCE = timedelta(hours=12)  # the others wait while the first one decodes a data set or measures
ANIMATION_PATIENCE = timedelta(hours=1)
FAILED = "fom: failed"


@dataclass(frozen=True)
class Team:
    """Who takes part: the number of this process, and how many there are."""

    rank: int
    size: int

    @property
    def first(self) -> bool:
        return self.rank == 0

    def owner(self, chunk: int) -> int:
        """Which process paints a chunk."""
        return chunk % self.size

    def share(self, length: int, chunk_size: int) -> list[int]:
        """The frames that this process paints, in whole chunks."""
        return [frame for frame in range(length) if self.owner(frame // chunk_size) == self.rank]


def team() -> Team:
    """The processes of the group; one alone where none was joined."""
    return Team(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Team(0, 1)


def rank() -> int:
    """Number of this process in the group; 0 keeps the books and writes."""
    return team().rank


def world_size() -> int:
    """How many processes work together, on all machines."""
    return team().size


def _is_launched() -> bool:
    """Whether a launcher started this process, and no group was joined yet."""
    return "RANK" in os.environ and not dist.is_initialized()


@contextmanager
def training_group(device: str) -> Iterator[torch.device]:
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
    if not _is_launched():
        yield torch.device(device)
        return
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if device == "cuda" else torch.device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=TRAINING_PATIENCE)
    try:
        yield own
    finally:
        dist.destroy_process_group()


@contextmanager
def launched_processes(device: str) -> Iterator[str]:
    """Meet the processes that the launcher started, if it did, without joining them; gives the device of this one.

    ``auto`` and ``cuda`` become the GPU of the process's number on its machine. From here on :func:`meeting` is theirs,
    and :func:`speaks_of_failure` is true in one of those that fail.
    """
    if not _is_launched():
        yield device
        return
    if device in ("auto", "cuda") and torch.cuda.is_available():
        device = f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    store, own, size = next(iter(rendezvous("env://", timeout=ANIMATION_PATIENCE)))
    _met.append(Meeting(own, size, store))
    yield device
    _met.clear()


_met: list[Meeting] = []  # of the running program


def meeting() -> Meeting:
    """The processes that the launcher started; one alone where there is none."""
    return _met[0] if _met else Meeting()


@contextmanager
def animation_group() -> Iterator[None]:
    """Join those that were met, to paint one animation, which travels between them by the processors' memory.

    When one process fails, the others raise OtherProcessFailed from whatever they wait for.
    """
    if not _met:
        yield
        return
    us = meeting()
    dist.init_process_group("gloo", store=us.store, rank=us.rank, world_size=us.size, timeout=ANIMATION_PATIENCE)
    yield
    with waiting_for_others():
        dist.barrier()
    dist.destroy_process_group()


def speaks_of_failure(error: BaseException) -> bool:
    """Whether this process is the one that tells why all of them end: the first that failed by itself."""
    if not _met:
        return True
    if isinstance(error, OtherProcessFailed) and launched_rank() != 0:
        return False
    own = str(launched_rank())
    try:
        return meeting().store.compare_set(FAILED, "", own).decode() == own
    except RuntimeError:  # the launcher is gone, and its store with it
        return launched_rank() == 0


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

    torch's own SyncBatchNorm computes on GPUs only; with this one several processes learn what one would on processors,
    too.
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
