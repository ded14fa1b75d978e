"""The visible mark in the graph: an input of the nodes that make whole pictures, and what it does to their IMAGEs."""

from __future__ import annotations

from typing import Any, get_args

import torch
from comfy_api.latest import io
from torch import Tensor

from ..fom_core.media.mark import Corner, mark_for

NONE = "none"


def mark_input() -> Any:
    return io.Combo.Input(
        "mark",
        options=[NONE, *get_args(Corner)],
        optional=True,
        advanced=True,
        tooltip="Shows the letters AI, small, in a corner of every frame: none, or which corner. Videos of Animate "
        "Picture say in the file that they are synthetic, and Save Video keeps it; an IMAGE has no place for that, so "
        "that only the mark tells.",
    )


def corner_of(choice: str) -> Corner | None:
    """The corner that was chosen in the menu; None for none."""
    return next((corner for corner in get_args(Corner) if corner == choice), None)


def mark_images(images: Tensor, cover: Tensor, corner: Corner) -> None:
    """Lay the mark over an IMAGE (T, H, W, 3 or 4) and into the MASK (1 or T, H, W) of what was changed, in place."""
    mark = mark_for(*images.shape[1:3], corner)
    x0, y0, x1, y1 = mark.place
    light, opacity = (torch.from_numpy(part).to(images) for part in (mark.light, mark.opacity))
    spot = images[:, y0:y1, x0:x1]
    spot[..., :3].mul_(1 - opacity).add_(light)
    if spot.shape[-1] == 4:
        torch.maximum(spot[..., 3:], opacity.expand_as(spot[..., 3:]), out=spot[..., 3:])
    cover[:, y0:y1, x0:x1][:, torch.from_numpy(mark.opacity[..., 0] > 0)] = 1
