#!/bin/bash
# From RGB to 4:2:0 ffmpeg's scaler takes the chroma from the middle of two pixels where a side is even, but from the first
# of them where it is odd; across and down alike, whatever out_h_chr_pos, out_v_chr_pos and out_chroma_loc say. Players do
# not know, so VP9 and AV1 of odd size show their colours half a pixel from their shapes. Back to RGB it is the same, so a
# round through ffmpeg alone hides it. Padding to even sides before, and crop=…:exact=1 after, puts the chroma right.
# Here: red up to column 31, blue from 32 on, and the Cb samples around that edge. A pair of pixels is all red or all blue.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imageio-ffmpeg==0.8.1 2>/dev/null
python=$work/venv/bin/python
ffmpeg=$("$python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | head -1

cb() {  # WIDTH, filters
  "$python" -c 'import sys; w = int(sys.argv[1]); sys.stdout.buffer.write(bytes([255, 0, 0] * 32 + [0, 0, 255] * (w - 32)) * 16)' "$1" |
    "$ffmpeg" -v error -f rawvideo -pix_fmt rgb24 -video_size "$1x16" -i - -vf "$2" -f rawvideo - |
    "$python" -c 'import sys; w = int(sys.argv[1]); d = sys.stdin.buffer.read(); at = 16 * w; print(*d[at + 13 : at + 19])' "$1"
}
to=scale=out_color_matrix=bt709:flags=accurate_rnd+full_chroma_int
even=$(cb 64 "$to,format=yuv420p")
odd=$(cb 63 "$to,format=yuv420p")
told=$(cb 63 "$to:out_h_chr_pos=128:out_v_chr_pos=128:out_chroma_loc=center,format=yuv420p")
padded=$(cb 63 "pad=iw+1:ih,fillborders=right=1:mode=smear,$to,format=yuv420p,crop=63:16:0:0:exact=1")
echo "64 wide: $even"
echo "63 wide: $odd"
echo "63 wide, told the middle: $told"
echo "63 wide, by 64: $padded"
[[ $odd != "$even" && $told == "$odd" && $padded == "$even" ]]
