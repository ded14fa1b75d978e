"""Load Motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from comfy_api.latest import io

from ..fom_core.errors import FomError
from ..fom_core.motion import (
    BLEND_S,
    MotionEdit,
    Play,
    edited,
    embedded_names,
    is_motion,
    load_motion,
    motion_path,
)
from ..fom_core.types import Motion as MotionValue
from . import host
from .base import Node
from .sockets import ALIASES, CATEGORY, Motion

EMBEDDED, OUTPUT = " (embedded)", " [output]"
SUFFIX = ".safetensors"


class LoadMotion(Node):
    """Take a motion from a file in place of a driving video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMLoadMotion",
            display_name="Load Motion",
            category=CATEGORY,
            search_aliases=[
                *ALIASES,
                "load keypoints",
                "motion template",
                "expression",
                "loop",
                "nod",
                "smile",
                "talk",
            ],
            description="Loads a motion that comes with the pack, or one that was saved with Save Motion or the "
            "command fom motion; loops, mirrors, mixes and joins it. Connect it as a driver.",
            inputs=[
                io.Combo.Input(
                    "motion_name",
                    options=choices(),
                    tooltip="Motions that come with the pack, those in models/fom_motions, and those in the output "
                    "folder. A motion fits the model that read it; the embedded ones fit mini. The help of this node "
                    "shows how each of them moves.",
                ),
                *edit_inputs(),
            ],
            outputs=[
                Motion.Output(display_name="motion", tooltip="For a driver socket."),
                io.Float.Output(display_name="fps", tooltip="Frames a second of the video it was read from."),
                io.Int.Output(display_name="frame_count", tooltip="How many frames it has."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, motion_name: str, **_: Any) -> Any:
        """The file decides: replacing it under the same name loads it again."""
        return host.stamp(path_of(motion_name))

    @classmethod
    def execute(
        cls,
        motion_name: str,
        play: Play = "once",
        seconds: float = 0.0,
        speed: float = 1.0,
        amplitude: float = 1.0,
        mirror: bool = False,
        blend_s: float = BLEND_S,
        then: MotionValue | None = None,
        mix: MotionValue | None = None,
        mix_share: float = 1.0,
    ) -> io.NodeOutput:
        edit = MotionEdit(
            mirror=mirror, speed=speed, amplitude=amplitude, play=play, seconds=seconds or None, blend_s=blend_s,
            then=() if then is None else (then,), mix=() if mix is None else ((mix, mix_share),),
        )  # fmt: skip
        motion = edited(load_motion(path_of(motion_name)), edit)
        return io.NodeOutput(motion, motion.fps, len(motion))


def edit_inputs() -> list[io.Input]:
    """What is done to the motion before it moves a face; optional, so that graphs made before them stay as they are."""
    return [
        io.Combo.Input(
            "play",
            options=list(get_args(Play)),
            default="once",
            optional=True,
            tooltip="once: as it is. loop: again and again, without a jump from its end to its beginning. ping-pong: "
            "forwards and backwards.",
        ),
        io.Float.Input(
            "seconds",
            default=0.0,
            min=0.0,
            max=3600.0,
            step=0.1,
            optional=True,
            tooltip="How long it is played; 0 is a single time. Played once, it holds its last frame.",
        ),
        io.Float.Input(
            "speed", default=1.0, min=0.1, max=10.0, step=0.05, optional=True, tooltip="2 is twice as fast."
        ),
        io.Float.Input(
            "amplitude",
            default=1.0,
            min=0.0,
            max=3.0,
            step=0.05,
            optional=True,
            tooltip="Size of the movement, counted from the motion's pose at rest: 1 is as it was, more exaggerates.",
        ),
        io.Boolean.Input("mirror", default=False, optional=True, tooltip="Left and right change places."),
        io.Float.Input(
            "blend_s",
            default=BLEND_S,
            min=0.0,
            max=5.0,
            step=0.05,
            optional=True,
            advanced=True,
            tooltip="Seconds over which an end goes over into a beginning, in loops and with then.",
        ),
        Motion.Input("then", optional=True, tooltip="A motion that is played after this one, before both are looped."),
        Motion.Input(
            "mix", optional=True, tooltip="A motion that is added to this one: a smile to a nod, for example."
        ),
        io.Float.Input(
            "mix_share",
            default=1.0,
            min=0.0,
            max=2.0,
            step=0.05,
            optional=True,
            tooltip="How much of the movement of mix is added.",
        ),
    ]


def choices() -> list[str]:
    """Motions in the menu: embedded ones, files of models/fom_motions, motions among the files of the output folder."""
    embedded = [name + EMBEDDED for name in embedded_names()]
    output = host.output_folder()
    saved = sorted(
        file.relative_to(output).as_posix() + OUTPUT for file in output.rglob(f"*{SUFFIX}") if is_motion(file)
    )
    return [*embedded, *host.files("fom_motions", {SUFFIX}), *saved]


def path_of(name: str) -> Path:
    """The file of a choice. Raises FomError when it is gone or lies elsewhere."""
    if name.endswith(EMBEDDED):
        name = name.removesuffix(EMBEDDED)
        if name not in embedded_names():
            raise FomError(f"No motion {name} comes with the pack. Choose another in the list.")
        return motion_path(name)
    if not name.endswith(OUTPUT):
        return host.file("fom_motions", name)
    output = host.output_folder().resolve()
    path = (output / name.removesuffix(OUTPUT)).resolve()
    if not path.is_relative_to(output) or not path.is_file():
        raise FomError(
            f"There is no motion {name.removesuffix(OUTPUT)} in the output folder. Choose another in the list."
        )
    return path
