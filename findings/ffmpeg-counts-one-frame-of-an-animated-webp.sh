#!/bin/bash
# ffmpeg tells how many frames it wrote (-progress, "frame="). Of an animated WebP that is 1, whatever went in: the encoder
# libwebp_anim gives the whole animation as one packet. So a script that counts frames to know whether a result is whole
# takes every WebP for broken. And without -loop 0 it plays once, while GIF and AVIF of the same ffmpeg play for ever.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imageio-ffmpeg==0.8.1 pillow==12.2.0 2>/dev/null
python=$work/venv/bin/python
ffmpeg=$("$python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | head -1

counted() {
  "$ffmpeg" -v error -y -progress - -f lavfi -i testsrc2=size=64x64:rate=10:duration=1.2 "${@:2}" "$work/a.$1" |
    sed -n 's/^frame=//p' | tail -1
}
stored() {
  "$python" -c 'import sys; from PIL import Image; i = Image.open(sys.argv[1]); print(i.n_frames, i.info.get("loop"))' \
    "$work/a.$1"
}
webp=$(counted webp -c:v libwebp_anim) gif=$(counted gif)
in_webp=$(stored webp) in_gif=$(stored gif)
echo "WebP: ffmpeg counts $webp, frames and loops in the file: $in_webp"
echo "GIF: ffmpeg counts $gif, frames and loops in the file: $in_gif"
[[ $webp == 1 && $in_webp == "12 1" && $gif == 12 && $in_gif == "12 0" ]]
