"""Which way a model's keypoints go when a head turns or a face smiles: learnt from clips, in a small file beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..documents.readers import parse_json, shortened
from ..errors import FomError, UsageError
from ..files.paths import ASSETS, require_file, write_tensors
from ..types import Keypoints
from ..weights.store import models_dir
from .similarity import matrix

ENDING = "_pose.safetensors"
_FORMAT = "fom-pose-1"
RIGID = ("roll", "shift_x", "shift_y", "zoom")  # move every model's keypoints alike, so nothing has to be learnt


@dataclass(frozen=True)
class Direction:
    """Where keypoints go for one unit of a control, and for its square.

    value:    (2, K, 2) the shift of each keypoint.
    jacobian: (2, K, 2, 2) the change of its jacobian less the identity; None for models without.
    """

    value: Tensor
    jacobian: Tensor | None


@dataclass(frozen=True)
class PoseDirections:
    """What can be done by hand to the faces of one model.

    model:      its name; the directions mean nothing to another one.
    image_size: height and width of what its detector looks at.
    neutral:    (1, K) the keypoints of a usual face at rest.
    learnt:     the controls that were learnt.
    limits:     of every control that is offered, its lowest and its highest value before the picture breaks.
    face:       width of that face, where the picture's side is 2: the unit of shifts.
    """

    model: str
    image_size: tuple[int, int]
    neutral: Keypoints
    learnt: Mapping[str, Direction]
    limits: Mapping[str, tuple[float, float]]
    face: float

    def keypoints(self, controls: Mapping[str, Tensor]) -> Keypoints:
        """The keypoints (T, K) of a face whose controls have these values, (T,) each; the others are at rest.

        What is learnt adds up; the head as a whole is turned, made larger and shifted after it.
        """
        count = len(next(iter(controls.values())))
        value, change = self.neutral.value.expand(count, -1, -1), None
        if self.neutral.jacobian is not None:
            change = torch.eye(2).expand(*value.shape[:2], 2, 2)
        for name, direction in self.learnt.items():
            if name not in controls:
                continue
            amount = controls[name].float()
            powers = torch.stack([amount, amount.square()], dim=-1)
            value = value + torch.einsum("tp,pkc->tkc", powers, direction.value)
            if change is not None and direction.jacobian is not None:
                change = change + torch.einsum("tp,pkab->tkab", powers, direction.jacobian)
        roll, zoom = torch.deg2rad(controls.get("roll", torch.zeros(count))), controls.get("zoom", torch.ones(count))
        turn = matrix(torch.stack([zoom * roll.cos(), zoom * roll.sin()], dim=-1).float())[:, None]
        shift = torch.stack([controls.get(name, torch.zeros(count)) for name in ("shift_x", "shift_y")], dim=-1)
        centre = self.neutral.value.mean(dim=1)
        value = (turn @ (value - centre)[..., None])[..., 0] + centre + (shift.float() * self.face)[:, None]
        if change is None or self.neutral.jacobian is None:
            return Keypoints(value)
        return Keypoints(value, turn @ change @ self.neutral.jacobian)


def load_directions(model: str) -> PoseDirections:
    """The directions of a model, by its name: of the embedded one, or of a file beside the other weights.

    Raises UsageError where there are none.
    """
    places = [folder / f"{model}{ENDING}" for folder in (ASSETS, models_dir())] if _is_name(model) else []
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise UsageError(
            f"No poses are known for the model '{model}': its keypoints were not learnt. Choose the model "
            f"{' or '.join(posed_models())}, or learn them with `python -m tools.learn_pose`."
        )
    return read_directions(path)


def posed_models() -> list[str]:
    """Names of the models that can be posed, the embedded ones first."""
    found = [path.name for folder in (ASSETS, models_dir()) for path in sorted(folder.glob(f"*{ENDING}"))]
    return list(dict.fromkeys(name.removesuffix(ENDING) for name in found))


def save_directions(directions: PoseDirections, path: str | os.PathLike[str]) -> None:
    """Write them as safetensors in half precision, a few kilobytes."""
    tensors = {"neutral": directions.neutral.value}
    if directions.neutral.jacobian is not None:
        tensors["neutral_jacobian"] = directions.neutral.jacobian
    for name, direction in directions.learnt.items():
        tensors[f"{name}.value"] = direction.value
        if direction.jacobian is not None:
            tensors[f"{name}.jacobian"] = direction.jacobian
    about = {
        "model": directions.model,
        "image_size": directions.image_size,
        "limits": directions.limits,
        "face": directions.face,
    }
    halves = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    write_tensors(Path(path), halves, {"format": _FORMAT, "pose": json.dumps(about)})


def read_directions(path: str | os.PathLike[str]) -> PoseDirections:
    """Read a file of :func:`save_directions`. Raises FomError when it is missing, damaged or something else."""
    path = require_file(path, "The file of poses")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != _FORMAT:
                raise ValueError("no poses")
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        about = parse_json(header["pose"])
        neutral = Keypoints(tensors.pop("neutral"), tensors.pop("neutral_jacobian", None))
        points = neutral.value.shape[1]
        learnt = {}
        for name in sorted({name.partition(".")[0] for name in tensors}):  # added up in this order
            value, jacobian = tensors[f"{name}.value"], tensors.get(f"{name}.jacobian")
            if value.shape != (2, points, 2) or (jacobian is None) != (neutral.jacobian is None):
                raise ValueError(f"directions {tuple(value.shape)} for {points} keypoints")
            learnt[name] = Direction(value, jacobian)
        limits = {str(name): (float(low), float(high)) for name, (low, high) in about["limits"].items()}
        height, width = about["image_size"]
        return PoseDirections(
            str(about["model"]), (int(height), int(width)), neutral, learnt, limits, float(about["face"])
        )
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise FomError(
            f"{path.name} is damaged or no file of poses ({shortened(str(error))}). Make it anew with "
            "`python -m tools.learn_pose`."
        ) from error


def _is_name(model: str) -> bool:
    return Path(model).name == model and "\0" not in model
