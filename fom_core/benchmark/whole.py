"""The whole job, from a video file to a video file, beside each of its steps alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..backends.pytorch import PyTorchModel
from ..compose.paste import Paster
from ..faces.regions import crop_face
from ..media import VideoReader, VideoWriter
from ..motion import transfer_motion
from ..parallel.overlap import run_in_background
from ..pictures import to_batch
from ..pipeline import animate_picture, encode_face, look_at, read_motion
from ..types import CHUNK_SIZE, FaceSet, MotionTransfer
from .measure import clock, forget_peak, peak_mib, processor_s
from .subject import RATE, driving_frames, picture_with_faces, write_clip

KEPT = 32  # frames of the result that the steps alone are measured on, again and again


@dataclass(frozen=True)
class BenchmarkJob:
    """A picture with ``faces`` faces, and a driver of ``frames`` frames.

    driving_video: what moves; None for a clip that is made for it, of the model's size.
    chunk_size:    frames at a time.
    encoder:       of the result, None for the usual one.
    """

    frames: int = 64
    faces: int = 1
    width: int = 1280
    height: int = 720
    driving_video: str | None = None
    chunk_size: int = CHUNK_SIZE
    encoder: str | None = None


def prepare(job: BenchmarkJob, model: PyTorchModel, folder: Path) -> Path:
    """The driving clip of exactly ``job.frames`` frames."""
    path = folder / "driver.mp4"
    size = model.config.image_size
    if job.driving_video is not None:
        with VideoReader(job.driving_video) as reader:
            size = reader.size
            short = min(size)
            size = (short - short % 2, short - short % 2)
    write_clip(path, driving_frames(job.driving_video, job.frames, size))
    return path


def run_job(job: BenchmarkJob, model: PyTorchModel, driver: Path, result: Path) -> dict[str, Any]:
    """Animate once, as ``fom animate`` does after its detectors have looked.

    Tells seconds by the clock, seconds that processors were at work (ffmpeg included), and peak memory.
    """
    picture, faces = picture_with_faces(job.width, job.height, job.faces)
    forget_peak(model.device)
    started, worked = clock(model.device), processor_s()
    with VideoReader(driver) as reader:
        motion = read_motion(model, reader, reader.fps, chunk_size=job.chunk_size)
    frames = animate_picture(model, picture, faces, motion, chunk_size=job.chunk_size)
    with VideoWriter(result, RATE, encoder=job.encoder) as writer, run_in_background(writer.write) as write:
        for chunk in frames:
            write(chunk)
    took = clock(model.device) - started
    return {
        "seconds": took,
        "processor_s": processor_s() - worked,
        "fps": job.frames / took,
        "peak_mib": peak_mib(model.device),
    }


def measure_whole(job: BenchmarkJob, model: PyTorchModel, folder: Path) -> dict[str, Any]:
    """The job, and each step alone, in milliseconds a frame of the result.

    ``network`` is what the job cannot do without: keypoints of the driver, encoding and painting every face.
    ``bound`` names the slowest step, and ``share`` is what it alone takes of the whole.
    """
    driver, result = prepare(job, model, folder), folder / "result.mp4"
    run_job(job, model, driver, result)  # once to warm up: caches, kernels, the page cache
    whole = run_job(job, model, driver, result)
    with VideoReader(result) as reader:
        kept = np.stack([frame for frame, _ in zip(reader, range(KEPT), strict=False)])
    picture, faces = picture_with_faces(job.width, job.height, job.faces)
    steps = {
        "decode": _decode_s(driver),
        "network": _network_s(job, model, driver, picture, faces),
        "paste": _paste_s(job, model, picture, faces),
        "encode": _encode_s(job, kept, folder),
    }
    bound = max(steps, key=lambda step: steps[step])
    return {
        **whole,
        "job": vars(job),
        "ms": 1e3 * whole["seconds"] / job.frames,
        "steps_ms": {step: 1e3 * value / job.frames for step, value in steps.items()},
        "bound": bound,
        "share": steps[bound] / whole["seconds"],
        "over_network": whole["seconds"] / steps["network"],
    }


def _decode_s(driver: Path) -> float:
    started = time.perf_counter()
    with VideoReader(driver) as reader:
        for _ in reader:
            pass
    return time.perf_counter() - started


@torch.inference_mode()
def _network_s(job: BenchmarkJob, model: PyTorchModel, driver: Path, picture: np.ndarray, faces: FaceSet) -> float:
    """Networks alone, on frames that lie on the device."""
    with VideoReader(driver) as reader:
        views = np.stack([look_at(model, frame, None) for frame, _ in zip(reader, range(KEPT), strict=False)])
    crops = [crop_face(picture, face, model.config.image_size) for face in faces]
    batch = to_batch(views, channels=model.config.num_channels, device=model.device)
    transfer = MotionTransfer()

    def chunk(start: int, size: int) -> torch.Tensor:
        return batch[torch.arange(start, start + size, device=batch.device) % len(batch)]

    def work() -> None:
        sources = [encode_face(model, crop) for crop in crops]
        first = None
        for start in range(0, job.frames, job.chunk_size):
            driving = model.detect_keypoints(chunk(start, min(job.chunk_size, job.frames - start)))
            first = first or driving[:1]
            for source in sources:
                model.generate(source, transfer_motion(source.keypoints, driving, first, transfer))

    work()
    started = clock(model.device)
    work()
    return clock(model.device) - started


def _paste_s(job: BenchmarkJob, model: PyTorchModel, picture: np.ndarray, faces: FaceSet) -> float:
    paster = Paster(picture, faces)
    height, width = model.config.image_size
    made = np.random.default_rng(0).integers(0, 256, (job.chunk_size, height, width, 3), np.uint8)
    paster([made] * len(faces))
    started = time.perf_counter()
    for start in range(0, job.frames, job.chunk_size):
        paster([made[: job.frames - start]] * len(faces))
    return time.perf_counter() - started


def _encode_s(job: BenchmarkJob, kept: np.ndarray, folder: Path) -> float:
    started = time.perf_counter()
    with VideoWriter(folder / "encoded.mp4", RATE, encoder=job.encoder) as writer:
        for index in range(job.frames):
            writer.write(kept[index % len(kept)])
    return time.perf_counter() - started
