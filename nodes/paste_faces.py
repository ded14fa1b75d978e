"""Paste Faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import torch
from comfy_api.latest import io
from torch import Tensor

from ..fom_core.compose import CanvasPaster, Composition, Paster
from ..fom_core.compose.cover import Cover
from ..fom_core.compose.masks import FADING, Look
from . import host, marks, sizes
from .base import Node
from .paste_jobs import Job, held, jobs_of, lay_parts
from .paste_video import paste_video
from .room import foresee
from .sockets import ALIASES, CATEGORY, Faces, PictureFaces

ADVICE = (
    "If that is too much, use fewer frames or a smaller picture; or use Animate Picture, which needs the same memory "
    "for any length."
)


class PasteFaces(Node):
    """Put animated faces back into the picture or pictures they came from, or into a video of the same scene."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMPasteFaces",
            display_name="Paste Faces",
            category=CATEGORY,
            search_aliases=[*ALIASES, "composite", "blend", "stitch", "uncrop"],
            description="Puts animated faces back into the picture they came from. Pixels outside the faces' masks "
            "stay exactly as they are.",
            is_input_list=True,
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="The picture in which the faces were found. In its place a video of the same scene may "
                    "come as a batch: frame by frame it becomes the background, and what is shorter holds its last "
                    "frame. With faces of several pictures, the same pictures; with those of a video, its frames. "
                    "Transparency is kept.",
                ),
                Faces.Input("faces", tooltip="From Detect Faces: where the faces belong."),
                io.Image.Input(
                    "animated_faces",
                    tooltip="One batch per face, all equally long: from Animate Face, directly or through nodes that "
                    "enhance, upscale or colour them. Any size will do.",
                ),
                io.Combo.Input(
                    "mask",
                    options=list(get_args(Look)),
                    tooltip="flow: composed faces go back as they come, edge and all; painted ones as with soft. The "
                    "others paste a part of the crop. soft: a rounded square, keeps the most of the movement. ellipse: "
                    "less of the background. box: the whole crop with a hard edge. paddlegan: PaddleGAN's hard circle, "
                    "or the whole crop when there is one face.",
                ),
                io.Float.Input(
                    "feather",
                    default=Composition.feather,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip=f"How softly {' and '.join(FADING)} fade out. More hides the edge better, but more of the "
                    "picture's own, unmoved face shows through near it.",
                ),
                io.Float.Input(
                    "colour_match",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Takes away the difference in colour and light between the faces and the picture around "
                    "them. 0 leaves the faces as they come; use more when another node changed their colours. It is "
                    "found once, in the first frame, so it does not flicker, nor does it follow a change of light.",
                ),
                io.Float.Input(
                    "ratio",
                    default=Composition.ratio,
                    min=0.05,
                    max=2.0,
                    step=0.01,
                    advanced=True,
                    tooltip="With the paddlegan mask: the circle's radius in crop heights, usually 0.4 to 0.5. Larger "
                    "circles cover close neighbours.",
                ),
                io.Mask.Input(
                    "face_masks",
                    optional=True,
                    tooltip="Narrows the mask: one for all faces or a list with one each, over the crop and of any "
                    "size, still or one per frame. Animate Face's head_masks paste only what moves.",
                ),
                io.Combo.Input(
                    "frames_cover",
                    options=list(get_args(Cover)),
                    optional=True,
                    advanced=True,
                    tooltip="What animated_faces show: the canvas of a composed face, or the crop that Detect Faces "
                    "cut out. auto sees it by comparing them with the picture; say it where they were changed so much "
                    "that it errs, and a face comes out too large or too small.",
                ),
                marks.mark_input(),
                sizes.frame_size_input(),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image", is_output_list=True, tooltip="The frames: one batch for each picture."
                ),
                io.Mask.Output(
                    display_name="mask",
                    is_output_list=True,
                    tooltip="Where the frames differ from the picture: one mask for each picture, or for each of its "
                    "frames when face_masks move.",
                ),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
        )

    @classmethod
    def fingerprint_inputs(cls, frame_size: Sequence[str] | None = None, **_: Any) -> Any:
        """Where the frames go decides what auto leaves out, which the host's cache does not look at."""
        automatic = (frame_size or [sizes.AUTO])[0] == sizes.AUTO
        return automatic and sizes.made_into_video(host.running_graph(), cls.hidden.unique_id)

    @classmethod
    def execute(
        cls,
        image: list[Tensor],
        faces: list[PictureFaces],
        animated_faces: list[Tensor],
        mask: list[Look],
        feather: list[float],
        colour_match: list[float],
        ratio: list[float],
        face_masks: list[Tensor] | None = None,
        frames_cover: list[Cover] | None = None,
        mark: list[str] | None = None,
        frame_size: list[str] | None = None,
    ) -> io.NodeOutput:
        choice = frame_size[0] if frame_size else sizes.AUTO
        if any(each.tracks is not None for each in faces):
            return paste_video(
                image, faces, animated_faces, face_masks or [], mask[0], feather[0], colour_match[0], ratio[0],
                frames_cover[0] if frames_cover else "auto", marks.corner_of(mark[0]) if mark else None,
                lambda shape: sizes.fitted(shape, choice, cls.hidden.prompt, cls.hidden.unique_id),
            )  # fmt: skip
        jobs = jobs_of(image, faces, animated_faces, face_masks or [])
        progress, done = host.Progress(sum(job.length for job in jobs)), 0
        shapes = [sizes.fitted(job.shape[1:], choice, cls.hidden.prompt, cls.hidden.unique_id) for job in jobs]
        wanted = [(job.length, *shape) for job, shape in zip(jobs, shapes, strict=True)]
        foresee("Paste Faces", wanted, ADVICE, image[0].dtype)
        images, covers = [], []
        corner = marks.corner_of(mark[0]) if mark else None
        for job, shape in zip(jobs, shapes, strict=True):
            canvases = job.canvases(frames_cover[0] if frames_cover else "auto")
            whole = mask[0] == "flow" and all(canvases)
            paster = open_paster(job, whole, mask[0], ratio[0], feather=feather[0], colour_match=colour_match[0])
            frames, cover = paste_frames(paster, job, canvases, shape, progress, done)
            if corner:
                marks.mark_images(frames, cover, corner)
            images.append(frames)
            covers.append(host.to_masks(cover))
            done += job.length
        return io.NodeOutput(images, covers)


