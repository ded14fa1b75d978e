"""Detect Faces."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from comfy_api.latest import io

from ..fom_core.errors import NoFaceFound, UsageError
from ..fom_core.faces.detect import DETECTORS, MIN_SIZE_PX, detect_faces, sides_below
from ..fom_core.faces.detection import Detector
from ..fom_core.faces.parsing import HeadParser
from ..fom_core.faces.regions import MARGIN, CropRule, to_rgb
from ..fom_core.faces.selection import ORDERS, chosen, in_order, picked
from ..fom_core.faces.tracks import FaceTracks, select_tracks
from ..fom_core.pipeline import FPS
from ..fom_core.types import FaceSet
from . import host, marked
from .base import Node
from .boxes import faces_from_boxes, given_boxes, middle_square
from .detectors import detector_explanation, open_detector
from .face_outputs import numbered, outputs_of
from .face_parts import (
    NONE,
    by_picture,
    landmarks_input,
    open_head_parser,
    parsed_heads,
    parsing_input,
    with_landmarks,
)
from .sockets import ALIASES, CATEGORY, FaceLandmarks, Faces, NumberedBox, PictureFaces, Segments
from .video_frames import PICTURES, VIDEO, follow, middle_track

log = logging.getLogger(__name__)
PASS_THROUGH = "pass through"
PREVIEWS = 32  # pictures of a batch that the node shows


class DetectFaces(Node):
    """Find the faces of one or more pictures, or take them from boxes that another node found."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMDetectFaces",
            display_name="Detect Faces",
            category=CATEGORY,
            search_aliases=[*ALIASES, "find faces", "face detection", "bounding box", "crop faces"],
            description="Finds the faces of a picture, numbers them, and marks the part around each that will be "
            "animated. Several pictures in a batch are searched one by one, or as the frames of one video.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="One picture, or a batch of different pictures of one size, or the frames of a video: see "
                    "batch.",
                ),
                io.Combo.Input("detector", options=["auto", *DETECTORS], tooltip=detector_explanation()),
                io.String.Input(
                    "face_choice",
                    default="all",
                    tooltip='Which faces, by the numbers in the preview: "all", "1,3" or "2-4".',
                ),
                io.Combo.Input(
                    "order",
                    options=list(ORDERS),
                    tooltip="How faces are numbered, and so which driver moves which face.",
                ),
                io.Combo.Input(
                    "if_none",
                    options=["error", PASS_THROUGH],
                    tooltip="When no face is found: stop with an error that says what to do, or animate the largest "
                    "square in the middle of the picture as if it were a face.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Least score of a face. 0 is the detector's own; higher drops false faces and some real.",
                ),
                io.Int.Input(
                    "min_size",
                    default=MIN_SIZE_PX,
                    min=1,
                    max=8192,
                    advanced=True,
                    tooltip="Faces smaller than this many pixels are left out: too small to be worth animating.",
                ),
                io.Int.Input(
                    "max_faces",
                    default=0,
                    min=0,
                    max=256,
                    advanced=True,
                    tooltip="Keep the largest so many faces of a picture. 0 keeps all; each face takes its time.",
                ),
                io.Combo.Input(
                    "crop",
                    options=["square", "paddlegan", "box"],
                    advanced=True,
                    tooltip="The part around a face that is animated: a square with room for head and shoulders (what "
                    "the models were trained on), PaddleGAN's rectangle, or the box itself.",
                ),
                io.Float.Input(
                    "margin",
                    default=MARGIN,
                    min=0.0,
                    max=3.0,
                    step=0.05,
                    advanced=True,
                    tooltip="With the square crop: how much larger than the face it is. More gives the head room to "
                    "move, less gives the face more of the model's pixels.",
                ),
                io.BoundingBox.Input(
                    "bboxes",
                    optional=True,
                    force_input=True,
                    tooltip="Use these boxes in place of the detector: hand-drawn, or from MediaPipe, RT-DETR, SAM…",
                ),
                FaceLandmarks.Input(
                    "face_landmarks",
                    optional=True,
                    tooltip="Use the faces that a MediaPipe Face Landmarker found in place of the detector.",
                ),
                io.Combo.Input(
                    "batch",
                    options=[PICTURES, VIDEO],
                    optional=True,
                    tooltip="What a batch of several is. pictures: each has faces of its own, and each face becomes an "
                    "animation. frames of one video: a face is the same in all of them, followed on its way through "
                    "the frames, and the result is that video.",
                ),
                io.MultiType.Input(
                    "marked_faces",
                    types=[io.Mask, Segments, NumberedBox],
                    optional=True,
                    tooltip="Use these faces in place of the detector: a MASK (every spot that stands alone is a face; "
                    "of a batch, each mask), SEGS of the Impact Pack, or BBOX of KJNodes.",
                ),
                io.Combo.Input(
                    "bbox_format",
                    options=list(marked.FORMATS),
                    optional=True,
                    advanced=True,
                    tooltip="What the four numbers of a BBOX are: x, y, width and height (xywh), or two corners "
                    "(xyxy). auto takes corners only where the others would leave the picture.",
                ),
                io.String.Input(
                    "points",
                    optional=True,
                    force_input=True,
                    tooltip="Only faces on which one of these points lies: coordinates of a points editor, such as "
                    '[{"x": 120, "y": 80}].',
                ),
                landmarks_input("Also find the points of each face, for the output landmarks and the preview."),
                parsing_input(
                    "Also tell skin, hair, eyes and other parts of each head apart: for the output parts and the "
                    "preview, and face_masks become the heads."
                ),
            ],
            outputs=[
                Faces.Output(
                    display_name="faces",
                    tooltip="For Animate Face, Animate Picture, Paste Faces and Preview Keypoints.",
                ),
                io.BoundingBox.Output(display_name="bboxes", tooltip="A list of boxes per picture."),
                io.Mask.Output(display_name="mask", tooltip="White on the faces' boxes, one mask per picture."),
                io.Image.Output(
                    display_name="crops", is_output_list=True, tooltip="The part around each face, one image per face."
                ),
                io.Int.Output(display_name="count", tooltip="How many faces were chosen, in all pictures."),
                io.Mask.Output(
                    display_name="face_masks",
                    is_output_list=True,
                    tooltip="One mask per face over its crop: white on the head with parsing, else where it was "
                    "marked, else on its box. For face_masks of Paste Faces.",
                ),
                FaceLandmarks.Output(
                    display_name="landmarks",
                    tooltip="The points of the chosen faces, for ComfyUI's nodes that draw face meshes and masks. With "
                    "landmarks 68 or 98; else what the detector has.",
                ),
                io.Image.Output(
                    display_name="parts",
                    is_output_list=True,
                    tooltip="With parsing: the parts of each head in colours, over its crop; black without.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        detector: str,
        face_choice: str,
        order: str,
        if_none: str,
        threshold: float = 0.0,
        min_size: int = MIN_SIZE_PX,
        max_faces: int = 0,
        crop: CropRule = "square",
        margin: float = MARGIN,
        bboxes: Any = None,
        face_landmarks: Any = None,
        batch: str = PICTURES,
        marked_faces: Any = None,
        bbox_format: str = marked.AUTO,
        points: str | None = None,
        landmarks: str = NONE,
        parsing: str = NONE,
    ) -> io.NodeOutput:
        host.check_images(image)
        given = given_boxes(image, bboxes, face_landmarks, marked_faces, bbox_format)
        if batch == VIDEO and len(image) > 1:
            if given is not None or points:
                raise UsageError(
                    "The faces of a video are followed by the detector. Disconnect bboxes, face_landmarks, "
                    f"marked_faces and points, or set batch to '{PICTURES}'."
                )
            finder = open_detector(detector, threshold)
            parser = open_head_parser(parsing)
            followed = follow(image, finder, threshold, min_size, max_faces, crop, margin)
            if not len(followed) and if_none != PASS_THROUGH:
                spread = image[:: max(1, round(FPS))]  # a look a second tells
                looks = (sides_below([host.to_uint8(each)], finder, min_size, threshold or None) for each in spread)
                small = max(looks, key=len)
                raise NoFaceFound(too_small(small, min_size) if small else nothing_found(finder))
            return video_output(cls, image, followed, face_choice, order, parser, landmarks)
        finder = open_detector(detector, threshold) if given is None else None
        parser = open_head_parser(parsing)
        found, progress = [], host.Progress(len(image))
        for index, picture in enumerate(map(host.to_uint8, image)):  # one at a time: a batch may be a video
            if finder is not None:
                all_faces = detect_faces(
                    picture, finder, min_size_px=min_size, max_faces=max_faces or None, crop=crop, margin=margin
                )
            else:
                assert given is not None
                all_faces = faces_from_boxes(given[index], picture, min_size, max_faces, crop, margin)
            found.append(in_order(all_faces, order, picture, finder))
            progress(index + 1)
        pointed = marked.points_of(points or "")
        if pointed and any(map(len, found)):
            found = marked.pointed_at(found, pointed)
        if not any(len(each) for each in found):
            if if_none != PASS_THROUGH:
                if finder is None:
                    sides = [max(float(box["width"]), float(box["height"])) for boxes in given or () for box in boxes]
                    small = [] if pointed else sorted((side for side in sides if side < min_size), reverse=True)
                else:
                    small = sides_below(map(host.to_uint8, image), finder, min_size)
                raise NoFaceFound(too_small(small, min_size) if small else nothing_found(finder))
            found = [middle_of(image.shape[1], image.shape[2])] * len(image)
        sets = with_landmarks(image, choose(found, face_choice), landmarks)
        value = PictureFaces(image, sets)
        if len(image) > 1:
            log.info(
                "%d pictures with %d faces, each to become an animation of its own. For the frames of a video, set "
                "batch to '%s'.", len(image), len(value), VIDEO,
            )  # fmt: skip
        parsed = parsed_heads(value, parser)
        shown = host.to_uint8(image[:PREVIEWS])
        drawn = numbered(shown, found, sets, list(by_picture(parsed, sets)))
        return outputs_of(cls, value, drawn, parsed, given)


def video_output(
    cls: type[io.ComfyNode],
    image: torch.Tensor,
    found: FaceTracks,
    face_choice: str,
    order: str,
    parser: HeadParser | None,
    landmarks: str,
) -> io.NodeOutput:
    """The outputs for the faces of a video; numbers are the same in all frames."""
    if not len(found):
        found = middle_track(image.shape[1], image.shape[2], len(image))
    numbers = select_tracks(found, order=order)
    tracks = select_tracks(found, face_choice, order=order, shown=host.SHOWN)
    sets = with_landmarks(image, [tracks.at(index) for index in range(len(image))], landmarks)
    value = PictureFaces(image, sets, tracks)
    shown = np.unique(np.linspace(0, len(image) - 1, min(PREVIEWS, len(image))).round().astype(int)).tolist()
    pictures = np.stack([to_rgb(host.to_uint8(image[i])) for i in shown])
    drawn = numbered(pictures, [numbers.at(i) for i in shown], [sets[i] for i in shown], same=True)
    return outputs_of(cls, value, drawn, parsed_heads(value, parser))


def choose(found: list[FaceSet], choice: str) -> tuple[FaceSet, ...]:
    """Keep the faces of a choice by number; numbers run on from picture to picture."""
    kept = set(chosen(choice, sum(map(len, found)), shown=host.SHOWN))
    sets, first = [], 0
    for faces in found:
        sets.append(picked(faces, [offset for offset in range(len(faces)) if first + offset in kept]))
        first += len(faces)
    return tuple(sets)


def nothing_found(detector: Detector | None) -> str:
    """What to do where there is no face."""
    if detector is None:
        return (
            "The boxes or masks hold no face. Draw one, or disconnect bboxes, face_landmarks and marked_faces to use "
            "the detector."
        )
    return (
        f"No face was found by the detector {detector.name}. Use a picture with a visible face, lower the threshold, "
        f"choose another detector, connect bboxes drawn by hand, or set if_none to '{PASS_THROUGH}'."
    )


def too_small(sides: Sequence[float], min_size: int) -> str:
    """What to do where the faces are smaller than ``min_size``; ``sides`` in pixels, the largest first."""
    found = "The one face found is" if len(sides) == 1 else f"All {len(sides)} faces found are"
    largest = "it has" if len(sides) == 1 else "the largest has"
    return (
        f"{found} smaller than min_size, {min_size} pixels: {largest} {sides[0]:.0f}. Lower min_size, or use a larger "
        "picture of the face."
    )


def middle_of(height: int, width: int) -> FaceSet:
    """The largest square in the middle of a picture, as if it were a face."""
    return FaceSet.from_crops([middle_square(height, width)], (height, width))
