"""Writes what the Python code computes on small cases, for the tests of the page's own arithmetic.

python tools/fixtures.py FILE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fom_core.compose.canvas import Canvas, canvases
from fom_core.compose.composer import Composer
from fom_core.compose.flow import CanvasFlow, Follower
from fom_core.driver import align_drivers
from fom_core.faces.detection import Detection
from fom_core.faces.regions import crop_face, regions_from_boxes
from fom_core.faces.tracking import fixed_view, look_for_driver
from fom_core.geometry import identity_grid
from fom_core.motion import (
    FADE_IN_S,
    SMOOTHING,
    find_best_frame,
    hull_area,
    initial_frame,
    movement_scale,
    transfer_motion,
    transfer_sequence,
)
from fom_core.types import Box, DenseMotion, FaceSet, Generated, InitialFrame, Keypoints, Motion, MotionTransfer

POINTS = 6
CLIP, CLIP_FPS = 24, 25.0
SEEN = [3 <= frame < CLIP - 2 for frame in range(CLIP)]
DIGITS, COARSE = 7, 4  # after the point
EVERY = 13  # rows of what is large
GRID = 16  # side of a network's flow, occlusion map and picture
FLOW_UNIT = 15 / 16
PICTURE = ((7, 3, 40), (-4, 9, 300), (11, -6, 120))  # steps along x and y, and a start, of each colour's waves
PAINTED = ((31, 9, 200), (-14, 22, 10), (5, -37, 90))
COMPOSED: tuple[tuple[tuple[int, int], list[Box], list[Box], float], ...] = (
    ((150, 190), [(-20, -12, 120, 128)], [], 0.06),  # at the picture's border
    ((100, 140), [(14, 16, 74, 76), (52, 8, 116, 72)], [(110, 50, 150, 90)], 0.25),  # overlapping, and one keeps still
)
TRANSFERS = (
    MotionTransfer(),
    MotionTransfer(gain=1.6),
    MotionTransfer(gain=0.0),
    MotionTransfer(relative_jacobian=False),
    MotionTransfer(adapt_movement_scale=False),
    MotionTransfer(relative_motion=False),
)


def fixtures() -> dict[str, Any]:
    """All cases, of plain numbers rounded to seven digits after the point."""
    random = np.random.default_rng(0)
    return {
        "transfer": transfer_cases(random),
        "driver": driver_cases(),
        "views": view_cases(random),
        "crops": crop_cases(random),
        "composed": [composed_case(random, *case) for case in COMPOSED],
    }


def transfer_cases(random: np.random.Generator) -> dict[str, Any]:
    source, initial, driving = (_keypoints(random, 1), _keypoints(random, 1), _keypoints(random, 5))
    line = Keypoints(torch.linspace(-0.5, 0.5, 2 * POINTS).view(1, POINTS, 2))
    return {
        "source": _plain(source),
        "initial": _plain(initial),
        "driving": [_plain(driving[t : t + 1]) for t in range(len(driving))],
        "hull_areas": [_numbers(hull_area(points.value[0])) for points in (source, initial, line)],
        "in_line": _plain(line),
        "scale": _numbers(movement_scale(source, initial)),
        "best_frame": find_best_frame(source, driving),
        "moved": [
            {
                "transfer": {
                    "relativeMotion": choice.relative_motion,
                    "relativeJacobian": choice.relative_jacobian,
                    "adaptMovementScale": choice.adapt_movement_scale,
                    "gain": choice.gain,
                    "fadeInS": choice.fade_in_s,
                },
                "expected": _plain(transfer_motion(source, driving[1:2], initial, choice)),
            }
            for choice in TRANSFERS
        ],
    }


def driver_cases() -> dict[str, Any]:
    """A clip's keypoints, and what becomes of them on their way to the source."""
    random = np.random.default_rng(1)
    still, sway = _keypoints(random, 1), torch.linspace(0, 5, CLIP).sin()[:, None, None]
    jitter = _keypoints(random, CLIP)
    assert still.jacobian is not None
    assert jitter.jacobian is not None
    turned = still.jacobian + 0.2 * sway[..., None] + 0.02 * jitter.jacobian
    clip = Keypoints(still.value + 0.1 * sway + 0.02 * jitter.value, turned)
    source = _keypoints(random, 1)
    return {
        "clip": _frames(clip),
        "seen": SEEN,
        "fps": CLIP_FPS,
        "source": _plain(source),
        "cases": [
            _driver_case(source, Motion(clip, CLIP_FPS, "mini", (256, 256), seen=marks), smoothing)
            for marks in (tuple(SEEN), None)
            for smoothing in (0.0, SMOOTHING, 1.0)
        ],
    }


