"""Save Motion."""

from __future__ import annotations

from comfy_api.latest import io

from ..fom_core.motion import save_motion
from ..fom_core.types import Motion as MotionValue
from . import host
from .base import Node
from .sockets import ALIASES, CATEGORY, Motion

FOLDERS = ("models/fom_motions", "output")


class SaveMotion(Node):
    """Keep a driver's motion as a small file, to be used on many pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMSaveMotion",
            display_name="Save Motion",
            category=CATEGORY,
            search_aliases=[*ALIASES, "save keypoints", "motion template", "expression"],
            description="Saves the motion of a driver, about a quarter of a kilobyte a frame and without any picture "
            "of the person. It fits the model that read it.",
            inputs=[
                Motion.Input("motion", tooltip="From Animate Face or Load Motion."),
                io.String.Input(
                    "filename_prefix",
                    default="motion",
                    tooltip="Beginning of the file's name; a number follows, so nothing is ever overwritten.",
                ),
                io.Combo.Input(
                    "folder",
                    options=list(FOLDERS),
                    tooltip="models/fom_motions keeps it beside the models. output is where pictures go, and the only "
                    "one of the two that can be downloaded in the browser. Load Motion lists both.",
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, motion: MotionValue, filename_prefix: str, folder: str) -> io.NodeOutput:
        target = host.output_folder() if folder == "output" else host.folder("fom_motions")
        save_motion(motion, host.output_file(filename_prefix, ".safetensors", target))
        return io.NodeOutput()
