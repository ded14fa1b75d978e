"""Learns which way a model's keypoints go when a head turns, a mouth opens or smiles, out of clips.

    python -m tools.learn_pose --clips FOLDER [FOLDER ...] --mesh face_landmark.tflite [--model mini]

A folder of clips holds ``index.csv`` as `fom train` reads it; only rows of the class permissive are used. The mesh is
that of a wheel of mediapipe up to 0.10.14. What is learnt is written beside the model; its limits were found with
``python -m tools.look_at_motions``, by measuring and by eye.
"""

from __future__ import annotations

import argparse
import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from fom_core.backends.load import load_model
from fom_core.backends.pytorch import PyTorchModel
from fom_core.driver import look_at
from fom_core.files.paths import ASSETS
from fom_core.media import VideoReader
from fom_core.motion.directions import ENDING, Direction, PoseDirections, save_directions
from fom_core.pictures import to_batch
from fom_core.training.data.face_shape import canonical
from fom_core.training.data.mesh import LEFT_EAR, RIGHT_EAR, MeshFinder
from fom_core.types import Keypoints

from .pose.state import MEASURES, FaceState, state_of

log = logging.getLogger(__name__)
EVERY = 3  # frames of a clip, of which one is looked at
UNIT = np.array([1, 1, 0.2, 0.1, 0.05, 0.05, 0.06])  # of each measure: a degree, a mouth wide open, a smile, a blink
SMALL = 1e-3  # weight of the ridge, beside each measure's variance
YAW, PITCH = 40.0, 35.0  # faces that are turned further are left out
CONTROLS = {  # how much of each measure's unit a control is at 1
    "yaw": {"yaw": 1.0},
    "pitch": {"pitch": 1.0},
    "mouth_open": {"mouth_open": 1.4},
    "smile": {"mouth_width": 1.8, "corners": 1.2},
}
ON_TOP = ("mouth_open", "smile")  # of a head that stands still, judged by the keypoints near its eyes
EYES = 0.35  # height of the lowest of them in a canonical face, and half as far again from its middle
LIMITS = {
    "yaw": (-20.0, 20.0),
    "pitch": (-15.0, 15.0),
    "roll": (-20.0, 20.0),
    "shift_x": (-0.2, 0.2),
    "shift_y": (-0.2, 0.2),
    "zoom": (0.85, 1.2),
    "mouth_open": (0.0, 1.0),
    "smile": (-0.7, 1.0),
}


@dataclass(frozen=True)
class Seen:
    """Frames of a clip: keypoints (T, K, 2) and jacobians (T, K, 2, 2) of the model, meshes (T, 468, 3) in [-1, 1]."""

    value: np.ndarray
    jacobian: np.ndarray
    meshes: np.ndarray


