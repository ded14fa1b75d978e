#!/bin/bash
# decord gives the frames of a video by number, at random, and many programs that animate faces or train on them use it. In an
# MP4 that was cut without encoding (ffmpeg -ss … -c copy) it also counts the frames before the cut, which players leave
# out, but does not give them: in turn, the last frame comes several times; backwards, most numbers are other frames. So
# what a number means depends on what was read before, and nothing is said. An MP4 that was encoded whole is right.
# decord2 3.4.0, which goes on where decord 0.6.0 ended, does the same.
# ComfyUI-FOM does not read by decord; its readers go through frames in turn.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in decord==0.6.0 decord2==3.4.0; do  # both are "decord" to Python
  python3 -m venv "$work/$name"
  "$work/$name/bin/pip" install --quiet --disable-pip-version-check "$name" imageio-ffmpeg==0.8.1 numpy==2.4.6 2>/dev/null
done
ffmpeg=$("$work/decord2==3.4.0/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
cd "$work"
# Greys that rise by 4: the number of a frame can be seen. A key frame each 10.
"$ffmpeg" -v error -f lavfi -i "color=black:size=64x64:rate=25,format=gray,geq=lum='16+N*4'" -frames:v 40 \
  -pix_fmt yuv420p -c:v libx264 -crf 1 -color_range pc -g 10 -bf 2 whole.mp4
"$ffmpeg" -v error -ss 0.52 -i whole.mp4 -c copy cut.mp4
shown=$("$ffmpeg" -v error -i cut.mp4 -f rawvideo - | wc -c)
echo "ffmpeg shows $((shown / 6144)) frames of cut.mp4, from 13 to 39"
cat >try.py <<'PYTHON'
import sys

from decord import VideoReader


def numbers(name: str, backwards: bool) -> list[int]:
    """What each number gives, for all of them in this order."""
    reader = VideoReader(name)
    order = range(len(reader))
    found = {at: reader[at].asnumpy()[32, 32, 0] for at in (reversed(order) if backwards else order)}
    return [round((int(found[at]) - 16) / 4) for at in order]


found = {}
for name in ("whole.mp4", "cut.mp4"):
    for backwards in (False, True):
        found[name, backwards] = numbers(name, backwards)
        print(f"{sys.argv[1]}, {name}, {'backwards' if backwards else 'in turn  '}:", *found[name, backwards])
right = found["whole.mp4", False] == found["whole.mp4", True] == list(range(40))
sys.exit(not (right and found["cut.mp4", False] != found["cut.mp4", True] and len(found["cut.mp4", False]) > 27))
PYTHON
for name in decord==0.6.0 decord2==3.4.0; do "$work/$name/bin/python" try.py "$name"; done
[[ $((shown / 6144)) == 27 ]]
