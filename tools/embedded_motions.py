"""Makes the motions that come with the project: read by the embedded model from clips, or moved by hand.

    python -m tools.embedded_motions --clips FOLDER

Keypoints mean nothing to another model, so they are made anew with each one, after its poses were learnt
(``tools.learn_pose``). ``python -m tools.look_at_motions`` shows them.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch

from fom_core.backends import Backend
from fom_core.backends.load import load_model
from fom_core.files.paths import ASSETS
from fom_core.media import VideoReader
from fom_core.motion import amplified, parse_pose, pose_motion, retimed, save_motion, smooth
from fom_core.motion.notes import MADE_BY
from fom_core.motion.pose import FPS
from fom_core.motion.transfer import fade_in, fade_out
from fom_core.pipeline import read_motion
from fom_core.types import Keypoints, Motion

log = logging.getLogger(__name__)
SMOOTHING, HOME_S = (
    0.15,
    0.25,
)  # jitter taken out; seconds at both ends, over which a motion comes from rest and goes back


@dataclass(frozen=True)
class Excerpt:
    """A part of a driving clip that becomes an embedded motion.

    origin: where the clip comes from, and its licence.
    rest:   the frame, counted from ``start``, whose pose is rest; None: it counts from whatever frame is asked for.
    """

    file: str
    start: int
    stop: int
    origin: str
    rest: int | None = None
    speed: float = 1.0
    amplitude: float = 1.0


EXPRESSION = "wein98/webapp-first-order-motion, webapp_frontend/media/expression_1.mp4, MIT licence"
SINGING = "wein98/webapp-first-order-motion, first-order-motion/singing_3.mp4, MIT licence"
EXCERPTS: Mapping[str, Excerpt] = {
    "talk": Excerpt("video/xzy_c9809_0.mp4", 24, 152, "HelloVision/HelloMeme, data/drive_videos/xzy3.mp4, MIT licence"),
    "sing": Excerpt("video/wein_650b5_0.mp4", 14, 118, SINGING, rest=6, amplitude=1.4),
    "smile": Excerpt("video/wein_7196e_0.mp4", 38, 74, EXPRESSION, rest=2, speed=0.6, amplitude=1.2),
    "surprise": Excerpt("video/wein_7196e_0.mp4", 122, 166, EXPRESSION, rest=2, speed=0.8),
}
POSES: Mapping[str, str] = {
    "nod": "0:pitch=0;0.3:pitch=-9;0.65:pitch=3;1:pitch=-9;1.35:pitch=2;1.65:pitch=-6;2.1:pitch=0",
    "shake": "0:yaw=0,roll=0;0.3:yaw=-10,roll=1;0.75:yaw=11,roll=-1;1.2:yaw=-11,roll=1;1.65:yaw=9,roll=-1;"
    "2.2:yaw=0,roll=0",
    "look around": "0:yaw=0,pitch=0;0.7:yaw=13,pitch=2;1.7:yaw=13,pitch=1;2.6:yaw=-13,pitch=1;3.6:yaw=-13,pitch=3;"
    "4.3:yaw=0,pitch=0",
    "sleepy": "0:pitch=0,roll=0,mouth_open=0;1.4:pitch=-6,roll=3;1.7:pitch=-5,roll=3,mouth_open=0.2;"
    "3:pitch=-9,roll=6,mouth_open=0.4;3.3:pitch=-9,roll=6;3.6:pitch=4,roll=0,mouth_open=0.2;4.2:pitch=0,mouth_open=0",
}


def record_motion(model: Backend, clips: Path, excerpt: Excerpt) -> Motion:
    """The model's keypoints of an excerpt; with a known rest, from there and back to it."""
    reader = VideoReader(clips / excerpt.file)
    motion = read_motion(model, islice(reader, excerpt.start, excerpt.stop), reader.fps)
    motion = replace(motion, metadata={"origin": excerpt.origin})
    if excerpt.rest is None:
        return motion
    motion = smooth(motion, SMOOTHING)
    rest = motion.keypoints[excerpt.rest : excerpt.rest + 1]
    motion = amplified(retimed(replace(motion, neutral=rest), excerpt.speed), excerpt.amplitude)
    frames = HOME_S * motion.fps
    return replace(motion, keypoints=fade_out(rest, fade_in(rest, motion.keypoints, frames), frames))


def posed_motion(text: str, model: str) -> Motion:
    """A motion by hand, which says how it was made."""
    last = max(key.seconds for key in parse_pose(text))
    motion = pose_motion(text, model, seconds=last + 1 / FPS)  # rest is reached at its end, and needs no more
    return replace(motion, metadata={"origin": MADE_BY + text})


def in_half(motion: Motion) -> Motion:
    """Numbers of 16 bits, which take half the room and are exact to a hundredth of a pixel."""

    def halves(keypoints: Keypoints) -> Keypoints:
        return Keypoints(keypoints.value.half(), None if keypoints.jacobian is None else keypoints.jacobian.half())

    rest = None if motion.neutral is None else halves(motion.neutral)
    return replace(motion, keypoints=halves(motion.keypoints), neutral=rest)


def write_excerpts(model: Backend, clips: Path, assets: Path) -> None:
    """Write the motions that are read from clips; talk, which is older than half precision, in full."""
    for name, excerpt in EXCERPTS.items():
        motion = record_motion(model, clips, excerpt)
        _save(name, motion if excerpt.rest is None else in_half(motion), assets)


def write_poses(model: str, assets: Path) -> None:
    """Write the motions that are made by hand."""
    for name, text in POSES.items():
        _save(name, in_half(posed_motion(text, model)), assets)


def _save(name: str, motion: Motion, assets: Path) -> None:
    path = assets / f"motion_{name.replace(' ', '_')}.safetensors"
    save_motion(motion, path)
    log.info("%s: %d frames, %d bytes", path.name, len(motion), path.stat().st_size)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.embedded_motions", description=__doc__)
    parser.add_argument("--clips", type=Path, help="folder with the clips; without it only those made by hand")
    parser.add_argument("--assets", type=Path, default=ASSETS, help="where to write")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model = load_model("mini", device="cpu")
    if args.clips is not None:
        write_excerpts(model, args.clips, args.assets)
    write_poses(model.name, args.assets)


if __name__ == "__main__":
    main()