def permissive_clips(folder: Path) -> Iterator[Path]:
    """The videos of a folder of clips that anybody may learn from."""
    with (folder / "index.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["kind"] == "video" and row["licence_class"] == "permissive":
                yield folder / row["file"]


@torch.inference_mode()
def see(model: PyTorchModel, mesh: MeshFinder, clip: Path) -> Seen:
    """Look at a clip with the model and with the mesh."""
    with VideoReader(str(clip)) as video:
        frames = list(islice(video, 0, None, EVERY))
    height, width = frames[0].shape[:2]
    whole = (width / 2, height / 2, float(max(height, width)))
    square, meshes = mesh.around(frames[0], mesh.around(frames[0], whole)), []
    for frame in frames:
        meshes.append(mesh(frame, square))
        square = mesh.around(frame, square)
        if not 0.2 < square[2] / whole[2] < 1.6:
            square = whole
    views = np.stack([look_at(model, frame, None) for frame in frames])
    found = Keypoints.cat(
        [
            model.detect_keypoints(to_batch(part, channels=3, device="cpu"))
            for part in np.array_split(views, -(-len(views) // 16))
        ]
    )
    if found.jacobian is None:
        raise SystemExit(f"{model.name} has no jacobians: poses are not learnt for such models.")
    scale = np.array([2 / (width - 1), 2 / (height - 1), 2 / (width - 1)])
    return Seen(found.value.numpy(), found.jacobian.numpy(), np.stack(meshes) * scale - [1, 1, 0])


@dataclass(frozen=True)
class Table:
    """All frames of all clips: measures in units (N, M), keypoints and jacobians as on an upright canonical face."""

    measures: np.ndarray
    value: np.ndarray
    jacobian: np.ndarray
    clip: np.ndarray


def upright(seen: Seen, state: FaceState, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints of a frame as they would be on a canonical face that is not rolled, around the middle of its skull."""
    cosine, sine = np.cos(state.roll), np.sin(state.roll)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return (seen.value[frame] - state.middle) @ turn / state.scale, turn.T @ seen.jacobian[frame] / state.scale


def table_of(clips: Sequence[Seen], face: np.ndarray) -> Table:
    """Measure every frame."""
    measures, value, jacobian, clip = [], [], [], []
    for number, seen in enumerate(clips):
        for frame, mesh in enumerate(seen.meshes):
            state = state_of(mesh, face)
            points = upright(seen, state, frame)
            measures.append(state.measures / UNIT)
            value.append(points[0])
            jacobian.append(points[1])
            clip.append(number)
    return Table(np.array(measures), np.array(value), np.array(jacobian), np.array(clip))


def slopes(table: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Rest (K, 2), jacobians at rest, and the change of both for a unit of each measure, then of yaw² and pitch².

    Least squares over all frames, each beside the mean of its clip. Last: the share of the keypoints' movement that is
    explained so.
    """
    near = (np.abs(table.measures[:, 0]) < YAW) & (np.abs(table.measures[:, 1]) < PITCH)
    clips = [number for number in np.unique(table.clip) if (near & (table.clip == number)).any()]
    rest = np.stack([table.value[table.clip == number].mean(axis=0) for number in clips])
    turned = np.stack([table.jacobian[table.clip == number].mean(axis=0) for number in clips])
    inputs = np.concatenate([table.measures, np.square(table.measures[:, :2])], axis=1)
    x, y = [], []
    for place, number in enumerate(clips):
        here = near & (table.clip == number)
        change = table.jacobian[here] @ np.linalg.inv(turned[place])
        both = np.concatenate([table.value[here].reshape(here.sum(), -1), change.reshape(here.sum(), -1)], axis=1)
        x.append(inputs[here] - inputs[here].mean(axis=0))
        y.append(both - both.mean(axis=0))
    x, y = np.concatenate(x), np.concatenate(y)
    weights = np.linalg.solve(x.T @ x + SMALL * len(x) * np.diag(x.var(axis=0)), x.T @ y)
    points = rest.shape[1] * 2
    left = np.square((y - x @ weights)[:, :points]).sum() / np.square(y[:, :points]).sum()
    return (
        rest.mean(axis=0), turned.mean(axis=0), weights[:, :points].reshape(-1, *rest.shape[1:]),
        weights[:, points:].reshape(-1, *turned.shape[1:]), 1 - float(left),
    )  # fmt: skip


def learn(table: Table, face: np.ndarray, scale: float, model: PyTorchModel) -> PoseDirections:
    """The controls of a model, for a face of the canonical one's size times ``scale`` in the middle of the picture."""
    rest, turned, value, jacobian, explained = slopes(table)
    log.info("%d frames; %.3f of the keypoints' movement is explained.", len(table.clip), explained)
    near_eyes = (np.abs(rest[:, 1]) < EYES) & (np.abs(rest[:, 0]) < 2 * EYES)
    squares = {"yaw": len(MEASURES), "pitch": len(MEASURES) + 1}
    learnt = {}
    for name, shares in CONTROLS.items():
        weights = np.array([shares.get(measure, 0.0) for measure in MEASURES])
        shift, change = (np.tensordot(weights, part[: len(MEASURES)], axes=1) for part in (value, jacobian))
        if name in ON_TOP:
            shift = shift - shift[near_eyes].mean(axis=0)
        bend, curl = (part[squares[name]] if name in squares else np.zeros_like(part[0]) for part in (value, jacobian))
        learnt[name] = Direction(
            torch.from_numpy(np.stack([shift, bend]) * scale).float(),
            torch.from_numpy(np.stack([change, curl])).float(),
        )
    neutral = Keypoints(torch.from_numpy(rest[None] * scale).float(), torch.from_numpy(turned[None] * scale).float())
    width = float(face[LEFT_EAR, 0] - face[RIGHT_EAR, 0]) * scale
    return PoseDirections(model.name, model.config.learnt_size, neutral, learnt, LIMITS, width)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.learn_pose", description=__doc__)
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders with index.csv and video/")
    parser.add_argument("--mesh", type=Path, required=True, help="face_landmark.tflite")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--output", type=Path, default=ASSETS, help="folder to write to")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model, mesh = load_model(args.model, device="cpu"), MeshFinder(args.mesh)
    clips = [see(model, mesh, clip) for folder in args.clips for clip in permissive_clips(folder)]
    face = canonical(np.concatenate([seen.meshes for seen in clips])[::7])
    scale = float(np.median([state_of(mesh, face).scale for seen in clips for mesh in seen.meshes[::7]]))
    path = args.output / f"{model.name}{ENDING}"
    save_directions(learn(table_of(clips, face), face, scale, model), path)
    log.info("%s: %d bytes", path, path.stat().st_size)


if __name__ == "__main__":
    main()
