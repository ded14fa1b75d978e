"""A cache of people that nobody is: smooth heads before smooth backgrounds, with meshes and mattes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from fom_core.training.data.frame_cache import CachedClip, FrameCache
from fom_core.training.data.mesh import five_points
from tests.drawn_meshes import face, posed

SIDE = 96
VIDEOS, FRAMES, STILLS = 2, 4, 4


def smooth(seed: int, darkest: int, brightest: int) -> np.ndarray:
    """(S, S, 3) uint8 without edges, so that it can be sampled anywhere."""
    noise = np.random.default_rng(seed).uniform(darkest, brightest, (5, 5, 3)).astype(np.float32)
    return cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def drawn_person(seed: int, turn: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bright head with shoulders before something dark: frame, matte at half the side, mesh."""
    mesh = posed(face(), turn)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (SIDE // 2 + round(turn / 4), round(0.45 * SIDE)), (26, 36), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (SIDE // 4, round(0.85 * SIDE)), (3 * SIDE // 4, SIDE), 255, -1)
    frame = np.where(mask[..., None] > 0, smooth(seed, 150, 255), smooth(1000 + seed, 0, 100))
    return frame, cv2.resize(mask, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA), mesh


def drawn_cache(folder: Path) -> FrameCache:
    """Clips whose heads turn, and portraits; of the last portrait the matte holds nobody."""
    clips = [CachedClip(f"v{n}", f"v{n}", "video", FRAMES * n, FRAMES) for n in range(VIDEOS)]
    clips += [CachedClip(f"s{n}", f"s{n}", "still", FRAMES * VIDEOS + n, 1) for n in range(STILLS)]
    people = [drawn_person(clip.start, 6 * number - 6) for clip in clips for number in range(clip.length)]
    frames, mattes, meshes = (np.stack(each) for each in zip(*people, strict=True))
    mattes[-1] = 0
    meshes = meshes.astype(np.float32)
    arrays = {"frames": frames, "matte": mattes, "mesh": meshes, "landmarks": five_points(meshes).astype(np.float32)}
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    (folder / "clips.json").write_text(json.dumps([vars(clip) for clip in clips]))
    return FrameCache(folder)
