"""Preview Keypoints."""

from __future__ import annotations

from typing import Any

import numpy as np
from comfy_api.latest import io, ui

from ..fom_core.draw import explain
from ..fom_core.errors import UsageError
from ..fom_core.faces.tracking import DrivingCrop
from ..fom_core.inspection import inspect_animation
from ..fom_core.pipeline import driving_motions
from ..fom_core.types import CHUNK_SIZE, FaceSet
from . import host, motions, transfers
from .base import Node
from .canvases import crops_of, pictures_with_faces
from .readings import views_of
from .sockets import ALIASES, CATEGORY, Faces, Model, PictureFaces, Tuned


class PreviewKeypoints(Node):
    """See why a face moves as it does."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMPreviewKeypoints",
            display_name="Preview Keypoints",
            category=CATEGORY,
            search_aliases=[*ALIASES, "keypoints", "optical flow", "occlusion map", "debug"],
            description="Shows one moment of one face: source, driver and result with their keypoints, where each "
            "pixel comes from, and what is painted anew. For choosing the initial frame and understanding bent faces.",
            inputs=[
                Model.Input("model", tooltip="From Load FOM Model."),
                Faces.Input("faces", tooltip="From Detect Faces."),
                motions.driver_input("driver", "Who moves: a VIDEO, an IMAGE batch or a FOM_MOTION."),
                io.Int.Input("face_number", default=1, min=1, max=1000, tooltip="Which face, counted from 1."),
                io.Int.Input(
                    "frame_number",
                    default=0,
                    min=0,
                    max=1_000_000,
                    tooltip="Which frame of the driver, counted from 0.",
                ),
                *transfers.transfer_inputs(),
                motions.driving_crop_input(),
                motions.driving_face_input(),
                io.Boolean.Input(
                    "inspect",
                    default=False,
                    optional=True,
                    advanced=True,
                    tooltip="Also look at the whole driver, and give a sheet and a verdict in words: what will go "
                    "wrong, in which frames, and what may help. Takes some seconds with the embedded model.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="keypoints",
                    tooltip="Source, driver and result side by side; a keypoint has the same colour in all three.",
                ),
                io.Image.Output(
                    display_name="flow",
                    tooltip="From where in the source each pixel comes: the colour is the direction (red right, green "
                    "down, blue up left), its strength the distance; white stays where it is.",
                ),
                io.Mask.Output(
                    display_name="occlusion_map", tooltip="White is taken from the source, black is painted anew."
                ),
                io.Image.Output(
                    display_name="sheet",
                    tooltip="With inspect: source, crop, driver, the worst moments with flow, occlusion and folds, and "
                    "the verdict. Without it what this node shows.",
                ),
                io.String.Output(
                    display_name="verdict",
                    tooltip="With inspect: sentences, one a line, those that speak against the pair first. Empty "
                    "without it.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        faces: PictureFaces,
        driver: Any,
        face_number: int,
        frame_number: int,
        relative_motion: bool,
        adapt_movement_scale: bool,
        initial_frame: dict[str, Any],
        driving_crop: DrivingCrop = "auto",
        driving_face: int = 0,
        inspect: bool = False,
    ) -> io.NodeOutput:
        if face_number > len(faces):
            raise UsageError(f"There are {len(faces)} faces, so there is no face {face_number}. Choose a lower number.")
        transfer = transfers.transfer_of(relative_motion, True, adapt_movement_scale, initial_frame)
        tuned = Tuned(transfer, 0.0, driving_crop, driving_face)
        with motions.opened([driver]) as (opened,):
            network = host.motion_model(model, CHUNK_SIZE)
            read = motions.read_one(network, opened, host.Progress(), (0.0, 1.0), host.kept_of(model), tuned)
            motion = read.motion
            if frame_number >= len(motion):
                raise UsageError(
                    f"The driver has {len(motion)} frames, numbered from 0, so there is no frame {frame_number}. "
                    "Choose a lower number."
                )
            (view,) = views_of(network, opened, read, [frame_number])
            found = None
            if inspect:
                picture, members = face_at(faces, face_number - 1)
                found = inspect_animation(
                    network, picture, members, motion, transfer, frames=opened.frames(), view=read.found
                )
        face = crops_of(faces, network)[face_number - 1]
        (motion,) = driving_motions(network, motion, 1)
        keypoints, flow, occlusion = explain(
            network, face, motion.keypoints, frame_number, transfer, view=view, seen=motion.seen,
            neutral=motion.neutral,
        )  # fmt: skip
        shown = host.to_images((np.hstack([keypoints, flow]) if found is None else found.sheet)[None])
        return io.NodeOutput(
            host.to_images(keypoints[None]),
            host.to_images(flow[None]),
            host.to_masks(occlusion),
            shown,
            "" if found is None else found.verdict,
            ui=ui.PreviewImage(shown, cls=cls),
        )


def face_at(faces: PictureFaces, number: int) -> tuple[np.ndarray, FaceSet]:
    """The picture of one of all faces, counted from 0, and that face with the picture's others."""
    for picture, members in pictures_with_faces(faces):
        if number < len(members):
            return picture, members[number : number + 1]
        number -= len(members)
    raise IndexError(number)
