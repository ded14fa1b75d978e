#!/bin/bash
# imageio 2.38.1 by its PyAV plugin, which it prefers where PyAV is installed: imread(file, index=N) is to give the frame
# that imiter gives as the Nth. It seeks the time N / rate and counts on from there as if the first frame lay at time 0.
# Where a video begins later, as beside a sound that begins first, nearly all frames are earlier ones by as much, and the
# first one comes many times. Nothing is said. In turn, by imiter, they are right.
# ComfyUI-FOM does not read by imageio; its readers go through frames in turn.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  imageio==2.38.1 imageio-ffmpeg==0.8.1 av==18.1.0 numpy==2.4.6 2>/dev/null
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import subprocess
import sys
from importlib.metadata import version

import imageio.v3 as iio
import imageio_ffmpeg

print("imageio", version("imageio"), "av", version("av"))


def numbers(name: str, delay: str) -> tuple[list[int], list[int]]:
    """Of 40 frames that begin so many seconds late: those in turn, and those by index."""
    frames = f"color=black:size=64x64:rate=25,format=gray,geq=lum='16+N*4',trim=end_frame=40,setpts=PTS+{delay}/TB"
    encoder = ["-copyts", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "1", "-color_range", "pc"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", frames, *encoder, name]
    subprocess.run(command, check=True)
    number = lambda picture: round((int(picture[32, 32, 0]) - 16) / 4)
    in_turn = [number(frame) for frame in iio.imiter(name, plugin="pyav")]
    by_index = [number(iio.imread(name, plugin="pyav", index=at)) for at in range(len(in_turn))]
    print(f"begins at {delay} s, in turn:", *in_turn)
    print(f"begins at {delay} s, by index:", *by_index)
    return in_turn, by_index


whole, late = numbers("whole.mp4", "0"), numbers("late.mp4", "0.5")
print("wrong:", sum(a != b for a, b in zip(*whole)), "and", sum(a != b for a, b in zip(*late)), "of 40")
sys.exit(not (whole[0] == whole[1] == late[0] and sum(a != b for a, b in zip(*late)) > 30))
PYTHON
