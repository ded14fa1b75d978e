"""Frames that the host's Create Video takes: H.264 has even sizes and no transparency, and others fail at the end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

log = logging.getLogger(__name__)
AUTO, EVEN, SAME = "auto", "even", "as the picture"
MAKES_H264 = "CreateVideo"
KEEPS_ALPHA = "Save WEBM (codec vp9) keeps transparency."


def frame_size_input() -> io.Combo.Input:
    return io.Combo.Input(
        "frame_size",
        options=[AUTO, EVEN, SAME],
        optional=True,
        advanced=True,
        tooltip="Videos of H.264 have even sizes and no transparency. auto: where the frames go to Create Video, an "
        "odd last column or row is left out, and so is transparency; else they are as the picture. even: leaves out an "
        "odd column or row in any case. as the picture: leaves out nothing.",
    )


def made_into_video(prompt: Mapping[str, Any] | None, node_id: str | None) -> bool:
    """Whether what a node of the running graph gives goes to Create Video, straight or through other nodes.

    A Create Video whose video nobody takes does not run.
    """
    ahead, seen = [str(node_id)], set()
    while prompt and ahead:
        for other in taken_by(prompt, ahead.pop()):
            if prompt[other].get("class_type") == MAKES_H264 and taken_by(prompt, other):
                return True
            if other not in seen:
                seen.add(other)
                ahead.append(other)
    return False


def taken_by(prompt: Mapping[str, Any], node_id: str) -> list[str]:
    """The nodes that take something from a node."""
    return [
        other
        for other, node in prompt.items()
        if any(comes_from(value, node_id) for value in node.get("inputs", {}).values())
    ]


def comes_from(value: Any, node_id: str) -> bool:
    """Whether an input's value is a link to a node."""
    return isinstance(value, list) and len(value) == 2 and str(value[0]) == node_id


def fitted(
    shape: tuple[int, int, int], choice: str, prompt: Mapping[str, Any] | None, node_id: str | None
) -> tuple[int, int, int]:
    """Height, width and channels of the frames that a picture of this shape becomes; what is left out is logged."""
    height, width, channels = shape
    to_video = choice == AUTO and made_into_video(prompt, node_id)
    if choice == SAME or (choice == AUTO and not to_video):
        if choice == AUTO and (height % 2 or width % 2):
            log.info(
                "The frames are %dx%d pixels, as the picture. Nodes that make H.264 refuse odd sizes: for them, set "
                "frame_size of Paste Faces to 'even'.", width, height,
            )  # fmt: skip
        return shape
    even = height - height % 2, width - width % 2
    if even != (height, width):
        log.warning(
            "The picture is %dx%d pixels, and videos have even sizes: the frames become %dx%d, the last column or row "
            "is left out.", width, height, even[1], even[0],
        )  # fmt: skip
    if to_video and channels == 4:
        log.warning("The picture is transparent, which Create Video does not take: it is left out. %s", KEEPS_ALPHA)
        channels = 3
    return *even, channels
