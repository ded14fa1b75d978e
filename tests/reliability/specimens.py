"""How every kind of file that people hand to this project is opened, by the library and by the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from fom_core.backends.package import MANIFEST, STREAMING, read_package
from fom_core.cli.animate_options import declare
from fom_core.cli.manifest import jobs_of
from fom_core.evaluation.evaluate import _listed
from fom_core.media import VideoReader, read_picture, read_sound
from fom_core.motion import load_motion
from fom_core.preprocess.clip_sources import jobs_of_metadata
from fom_core.training.config import load_config
from fom_core.training.data.clips import Pack, decode_picture, find_entries, read_frames
from fom_core.training.data.feed import Feed, open_feed
from fom_core.training.data.frame_cache import FrameCache
from fom_core.training.journal import read_log
from fom_core.training.loop import resume
from fom_core.training.perceptual import VggFeatures
from fom_core.training.settings import LossWeights, Stage
from fom_core.training.trainer import Trainer
from fom_core.weights.config_file import read_config
from fom_core.weights.load import load_module

MODEL, PICTURE = "tiny.safetensors", "picture.png"  # beside the kinds' folders, for commands
CROPS = ["--source_crop", "none", "--driving_crop", "none", "--image_size", "64", "--cpu"]
Words = Callable[[Path, Path], list[object]]


@dataclass(frozen=True)
class Kind:
    """A file that is damaged, in a folder of its own with what belongs beside it, and what opens it.

    command: words of a command line that opens it, from the file and the folder of all kinds.
    costly:  takes so long that fewer of it are damaged.
    """

    file: str
    read: Callable[[Path], object]
    command: Words | None = None
    costly: bool = False


def info(path: Path, _: Path) -> list[object]:
    return ["weights", "info", path]


def info_with(path: Path, place: Path) -> list[object]:
    return ["weights", "info", place / MODEL, "--config", path]


def faces(path: Path, place: Path) -> list[object]:
    return ["faces", path, "--face_detector", "embedded", "--json", place / "faces.json"]


def motion_of(path: Path, place: Path) -> list[object]:
    return ["motion", path, "--model", place / MODEL, "--output", place / "m.safetensors", *CROPS[2:4], "--cpu"]


def moved_by(path: Path, place: Path) -> list[object]:
    sources = ["animate", "--source_image", place / PICTURE, "--motion", path, "--model", place / MODEL]
    return [*sources, *CROPS, "--output", place / "moved.mp4"]


def manifest(path: Path, place: Path) -> list[object]:
    return ["animate", "--manifest", path, "--output", place / "out"]


def training(path: Path, place: Path) -> list[object]:
    return ["train", place / "empty", "--config", path, "--output", place / "run"]


def cut_by(path: Path, place: Path) -> list[object]:
    return ["preprocess", place / "empty", "--metadata", path, "--output", place / "cut"]


def read_video(path: Path) -> None:
    with VideoReader(path) as reader:
        for _ in reader:
            pass
        read_sound(reader, 2.0)


def read_still(path: Path) -> None:
    read_picture(path, alpha=True)
    decode_picture(path)


def read_pack(path: Path) -> None:
    pack = Pack.open(path)
    for index in range(min(len(pack), 20)):
        pack[index]


def read_cache(path: Path) -> None:
    cached = FrameCache(path.parent)
    for clip in cached.clips:
        np.array(cached.frames[clip.start : clip.start + clip.length])


def read_export(path: Path) -> None:
    package = read_package(path.parent)
    for name in STREAMING:
        package.file_of(path.parent, name, package.precisions[-1])


@cache
def trainer(model: Path) -> Trainer:
    """A training of the tiny model, which has taken no step."""
    weights = LossWeights(perceptual=(1.0,), l1=1.0)
    stage = Stage("tiny", load_module(model).config, steps=4, batch_size=2, scales=(1.0,), weights=weights)
    return Trainer(stage, VggFeatures((4,), seed=0), torch.device("cpu"), seed=0)


@cache
def feed(model: Path) -> Feed:
    """Batches for it."""
    return open_feed(FrameCache(model.parent / "frames"), trainer(model).stage, seed=0)


def go_on(path: Path) -> None:
    model = path.parents[2] / MODEL
    resume(trainer(model), feed(model), path.parents[1])


def read_manifest(path: Path) -> None:
    jobs_of(argparse.Namespace(manifest=str(path)), declare)


def read_pairs(path: Path) -> None:
    _listed(path, find_entries(path.parent, "val"), path.parent)


def _weights(name: str) -> Kind:
    return Kind(name, load_module, info)


def _still(suffix: str) -> Kind:
    return Kind(f"a{suffix}", read_still, faces)


def _video(suffix: str) -> Kind:
    return Kind(f"a{suffix}", read_video, motion_of, costly=True)


STILLS = (".jpg", ".bmp", ".tiff", ".webp", ".ppm", ".pgm", ".jp2", ".gif", ".hdr", ".pfm", ".ras", ".avif", ".exr")
VIDEOS = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".ts", ".gif")
KINDS: dict[str, Kind] = {
    "torch zip": _weights("tiny.pth.tar"),
    "torch legacy": _weights("tiny.pth"),
    "torch flat": _weights("flat.pth.tar"),
    "paddle": _weights("tiny.pdparams"),
    "paddle pairs": _weights("pairs.pdparams"),
    "safetensors": _weights("tiny.safetensors"),
    "safetensors int8": _weights("int8.safetensors"),
    "motion": Kind("m.safetensors", load_motion, moved_by),
    "model YAML": Kind("vox-256.yaml", read_config, info_with),
    "PaddleGAN YAML": Kind("tiny.yaml", read_config, info_with),
    "training YAML": Kind("mini.yaml", load_config, training),
    "compress YAML": Kind("mobile.yaml", lambda path: load_config(path, (), load_module("mini").config)),
    "model.json": Kind(MANIFEST, read_export),
    "manifest": Kind("jobs.jsonl", read_manifest, manifest),
    "index.csv": Kind("index.csv", lambda path: find_entries(path.parent, "val")),
    "pairs.csv": Kind("pairs.csv", read_pairs),
    "metadata.csv": Kind("clips.csv", lambda path: jobs_of_metadata(path, path.parent), cut_by),
    "training log": Kind("log.jsonl", read_log),
    "checkpoint weights": Kind("step-000002/weights.safetensors", go_on),
    "checkpoint state": Kind("step-000002/state.pt", go_on),
    "checkpoint notes": Kind("step-000002/about.json", go_on),
    "pack": Kind("a.pack", read_pack),
    "frames": Kind("frames.npy", read_cache),
    "landmarks": Kind("landmarks.npy", read_cache),
    "clips.json": Kind("clips.json", read_cache),
    "strip": Kind("strip.png", lambda path: list(read_frames(path, (64, 64)))),
    "png": _still(".png"),
    **{suffix[1:]: _still(suffix) for suffix in STILLS},
    **{f"{suffix[1:]} video": _video(suffix) for suffix in VIDEOS},
}
