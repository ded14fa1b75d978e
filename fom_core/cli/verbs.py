"""The commands of ``fom``, in the order of its help, each in the module of its name.

Their lines of help are here, for all else about them takes the seconds of importing PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence

HELP = {
    "animate": "animate the faces of a picture or a video, with a driving video, a motion or a pose",
    "inspect": "look at a picture and a driver before they are animated",
    "live": "animate a picture with a camera, or with a video as if it happened now",
    "demo": "animate a picture that comes with the project",
    "faces": "find the faces of a picture or a video",
    "crop_video": "find the part of a video that shows one person, as a driving video should",
    "motion": "save the motion of a driving video; list, edit and pose motions",
    "weights": "list, download, convert and describe weights",
    "workflow": "convert workflows of ComfyUI that were made for another pack",
    "preprocess": "cut face clips for training out of raw videos",
    "train": "learn a model from clips",
    "evaluate": "measure a model on clips, or how its animations look",
    "compress": "make a model small: distil it into a student, prune channels",
    "export": "write a model as ONNX, for other runtimes",
    "bench": "measure how fast this machine animates",
}


def wanted(words: Sequence[str]) -> list[str]:
    """The command that words of a command line name, if any."""
    first = next((word for word in words if not word.startswith("-")), None)
    return [first] if first in HELP else []
