"""Shows pictures moved by every embedded motion, and by the controls of a pose at their limits, and measures folds.

    python -m tools.look_at_motions PICTURE [PICTURE ...] --output FOLDER

Writes ``motions/``, ``limits/`` (one control at a time) and ``together/`` (all at their ends, as far as a pose lets
them) as `fom evaluate --looks` does: a contact sheet and figures, of which ``folded`` is the share of the face that the
flow folds. Take pictures of many kinds: a painting, an old photograph, glasses, a beard.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from fom_core.backends.load import load_model
from fom_core.evaluation.looks_report import LooksSource, NamedMotion, evaluate_looks
from fom_core.faces.detect import detect_faces
from fom_core.faces.selection import select_faces
from fom_core.media import read_picture
from fom_core.motion import (
    FADE_IN_S,
    SMOOTHING,
    embedded_motion,
    embedded_names,
    load_directions,
    pose_motion,
    smooth,
)
from fom_core.types import MotionTransfer

LONGEST_SIDE = 1400  # of a picture
FRAMES = 9  # of a motion
HELD_S = 0.2  # of a pose; figures take three frames
EVERY = 9  # of the combinations of all controls at their ends is looked at


def source_of(path: Path) -> LooksSource:
    """A picture and its most prominent face."""
    picture = read_picture(str(path), max_size=LONGEST_SIDE)
    faces = select_faces(detect_faces(picture, "embedded"), None, picture=picture)
    return LooksSource(path.stem, picture, faces)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.look_at_motions", description=__doc__)
    parser.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--motion", nargs="+", default=embedded_names(), help="these motions only")
    args = parser.parse_args()
    model = load_model("mini", device="cpu")
    sources = [source_of(path) for path in args.pictures]
    motions = [NamedMotion(name, smooth(embedded_motion(name), SMOOTHING)) for name in args.motion]
    transfer = MotionTransfer(initial_frame="medoid", fade_in_s=FADE_IN_S)
    print(evaluate_looks(model, sources, motions, args.output / "motions", transfer=transfer, frames=FRAMES))
    limits = load_directions("mini").limits
    alone = [{name: end} for name, ends in limits.items() for end in ends if end]
    together = [dict(zip(limits, ends, strict=True)) for ends in product(*limits.values())][::EVERY]
    for folder, poses in (("limits", alone), ("together", together)):
        held = [NamedMotion(_named(pose), pose_motion(pose, "mini", seconds=HELD_S)) for pose in poses]
        print(evaluate_looks(model, sources, held, args.output / folder, frames=1))


def _named(pose: dict[str, float]) -> str:
    return ",".join(f"{name}={value:g}" for name, value in pose.items())


if __name__ == "__main__":
    main()
