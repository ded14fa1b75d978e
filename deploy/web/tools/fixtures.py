"""Writes what the Python code computes on small cases, for the tests of the page's own arithmetic.

python tools/fixtures.py FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fom_core.compose.masks import Layer, layers, partition
from fom_core.compose.paste import FEATHER
from fom_core.faces.detection import Detection
from fom_core.faces.regions import crop_face, regions_from_boxes
from fom_core.faces.tracking import fixed_view
from fom_core.motion import find_best_frame, hull_area, movement_scale, transfer_motion
from fom_core.types import Keypoints, MotionTransfer

POINTS = 6
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
        "views": view_cases(random),
        "masks": mask_cases(),
        "crops": crop_cases(random),
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
                },
                "expected": _plain(transfer_motion(source, driving[1:2], initial, choice)),
            }
            for choice in TRANSFERS
        ],
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
        tracks.append({"boxes": track.tolist(), "width": width, "height": height, "expected": view})
    return {"boxes": boxes, "scores": scores, "crops": [region.crop_px for region in regions], "tracks": tracks}


def mask_cases() -> list[dict[str, Any]]:
    """Soft masks: one face, one at the border, and two that overlap."""
    size = (40, 60)  # height, width
    cases = []
    for crops in ([(10, 4, 40, 34)], [(-6, -3, 20, 23)], [(2, 6, 32, 36), (22, 2, 56, 36)]):
        alone = layers(crops, size, "soft", 0.4, FEATHER)
        shared = partition(alone) if len(alone) > 1 else alone
        cases.append({"crops": crops, "size": size[::-1], "layers": [_layer(layer) for layer in shared]})
    return cases


def crop_cases(random: np.random.Generator) -> list[dict[str, Any]]:
    """Cutting out and resizing: smaller, larger, and past the border."""
    picture = (128 + 100 * np.sin(random.normal(0, 1, (22, 30, 3)).cumsum(axis=1) / 2)).astype(np.uint8)
    cases = []
    for box, size in (((3, 2, 23, 22), 8), ((5, 4, 15, 14), 16), ((-6, -4, 14, 16), 12), ((12, 8, 36, 32), 32)):
        expected = crop_face(picture, box, (size, size))
        cases.append({"box": box, "size": size, "expected": expected.reshape(-1).tolist()})
    return [{"width": 30, "height": 22, "pixels": picture.reshape(-1).tolist()}, *cases]


def _keypoints(random: np.random.Generator, frames: int) -> Keypoints:
    value = torch.from_numpy(random.uniform(-0.8, 0.8, (frames, POINTS, 2))).float()
    jacobian = torch.eye(2) + torch.from_numpy(random.normal(0, 0.3, (frames, POINTS, 2, 2))).float()
    return Keypoints(value, jacobian)


def _plain(keypoints: Keypoints) -> dict[str, Any]:
    jacobian = keypoints.jacobian
    return {"value": _numbers(keypoints.value), "jacobian": None if jacobian is None else _numbers(jacobian)}


def _layer(layer: Layer) -> dict[str, Any]:
    return {"rect": layer.rect, "weight": _numbers(layer.weight)}


def _numbers(values: Any) -> Any:
    rounded = np.asarray(values, dtype=np.float64).round(7)
    return rounded.reshape(-1).tolist() if rounded.ndim else float(rounded)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    Path(sys.argv[1]).write_text(json.dumps(fixtures()) + "\n", encoding="utf-8")
