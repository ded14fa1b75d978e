"""Pictures of what a model does, to look at: the steps from source to prediction, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..draw import draw_keypoints, keypoint_colour
from ..motion import transfer_motion
from ..networks.model import MotionModel
from ..pictures import resize_picture, to_pictures
from ..types import DenseMotion, MotionTransfer
from .data.augment import Pairs
from .data.frame_cache import CachedClip, FrameCache
from .figures import batch_of

TILE = 128  # side of each picture


@torch.inference_mode()
def contact_sheet(model: MotionModel, cache: FrameCache, rows: int = 10) -> np.ndarray:
    """One person reconstructed, and beside it the same person driving another with relative motion; a row per person.

    Columns of each half: source and driving frame with keypoints, the source warped by the flow, the occlusion map
    (dark: painted anew), which keypoint moves what, the prediction, and what it lacks; on the right the initial frame
    stands in place of that. Portraits stand for clips of one frame. The model is left in evaluation mode.
    """
    model.eval()
    size, clips, lines = model.config.image_size[0], _one_per_identity(cache, rows), []
    for index, clip in enumerate(clips):
        initial = batch_of(cache, [clip.start], size)
        driving = batch_of(cache, [_most_different(cache, clip)], size)
        other = batch_of(cache, [clips[(index + 1) % len(clips)].start], size)
        halves = _line(model, initial, driving, None), _line(model, other, driving, initial)
        lines.append(np.concatenate(halves, axis=1))
    return np.concatenate(lines)


@torch.inference_mode()
def pairs_sheet(model: MotionModel, pairs: Pairs) -> np.ndarray:
    """The same columns for pairs of a training batch, reconstructed."""
    model.eval()
    pairs = pairs.to(model.device)
    rows = zip(pairs.source.split(1), pairs.driving.split(1), strict=True)
    return np.concatenate([_line(model, source, driving, None) for source, driving in rows])


def _line(model: MotionModel, source: Tensor, driving: Tensor, initial: Tensor | None) -> np.ndarray:
    source, driving = source.to(model.device), driving.to(model.device)
    features, moved = model.encode_source(source), model.detect_keypoints(driving)
    shown = moved
    if initial is not None:
        first = model.detect_keypoints(initial.to(model.device))
        moved = transfer_motion(features.keypoints, moved, first, MotionTransfer())
    out = model.generate(features, moved, details=True)
    last = (out.prediction - driving).abs() * 3 if initial is None else initial
    tiles = [
        draw_keypoints(_tile(source), features.keypoints.value[0]),
        draw_keypoints(_tile(driving), shown.value[0]),
        _tile(source if out.deformed is None else out.deformed),
        *_motion_tiles(out.dense_motion),
        _tile(out.prediction),
        _tile(last),
    ]
    return np.concatenate(tiles, axis=1)


def _tile(picture: Tensor) -> np.ndarray:
    return resize_picture(to_pictures(picture)[0], (TILE, TILE))


def _motion_tiles(motion: DenseMotion | None) -> list[np.ndarray]:
    """The occlusion map, and the masks in the colours of their keypoints, the background's in grey."""
    blank = np.full((TILE, TILE, 3), 255, np.uint8)
    if motion is None:
        return [blank, blank]
    count = motion.mask.shape[1] - 1
    colours = motion.mask.new_tensor([(60, 60, 60), *(keypoint_colour(index, count) for index in range(count))]) / 255
    masks = torch.einsum("kc,kyx->cyx", colours, motion.mask[0])
    occlusion_map = motion.occlusion_map
    return [blank if occlusion_map is None else _tile(occlusion_map), _tile(masks[None])]


def _one_per_identity(cache: FrameCache, limit: int) -> list[CachedClip]:
    """The first clip of each person, those with motion before portraits."""
    clips = sorted(cache.clips, key=lambda clip: clip.length == 1)
    found = {clip.identity: clip for clip in reversed(clips)}
    return list(reversed(found.values()))[:limit]


def _most_different(cache: FrameCache, clip: CachedClip) -> int:
    first = cache.frames[clip.start].astype(np.int16)
    candidates: Sequence[int] = range(clip.start, clip.start + clip.length, max(1, clip.length // 24))
    return max(candidates, key=lambda index: int(np.abs(cache.frames[index] - first).sum()))
