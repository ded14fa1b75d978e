"""Memory of a whole run depends on the picture and the chunk, not on the length of the video."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import pytest

from fom_core.media import VideoReader, read_picture, write_picture


def peak_mib(*words: object) -> float:
    """Peak resident memory of one command's process tree (its largest process) in MiB."""
    command = [sys.executable, "-m", "fom_core", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs a system that reports a child's peak memory")
def test_ten_times_the_frames_need_no_more_memory(shared, tiny_weights, ffmpeg, tmp_path):
    group = read_picture(shared / "data" / "media" / "group_office2.jpg")
    write_picture(tmp_path / "group.png", cv2.resize(group, (1920, 1080)))
    ffmpeg("-stream_loop", -1, "-i", shared / "data/media/fom_dv.mp4", "-frames:v", 3000, "-an", tmp_path / "3000.mp4")
    peaks = {}
    for frames in (300, 3000):
        driver = tmp_path / f"{frames}.mp4"
        if frames != 3000:
            ffmpeg("-i", tmp_path / "3000.mp4", "-frames:v", frames, driver)
        assert VideoReader(driver).frame_count == frames
        result = tmp_path / f"result_{frames}.mp4"
        peaks[frames] = peak_mib(
            *("animate", "--source_image", tmp_path / "group.png", "--driving_video", driver, "--output", result),
            *("--model", tiny_weights, "--multi_person", "--face_detector", "embedded", "--cpu"),
        )
        assert VideoReader(result).frame_count == frames
        assert VideoReader(result).size == (1080, 1920)
    print(f"peak memory: {peaks[300]:.0f} MiB for 300 frames, {peaks[3000]:.0f} MiB for 3000")
    assert peaks[3000] <= 1.05 * peaks[300]
