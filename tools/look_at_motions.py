"""Shows pictures moved by every embedded motion, and by every control of a pose at its limits, and measures folds.

    python -m tools.look_at_motions PICTURE [PICTURE ...] --output FOLDER

Writes ``motions/`` and ``limits/`` as `fom evaluate --looks` does: a contact sheet and figures, of which ``folded`` is
the share of the flow that is inside out. Take pictures of many kinds: a painting, an old photograph, glasses, a beard.
"""

from __future__ import annotations

import argparse
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
    poses = [
        NamedMotion(f"{name}={limit:g}", pose_motion({name: limit}, "mini", seconds=HELD_S))
        for name, limits in load_directions("mini").limits.items()
        for limit in limits
        if limit
    ]
    print(evaluate_looks(model, sources, poses, args.output / "limits", frames=1))


if __name__ == "__main__":
    main()
