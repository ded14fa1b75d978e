"""Makes the files that the example workflows open; run it in the project's folder with the extra ``demo`` installed.

Everything is derived from one public-domain photograph, NASA's portrait of Eileen Collins as scikit-image carries it.
The drivers are that photograph, moved like a puppet: tilt, turn, nod and a little of the jaw. The sound is computed.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from skimage import data

HERE = Path(__file__).resolve().parent
HEAD = (109, 0, 230)  # x, y and side of the square around the head in the photograph
BUST = (50, 0, 340)  # and of the one with the shoulders
FACE_X = 224  # of the middle of the face
PANEL = (540, 320)  # height and width of a third of the group picture
PANELS = (  # of each: the width shown of the photograph, the tint of a black-and-white print, and whether mirrored
    (285, (1.06, 0.94, 0.78), True),
    (325, None, False),
    (265, (0.97, 0.99, 1.02), False),
)
HEADROOM = 42  # pixels of background added above the photograph, whose hair touches the edge
SIDE = 256  # of the drivers, pixels
RATE = 22050  # of the sound, samples a second


@dataclass(frozen=True)
class Course:
    """How a driver moves: amplitudes, each over a whole number of swings, so that the end meets the beginning."""

    frames: int
    fps: int
    tilt_deg: float
    turn_px: float
    nod_px: float
    jaw_px: float
    mirrored: bool = False


FIRST = Course(frames=75, fps=25, tilt_deg=12, turn_px=10, nod_px=5, jaw_px=5)
SECOND = Course(frames=60, fps=30, tilt_deg=-5, turn_px=-7, nod_px=12, jaw_px=4, mirrored=True)


def main() -> None:
    """Write the two pictures and the two drivers beside this file."""
    photograph = data.astronaut()
    write_jpeg("fom_portrait.jpg", square(photograph, BUST, 512))
    taller = cv2.copyMakeBorder(photograph, HEADROOM, 0, 0, 0, cv2.BORDER_REPLICATE)
    taller[:HEADROOM] = cv2.GaussianBlur(taller[:HEADROOM], (0, 0), 9)
    write_jpeg("fom_group.jpg", np.hstack([panel(taller, *each) for each in PANELS]))
    head = square(photograph, HEAD, SIDE)
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        write_sound(sound, FIRST.frames / FIRST.fps)
        write_video("fom_driving.mp4", puppet(head, FIRST), FIRST.fps, ["-i", str(sound), "-c:a", "aac", "-b:a", "64k"])
    write_video("fom_driving_2.mp4", puppet(head[:, ::-1], SECOND), SECOND.fps, [])


def square(photograph: np.ndarray, place: tuple[int, int, int], size_px: int) -> np.ndarray:
    """A part of the photograph at another size."""
    x, y, side = place
    return cv2.resize(photograph[y : y + side, x : x + side], (size_px, size_px), interpolation=cv2.INTER_CUBIC)


def panel(photograph: np.ndarray, width: int, tint: tuple[float, float, float] | None, mirrored: bool) -> np.ndarray:
    """One print of the photograph: (*PANEL, 3) uint8."""
    left, height = FACE_X - width // 2, round(width * PANEL[0] / PANEL[1])
    part = photograph[:height, left : left + width]
    part = cv2.resize(part[:, ::-1] if mirrored else part, PANEL[::-1], interpolation=cv2.INTER_CUBIC)
    if tint is None:
        return part
    return np.clip((part @ np.array([0.299, 0.587, 0.114]))[..., None] * tint, 0, 255).round().astype(np.uint8)


def puppet(head: np.ndarray, course: Course) -> Iterator[np.ndarray]:
    """The photograph in motion: (SIDE, SIDE, 3) uint8 a frame."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    middle = SIDE - 1 - 130 if course.mirrored else 130
    neck = (middle, 215)
    held = bump(x, y, (middle, 95), (105, 125), power=6)  # 1 on the head, 0 at shoulders and border
    depth = bump(x, y, (middle, 110), (62, 80), power=2)  # the nose turns further than the ears
    chin = bump(x, y, (middle, 190), (50, 42), power=4)
    for phase in np.arange(course.frames) / course.frames * 2 * np.pi:
        angle = np.deg2rad(course.tilt_deg * np.sin(phase)) * held
        dx, dy = x - neck[0], y - neck[1]
        from_x = neck[0] + np.cos(angle) * dx + np.sin(angle) * dy
        from_y = neck[1] - np.sin(angle) * dx + np.cos(angle) * dy
        from_x -= course.turn_px * np.sin(2 * phase) * depth * held
        from_y -= course.nod_px * (1 - np.cos(phase)) / 2 * (0.4 + 0.6 * depth) * held
        from_y -= course.jaw_px * np.sin(3 * phase) ** 2 * chin
        yield cv2.remap(head, np.float32(from_x), np.float32(from_y), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def bump(
    x: np.ndarray, y: np.ndarray, centre: tuple[float, float], radii: tuple[float, float], power: int
) -> np.ndarray:
    """1 at the centre, falling to 1/e on an ellipse; the higher the power, the flatter inside."""
    distance = np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1])
    return np.exp(-(distance**power)).astype(np.float32)


def write_sound(path: Path, length_s: float) -> None:
    """Six plucked notes of a pentatonic scale, one channel."""
    time_s = np.arange(round(length_s * RATE)) / RATE
    tune = np.zeros_like(time_s)
    for index, hertz in enumerate((392.0, 440.0, 523.25, 587.33, 523.25, 392.0)):
        since = time_s - index * length_s / 6
        note = np.sin(2 * np.pi * hertz * since) + 0.3 * np.sin(4 * np.pi * hertz * since)
        tune += np.where(since >= 0, note * np.exp(-5 * np.maximum(since, 0)) * np.minimum(since / 0.01, 1), 0)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes((tune / np.abs(tune).max() * 0.4 * 32767).astype("<i2").tobytes())


def write_video(name: str, frames: Iterable[np.ndarray], fps: int, sound: list[str]) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{SIDE}x{SIDE}", "-r", str(fps), "-i", "-", *sound]
    command += ["-c:v", "libx264", "-crf", "20", "-preset", "slow", "-pix_fmt", "yuv420p"]
    command += ["-fflags", "+bitexact", "-movflags", "+faststart", str(HERE / name)]
    subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), check=True)


def write_jpeg(name: str, picture: np.ndarray) -> None:
    cv2.imwrite(str(HERE / name), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    main()
