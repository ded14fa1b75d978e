"""Whether the pictures that a node will make fit into memory, said before it begins."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import psutil
import torch

from ..fom_core.errors import OutOfMemory
from ..fom_core.resources.faults import memory_text
from . import host

log = logging.getLogger(__name__)


def foresee(node: str, shapes: Iterable[tuple[int, ...]], advice: str, dtype: torch.dtype | None = None) -> None:
    """Warn of pictures that take more than half of the memory that is free where the host keeps results.

    shapes: of all pictures and masks: (count, height, width, channels) or (count, height, width).
    dtype:  of their numbers; None is what the host keeps results in.
    Raises OutOfMemory where they are larger than all memory there is.
    """
    kept = list(shapes)
    device, kept_in, free, most = host.room_for_results()
    wanted = sum(torch.Size(shape).numel() for shape in kept) * (dtype or kept_in).itemsize
    if device.type == "cpu":
        most += psutil.swap_memory().total
    if wanted <= free / 2:
        return
    largest = max((shape for shape in kept), key=lambda shape: torch.Size(shape).numel())
    told = (
        f"{node} makes {sum(shape[0] for shape in kept if len(shape) == 4)} pictures, up to {largest[2]}x{largest[1]} "
        f"pixels: {memory_text(wanted)} of memory"
    )
    if wanted > most:
        raise OutOfMemory(f"{told}, more than the {memory_text(most)} that there are. {advice}")
    log.warning("%s, of which %s are free. %s", told, memory_text(free), advice)