def _driver_case(source: Keypoints, motion: Motion, smoothing: float) -> dict[str, Any]:
    (aligned,) = align_drivers([motion], motion.fps, smoothing=smoothing)
    wanted: dict[str, InitialFrame] = {"first": 0, "best": "best", "medoid": "medoid"}
    initial = {
        name: initial_frame(source, aligned.keypoints, MotionTransfer(initial_frame=asked), aligned.seen)
        for name, asked in wanted.items()
    }
    moved = transfer_sequence(source, aligned, MotionTransfer(initial_frame="medoid", fade_in_s=FADE_IN_S))
    return {
        "smoothing": smoothing,
        "seen": motion.seen is not None,
        "aligned": _frames(aligned.keypoints),
        "initial": initial,
        "moved": _frames(moved),
    }


def view_cases(random: np.random.Generator) -> dict[str, Any]:
    """Crops of a picture's faces, and the fixed view of a driver."""
    boxes = [[40, 60, 140, 190], [45, 66, 150, 200], [400, 20, 471, 111], [250, 300, 265.5, 318.5]]
    scores = [0.8, 0.9, 0.95, 0.7]
    found = [Detection((b[0], b[1], b[2], b[3]), s) for b, s in zip(boxes, scores, strict=True)]
    regions = regions_from_boxes([f.box_px for f in found], (480, 640), scores=scores)
    tracks = []
    for width, height, side, travel in ((640, 480, 120, 10), (640, 480, 300, 40), (320, 640, 200, 90)):
        corner = np.array([width / 2 - side / 2, height / 2 - side / 2]) + random.normal(0, travel, (7, 2))
        track = np.hstack([corner, corner + side * random.uniform(0.9, 1.1, (7, 2))]).round(2)
        view = fixed_view(track, (height, width), 0.75)
        chosen = look_for_driver(
            [np.zeros((height, width, 3), np.uint8)] * (5 * len(track)),
            (height, width),
            _Seen(track),
            frame_count=len(track),
        )
        tracks.append({"boxes": track.tolist(), "width": width, "height": height, "expected": view, "view": chosen.box})
    return {"boxes": boxes, "scores": scores, "crops": [region.crop_px for region in regions], "tracks": tracks}


def composed_case(
    random: np.random.Generator, size: tuple[int, int], crops: list[Box], others: list[Box], strength: float
) -> dict[str, Any]:
    """A small picture whose faces move by waves; where ``strength`` is large, they fold."""
    height, width = size
    faces = FaceSet.from_crops([*crops, *others], size)
    faces = FaceSet(faces.faces[: len(crops)], size, faces.faces[len(crops) :])
    picture = waves(PICTURE, height, width)
    stills, moments = [], []
    for _ in crops:
        still, moved = (_generated(random, amount) for amount in (0.0, strength))
        stills.append(still)
        moments.append(moved)
    composer = Composer(picture, faces, stills, flow_unit=FLOW_UNIT)
    (frame,) = composer(moments)
    flows = [
        Follower(canvas, _motion(still), FLOW_UNIT)(_motion(moved))
        for canvas, still, moved in zip(canvases(faces), stills, moments, strict=True)
    ]
    return {
        "size": [width, height],
        "crops": crops,
        "others": others,
        "unit": FLOW_UNIT,
        "picture": PICTURE,
        "painted": PAINTED,
        "every": EVERY,
        "still": [_maps(still) for still in stills],
        "moved": [_maps(moved) for moved in moments],
        "canvases": [_canvas(canvas) for canvas in canvases(faces)],
        "flows": [_flow(flow) for flow in flows],
        "composed": frame[::EVERY].reshape(-1).tolist(),
    }


def crop_cases(random: np.random.Generator) -> list[dict[str, Any]]:
    """Cutting out and resizing: smaller, larger, and past the border."""
    picture = (128 + 100 * np.sin(random.normal(0, 1, (22, 30, 3)).cumsum(axis=1) / 2)).astype(np.uint8)
    cases = []
    for box, size in (((3, 2, 23, 22), 8), ((5, 4, 15, 14), 16), ((-6, -4, 14, 16), 12), ((12, 8, 36, 32), 32)):
        expected = crop_face(picture, box, (size, size))
        cases.append({"box": box, "size": size, "expected": expected.reshape(-1).tolist()})
    return [{"width": 30, "height": 22, "pixels": picture.reshape(-1).tolist()}, *cases]


