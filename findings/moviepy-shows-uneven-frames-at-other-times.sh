#!/bin/bash
# MoviePy 2.2.1 counts frames at the average rate of a file and takes the count for the time. Where frames lie unevenly, as
# those of phones, webcams and screen recorders do, ffmpeg gives it an even clock's frames, which are more, and it goes
# through the first of them only: the picture at a time is an earlier one, the end is missing, and sound, which is cut by
# time, is ahead of the lips. fps_source="tbr" gets the clock's rate, and is right here. Also, it knows a duration to 1/100 s
# only: a third of all videos of 30 frames a second lose their last frame. Nothing is said of either.
# ComfyUI-FOM reads each frame with its own time (tests/unit/media/test_time.py).
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  moviepy==2.2.1 imageio-ffmpeg==0.8.1 av==18.1.0 numpy==2.4.6 2>/dev/null
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import subprocess
import sys
from importlib.metadata import version

import av
import imageio_ffmpeg
from moviepy import VideoFileClip

print("moviepy", version("moviepy"))


def write(name: str, count: int, rate: str, picked: str) -> None:
    """A video whose frames are greys that rise by 4: the number of a frame can be seen."""
    frames = f"color=black:size=64x64:rate={rate},format=gray,geq=lum='16+N*4',trim=end_frame={count},select='{picked}'"
    encoder = ["-fps_mode", "vfr", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "1", "-color_range", "pc"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", frames, *encoder, name]
    subprocess.run(command, check=True)


def number(picture) -> int:
    return round((int(picture[32, 32, 0]) - 16) / 4)


def told(name: str, **options: str) -> tuple[list[int], list[int], list[int]]:
    """Frames in the file; of MoviePy, those it shows in the middle of their times, and those it goes through."""
    with av.open(name) as file:
        frames = [(float(f.time), number(f.to_ndarray(format="rgb24"))) for f in file.decode(video=0)]
    with VideoFileClip(name, audio=False, **options) as clip:
        middles = [(start + end) / 2 for (start, _), (end, _) in zip(frames, frames[1:])]
        shown = [number(clip.get_frame(time)) for time in middles]
        through = [number(frame) for frame in clip.iter_frames()]
        print(f"{name} {options or ''}: MoviePy's rate {clip.fps:.5g}, duration {clip.duration}")
    print("  in the file:         ", *(n for _, n in frames))
    print("  shown at their times:", *shown)
    print("  gone through:        ", *through)
    return [n for _, n in frames], shown, through


write("even.mp4", 25, "25", "1")
write("uneven.mp4", 40, "25", "lt(n,10)+not(mod(n,3))")  # a camera that falls to a third of its rate in the dark
write("short.mp4", 40, "30", "1")
even, uneven, short = told("even.mp4"), told("uneven.mp4"), told("short.mp4")
clock = told("uneven.mp4", fps_source="tbr")
right = even[1] == even[0][:-1] and even[2] == even[0] and clock[1] == clock[0][:-1]
late = sum(shown != there for shown, there in zip(uneven[1], uneven[0])) > 5 and uneven[2][-1] < uneven[0][-1] - 5
cut = short[2] == short[0][:-1]
sys.exit(not (right and late and cut))
PYTHON
