"""A pose on a face whose head stays as it is: without the controls that turn, shift or enlarge the head."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from ..geometry import inverse_2x2
from ..types import Keypoints, Motion
from .directions import load_directions
from .notes import is_in_time, pose_of, renoted
from .pose import PoseKey, parse_pose, posed_keypoints, text_of_keys
from .rest import anchored, rested

log = logging.getLogger(__name__)
HEAD = ("yaw", "pitch", "roll", "shift_x", "shift_y", "zoom")
LEAVING = "--no_keep_head (keep_head off) moves the head, too."


def expression_of(keys: Sequence[PoseKey], *, tell: bool = True) -> tuple[PoseKey, ...]:
    """Key frames without the head; one sentence says what is left out."""
    names = _head_of(keys)
    if tell and names:
        rest = "" if any(name not in HEAD for key in keys for name in key.values) else ", and nothing else is in it"
        log.warning(
            "The head of a face in a video stays as it is, so %s of the pose %s left out%s. %s",
            ", ".join(names), "is" if len(names) == 1 else "are", rest, LEAVING,
        )  # fmt: skip
    return tuple(
        replace(key, values={name: value for name, value in key.values.items() if name not in HEAD}) for key in keys
    )


def without_head(motion: Motion) -> Motion:
    """The motion without what a pose in it does to the head, for faces whose heads are kept.

    A line tells what is left out; or that it cannot be, where the motion was edited after it was posed.
    """
    text = pose_of(motion)
    keys = parse_pose(text) if text else ()
    names = _head_of(keys)
    if not names:
        return motion
    if not is_in_time(motion):
        log.warning(
            "%s of a pose bend a face whose head stays as it is, and cannot be left out of a motion that was edited "
            "afterwards. %s", ", ".join(names), LEAVING,
        )  # fmt: skip
        return motion
    directions, less = load_directions(motion.model), expression_of(keys)
    rest = rested(motion).neutral
    assert rest is not None
    whole, kept = (
        anchored(
            replace(motion, keypoints=points, neutral=directions.neutral, seen=None), rest.to("cpu")
        ).to(motion.keypoints.value.device)
        for points in (posed_keypoints(each, directions, len(motion), motion.fps) for each in (keys, less))
    )  # fmt: skip
    value, jacobian = motion.keypoints.value - whole.value + kept.value, motion.keypoints.jacobian
    if jacobian is not None and whole.jacobian is not None and kept.jacobian is not None:
        jacobian = kept.jacobian @ inverse_2x2(whole.jacobian) @ jacobian
    return replace(motion, keypoints=Keypoints(value, jacobian), metadata=renoted(motion, text_of_keys(less)))


def _head_of(keys: Sequence[PoseKey]) -> list[str]:
    return [name for name in HEAD if any(name in key.values for key in keys)]
