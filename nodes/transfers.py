"""How a driver's motion is given to the faces: the inputs of the nodes that animate, and what they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from comfy_api.latest import io

from ..fom_core.motion import FADE_IN_S, SMOOTHING, SourceMotion
from ..fom_core.types import InitialFrame, MotionTransfer
from .sockets import Tuning


def transfer_inputs() -> list[io.Input]:
    """The choices between relative and absolute motion."""
    return [
        io.Boolean.Input(
            "relative_motion",
            default=True,
            tooltip="On: copy how the driver moves, starting from the face's own pose. Off: copy where the driver is, "
            "which also takes over the shape of the driver's face.",
        ),
        io.Boolean.Input(
            "adapt_movement_scale",
            default=True,
            tooltip="Scale the movement to the size of the face. Off copies it pixel by pixel: too much for a face "
            "that fills less of its crop than the driver does.",
        ),
        io.DynamicCombo.Input(
            "initial_frame",
            options=[
                io.DynamicCombo.Option("medoid", []),
                io.DynamicCombo.Option("first", []),
                io.DynamicCombo.Option("best", []),
                io.DynamicCombo.Option(
                    "number",
                    [
                        io.Int.Input(
                            "frame_number", default=0, min=0, max=1_000_000, tooltip="The frame, counted from 0."
                        )
                    ],
                ),
            ],
            tooltip="The moment in which the driver has the pose of the face; relative motion counts from there. "
            "medoid takes the driver's most usual pose, so that faces are bent least, and lets the motion come in over "
            "0.3 s. first counts from the driver's first frame: use it when that has the face's pose. best looks for "
            "the pose nearest to the face's. Only frames that show the driver's face count.",
        ),
    ]


def strength_inputs(sliders: bool = False) -> list[io.Input]:
    """Calming and exaggerating."""
    return [
        io.Float.Input(
            "smoothing",
            default=SMOOTHING,
            min=0.0,
            max=1.0,
            step=0.05,
            display_mode=io.NumberDisplay.slider if sliders else None,
            tooltip="Takes the jitter out of the motion; 0 is off, and 0.2 takes half of it and leaves the movements "
            "alone. More looks calmer, but flattens quick movements: blinks and lips go first, at 1 they are nearly "
            "gone.",
        ),
        io.Float.Input(
            "gain",
            default=1.0,
            min=0.0,
            max=3.0,
            step=0.05,
            display_mode=io.NumberDisplay.slider if sliders else None,
            tooltip="Size of the movement, with relative motion: 1 copies it, 0 freezes it, more exaggerates, and "
            "bends the face sooner.",
        ),
    ]


def gain_inputs(sliders: bool = False) -> list[io.Input]:
    """Head and expression apart; optional, so that graphs made before them stay as they are."""
    return [
        io.Float.Input(
            "head_gain",
            default=1.0,
            min=0.0,
            max=2.0,
            step=0.05,
            optional=True,
            advanced=not sliders,
            display_mode=io.NumberDisplay.slider if sliders else None,
            tooltip="gain for the head as a whole alone: its shift, turn and size. 0.6 calms a driver who moves much, "
            "and keeps the face from bending.",
        ),
        io.Float.Input(
            "expression_gain",
            default=1.0,
            min=0.05,
            max=2.0,
            step=0.05,
            optional=True,
            advanced=not sliders,
            display_mode=io.NumberDisplay.slider if sliders else None,
            tooltip="gain for what the parts of the face do besides the head as a whole. A head that turns is partly "
            "expression, too, so very little folds the face.",
        ),
    ]


def return_input() -> io.Input:
    """The way home at the end; optional, as those above."""
    return io.Float.Input(
        "return_s",
        default=0.0,
        min=0.0,
        max=10.0,
        step=0.1,
        optional=True,
        advanced=True,
        tooltip="Seconds at the end over which the motion goes home to the still picture, so that the result loops: "
        "its first and its last frame are the picture then. 0 is off.",
    )


def source_inputs() -> list[io.Input]:
    """How the faces of a video take the driver's motion; optional, as those above."""
    return [
        io.Combo.Input(
            "source_motion",
            options=list(get_args(SourceMotion)),
            optional=True,
            advanced=True,
            tooltip="With the faces of a video. add: the driver's expression comes on top of their own. replace: it "
            "comes in its place; what is slow, such as a head that turns, stays theirs.",
        ),
        io.Boolean.Input(
            "keep_head",
            default=True,
            optional=True,
            advanced=True,
            tooltip="With the faces of a video. On: their heads stay as they are, and only the driver's expression "
            "counts. Off: they move like the driver's as well, by head_gain.",
        ),
    ]


def transfer_of(
    relative_motion: bool,
    relative_jacobian: bool,
    adapt_movement_scale: bool,
    initial_frame: Mapping[str, Any],
    gain: float = 1.0,
    head_gain: float = 1.0,
    expression_gain: float = 1.0,
    return_s: float = 0.0,
) -> MotionTransfer:
    """What the inputs of a node ask for; ``initial_frame`` is the value of its DynamicCombo."""
    first = initial_frame_of(initial_frame)
    return MotionTransfer(
        relative_motion, relative_jacobian, adapt_movement_scale, first, gain,
        fade_in_s=FADE_IN_S if first == "medoid" or return_s else 0.0, fade_out_s=return_s,
        head_gain=head_gain, expression_gain=expression_gain,
    )  # fmt: skip


def tuning_input() -> Any:
    return Tuning.Input(
        "tuning",
        optional=True,
        tooltip="From Preview Animation: its values in place of the inputs here that have the same names.",
    )


def initial_frame_of(choice: Mapping[str, Any]) -> InitialFrame:
    """The frame that the DynamicCombo ``initial_frame`` asks for."""
    name = choice["initial_frame"]
    if name in ("best", "medoid"):
        return name
    return int(choice["frame_number"]) if name == "number" else 0
