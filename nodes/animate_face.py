"""Animate Face."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from comfy_api.latest import io

from ..fom_core.errors import NoFaceFound
from ..fom_core.faces.tracking import DrivingCrop
from ..fom_core.motion import SourceMotion
from ..fom_core.parallel.overlap import map_in_background
from ..fom_core.pipeline import animate_details, match_drivers
from ..fom_core.source_video import SourceOptions
from ..fom_core.types import CHUNK_SIZE
from ..fom_core.types import Motion as MotionValue
from ..fom_core.weights.catalogue import is_for_faces
from . import host, motions, source_videos, transfers
from .base import Node
from .canvases import HandingOut
from .drivers import sound_of
from .face_parts import NONE
from .face_results import Result
from .room import foresee
from .sockets import ALIASES, CATEGORY, Faces, Model, Motion, PictureFaces, Tuned

COMPOSED, AS_PAINTED = "composed", "as painted"
ADVICE = (
    "If that is too much, use a shorter driver, fewer faces or frames 'as painted'; or use Animate Picture, which "
    "needs the same memory for any length."
)


class AnimateFace(Node):
    """Move each face like a driver."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMAnimateFace",
            display_name="Animate Face",
            category=CATEGORY,
            search_aliases=[*ALIASES, "lip sync", "live portrait", "drive", "reenact"],
            description="Moves each face like the person in a driving video, or each face like its own driver. Gives "
            "the faces alone, so that other nodes can work on them before Paste Faces puts them back.",
            inputs=[
                Model.Input("model", tooltip="From Load FOM Model."),
                Faces.Input("faces", tooltip="From Detect Faces: who is animated."),
                io.Autogrow.Input(
                    "drivers",
                    template=io.Autogrow.TemplateNames(motions.driver_input("driver"), motions.DRIVERS, min=1),
                    tooltip="Who moves: a VIDEO, an IMAGE batch or a saved FOM_MOTION, showing one face. One driver "
                    "moves all faces. Of several, the first moves face 1, the second face 2, and the last one all "
                    "the rest.",
                ),
                *transfers.transfer_inputs(),
                io.Combo.Input(
                    "length",
                    options=list(motions.LENGTHS),
                    tooltip="With several drivers: as long as the longest, while the others hold their last frame or "
                    "start anew (with a jump); or as short as the shortest. With the faces of a video as long as "
                    "that, or shorter.",
                ),
                *transfers.strength_inputs(),
                io.Boolean.Input(
                    "relative_jacobian",
                    default=True,
                    advanced=True,
                    tooltip="With relative motion: turn and stretch the parts of the face by the driver's change, too. "
                    "Off copies the driver's turn and stretch outright, which is seldom better.",
                ),
                motions.driving_crop_input(),
                motions.fps_input(),
                motions.chunk_size_input(),
                motions.driving_face_input(),
                *transfers.gain_inputs(),
                io.Combo.Input(
                    "frames",
                    options=[COMPOSED, AS_PAINTED],
                    optional=True,
                    advanced=True,
                    tooltip="composed: a part of the picture larger than the crop, as sharp as the picture, in which "
                    "its own pixels move and the model paints only what they cannot show. as painted: what the model "
                    "paints over the crop, at its image_size; so come models that cannot be composed in any case.",
                ),
                transfers.return_input(),
                *transfers.source_inputs(),
                transfers.tuning_input(),
                motions.phase_input(),
                motions.pose_input(),
                motions.driving_landmarks_input(),
            ],
            outputs=[
                io.Image.Output(
                    display_name="animated_faces",
                    is_output_list=True,
                    tooltip="One batch of frames per face, in the picture's own resolution, or what the model paints "
                    "(see frames). For Paste Faces, directly or through nodes that enhance, upscale or colour them.",
                ),
                io.Mask.Output(
                    display_name="occlusion_maps",
                    is_output_list=True,
                    tooltip="One mask per frame and face: white is taken from the picture, black is painted anew.",
                ),
                io.Mask.Output(
                    display_name="head_masks",
                    is_output_list=True,
                    tooltip="One soft mask per face: white where anything moves at any time. As face_masks of Paste "
                    "Faces it leaves more of the background untouched.",
                ),
                Motion.Output(
                    display_name="motions",
                    is_output_list=True,
                    tooltip="The motion of each driver as it was read, without smoothing: for Save Motion, or to drive "
                    "other faces without reading the video again.",
                ),
                io.Float.Output(
                    display_name="fps",
                    tooltip="Frames a second: those of the first driver that has a rate; the others are brought to it.",
                ),
                io.Audio.Output(
                    display_name="audio",
                    tooltip="The sound of the first driver that has any, as long as the result; empty without.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        faces: PictureFaces,
        drivers: dict[str, Any],
        relative_motion: bool,
        adapt_movement_scale: bool,
        initial_frame: dict[str, Any],
        length: str,
        smoothing: float,
        gain: float,
        relative_jacobian: bool = True,
        driving_crop: DrivingCrop = "auto",
        fps: float = 25.0,
        chunk_size: int = CHUNK_SIZE,
        driving_face: int = 0,
        head_gain: float = 1.0,
        expression_gain: float = 1.0,
        frames: str = COMPOSED,
        return_s: float = 0.0,
        source_motion: SourceMotion = SourceOptions.source_motion,
        keep_head: bool = SourceOptions.keep_head,
        tuning: Tuned | None = None,
        phase_s: float = 0.0,
        pose: MotionValue | None = None,
        landmarks: str = NONE,
    ) -> io.NodeOutput:
        if not len(faces):
            raise NoFaceFound(
                "There is no face to animate. Choose faces in Detect Faces, or set its if_none to 'pass through'."
            )
        values = motions.in_order(drivers)
        match_drivers(len(values), len(faces))
        tuned = tuning or Tuned(
            transfers.transfer_of(
                relative_motion, relative_jacobian, adapt_movement_scale, initial_frame, gain, head_gain,
                expression_gain, return_s,
            ),
            smoothing, driving_crop, driving_face, fps,
        )  # fmt: skip
        transfer = replace(tuned.transfer, relative_jacobian=relative_jacobian)
        tuned = replace(tuned, transfer=transfer, landmarks=landmarks)  # neither is in tuning
        progress, kept = host.Progress(), host.kept_of(model)
        chunk_size = host.frames_at_once(model, chunk_size)
        with motions.opened(values) as opened:
            network = host.motion_model(model, chunk_size, len(faces))
            reading = motions.read(
                network, opened, progress, kept=kept, tuned=tuned, chunk_size=chunk_size, length=motions.LENGTHS[length]
            )
            compose = frames == COMPOSED and is_for_faces(host.name_of(model))
            if faces.tracks is not None:
                options = SourceOptions(source_motion, keep_head, motions.LENGTHS[length], phase_s)
                video = source_videos.VideoFaces(network, faces, reading, tuned, options, kept, pose)
                return video.animated(compose, chunk_size, progress, opened)
            source_videos.tell_many(faces, reading.length)
            handing_out = HandingOut(network, faces, compose, kept)
            pictures = [(reading.length, *shape) for shape in handing_out.shapes]
            masks = [(reading.length, *network.config.image_size)] * len(pictures)
            foresee("Animate Face", [*pictures, *masks], ADVICE)
            results = [Result(network, reading.length, *shape) for shape in handing_out.shapes]
            chunks = (
                piece
                for chunk in animate_details(
                    network,
                    handing_out.sources,
                    reading.for_faces(len(faces), phase_s, pose, tuned.transfer.initial_frame),
                    tuned.transfer,
                    chunk_size=chunk_size,
                )
                for piece in handing_out.pieces(chunk)
            )
            done = 0
            for chunk, shown in map_in_background(lambda begun: (begun[0], begun[1]()), chunks):
                for result, generated, frames_of_face in zip(results, chunk, shown.frames, strict=True):
                    result.add(done, generated, frames_of_face)
                done += len(chunk[0].prediction)
                picture = shown.side_by_side() if progress.wants_preview else None
                progress.show(*motions.animated(done, reading.length), picture)
            audio = sound_of(opened, reading.length / float(reading.rate))
        return io.NodeOutput(
            [result.frames for result in results],
            [result.occlusion for result in results],
            [host.to_masks(result.area.mask()) for result in results],
            reading.motions,
            float(reading.rate),
            audio,
        )
