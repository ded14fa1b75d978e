"""Pose Face."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..fom_core.errors import UsageError
from ..fom_core.motion import PoseKey, load_directions, parse_pose, pose_motion, with_pose
from ..fom_core.motion.pose import AT_REST
from ..fom_core.types import Motion as MotionValue
from .base import Node
from .sockets import ALIASES, CATEGORY, Motion

CONTROLS = {
    "yaw": "Degrees by which the head turns to the right of the picture; less than 0 is to the left.",
    "pitch": "Degrees by which the head looks up; less than 0 is down.",
    "roll": "Degrees by which the head leans over, clockwise.",
    "shift_x": "How far the head goes to the right, in widths of the face.",
    "shift_y": "How far the head goes down, in widths of the face.",
    "zoom": "How many times as large the head becomes.",
    "mouth_open": "How wide the mouth opens; 1 is wide.",
    "smile": "How much the mouth smiles; less than 0 purses the lips.",
}
MODEL = "mini"  # whose poses are offered; a motion that is connected may be of another one


class PoseFace(Node):
    """A motion without a video: a face moved by hand."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        limits = load_directions(MODEL).limits
        return io.Schema(
            node_id="FOMPoseFace",
            display_name="Pose Face",
            category=CATEGORY,
            search_aliases=[*ALIASES, "expression", "expression editor", "head pose", "smile", "yaw", "key frames"],
            description="Makes a motion by hand, without a video: turns the head, opens the mouth, smiles; held, or "
            "from key frame to key frame. Connect it as a driver, or let it come on top of another motion.",
            inputs=[
                *(
                    io.Float.Input(
                        name,
                        default=AT_REST.get(name, 0.0),
                        min=limits[name][0],
                        max=limits[name][1],
                        step=1.0 if name in ("yaw", "pitch", "roll") else 0.01,
                        round=0.01,
                        display_mode=io.NumberDisplay.slider,
                        tooltip=tooltip,
                    )
                    for name, tooltip in CONTROLS.items()
                ),
                io.String.Input(
                    "key_frames",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip='Moments in seconds with values of controls, such as "0:yaw=0;1.5:yaw=10,smile=1": '
                    "a control goes smoothly from one to the next. Controls that are not named here keep their slider. "
                    "Empty: all are held.",
                ),
                io.Float.Input(
                    "seconds",
                    default=0.0,
                    min=0.0,
                    max=3600.0,
                    step=0.1,
                    optional=True,
                    tooltip="How long the motion is. 0: to half a second after the last key frame, and a pose that is "
                    "held 2 s.",
                ),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=1.0,
                    max=240.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                    tooltip="Frames a second; a motion that is connected brings its own.",
                ),
                Motion.Input(
                    "motion",
                    optional=True,
                    tooltip="The pose comes on top of this motion, and is as long as it: from Load Motion, another "
                    "Pose Face or Animate Face.",
                ),
            ],
            outputs=[
                Motion.Output(display_name="motion", tooltip="For a driver socket, or for Save Motion."),
                io.Float.Output(display_name="fps", tooltip="Frames a second."),
                io.Int.Output(display_name="frame_count", tooltip="How many frames it has."),
            ],
        )

    @classmethod
    def execute(
        cls,
        key_frames: str = "",
        seconds: float = 0.0,
        fps: float = 25.0,
        motion: MotionValue | None = None,
        **controls: Any,
    ) -> io.NodeOutput:
        keys = keys_of(key_frames, controls)
        if motion is None:
            made = pose_motion(keys, MODEL, fps=fps, seconds=seconds or None)
        elif seconds:
            raise UsageError("The pose is as long as the motion that is connected. Set seconds to 0, or take it away.")
        else:
            length_s = len(motion) / motion.fps
            by_hand = pose_motion(keys, motion.model, fps=motion.fps, seconds=length_s)
            made = with_pose(motion, by_hand)
        return io.NodeOutput(made, made.fps, len(made))


def keys_of(key_frames: str, sliders: dict[str, float]) -> list[PoseKey]:
    """The key frames, and the sliders of all controls that these do not name, held."""
    keys = list(parse_pose(key_frames)) if key_frames.strip() else []
    named = {name for key in keys for name in key.values}
    held = {name: value for name, value in sliders.items() if name not in named and value != AT_REST.get(name, 0.0)}
    return [PoseKey(0.0, held), *keys]
