"""Paste Faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import torch
from comfy_api.latest import io
from torch import Tensor

from ..fom_core.compose.masks import Mask
from ..fom_core.compose.paste import FEATHER, Paster
from ..fom_core.errors import UsageError
from ..fom_core.types import FaceSet
from . import host
from .sockets import ALIASES, CATEGORY, Faces, PictureFaces


class PasteFaces(io.ComfyNode):
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
                    "frame. With faces of several pictures, the same pictures. Transparency is kept.",
                ),
                Faces.Input("faces", tooltip="From Detect Faces: where the faces belong."),
                io.Image.Input(
                    "animated_faces",
                    tooltip="One batch per face, all equally long: from Animate Face, directly or through nodes that "
                    "enhance, upscale or colour them. Any size will do.",
                ),
                io.Combo.Input(
                    "mask",
                    options=list(get_args(Mask)),
                    tooltip="What part of the crop is pasted. soft: a rounded square, keeps the most of the movement. "
                    "ellipse: less of the background. box: the whole crop with a hard edge. paddlegan: PaddleGAN's "
                    "hard circle, or the whole crop when there is one face.",
                ),
                io.Float.Input(
                    "feather",
                    default=FEATHER,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How softly soft and ellipse fade out. More hides the edge better, but more of the "
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
                    default=0.4,
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
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        image: list[Tensor],
        faces: list[PictureFaces],
        animated_faces: list[Tensor],
        mask: list[Mask],
        feather: list[float],
        colour_match: list[float],
        ratio: list[float],
        face_masks: list[Tensor] | None = None,
    ) -> io.NodeOutput:
        jobs = jobs_of(image, faces, animated_faces, face_masks or [])
        progress, done = host.Progress(sum(job.length for job in jobs)), 0
        images, covers = [], []
        for job in jobs:
            paster = Paster(
                host.to_uint8(job.background[0]), job.faces, mask[0], ratio[0],
                feather=feather[0], colour_match=colour_match[0], face_masks=job.masks,
            )  # fmt: skip
            frames, cover = paste_frames(paster, job, progress, done)
            images.append(frames)
            covers.append(host.to_masks(cover))
            done += job.length
        return io.NodeOutput(images, covers)


@dataclass(frozen=True)
class Job:
    """What goes into one picture: its faces, a batch of frames for each, and perhaps a mask (T, h, w) for each.

    background: (B, H, W, C), one for all frames or one each.
    """

    background: Tensor
    faces: FaceSet
    batches: list[Tensor]
    masks: list[Tensor]

    @property
    def length(self) -> int:
        return max(len(self.background), *map(len, self.batches)) if self.batches else len(self.background)


def jobs_of(images: list[Tensor], found: list[PictureFaces], batches: list[Tensor], masks: list[Tensor]) -> list[Job]:
    """Deal the batches out to the faces, picture by picture. Raises UsageError for what does not fit."""
    count = sum(map(len, found))
    check_batches(batches, count)
    check_masks(masks, count)
    masks = masks * count if len(masks) == 1 else masks
    jobs, first = [], 0
    for background, members in pictures_with_faces(images, found):
        part = slice(first, first + len(members))
        check_lengths(batches[part], first)
        jobs.append(Job(background, members, [batch[..., :3] for batch in batches[part]], masks[part]))
        first += len(members)
    return jobs


def pictures_with_faces(images: list[Tensor], found: list[PictureFaces]) -> Iterator[tuple[Tensor, FaceSet]]:
    """Pictures, or backgrounds of one picture's faces, as (B, H, W, 3 or 4); and the faces of each."""
    if len(images) != len(found):
        raise UsageError(
            f"Expected one image batch for each set of faces, found {len(images)} and {len(found)}. Connect to image "
            "what Detect Faces looked at."
        )
    for batch, faces in zip(images, found, strict=True):
        host.check_images(batch, "The image")
        if len(faces.sets) not in (1, len(batch)):
            raise UsageError(
                f"The faces were found in {len(faces.sets)} pictures, but image has {len(batch)}. Connect to image "
                "the pictures that Detect Faces looked at."
            )
        coloured = batch.expand(-1, -1, -1, 3) if batch.shape[-1] == 1 else batch
        yield from zip([coloured] if len(faces.sets) == 1 else coloured.split(1), faces.sets, strict=True)


def check_batches(batches: list[Tensor], count: int) -> None:
    """Raise UsageError unless there is one batch for each of ``count`` faces."""
    if len(batches) != count:
        raise UsageError(
            f"Expected {count} batches of animated faces, one for each face, found {len(batches)}. Connect the "
            "animated_faces of Animate Face for these very faces, through nodes that keep them as a list."
        )
    for index, batch in enumerate(batches, 1):
        host.check_images(batch, f"Animated face {index}", smallest_px=1)


def check_masks(masks: list[Tensor], count: int) -> None:
    """Raise UsageError unless there is no mask, one, or one for each face."""
    if len(masks) not in (0, 1, count):
        raise UsageError(
            f"Expected one face mask for all {count} faces or a list with one each, found {len(masks)}. Leave "
            "face_masks unconnected to paste without."
        )


def check_lengths(batches: list[Tensor], first: int) -> None:
    """Raise UsageError unless the faces of one picture have equally many frames."""
    lengths = [len(batch) for batch in batches]
    if len(set(lengths)) > 1:
        told = ", ".join(f"face {index} has {length}" for index, length in enumerate(lengths, first + 1))
        raise UsageError(
            f"The animated faces of a picture must have equally many frames, but {told}. A node between Animate Face "
            "and Paste Faces dropped or added frames: take it out, or treat all faces alike."
        )


def paste_frames(paster: Paster, job: Job, progress: host.Progress, before: int) -> tuple[Tensor, Tensor]:
    """Paste frame by frame, so that no second copy of the video is made: IMAGE, and where it differs (1 or T, H, W).

    Bytes are pasted, as on the command line; pixels outside the masks keep the floats of the background.
    """
    height, width, channels = job.background.shape[1:]
    moving = any(mask.ndim == 3 and len(mask) > 1 for mask in job.masks)
    frames = job.background.new_empty((job.length, height, width, channels))
    covers = torch.zeros(job.length if moving else 1, height, width)
    for time, frame in enumerate(frames):
        background = held(job.background, time)
        frame.copy_(background)
        pictures = None if len(job.background) == 1 else host.to_uint8(background)[None]
        pasted = paster([held(batch, time)[None] for batch in job.batches], pictures=pictures, start=time)[0]
        for (x0, y0, x1, y1), part in paster.parts(time):
            cover = torch.from_numpy(part)
            spot = frame[y0:y1, x0:x1, :3]
            colours = (torch.from_numpy(pasted[y0:y1, x0:x1, :3]).float() / 255).to(spot)
            spot.copy_(torch.where((cover > 0).to(spot.device)[..., None], colours, spot))
            known = covers[min(time, len(covers) - 1), y0:y1, x0:x1]
            torch.maximum(known, cover, out=known)
        progress.show(before + time + 1, picture=pasted)
    return frames, covers


def held(batch: Tensor, time: int) -> Tensor:
    """Frame ``time``, or the last one where there is none."""
    return batch[min(time, len(batch) - 1)]
