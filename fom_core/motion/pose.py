"""A motion without a video: the head turned and the face moved by hand, held or from key frame to key frame."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise

import torch
from torch import Tensor

from ..errors import UsageError
from ..types import Keypoints, Motion
from .directions import PoseDirections, load_directions
from .notes import noted

log = logging.getLogger(__name__)
HELD_S = 2.0  # length of a pose without key frames
STAYS_S = 0.5  # after the last key frame
FPS = 25.0
LONGEST_S = 3600.0
AT_REST = {"zoom": 1.0}  # all other controls rest at 0
MEANT = {
    "jaw": "mouth_open",
    "mouth": "mouth_open",
    "open": "mouth_open",
    "tilt": "roll",
    "turn": "yaw",
    "nod": "pitch",
}
ROUNDING, LEAST = 1e-4, 1e-6
UNSEEN = 0.95  # of controls, what is left that nobody misses


@dataclass(frozen=True)
class PoseKey:
    """The values of some controls at a moment; those that are not named go straight on past it."""

    seconds: float = 0.0
    values: Mapping[str, float] = field(default_factory=dict)


def parse_pose(text: str) -> tuple[PoseKey, ...]:
    """Key frames of a text: ``yaw=10,smile=0.5`` is held, ``0:yaw=0;1.5:yaw=10`` moves; without a moment it is 0.

    Key frames may come in any order: their moments count. Raises UsageError for what cannot be read; which controls
    there are, and how far they go, is up to the model.
    """
    keys = [_key(part) for part in text.replace("\n", ";").split(";") if part.strip()]
    if not keys:
        raise UsageError('A pose names controls and their values, such as "yaw=10,smile=0.5"; got nothing.')
    return tuple(keys)


def pose_motion(
    pose: str | Mapping[str, float] | Sequence[PoseKey],
    directions: PoseDirections | str = "mini",
    *,
    fps: float = FPS,
    seconds: float | None = None,
) -> Motion:
    """The motion of a pose: controls and their values, a text as :func:`parse_pose` reads it, or key frames.

    Between key frames a control goes smoothly; before its first one it comes from rest, after its last one it stays.
    seconds: how long the motion is; None: to half a second after the last key frame, and without key frames 2 s.
    Several controls at once reach as far as a face holds, see :func:`bounded`; a line tells how much is left.
    Raises UsageError for a control that the model has not, or a value beyond its limits.
    """
    if isinstance(directions, str):
        directions = load_directions(directions)
    keys = parse_pose(pose) if isinstance(pose, str) else (PoseKey(0.0, pose),) if isinstance(pose, Mapping) else pose
    for key in keys:
        check_values(key.values, directions)
    last = max((key.seconds for key in keys), default=0.0)
    length_s = (last + STAYS_S if last else HELD_S) if seconds is None else seconds
    if not 0 < length_s <= LONGEST_S + STAYS_S or not 1 <= fps <= 1000:
        raise UsageError(
            f"A pose lasts for more than 0 seconds, up to an hour, at 1 to 1000 frames a second; got {length_s:g} s at "
            f"{fps:g}."
        )
    if last > length_s:
        log.warning(
            "The pose's last key frame is at %.4g s, and the motion ends at %.4g s: what comes later is left out.",
            last, length_s,
        )  # fmt: skip
    count = max(1, round(length_s * fps))
    controls, left = bounded(_tracks(keys, count, fps), directions)
    if left < UNSEEN:
        log.warning(
            "So much of a pose at once bends the face: of all controls, %.0f %% is left. Fewer of them, or less of "
            "each, come through whole.", 100 * left,
        )  # fmt: skip
    return Motion(
        directions.keypoints(controls), fps, directions.model, directions.image_size,
        noted(text_of_keys(keys), count, fps), neutral=directions.neutral,
    )  # fmt: skip


def posed_keypoints(keys: Sequence[PoseKey], directions: PoseDirections, count: int, fps: float) -> Keypoints:
    """The keypoints (T, K) of so many frames, as :func:`pose_motion` has them."""
    return directions.keypoints(bounded(_tracks(keys, count, fps), directions)[0])


def text_of_keys(keys: Sequence[PoseKey]) -> str:
    """Key frames as the text that :func:`parse_pose` reads; nothing for none."""
    shown = [
        (f"{key.seconds:.9g}", ",".join(f"{name}={value:.9g}" for name, value in key.values.items())) for key in keys
    ]
    return ";".join(f"{moment}:{values}" for moment, values in shown if values)


def check_values(values: Mapping[str, float], directions: PoseDirections) -> None:
    """Raise UsageError for controls that are not offered, and for values beyond their limits."""
    for name, value in values.items():
        if name not in directions.limits:
            near = MEANT.get(name) or next(iter(get_close_matches(name, directions.limits, 1, 0.5)), None)
            near = near if near in directions.limits else None
            raise UsageError(
                f"There is no control {name!r} for the model '{directions.model}'"
                f"{f'. Did you mean {near}?' if near else '.'} It has {', '.join(directions.limits)}."
            )
        low, high = directions.limits[name]
        if not low - 1e-6 <= value <= high + 1e-6:
            raise UsageError(
                f"{name} goes from {low:g} to {high:g} with the model '{directions.model}'; got {value:g}. Beyond "
                "that the picture breaks. Choose a value in between."
            )


def bounded(controls: Mapping[str, Tensor], directions: PoseDirections) -> tuple[dict[str, Tensor], float]:
    """Controls (T,) as far from rest as a face takes them all at once, and the share that is left of them.

    Each has a share of its limit; the root of the sum of their squares is at most 1, so that a single control reaches
    its limit, and of several all are nearer to rest by one factor. It is the same at all moments, the least: a control
    that is held stays held while others move.
    """
    if not controls:
        return {}, 1.0
    rest = {name: AT_REST.get(name, 0.0) for name in controls}
    shares = []
    for name, track in controls.items():
        low, high = directions.limits[name]
        away = track - rest[name]
        shares.append(away / torch.where(away > 0, high - rest[name], rest[name] - low).clamp(min=LEAST))
    together = float(torch.stack(shares).square().sum(dim=0).sqrt().max())
    if together <= 1 + ROUNDING:
        return dict(controls), 1.0
    return {name: rest[name] + (track - rest[name]) / together for name, track in controls.items()}, 1 / together


def _key(text: str) -> PoseKey:
    moment, colon, rest = text.rpartition(":")
    values: dict[str, float] = {}
    for word in rest.split(","):
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                f'A pose names controls and their values, such as "yaw=10,smile=0.5" or "0:yaw=0;1.5:yaw=10"; got '
                f"{(word.strip() or text.strip())[:40]!r}."
            )
        values[name.strip().replace("-", "_").lower()] = _number(value, word)
    seconds = _number(moment, text) if colon else 0.0
    if not 0 <= seconds <= LONGEST_S:
        raise UsageError(f"A key frame is from 0 to {LONGEST_S:g} seconds; got {moment.strip()[:40]}.")
    return PoseKey(seconds, values)


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e6:
        raise UsageError(f"A pose takes numbers, such as yaw=10; got {whole.strip()[:40]!r}.")
    return value


def _tracks(keys: Sequence[PoseKey], count: int, fps: float) -> dict[str, Tensor]:
    """The values of all controls that are named, in every frame; of one at rest where none is."""
    times = torch.arange(count) / fps
    names = list(dict.fromkeys(name for key in keys for name in key.values))
    return {name: _track(name, keys, times) for name in names} or {"zoom": torch.ones(count)}


def _track(name: str, keys: Sequence[PoseKey], times: Tensor) -> Tensor:
    """The values of a control at these moments, eased from key to key."""
    points = sorted((key.seconds, key.values[name]) for key in keys if name in key.values)
    if points[0][0] > 0:
        points.insert(0, (0.0, AT_REST.get(name, 0.0)))
    track = torch.full_like(times, points[0][1])
    for (start, before), (end, after) in pairwise(points):
        share = ((times - start) / max(end - start, 1e-6)).clamp(0, 1)
        track = torch.where(times >= start, before + (after - before) * share.square() * (3 - 2 * share), track)
    return track
