"""Animate Picture."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from comfy_api.latest import InputImpl, io, ui
from torch import Tensor

from ..fom_core.compose import Composition
from ..fom_core.compose.masks import FADING, Look
from ..fom_core.errors import NoFaceFound, UsageError
from ..fom_core.faces.detect import DETECTORS, detect_faces
from ..fom_core.faces.parsing import head_masks
from ..fom_core.faces.regions import to_rgb, whole_picture
from ..fom_core.faces.selection import chosen, picked
from ..fom_core.faces.tracking import DrivingCrop
from ..fom_core.media import VideoWriter
from ..fom_core.motion import SourceMotion
from ..fom_core.parallel.overlap import run_in_background
from ..fom_core.pipeline import Scene, compose_picture
from ..fom_core.source_video import SourceOptions
from ..fom_core.types import CHUNK_SIZE, FaceSet, RunOptions
from ..fom_core.types import Motion as MotionValue
from ..fom_core.weights.catalogue import is_for_faces
from . import host, marks, motions, transfers
from .base import Node
from .detectors import detector_explanation, open_detector, resolved
from .face_parts import NONE, kept_parser, parsing_input
from .kept import Kept, encoded, found_faces
from .paintings import paintings_of
from .picture_videos import DRIVER, SOUNDS, animated_video, is_video
from .sockets import ALIASES, CATEGORY, Faces, Model, PictureFaces, Tuned

log = logging.getLogger(__name__)


class AnimatePicture(Node):
    """The whole way in one node: picture and driving video in, video out, however long it is."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMAnimatePicture",
            display_name="Animate Picture",
            category=CATEGORY,
            search_aliases=[*ALIASES, "live portrait", "photo to video", "long video"],
            essentials_category="Video Tools",
            description="Finds the faces of a picture or a video, animates them like the driver and pastes them back, "
            "straight into a video with sound. Needs the same memory for a minute as for an hour.",
            inputs=[
                Model.Input("model", tooltip="From Load FOM Model."),
                io.MultiType.Input(
                    "image",
                    types=[io.Image, io.Video],
                    tooltip="The picture: one, with one or many faces; its transparency is not kept, as an .mp4 has "
                    "none. Or a VIDEO, whose faces follow the driver, each on its way through the frames.",
                ),
                motions.driver_input(
                    "driver", "Who moves, one face: a VIDEO (with its sound), an IMAGE batch or a saved FOM_MOTION."
                ),
                io.String.Input(
                    "face_choice",
                    default="all",
                    tooltip='Which faces, from left to right: "all", "1,3" or "2-4". Detect Faces shows the numbers.',
                ),
                io.Combo.Input("detector", options=["auto", *DETECTORS], tooltip=detector_explanation()),
                *transfers.transfer_inputs(),
                *transfers.strength_inputs(),
                io.Combo.Input(
                    "mask",
                    options=list(get_args(Look)),
                    tooltip="How faces get into the picture. flow: the picture's own pixels move, as sharp as they "
                    "are, and the model paints only what they cannot show. The others paste what the model paints. "
                    "soft: a rounded square, keeps most of the movement. ellipse: less of the background. box: all of "
                    "it with a hard edge. paddlegan: PaddleGAN's circle.",
                ),
                io.Float.Input(
                    "colour_match",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Takes away the difference in colour between the faces and the picture around them.",
                ),
                io.Float.Input(
                    "feather",
                    default=Composition.feather,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip=f"How softly {' and '.join(FADING)} fade out. More hides the edge better and shows more of "
                    "the unmoved face near it.",
                ),
                motions.driving_crop_input(),
                motions.fps_input(),
                io.Int.Input(
                    "quality_crf",
                    default=12,
                    min=0,
                    max=40,
                    advanced=True,
                    tooltip="Of the video's compression: smaller is better and larger. 12 is near lossless, so that "
                    "another node may compress it once more; 18 to 23 is usual for showing.",
                ),
                motions.chunk_size_input(),
                Faces.Input(
                    "faces",
                    optional=True,
                    tooltip="Use these faces of the picture, from Detect Faces, in place of the detector here.",
                ),
                motions.driving_face_input(),
                *transfers.gain_inputs(),
                marks.mark_input(),
                transfers.return_input(),
                *transfers.source_inputs(),
                io.Combo.Input(
                    "audio",
                    options=list(SOUNDS),
                    optional=True,
                    advanced=True,
                    tooltip="Whose sound the result has. driver: the driver's, or that of a video in the place of the "
                    "picture where the driver has none. source: that video's. none: no sound.",
                ),
                transfers.tuning_input(),
                motions.phase_input(),
                motions.pose_input(),
                motions.driving_landmarks_input(),
                parsing_input(
                    "Move heads alone: the picture stays as it is where a face's crop shows none of its head."
                ),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video",
                    tooltip="A temporary file: use Save Video to keep it. An odd width or height is made even, and "
                    "transparency is not kept; for that, use Paste Faces and Save WEBM.",
                )
            ],
            hidden=[io.Hidden.unique_id],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        image: Any,
        driver: Any,
        face_choice: str,
        detector: str,
        relative_motion: bool,
        adapt_movement_scale: bool,
        initial_frame: dict[str, Any],
        smoothing: float,
        gain: float,
        mask: Look,
        colour_match: float,
        feather: float = Composition.feather,
        driving_crop: DrivingCrop = "auto",
        fps: float = 25.0,
        quality_crf: int = 12,
        chunk_size: int = CHUNK_SIZE,
        faces: PictureFaces | None = None,
        driving_face: int = 0,
        head_gain: float = 1.0,
        expression_gain: float = 1.0,
        mark: str = marks.NONE,
        return_s: float = 0.0,
        source_motion: SourceMotion = SourceOptions.source_motion,
        keep_head: bool = SourceOptions.keep_head,
        audio: str = DRIVER,
        tuning: Tuned | None = None,
        phase_s: float = 0.0,
        pose: MotionValue | None = None,
        landmarks: str = NONE,
        parsing: str = NONE,
    ) -> io.NodeOutput:
        tuned = tuning or Tuned(
            transfers.transfer_of(
                relative_motion, True, adapt_movement_scale, initial_frame, gain, head_gain, expression_gain, return_s
            ),
            smoothing, driving_crop, driving_face, fps,
        )  # fmt: skip
        tuned = replace(tuned, landmarks=landmarks)  # which is not in tuning
        progress, kept = host.Progress(), host.kept_of(model)
        chunk_size = host.frames_at_once(model, chunk_size)
        if is_video(image, faces):
            if parsing != NONE:
                raise UsageError("The heads of a video move out of any mask. Set parsing to none.")
            return animated_video(
                model, image, faces, driver, tuned, kept, progress,
                options=SourceOptions(source_motion, keep_head, phase_s=phase_s),
                face_choice=face_choice, detector=detector, mask=mask, feather=feather, colour_match=colour_match,
                quality_crf=quality_crf, chunk_size=chunk_size, mark=mark, audio=audio, pose=pose,
            )  # fmt: skip
        picture = one_picture(image)
        with motions.opened([driver]) as (opened,):
            on_faces = faces is not None or is_for_faces(host.name_of(model))
            chosen_faces = choose(picture, faces, detector, face_choice, on_faces, kept)
            network = host.motion_model(model, chunk_size, len(chosen_faces))
            reading = motions.read(network, [opened], progress, kept=kept, tuned=tuned, chunk_size=chunk_size)
            drivers = reading.for_faces(len(chosen_faces), phase_s, pose, tuned.transfer.initial_frame)
            path = host.temporary_file(".mp4")
            with (
                VideoWriter(
                    path,
                    reading.rate,
                    audio_from=opened.reader if audio == DRIVER else None,
                    crf=quality_crf,
                    mark=marks.corner_of(mark),
                ) as writer,
                run_in_background(writer.write) as write,
            ):
                done = 0
                scene = Scene(
                    picture, chosen_faces, drivers, tuned.transfer,
                    sources=encoded(kept, network, picture, chosen_faces),
                )  # fmt: skip
                look = Composition(
                    look_of(mask, model, on_faces),
                    feather=feather,
                    colour_match=colour_match,
                    face_masks=head_masks(picture, chosen_faces, kept_parser(kept, parsing)) if on_faces else None,
                )
                scene = replace(scene, paintings=paintings_of(kept, network, scene, look))
                for frames in compose_picture(network, scene, look, RunOptions(chunk_size)):
                    write(frames)
                    done += len(frames)
                    progress.show(*motions.animated(done, reading.length), frames[-1])
        return io.NodeOutput(
            InputImpl.VideoFromFile(str(path)),
            ui=ui.PreviewVideo([ui.SavedResult(path.name, "", io.FolderType.temp)]),
        )


