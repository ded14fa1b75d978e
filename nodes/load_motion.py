"""Load Motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..fom_core.errors import FomError
from ..fom_core.files.paths import ASSETS
from ..fom_core.motion import is_motion, load_motion
from . import host
from .base import Node
from .sockets import ALIASES, CATEGORY, Motion

EMBEDDED, OUTPUT = " (embedded)", " [output]"
PREFIX, SUFFIX = "motion_", ".safetensors"


class LoadMotion(Node):
    """Take a motion from a file in place of a driving video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMLoadMotion",
            display_name="Load Motion",
            category=CATEGORY,
            search_aliases=[*ALIASES, "load keypoints", "motion template", "expression"],
            description="Loads a motion that was saved with Save Motion or the command fom motion, or one that comes "
            "with the pack. Connect it as a driver.",
            inputs=[
                io.Combo.Input(
                    "motion_name",
                    options=choices(),
                    tooltip="Motions that come with the pack, those in models/fom_motions, and those in the output "
                    "folder. A motion fits the model that read it; the embedded ones fit mini.",
                )
            ],
            outputs=[
                Motion.Output(display_name="motion", tooltip="For a driver socket."),
                io.Float.Output(display_name="fps", tooltip="Frames a second of the video it was read from."),
                io.Int.Output(display_name="frame_count", tooltip="How many frames it has."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, motion_name: str) -> Any:
        """The file decides: replacing it under the same name loads it again."""
        return host.stamp(path_of(motion_name))

    @classmethod
    def execute(cls, motion_name: str) -> io.NodeOutput:
        motion = load_motion(path_of(motion_name))
        return io.NodeOutput(motion, motion.fps, len(motion))


def choices() -> list[str]:
    """Motions in the menu: embedded ones, files of models/fom_motions, motions among the files of the output folder."""
    embedded = [file.stem.removeprefix(PREFIX) + EMBEDDED for file in sorted(ASSETS.glob(f"{PREFIX}*{SUFFIX}"))]
    output = host.output_folder()
    saved = sorted(
        file.relative_to(output).as_posix() + OUTPUT for file in output.rglob(f"*{SUFFIX}") if is_motion(file)
    )
    return [*embedded, *host.files("fom_motions", {SUFFIX}), *saved]


def path_of(name: str) -> Path:
    """The file of a choice. Raises FomError when it is gone or lies elsewhere."""
    if name.endswith(EMBEDDED):
        return ASSETS / f"{PREFIX}{Path(name.removesuffix(EMBEDDED)).name}{SUFFIX}"
    if not name.endswith(OUTPUT):
        return host.file("fom_motions", name)
    output = host.output_folder().resolve()
    path = (output / name.removesuffix(OUTPUT)).resolve()
    if not path.is_relative_to(output) or not path.is_file():
        raise FomError(
            f"There is no motion {name.removesuffix(OUTPUT)} in the output folder. Choose another in the list."
        )
    return path
