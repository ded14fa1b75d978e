"""Preview Animation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
from comfy_api.latest import io, ui

from ..fom_core.compose import Composition
from ..fom_core.compose.masks import Look
from ..fom_core.errors import NoFaceFound, UsageError
from ..fom_core.faces.tracking import DrivingCrop
from ..fom_core.pipeline import Scene
from ..fom_core.source_video import SourceOptions
from ..fom_core.stills import Stills, spread_over
from ..fom_core.types import CHUNK_SIZE, FaceSet
from . import host, motions, transfers
from .animate_picture import look_of
from .base import Node
from .kept import encoded
from .readings import views_of
from .sockets import ALIASES, CATEGORY, Faces, Model, PictureFaces, Tuned, Tuning

ONE, SHEET = "one moment", "contact sheet"


class PreviewAnimation(Node):
    """Try gains and the like on a single moment, and hand them on when they are right."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMPreviewAnimation",
            display_name="Preview Animation",
            category=CATEGORY,
            search_aliases=[*ALIASES, "tune", "still preview", "contact sheet", "sliders"],
            description="Paints one moment of the animation at once, or a contact sheet of all of it, so that gains "
            "and the like can be tried before the video is made. The driver is read and the face encoded only once.",
            inputs=[
                Model.Input("model", tooltip="From Load FOM Model."),
                Faces.Input("faces", tooltip="From Detect Faces."),
                motions.driver_input("driver", "Who moves: a VIDEO, an IMAGE batch or a FOM_MOTION."),
                io.Float.Input(
                    "moment",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.001,
                    display_mode=io.NumberDisplay.slider,
                    tooltip="Which moment of the driver is shown: 0 is its beginning, 1 its end.",
                ),
                io.Combo.Input(
                    "show",
                    options=[ONE, SHEET],
                    tooltip="one moment: source, driver and result of one face with their keypoints, and the whole "
                    "picture. contact sheet: moments of the whole clip, each beside its driver.",
                ),
                *transfers.strength_inputs(sliders=True),
                *transfers.gain_inputs(sliders=True),
                *transfers.transfer_inputs(),
                io.Int.Input(
                    "face_number",
                    default=1,
                    min=1,
                    max=1000,
                    advanced=True,
                    tooltip="Whose keypoints are shown, counted from 1. All faces of its picture move.",
                ),
                io.Combo.Input(
                    "mask",
                    options=list(get_args(Look)),
                    advanced=True,
                    tooltip="How faces get into the picture here, as mask of Paste Faces and Animate Picture has it: "
                    "flow, soft, ellipse, box or paddlegan. Set it there, too.",
                ),
                transfers.return_input(),
                motions.driving_crop_input(),
                motions.driving_face_input(),
                motions.fps_input(),
            ],
            outputs=[
                Tuning.Output(
                    display_name="tuning",
                    tooltip="What was chosen here, for tuning of Animate Face and Animate Picture.",
                ),
                io.Image.Output(display_name="preview", tooltip="What the node shows."),
                io.Image.Output(display_name="frame", tooltip="The whole picture at this moment, in its own size."),
                io.Int.Output(display_name="frame_count", tooltip="How many frames the driver has."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        faces: PictureFaces,
        driver: Any,
        moment: float,
        show: str,
        smoothing: float,
        gain: float,
        relative_motion: bool,
        adapt_movement_scale: bool,
        initial_frame: dict[str, Any],
        face_number: int = 1,
        mask: Look = "flow",
        head_gain: float = 1.0,
        expression_gain: float = 1.0,
        return_s: float = 0.0,
        driving_crop: DrivingCrop = "auto",
        driving_face: int = 0,
        fps: float = 25.0,
    ) -> io.NodeOutput:
        picture, members, face = picture_of(faces, face_number)
        transfer = transfers.transfer_of(
            relative_motion, True, adapt_movement_scale, initial_frame, gain, head_gain, expression_gain, return_s
        )
        tuned = Tuned(transfer, smoothing, driving_crop, driving_face, fps)
        progress, kept = host.Progress(), host.kept_of(model)
        with motions.opened([driver]) as (opened,):
            network = host.motion_model(model, CHUNK_SIZE, len(members))
            reading = motions.read(network, [opened], progress, kept=kept, tuned=tuned,
                chunk_size=host.frames_at_once(model, CHUNK_SIZE),
            )  # fmt: skip
            sources, moving = encoded(kept, network, picture, members), reading.aligned
            if faces.tracks is not None and SourceOptions.keep_head:  # as the nodes that make the video do
                transfer = replace(transfer, head_gain=0.0)
                moving = motions.posed(moving, None, transfer.initial_frame, keep_head=True)
            stills = Stills(network, Scene(picture, members, moving, transfer, sources))
            chosen = round(moment * (reading.length - 1))
            frames = [chosen] if show == ONE else [*spread_over(reading.length), chosen]
            views = views_of(network, opened, reading.reads[0], frames)
        tiles, painted = [], picture
        look = Composition(look_of(mask, model, True))
        for done, (view, painted) in enumerate(zip(views, stills.paint(frames, look), strict=True), 1):
            tiles.append(stills.tile(view, painted))
            progress.show(*motions.animated(done, len(frames)))
        if show == SHEET:
            shown = stills.on_sheet(tiles[:-1], frames[:-1])
        else:
            shown = stills.panels(face, chosen, views[0], painted)
        preview = host.to_images(np.ascontiguousarray(shown)[None])
        return io.NodeOutput(
            tuned, preview, host.to_images(painted[None]), reading.length, ui=ui.PreviewImage(preview, cls=cls)
        )


def picture_of(faces: PictureFaces, number: int) -> tuple[np.ndarray, FaceSet, int]:
    """The picture (H, W, C) uint8 that shows face ``number``, all its faces, and which of them it is, from 0.

    Of a video it is the frame that shows the face largest, and that face alone.
    """
    if not len(faces):
        raise NoFaceFound("There is no face to animate. Choose faces in Detect Faces.")
    first = 0
    for image, members in faces.shown():
        if number <= first + len(members):
            return host.to_pictures(image[None])[0], members, number - 1 - first
        first += len(members)
    raise UsageError(f"There are {len(faces)} faces, so there is no face {number}. Choose a lower number.")