def open_paster(
    job: Job, whole: bool, mask: Look, ratio: float, *, feather: float, colour_match: float
) -> CanvasPaster | Paster:
    """What lays a job's faces in: whole canvases, or crops through a mask."""
    picture = host.to_uint8(job.background[0])
    if whole:
        return CanvasPaster(picture, job.faces, colour_match=colour_match, face_masks=job.masks, moving=job.moving)
    return Paster(
        picture, job.faces, "soft" if mask == "flow" else mask, ratio,
        feather=feather, colour_match=colour_match, face_masks=job.masks,
    )  # fmt: skip


def paste_frames(
    paster: CanvasPaster | Paster,
    job: Job,
    canvases: list[bool],
    shape: tuple[int, int, int],
    progress: host.Progress,
    before: int,
) -> tuple[Tensor, Tensor]:
    """Paste frame by frame, so that no second copy of the video is made: IMAGE, and where it differs (1 or T, H, W).

    Bytes are pasted, as on the command line; pixels outside the masks keep the floats of the background.
    canvases: of each face, whether its frames are canvases.
    shape:    height, width and channels of the frames, no more than the picture's.
    """
    height, width, channels = shape
    whole = isinstance(paster, CanvasPaster)
    changed = channels if whole else 3  # alpha moves with its canvas
    moving = any(mask.ndim == 3 and len(mask) > 1 for mask in job.masks)
    frames = job.background.new_empty((job.length, height, width, channels))
    covers = torch.zeros(job.length if moving else 1, height, width)
    for time, frame in enumerate(frames):
        background = held(job.background, time)
        frame.copy_(background[:height, :width, :channels])
        faces = [
            job.frame(face, time) if whole else job.crop(face, time, is_canvas)
            for face, is_canvas in enumerate(canvases)
        ]
        pasted = paster(faces, pictures=host.to_uint8(background)[None] if job.moving else None, start=time)[0]
        lay_parts(paster.parts(time), pasted, frame[..., :changed], covers[min(time, len(covers) - 1)])
        progress.show(before + time + 1, picture=pasted)
    return frames, covers
