"""The sound of a video as samples."""

from __future__ import annotations

import subprocess

import numpy as np

from ..leftovers import scratch_folder
from . import ffmpeg
from .read import VideoReader


def read_sound(reader: VideoReader, length_s: float) -> tuple[np.ndarray, int] | None:
    """The sound beside the frames of ``reader``: (channels, samples) float32 in [-1, 1], and samples a second.

    At most ``length_s`` seconds from the first frame on; None where there is none, or none that can be decoded.
    """
    if not reader.has_audio:
        return None
    with scratch_folder() as folder:
        # Not .wav: of more than two channels or above 48 kHz, Python before 3.12 does not read what ffmpeg writes.
        target = folder / "sound.au"
        part = ["-ss", f"{reader.start_s:.6f}", "-t", f"{length_s:.6f}", *ffmpeg.input_of(reader.path)]
        command = ["-v", "error", *part, "-map", "0:a:0", "-c:a", "pcm_s16be", "-f", "au", f"file:{target}"]
        process = ffmpeg.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.communicate()
        finally:
            process.kill()
        if process.returncode or not target.is_file():
            return None
        _, start, _, _, rate, channels = np.fromfile(target, ">u4", count=6).tolist()
        samples = np.fromfile(target, ">i2", offset=start)
    if not samples.size:
        return None
    return samples.reshape(-1, channels).T.astype(np.float32) / 32768, rate
