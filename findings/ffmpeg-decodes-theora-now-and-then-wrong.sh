#!/bin/bash
# ffmpeg decodes Theora with several frames at a time (frame threads, its default on more than one core), and now and then
# the pictures come out wrong: other greys, or green from some frame on. The same file, the same command, no complaint, status
# 0. With -thread_type slice or -threads 1 it never happens. Small pictures are hit most: here some of a hundred passes.
# Exits 0 while that is so. Needs Python 3.11 or later, two cores and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imageio-ffmpeg==0.8.1 2>/dev/null
ffmpeg=$("$work/venv/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | head -1

# Eight even greys, each lighter than the one before.
"$ffmpeg" -v error -y -f lavfi -i "color=black:size=96x64:rate=25,geq=lum='40+N*20':cb=128:cr=128" -frames:v 8 \
  -c:v libtheora "$work/a.ogv"
decoded() { "$ffmpeg" -v error "$@" -i "$work/a.ogv" -f rawvideo -pix_fmt yuv420p - | md5sum; }
kinds() { for _ in $(seq 100); do decoded "$@"; done | sort | uniq -c | wc -l; }

frames=$(kinds) slices=$(kinds -thread_type slice) one=$(kinds -threads 1)
echo "different results of 100 passes: as it is $frames, with slices $slices, with one thread $one"
[[ $frames -gt 1 && $slices == 1 && $one == 1 ]]
