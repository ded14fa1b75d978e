"""Workflows that were made for another pack run to their files once they are converted."""

from __future__ import annotations

from collections.abc import Callable

from fom_core.media import VideoReader
from fom_core.workflow import convert_workflow
from tests.comfyui.prompts import of_type
from tests.comfyui.server import Server
from tests.first_order_mm import exported

FEW = 12


def few_frames(server: Server, ffmpeg: Callable[..., str]) -> str:
    """The first frames of the example driver, with its sound, as a file that ComfyUI lists; its name."""
    folder = server.base / "input"
    ffmpeg("-i", folder / "fom_driving.mp4", "-frames:v", FEW, "-shortest", folder / "converted.mp4")
    return "converted.mp4"


def test_a_converted_export_runs_to_a_video_with_the_drivers_rate_and_sound(server, ffmpeg):
    prompt = convert_workflow(exported(), model="mini").workflow
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = few_frames(server, ffmpeg)

    finished = server.run(prompt)

    (file,) = [file for files in finished.files.values() for file in files if file.parent.name == "video"]
    video = VideoReader(file)
    assert (len(list(video)), video.size, video.rate, video.has_audio) == (FEW, (512, 512), 25, True)
