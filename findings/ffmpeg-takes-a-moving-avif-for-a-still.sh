#!/bin/bash
# An animated AVIF holds its first frame as a picture, too. To ffmpeg these are two video streams, of which its command
# takes the first one when none is named, the picture: an animation that ffmpeg, Pillow or OpenCV wrote becomes one frame
# of a second, without a word. ffmpeg's own choice for its libraries (av_find_best_stream) is the animation.
# -map 0:v:1 gives all frames, as Pillow and OpenCV do; in PyAV, decode(video=0) is the picture, and so streams.best has to
# be asked for.
# ComfyUI-FOM takes the stream with an index of frames (tests/unit/media/test_tracks.py).
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  imageio-ffmpeg==0.8.1 pillow==12.2.0 av==18.1.0 numpy==2.4.6 2>/dev/null
python=$work/venv/bin/python
ffmpeg=$("$python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | head -1

"$ffmpeg" -v error -f lavfi -i testsrc2=size=64x64:rate=10:duration=1.2 "$work/%02d.png"
"$ffmpeg" -v error -framerate 10 -i "$work/%02d.png" -c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p "$work/ffmpeg.avif"
"$python" - "$work" <<'PYTHON'
import sys
from pathlib import Path
from PIL import Image

frames = [Image.open(path).convert("RGB") for path in sorted(Path(sys.argv[1]).glob("*.png"))]
frames[0].save(sys.argv[1] + "/pillow.avif", save_all=True, append_images=frames[1:], duration=100)
PYTHON

frames() {  # FILE, options of the output: how many frames ffmpeg gives
  "$ffmpeg" -v error -i "$work/$1.avif" "${@:2}" -f framecrc - | grep -c -v '^#'
}
by_pillow() { "$python" -c 'import sys; from PIL import Image; print(Image.open(sys.argv[1]).n_frames)' "$work/$1.avif"; }
by_av() {
  "$python" -c 'import sys, av
with av.open(sys.argv[1]) as file: print(len(list(file.decode(video=0))), end=" ")
with av.open(sys.argv[1]) as file: print(len(list(file.decode(file.streams.best("video")))))' "$work/$1.avif"
}
for name in ffmpeg pillow; do
  seen="$(frames $name) $(frames $name -map 0:v:1) $(by_pillow $name) $(by_av $name)"
  echo "12 frames by $name: ffmpeg, ffmpeg -map 0:v:1, Pillow, PyAV video=0, PyAV best: $seen"
  [[ $seen == "1 12 12 1 12" ]]
done
