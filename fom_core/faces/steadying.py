"""From the frames in which faces were found to a calm place in every frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from .boxes import iou

FILLED_S = 0.5  # a gap of one scene that is filled
COVERED = 0.15  # overlap with a face that was found, from which one that was not counts as hidden behind it
MIDDLE_S, SIZE_S = 0.12, 0.3  # standard deviations of the averages that calm a face's middle and its size
EASED_S = 0.2  # over which the motion comes in and goes where a face comes and goes

Looks = Mapping[int, np.ndarray]
"""Boxes (4,) by the number of the frame in which a face was found."""


def steadied(
    faces: Sequence[Looks], cuts: Sequence[int], count: int, fps: float, every: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each face its boxes (T, 4) and how far it is shown (T,), both float32; NaN and 0 in frames without it.

    cuts:  numbers of the frames that begin another scene.
    every: frames between two looks; a face that is found in the last look of a scene is there to its end.
    """
    scenes = list(pairwise(sorted({0, *cuts, count})))
    results = []
    for number, looks in enumerate(faces):
        others = [other for index, other in enumerate(faces) if index != number]
        boxes = np.full((count, 4), np.nan, np.float32)
        shown = np.zeros(count, np.float32)
        for scene in scenes:
            for first, stop, here in _runs(looks, others, scene, FILLED_S * fps + every, every):
                boxes[first:stop] = _calm(_between(here, first, stop), fps)
                shown[first:stop] = _eased(stop - first, first > scene[0], stop < scene[1], EASED_S * fps)
        results.append((boxes, shown))
    return results


def steadied_rolls(rolls: Mapping[int, float], cuts: Sequence[int], count: int, fps: float) -> np.ndarray | None:
    """How far a head is turned, (T,) float32 in degrees, from the looks that found it; None where it is upright."""
    if not any(rolls.values()):
        return None
    turned = np.zeros(count, np.float32)
    for first, stop in pairwise(sorted({0, *cuts, count})):
        frames = sorted(frame for frame in rolls if first <= frame < stop)
        if frames:
            known = np.unwrap([rolls[frame] for frame in frames], period=360)
            turned[first:stop] = _averaged(np.interp(np.arange(first, stop), frames, known)[:, None], SIZE_S * fps)[
                :, 0
            ]
    return turned


def _runs(
    looks: Looks, others: Sequence[Looks], scene: tuple[int, int], gap: float, every: int
) -> Iterator[tuple[int, int, Looks]]:
    """The stretches of a scene in which a face is there: first frame, the one behind the last, and its looks."""
    frames = sorted(frame for frame in looks if scene[0] <= frame < scene[1])
    starts = [0] + [
        index
        for index, (before, after) in enumerate(pairwise(frames), 1)
        if after - before > gap or (after - before > every and _hidden(looks, others, before, after))
    ]
    for begin, end in pairwise([*starts, len(frames)]):
        mine = frames[begin:end]
        if not mine:
            continue
        first = scene[0] if mine[0] - scene[0] < every else mine[0]
        last = scene[1] if scene[1] - mine[-1] <= every else mine[-1] + 1
        yield first, last, {frame: looks[frame] for frame in mine}


def _hidden(looks: Looks, others: Sequence[Looks], before: int, after: int) -> bool:
    """Whether a face that was not found between two looks was behind another one meanwhile."""
    for other in others:
        for frame in range(before + 1, after):
            here = looks[before] + (frame - before) / (after - before) * (looks[after] - looks[before])
            if frame in other and iou(here, other[frame][None])[0] > COVERED:
                return True
    return False


def _between(looks: Looks, first: int, stop: int) -> np.ndarray:
    """(n, 4) middles and sizes in all frames of a run, on straight lines between the looks; beyond them all stays."""
    frames = sorted(looks)
    boxes = np.array([looks[frame] for frame in frames], np.float64)
    known = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)
    numbers = np.arange(first, stop)
    return np.stack([np.interp(numbers, frames, known[:, axis]) for axis in range(4)], axis=1)


def _calm(places: np.ndarray, fps: float) -> np.ndarray:
    """Boxes (n, 4) from middles and sizes (n, 4), averaged over time."""
    middles, sizes = _averaged(places[:, :2], MIDDLE_S * fps), _averaged(places[:, 2:], SIZE_S * fps)
    sizes = np.clip(sizes, places[:, 2:].min(axis=0), places[:, 2:].max(axis=0))  # ends are led on by straight lines
    return np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)


def _averaged(values: np.ndarray, sigma: float) -> np.ndarray:
    """(n, d) values by a gaussian average over time; beyond the ends they go on as they came."""
    reach = min(round(3 * sigma), len(values) - 1)
    if reach < 1:
        return values
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    before, after = 2 * values[:1] - values[reach:0:-1], 2 * values[-1:] - values[-2 : -reach - 2 : -1]
    padded = np.concatenate([before, values, after])
    return np.stack([np.convolve(column, weights / weights.sum(), mode="valid") for column in padded.T], axis=1)


def _eased(length: int, comes: bool, goes: bool, frames: float) -> np.ndarray:
    """(n,) from 0 to 1 at an end where the face comes into the scene or leaves it, 1 elsewhere."""
    index = np.arange(length)
    share = np.ones(length)
    if comes:
        share = np.minimum(share, (index + 1) / (frames + 1))
    if goes:
        share = np.minimum(share, (length - index) / (frames + 1))
    return (share * share * (3 - 2 * share)).astype(np.float32)
