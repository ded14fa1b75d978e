"""H.264 encoders: the usual one on the processor, and those of graphics chips."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import MediaError, UsageError
from .ffmpeg import run_ffmpeg
from .process import first_complaint

SOFTWARE = "libx264"


@dataclass(frozen=True)
class VideoEncoder:
    """How ffmpeg is asked for H.264; ``{crf}`` stands for the quality, smaller is better.

    options: of the output.
    device:  options before the input.
    filters: after all others.
    """

    options: str
    device: str = ""
    filters: tuple[str, ...] = ()


ENCODERS = {
    # Against "fast": less than half the time, files a fifth smaller, 0.6 of 42 dB PSNR (1080p, four moving faces).
    SOFTWARE: VideoEncoder("-crf {crf} -preset veryfast"),
    "h264_nvenc": VideoEncoder("-preset p4 -rc vbr -cq {crf} -b:v 0"),
    "h264_qsv": VideoEncoder("-preset faster -global_quality {crf}", filters=("format=nv12",)),
    "h264_vaapi": VideoEncoder(
        "-rc_mode CQP -qp {crf}", "-vaapi_device /dev/dri/renderD128", filters=("format=nv12", "hwupload")
    ),
    "h264_videotoolbox": VideoEncoder("-q:v {percent}"),
}


def options_of(name: str, crf: int) -> list[str]:
    """Arguments that choose the encoder and its quality."""
    return ["-c:v", name, *ENCODERS[name].options.format(crf=crf, percent=max(1, 100 - 2 * crf)).split()]


def has_codec(name: str) -> bool:
    """Whether this ffmpeg has an encoder of pictures."""
    listed, _ = run_ffmpeg("-v", "error", "-encoders")
    return re.search(rf"^ V\S+ {name} ", listed, re.MULTILINE) is not None


def require_codec(name: str, suffix: str) -> None:
    """Raise MediaError for an ffmpeg without the encoder that files of a kind need."""
    if not has_codec(name):
        raise MediaError(
            f"This ffmpeg has no encoder {name}, which {suffix} files need. Unset IMAGEIO_FFMPEG_EXE, for the one that "
            "imageio-ffmpeg brings has it, or name the output .mp4 or .gif."
        )


def require_encoder(name: str) -> None:
    """Raise UsageError for an unknown encoder, MediaError for one that this ffmpeg or machine lacks.

    Which of them a machine really has shows only when they are asked to encode: one grey frame here.
    """
    if name not in ENCODERS:
        raise UsageError(f"There is no H.264 encoder {name!r} here; use one of {', '.join(ENCODERS)}.")
    if name == SOFTWARE:
        return
    listed, _ = run_ffmpeg("-v", "error", "-encoders")
    built_in = [known for known in ENCODERS if re.search(rf"^ V\S+ {known} ", listed, re.MULTILINE)]
    if name not in built_in:
        raise MediaError(f"This ffmpeg has no encoder {name}. It has {', '.join(built_in)}; choose one of these.")
    encoder = ENCODERS[name]
    grey = ["-f", "lavfi", "-i", "color=gray:size=256x256:rate=25:duration=0.04"]
    filters = ["-vf", ",".join(encoder.filters)] if encoder.filters else []
    _, ending = run_ffmpeg(
        "-v",
        "error",
        *encoder.device.split(),
        *grey,
        *filters,
        *options_of(name, 18),
        "-frames:v",
        "1",
        "-f",
        "null",
        "-",
    )
    if ending.status:
        raise MediaError(
            f"The encoder {name} does not work on this machine ({first_complaint(ending.said)}). "
            f"Choose another; {SOFTWARE} works everywhere."
        )
