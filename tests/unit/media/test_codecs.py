"""Containers and codecs that people's clips come in: all frames, in order, at their rate and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fom_core.media import VideoReader

FRAMES, RATE = 8, 25
PAL = ("-vf", "scale=720x576,setdar=4/3", "-pix_fmt", "yuv420p")
CIF = ("-vf", "scale=176x144,setsar=1")
QUICK_AV1 = ("-c:v", "libaom-av1", "-cpu-used", 8, "-usage", "realtime")


def coded(name: str, *options: object) -> tuple[object, ...]:
    return "-c:v", name, *options


CLIPS: dict[str, dict[str, tuple[object, ...]]] = {
    "mp4": {
        "H.264": coded("libx264"),
        "H.264, 10 bits": coded("libx264", "-pix_fmt", "yuv420p10le"),
        "H.264, 4:4:4": coded("libx264", "-pix_fmt", "yuv444p"),
        "H.264, full range": coded("libx264", "-pix_fmt", "yuvj420p"),
        "H.264, fragments": coded("libx264", "-movflags", "frag_keyframe+empty_moov"),
        "H.265": coded("libx265", "-x265-params", "log-level=none:pools=1"),
        "H.265, hvc1": coded("libx265", "-tag:v", "hvc1", "-x265-params", "log-level=none:pools=1"),
        "AV1": QUICK_AV1,
        "VP9": coded("libvpx-vp9", "-cpu-used", 8),
        "MPEG-4": coded("mpeg4"),
        "MPEG-2": coded("mpeg2video"),
        "MJPEG": coded("mjpeg"),
    },
    "mov": {
        "ProRes": coded("prores_ks", "-profile:v", 0),
        "ProRes 4444": coded("prores_ks", "-profile:v", 4, "-pix_fmt", "yuva444p10le"),
        "DNxHR": coded("dnxhd", "-profile:v", "dnxhr_lb", "-vf", "scale=256x128,setsar=1", "-pix_fmt", "yuv422p"),
        "QuickTime animation": coded("qtrle"),
        "PNG": coded("png"),
        "H.264": coded("libx264"),
        "raw": coded("rawvideo", "-pix_fmt", "uyvy422"),
        "Sorenson 1": coded("svq1", *CIF),
        "DV": coded("dvvideo", *PAL),
        "JPEG 2000": coded("jpeg2000"),
    },
    "mkv": {
        "H.264": coded("libx264"),
        "H.265": coded("libx265", "-x265-params", "log-level=none:pools=1"),
        "FFV1": coded("ffv1"),
        "HuffYUV": coded("ffvhuff"),
        "Ut Video": coded("utvideo"),
        "MagicYUV": coded("magicyuv"),
        "VP8": coded("libvpx", "-cpu-used", 8),
        "AV1": QUICK_AV1,
        "MPEG-1": coded("mpeg1video"),
        "Theora": coded("libtheora"),
        "Snow": coded("snow", "-strict", "experimental"),
    },
    "webm": {"VP8": coded("libvpx", "-cpu-used", 8), "VP9": coded("libvpx-vp9", "-cpu-used", 8), "AV1": QUICK_AV1},
    "avi": {
        "MPEG-4": coded("mpeg4"),
        "Xvid": coded("libxvid"),
        "DivX 3": coded("msmpeg4"),
        "MS MPEG-4 v2": coded("msmpeg4v2"),
        "MJPEG": coded("mjpeg"),
        "HuffYUV": coded("huffyuv"),
        "Cinepak": coded("cinepak"),
        "MS Video 1": coded("msvideo1"),
        "screen capture": coded("zmbv"),
        "raw": coded("rawvideo"),
        "DV": coded("dvvideo", *PAL),
    },
    "ts": {"H.264": coded("libx264"), "MPEG-2": coded("mpeg2video")},
    "m2ts": {"H.264": coded("libx264")},
    "mpg": {"MPEG-1": coded("mpeg1video"), "MPEG-2": coded("mpeg2video")},
    "vob": {"MPEG-2": coded("mpeg2video")},
    "flv": {"Sorenson": coded("flv"), "H.264": coded("libx264")},
    "wmv": {"WMV 1": coded("wmv1"), "WMV 2": coded("wmv2")},
    "ogv": {"Theora": coded("libtheora")},
    "3gp": {"H.263": coded("h263", *CIF), "MPEG-4": coded("mpeg4")},
    "m4v": {"MPEG-4, bare": coded("mpeg4")},
    "mxf": {"MPEG-2": coded("mpeg2video")},
    "nut": {"FFV1": coded("ffv1")},
    "ivf": {"VP8": coded("libvpx", "-cpu-used", 8)},
    "y4m": {"raw": ("-pix_fmt", "yuv420p")},
    "dv": {"DV": coded("dvvideo", *PAL)},
    "gif": {"palette": ()},
    "apng": {"PNG": ("-f", "apng")},
    "h264": {"H.264, bare": coded("libx264")},
}
SIZES = {"DNxHR": (128, 256), "Sorenson 1": (144, 176), "H.263": (144, 176), "DV": (576, 768)}  # that they can hold
CASES = [(suffix, name) for suffix, kinds in CLIPS.items() for name in kinds]


def shades(frames: list[np.ndarray]) -> list[float]:
    return [float(frame.mean()) for frame in frames]


@pytest.mark.parametrize(("suffix", "name"), CASES)
def test_every_frame_of_a_clip_is_read_in_order(ffmpeg, tmp_path: Path, suffix: str, name: str):
    path = tmp_path / f"clip.{suffix}"
    source = f"color=black:size=96x64:rate={RATE},geq=lum='40+N*20':cb=128:cr=128"
    options = CLIPS[suffix][name]
    said = ffmpeg("-f", "lavfi", "-i", source, "-frames:v", FRAMES, *options, path)
    if not path.is_file() or not path.stat().st_size:
        pytest.skip(f"this ffmpeg does not write it: {said.splitlines()[-1]}")

    reader = VideoReader(path)
    frames = list(reader)

    assert reader.size == SIZES.get(name, (64, 96))
    assert reader.rate == RATE
    assert len(frames) == reader.frame_count == FRAMES
    assert np.diff(shades(frames)).min() > 10  # each is brighter than the one before


@pytest.mark.parametrize("suffix", ["ogv", "mkv"])
def test_theora_gives_the_same_pictures_each_time(ffmpeg, tmp_path: Path, suffix: str):
    path = tmp_path / f"clip.{suffix}"
    picture = f"color=black:size=96x64:rate={RATE},geq=lum='40+N*20':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-i", picture, "-frames:v", FRAMES, "-c:v", "libtheora", path)

    reader = VideoReader(path)
    passes = {tuple(shades(list(reader))) for _ in range(20)}

    assert len(passes) == 1
    assert np.diff(passes.pop()).min() > 10
