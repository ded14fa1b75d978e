"""Motion files: the keypoints of a driving video as safetensors."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..documents.readers import parse_json, shortened
from ..errors import FomError
from ..files.paths import ASSETS, name_refusal, require_file, write_tensors
from ..media.kinds import is_video_file
from ..types import Keypoints, Motion
from ..weights.read import breaks_off

_FORMAT = "fom-motion-1"
_PREFIX, _SUFFIX = "motion_", ".safetensors"  # of those that come with the project


def save_motion(motion: Motion, path: str | os.PathLike[str]) -> None:
    """Write keypoints, frame rate and the model's name and fingerprint as safetensors.

    Takes about a quarter of a kilobyte a frame. Raises WriteError for an unwritable place.
    """
    tensors = {"value": motion.keypoints.value}
    if motion.keypoints.jacobian is not None:
        tensors["jacobian"] = motion.keypoints.jacobian
    if motion.seen is not None:
        tensors["seen"] = torch.tensor(motion.seen)
    if motion.neutral is not None:
        tensors["neutral"] = motion.neutral.value.clone()  # it may be one of the frames, and files hold nothing twice
        if motion.neutral.jacobian is not None:
            tensors["neutral_jacobian"] = motion.neutral.jacobian.clone()
    header = {"fps": motion.fps, "model": motion.model, "image_size": motion.image_size, "metadata": motion.metadata}
    if motion.fingerprint is not None:
        header["fingerprint"] = motion.fingerprint
    write_tensors(Path(path), tensors, {"format": _FORMAT, "motion": json.dumps(header)})


def load_motion(path: str | os.PathLike[str]) -> Motion:
    """Read a motion file. Raises FomError when it is missing or something else."""
    path = Path(path)
    if not name_refusal(path) and not os.path.exists(path):  # noqa: PTH110 - of names that are too long, too
        if path.name == str(path) and os.path.exists(embedded_file(plain(path.name))):  # noqa: PTH110 - as above
            raise FomError(
                f"There is no motion file at {path}. The motion of that name comes with the project: "
                f'fom_core.embedded_motion("{plain(path.name)}").'
            )
        raise FomError(f"There is no motion file at {path}. Make one with `fom motion VIDEO --output {path.name}`.")
    require_file(path, "The motion file")
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            if about.get("format") != _FORMAT:
                raise FomError(f"{path.name} is not a motion file. Make one with `fom motion VIDEO --output FILE`.")
            # Clones, for the tensors are the mapped file itself, and the user may replace that.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        header = parse_json(about["motion"])
        keypoints = _checked(tensors["value"], tensors.get("jacobian"))
        seen = _seen(tensors.get("seen"), len(keypoints))
        neutral = _neutral(tensors, keypoints)
        fps, (height, width) = float(header["fps"]), header["image_size"]
        if not 1 <= fps <= 1000:
            raise ValueError(f"{fps:g} frames/s")
        size, known = (int(height), int(width)), _fingerprint(header.get("fingerprint"))
        return Motion(keypoints, fps, str(header["model"]), size, dict(header["metadata"]), seen, known, neutral)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, OverflowError) as error:
        if is_video_file(path):
            raise FomError(
                f"{path.name} is a video and not a motion file. Give it as --driving_video, or save its motion first: "
                f"`fom motion {path.name} --output FILE`."
            ) from error
        if breaks_off(path):
            raise FomError(
                f"{path.name} breaks off after {path.stat().st_size:,} bytes: its copy did not finish. Copy it again, "
                "or make it anew with `fom motion`."
            ) from error
        raise FomError(
            f"{path.name} is damaged or not a motion file ({shortened(str(error))}). Make it anew with `fom motion`."
        ) from error


def embedded_file(name: str) -> Path:
    """Where a motion of that name lies, if it comes with the project."""
    return ASSETS / f"{_PREFIX}{name.replace(' ', '_')}{_SUFFIX}"


def plain(name: str) -> str:
    """A name as the motions that come with the project have it."""
    return name.strip().lower().replace("_", " ").replace("-", " ")


def is_motion(path: Path) -> bool:
    """Whether a file says that it is a motion; reads a few bytes of it."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("format") == _FORMAT
    except (OSError, SafetensorError):
        return False


def _checked(value: Tensor, jacobian: Tensor | None) -> Keypoints:
    """Keypoints from a file. Raises ValueError for tensors that are none."""
    if value.ndim != 3 or value.shape[2] != 2 or not value.numel() or not value.isfinite().all():
        raise ValueError(f"keypoints {tuple(value.shape)}")
    if jacobian is not None and (jacobian.shape != (*value.shape, 2) or not jacobian.isfinite().all()):
        raise ValueError(f"jacobians {tuple(jacobian.shape)}")
    return Keypoints(value.float(), None if jacobian is None else jacobian.float())


def _neutral(tensors: dict[str, Tensor], keypoints: Keypoints) -> Keypoints | None:
    """The keypoints at rest; None in files that do not tell. Raises ValueError for those of another face."""
    if "neutral" not in tensors:
        return None
    rest = _checked(tensors["neutral"], tensors.get("neutral_jacobian"))
    if rest.value.shape[:2] != (1, keypoints.value.shape[1]) or (rest.jacobian is None) != (keypoints.jacobian is None):
        raise ValueError(f"keypoints at rest {tuple(rest.value.shape)}")
    return rest


def _seen(flags: Tensor | None, frames: int) -> tuple[bool, ...] | None:
    """In which frames the driver is seen; None in files that do not tell. Raises ValueError for another count."""
    if flags is None:
        return None
    if flags.shape != (frames,):
        raise ValueError(f"{tuple(flags.shape)} marks for {frames} frames")
    return tuple(bool(flag) for flag in flags.tolist())


def _fingerprint(values: Any) -> tuple[float, ...] | None:
    """Of the model that read the motion; None in files that do not tell. Raises ValueError, TypeError for nonsense."""
    if values is None:
        return None
    numbers = tuple(float(value) for value in values)
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a fingerprint that is none")
    return numbers
