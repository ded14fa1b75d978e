"""What a changed gain costs in a real ComfyUI, as shares of the first run; and what fifty of them leave in memory."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.comfyui.prompts import Prompt, of_type, workflow
from tests.comfyui.server import Server

pytestmark = pytest.mark.slow
FRAMES = 240
RETUNINGS = 50
MOST_MB = 50


def driver(server: Server, ffmpeg, name: str) -> str:
    """A driver of 240 frames: the example's, over and over, or the file that FOM_TUNING_DRIVER names."""
    source = Path(os.environ.get("FOM_TUNING_DRIVER") or server.base / "input" / "fom_driving.mp4")
    ffmpeg("-stream_loop", -1, "-i", source, "-frames:v", FRAMES, "-an", server.base / "input" / name)
    return name


def preview_only(prompt: Prompt) -> Prompt:
    """The template without what makes the video."""
    ends = {of_type(prompt, "SaveVideo"), of_type(prompt, "FOMAnimatePicture")}
    return {node: content for node, content in prompt.items() if node not in ends}


def seconds(server: Server, prompt: Prompt, **values: object) -> float:
    """How long a run takes with these values in Preview Animation, by the host's own clock."""
    prompt[of_type(prompt, "FOMPreviewAnimation")]["inputs"] |= values
    finished = server.submit(prompt)
    server.finish(finished)
    told = dict(server.ask(f"/history/{finished}")[finished]["status"]["messages"])
    return (told["execution_success"]["timestamp"] - told["execution_start"]["timestamp"]) / 1000


def test_a_changed_gain_repaints_at_once_and_memory_stays(server, ffmpeg, capsys):
    prompt = workflow("tuning")
    seconds(server, preview_only(prompt))  # the model and its form are ready, and so are the codecs
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = driver(server, ffmpeg, "tuned.mp4")

    first = seconds(server, preview_only(prompt), gain=0.9)
    repaints = [seconds(server, preview_only(prompt), gain=gain) for gain in (0.8, 1.1, 1.2, 0.7, 0.6)]
    moved = [seconds(server, preview_only(prompt), moment=moment) for moment in (0.1, 0.5, 0.9)]
    sheet = seconds(server, preview_only(prompt), show="contact sheet")
    before = server.memory_mb()
    for number in range(RETUNINGS):
        seconds(server, preview_only(prompt), show="one moment", gain=0.5 + number / RETUNINGS)
    grown = server.memory_mb() - before

    with capsys.disabled():
        print(
            f"\npreview: first {first:.2f} s; changed gain {sorted(repaints)[2]:.2f} s (of {sorted(repaints)}); moment "
            f"{sorted(moved)[1]:.2f} s; sheet {sheet:.2f} s; {RETUNINGS} re-tunings: {grown:+.0f} MB of {before:.0f}"
        )
    assert sorted(repaints)[2] <= 1.0
    assert grown <= MOST_MB


def test_another_look_is_far_cheaper_than_the_first_run(server, ffmpeg, capsys):
    prompt = workflow("tuning")
    for video in ("warm.mp4", "cold.mp4"):
        prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = driver(server, ffmpeg, video)
        os.utime(server.base / "input" / video, (time.time(), time.time()))
        first = timed(server, prompt, "FOMPreviewAnimation", gain=1.0)  # of the first video: all else is made ready
    again = [timed(server, prompt, "FOMPreviewAnimation", gain=gain) for gain in (0.8, 0.7)]
    looks = [timed(server, prompt, "FOMAnimatePicture", mask=mask) for mask in ("soft", "ellipse", "flow")]

    with capsys.disabled():
        print(
            f"\nfull run: first {first:.2f} s, again {again}: {min(again) / first:.2f}; "
            f"another look {looks}: {min(looks) / first:.2f}"
        )
    # What a changed gain costs is told alone: new frames are most of a run, and nodes/test_kept.py counts what is read.
    assert min(looks) <= 0.55 * first


def timed(server: Server, prompt: Prompt, kind: str, **values: object) -> float:
    prompt[of_type(prompt, kind)]["inputs"] |= values
    begun = time.monotonic()
    server.run(prompt, timeout_s=1800)
    return time.monotonic() - begun
