"""A host on a processor; a stand-in for ``comfy.model_management``, with the patcher and the bar of its neighbours."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

OOM_EXCEPTION = torch.cuda.OutOfMemoryError
_interrupted = False


class InterruptProcessingException(Exception):
    """The user has cancelled."""


def get_torch_device() -> torch.device:
    return torch.device("cpu")


def unet_offload_device() -> torch.device:
    return torch.device("cpu")


def intermediate_device() -> torch.device:
    return torch.device("cpu")


def intermediate_dtype() -> torch.dtype:
    return torch.float32


def get_free_memory(dev: torch.device | None = None) -> int:
    return 8 * 2**30


def get_total_memory(dev: torch.device | None = None) -> int:
    return 16 * 2**30


def load_models_gpu(models: list[Patcher], memory_required: int = 0) -> None:
    for patcher in models:
        if not patcher.loaded:
            patcher.model.to(patcher.load_device)
            patcher.model.device = patcher.load_device  # type: ignore[assignment] - the host does
            patcher.loaded = True


def is_oom(error: BaseException) -> bool:
    return isinstance(error, OOM_EXCEPTION)


def interrupt_current_processing(value: bool = True) -> None:
    global _interrupted  # noqa: PLW0603 - the host's module has such state, too
    _interrupted = value


def throw_exception_if_processing_interrupted() -> None:
    if _interrupted:
        interrupt_current_processing(False)
        raise InterruptProcessingException


class Patcher:
    """A model, and where it is while it is used and while it is not."""

    def __init__(
        self, model: nn.Module, load_device: torch.device, offload_device: torch.device, size: int = 0
    ) -> None:
        self.model, self.load_device, self.offload_device, self.size = model, load_device, offload_device, size
        self.loaded = False

    def model_size(self) -> int:
        return self.size or sum(tensor.nbytes for tensor in self.model.state_dict().values())

    def detach(self) -> None:
        """Take the model off its device."""
        self.loaded = False
        self.model.to(self.offload_device)


class ProgressBar:
    """What the running node shows."""

    def __init__(self, total: int) -> None:
        self.total, self.current = total, 0

    def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None:
        self.total = self.total if total is None else total
        self.current = min(value, self.total)