class _Seen:
    """A detector that has seen a track of boxes, one in each picture."""

    name = "seen"

    def __init__(self, track: np.ndarray) -> None:
        self.left = iter(track)

    def detect(self, image: np.ndarray) -> list[Detection]:
        x0, y0, x1, y1 = map(float, next(self.left))
        return [Detection((x0, y0, x1, y1), 0.9)]


def _keypoints(random: np.random.Generator, frames: int) -> Keypoints:
    value = torch.from_numpy(random.uniform(-0.8, 0.8, (frames, POINTS, 2))).float()
    jacobian = torch.eye(2) + torch.from_numpy(random.normal(0, 0.3, (frames, POINTS, 2, 2))).float()
    return Keypoints(value, jacobian)


def _plain(keypoints: Keypoints) -> dict[str, Any]:
    jacobian = keypoints.jacobian
    return {"value": _numbers(keypoints.value), "jacobian": None if jacobian is None else _numbers(jacobian)}


def _frames(keypoints: Keypoints) -> list[dict[str, Any]]:
    return [_plain(keypoints[t : t + 1]) for t in range(len(keypoints))]


def waves(rule: Sequence[Sequence[int]], height: int, width: int) -> np.ndarray:
    """A picture (H, W, 3) of waves of straight flanks, which whole numbers describe: steps along x and y, a start."""
    y, x = np.mgrid[:height, :width]
    return np.stack([np.abs((a * x + b * y + c) % 510 - 255) for a, b, c in rule], axis=-1).astype(np.uint8)


def _generated(random: np.random.Generator, strength: float) -> Generated:
    """What a network might give: a flow of a few waves, ``strength`` half sides far, and an occlusion map."""
    y, x = (np.mgrid[:GRID, :GRID] + 0.5) / GRID
    moved = [
        sum(np.sin(2 * np.pi * (a * x + b * y + phase)) for a, b, phase in random.uniform(-1, 1, (3, 3))) for _ in "xy"
    ]
    flow = identity_grid(GRID, GRID, like=torch.zeros(1))[None]
    flow = flow + strength * torch.from_numpy(np.stack(moved, axis=-1)[None]).float()
    seen = 0.75 - (strength > 0) * 0.4 * (1 + np.sin(7 * x + 5 * y)) + 0.2 * np.cos(4 * x)
    picture = torch.from_numpy(waves(PAINTED, GRID, GRID)).movedim(-1, 0)[None] / 255
    occlusion = torch.from_numpy(seen.clip(0.02, 1)[None, None]).float()
    return Generated(picture, DenseMotion(_rounded(flow), _rounded(occlusion), torch.ones(1, 1, GRID, GRID)))


def _motion(generated: Generated) -> DenseMotion:
    assert generated.dense_motion is not None
    return generated.dense_motion


def _maps(generated: Generated) -> dict[str, Any]:
    motion = _motion(generated)
    occlusion = motion.occlusion_map
    maps = {"deformation": _numbers(motion.deformation), "occlusion": _numbers(occlusion)}
    return {**maps, "width": GRID, "height": GRID}


def _canvas(canvas: Canvas) -> dict[str, Any]:
    names = ("places", "room", "painted")
    sampled = {name: _numbers(getattr(canvas, name)[::EVERY], COARSE) for name in names}
    return {"rect": canvas.rect, "corner": canvas.corner, "cell": canvas.cell, **sampled}


def _flow(flow: CanvasFlow) -> dict[str, Any]:
    return {
        "displacement": _numbers(flow.displacement[0, ::EVERY], COARSE),
        "share": _numbers(flow.share[0, ::EVERY], COARSE),
    }


def _rounded(values: torch.Tensor) -> torch.Tensor:
    """As precise as they are stored."""
    return torch.from_numpy(values.numpy().astype(np.float64).round(DIGITS)).float()


def _numbers(values: Any, digits: int = DIGITS) -> Any:
    rounded = np.asarray(values, dtype=np.float64).round(digits)
    return rounded.reshape(-1).tolist() if rounded.ndim else float(rounded)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    Path(sys.argv[1]).write_text(json.dumps(fixtures()) + "\n", encoding="utf-8")
