"""The initial frame: the moment in which the driver corresponds to the source, from which relative motion counts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import UsageError
from ..types import Keypoints, Motion, MotionTransfer
from .size import hull_area
from .timing import held

log = logging.getLogger(__name__)
MOST = 500  # frames that are compared with one another, spread over the video
_SAME = 1e-6  # keypoints of the same picture differ by rounding alone
FAR = 0.9  # share of the frames that a medoid is near to


def initial_frame(
    source: Keypoints, driving: Keypoints, transfer: MotionTransfer, seen: Sequence[bool] | None = None
) -> int:
    """Index of the driving frame that corresponds to the source. Raises UsageError beyond the video's end.

    ``seen`` says in which frames the driver's face is; None, or nowhere, and every frame counts.
    """
    among = [frame for frame, here in enumerate(seen or ()) if here] or list(range(len(driving)))
    asked = transfer.initial_frame
    if asked == "best":
        return among[find_best_frame(source, driving.pick(among))]
    if asked == "medoid":
        return among[find_medoid(driving.pick(among))]
    require_frame(asked, len(driving))
    return min(among, key=lambda frame: abs(frame - asked))


def require_frame(asked: int, count: int) -> None:
    """Raise UsageError for an initial frame that is none of a driver's so many."""
    if not 0 <= asked < count:
        raise UsageError(
            f"The initial frame must be one of the {count} driving frames, 0 to {count - 1}; got {asked}. Choose "
            'another, "best" or "medoid".'
        )


def initial_pose(source: Keypoints, driving: Motion, transfer: MotionTransfer) -> Keypoints:
    """The (1, K) keypoints from which relative motion counts: at rest where the motion knows it, else of a frame.

    Raises UsageError for an initial frame beyond the video's end.
    """
    if driving.neutral is not None:
        return driving.neutral
    first = initial_frame(source, driving.keypoints, transfer, driving.seen)
    return held(driving).keypoints[first : first + 1]


def with_initial_frame(driving: Motion, transfer: MotionTransfer) -> MotionTransfer:
    """``transfer`` with the number of the initial frame, where that is the same for every source.

    Lines in the log say so where it is another frame than the one asked for, and where nothing moves. Raises
    UsageError beyond the end.
    """
    asked = transfer.initial_frame
    if driving.neutral is not None:
        if transfer.relative_motion and stands_still(driving):
            log.warning("Nothing in the driver moves: all of it is its pose at rest, so it moves no face.")
        return transfer
    hidden = driving.seen is not None and not all(driving.seen)  # what looked for the face has told of it
    if transfer.relative_motion and stands_still(driving) and not hidden:
        what = "The driver is a still picture" if len(driving) == 1 else "Nothing in the driver moves"
        log.warning(
            "%s: in relative motion the result stands still. To take its pose, switch relative_motion off "
            "(fom: --no_relative).", what,
        )  # fmt: skip
    if asked == "best":
        return transfer
    frame = initial_frame(driving.keypoints, driving.keypoints, transfer, driving.seen)
    if isinstance(asked, int) and frame != asked and transfer.relative_motion:
        log.warning("The driver's face is not seen in frame %d: its motion counts from frame %d on.", asked, frame)
    return replace(transfer, initial_frame=frame)


def stands_still(driving: Motion) -> bool:
    """Whether relative motion moves nothing: all frames are the pose at rest or, without one, the same."""
    if driving.neutral is None:
        return holds_one_pose(driving)
    points = driving.keypoints.value
    return bool((points - driving.neutral.value.to(points)).abs().max() < _SAME)


def holds_one_pose(driving: Motion) -> bool:
    """Whether all frames are the same one, as those of a single picture that is held."""
    points = driving.keypoints.value
    return bool((points - points[:1]).abs().max() < _SAME)


def find_best_frame(source: Keypoints, driving: Keypoints) -> int:
    """The driving frame whose pose is nearest to the source's, judged by the model's own keypoints.

    Both are centred and scaled to unit hull area first, so that place and size of the faces do not count.
    """

    distances = _apart(source, driving)
    return distances.index(min(distances))


def pose_distances(source: Keypoints, driving: Keypoints) -> list[float]:
    """How far the pose of each driving frame is from the source's: rms of their keypoints, both faces centred and
    scaled to unit hull area.
    """
    return [(total / source.value.shape[1]) ** 0.5 for total in _apart(source, driving)]


def _apart(source: Keypoints, driving: Keypoints) -> list[float]:
    """The sum of squares of :func:`pose_distances`."""

    def pose(points: Tensor) -> Tensor:
        centred = points - points.mean(dim=0)
        return centred / max(hull_area(points), 1e-8) ** 0.5

    target = pose(source.value[0].cpu())
    return [float((pose(points) - target).square().sum()) for points in driving.value.cpu()]


def find_medoid(driving: Keypoints) -> int:
    """The frame from which nine tenths of the others are nearest, by the mean distance of their keypoints.

    Of a long video frames spread over it are compared, the first one among them.
    """
    spread = torch.arange(0, len(driving), max(1, -(-len(driving) // MOST)))
    points = driving.value.detach().float().cpu()[spread].transpose(0, 1)  # (K, T, 2)
    distances = torch.cdist(points, points).mean(dim=0)
    return int(spread[distances.quantile(FAR, dim=1).argmin()])