def look_of(mask: Look, model: Any, on_faces: bool) -> Look:
    """How to put the faces in: models that are not for faces are not composed, as in Animate Face."""
    if not on_faces:
        return "box"
    return "soft" if mask == "flow" and not is_for_faces(host.name_of(model)) else mask


def one_picture(image: Tensor) -> np.ndarray:
    """The picture (H, W, 3) of an IMAGE of one. Raises UsageError for several."""
    pictures = host.to_pictures(image)
    if len(pictures) > 1:
        raise UsageError(
            f"Animate Picture takes one picture, found a batch of {len(pictures)}. Pick one with Get Image from Batch, "
            "or use Detect Faces, Animate Face and Paste Faces. Of a video connect the VIDEO itself."
        )
    if pictures[0].ndim == 3 and pictures[0].shape[2] == 4 and pictures[0][..., 3].min() < 255:
        log.warning(
            "The picture is transparent, which the .mp4 file of Animate Picture does not keep. Use Detect Faces, "
            "Animate Face, Paste Faces and Save WEBM to keep it."
        )
    return to_rgb(pictures[0])


def choose(
    picture: np.ndarray, given: PictureFaces | None, detector: str, choice: str, on_faces: bool, kept: Kept
) -> FaceSet:
    """The faces to animate; the whole picture for a model that is not for faces. Raises NoFaceFound, UsageError."""
    if not on_faces:
        return whole_picture(picture.shape[:2])
    if given is None:
        name = resolved(detector)
        faces = found_faces(kept, picture, name, lambda: detect_faces(picture, open_detector(name)))
    elif len(given.sets) == 1:
        faces = given.sets[0]
    else:
        raise UsageError(f"The faces belong to {len(given.sets)} pictures. Connect faces that were found in this one.")
    if not len(faces):
        raise NoFaceFound(
            "No face was found in the picture. Use one with a visible face, choose another detector, or connect faces "
            "from a Detect Faces whose if_none is 'pass through'."
        )
    return picked(faces, chosen(choice, len(faces), shown=host.SHOWN))
