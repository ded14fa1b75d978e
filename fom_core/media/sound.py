"""The sound of a video as samples."""

from __future__ import annotations

import logging

import numpy as np

from . import ffmpeg
from .process import Ffmpeg, first_complaint
from .read import VideoReader

log = logging.getLogger(__name__)
_HEADER_BYTES = 24


def read_sound(reader: VideoReader, length_s: float) -> tuple[np.ndarray, int] | None:
    """The sound beside the frames of ``reader``: (channels, samples) float32 in [-1, 1], and samples a second.

    At most ``length_s`` seconds from the first frame on; None where there is none, or none that can be decoded.
    Raises MediaError when ffmpeg fails.
    """
    if reader.sound_track is None:
        return None
    # Not .wav, whose reader in Python is narrow, and not a file, for which there may be no room.
    part = ["-ss", f"{reader.start_s:.6f}", "-t", f"{length_s:.6f}", *ffmpeg.input_of(reader.path)]
    # Samples have no times: sound that begins later than the pictures, or pauses, is led in and filled by silence.
    track = ["-map", f"0:{reader.sound_track}", "-af", "aresample=async=1:first_pts=0"]
    process = Ffmpeg("-v", "error", *part, *track, "-c:a", "pcm_s16be", "-f", "au", "pipe:1", read=True)
    try:
        data = process.rest(-1)
        ending = process.end()
    finally:
        process.kill()
    if ending.died:
        raise ffmpeg.broken(f"decoding the sound of {reader.path}", ending)
    samples = np.empty(0, np.int16)
    rate, channels = 0, 1
    if len(data) >= _HEADER_BYTES:
        _, start, _, _, rate, channels = np.frombuffer(data, ">u4", count=6).tolist()
        samples = np.frombuffer(data[start : len(data) - (len(data) - start) % (2 * channels)], ">i2")
    if not samples.size:
        log.warning("The sound of %s cannot be used (%s); it is left out.", reader.path, first_complaint(ending.said))
        return None
    return samples.reshape(-1, channels).T.astype(np.float32) / 32768, rate
