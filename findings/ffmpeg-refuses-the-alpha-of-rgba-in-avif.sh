#!/bin/bash
# ffmpeg's AVIF writer takes colour and alpha as two streams; its manual gets the second one by the filter alphaextract.
# From an RGBA PNG that does not encode with libaom: the grey frames still say that they are RGB (matrix gbr), and AV1
# holds RGB without subsampling only, which grey counts as. A file of colour alone, with no picture in it that can be
# opened, stays behind. setparams=colorspace=unknown after alphaextract lets it through.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imageio-ffmpeg==0.8.1 pillow==12.2.0 2>/dev/null
python=$work/venv/bin/python
ffmpeg=$("$python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | head -1

"$ffmpeg" -v error -f lavfi -i testsrc2=size=64x64:rate=10:duration=0.5,format=rgba "$work/%d.png"
write() {  # NAME, filter after alphaextract
  "$ffmpeg" -v error -y -framerate 10 -i "$work/%d.png" -filter_complex "[0:v]alphaextract$2[alpha]" -map 0:v \
    -map "[alpha]" -c:v libaom-av1 -cpu-used 8 -pix_fmt:v:0 yuv420p "$work/$1.avif" 2>&1 | grep -m 2 -v "Task finished" || true
}
opens() {
  "$python" -c 'import sys; from PIL import Image; i = Image.open(sys.argv[1]); i.load(); print(i.mode, i.n_frames)' \
    "$work/$1.avif" 2>/dev/null || echo no
}
said=$(write plain "")
echo "alphaextract: $said"
plain=$(opens plain)
echo "opens: $plain"
write told ",setparams=colorspace=unknown"
told=$(opens told)
echo "alphaextract,setparams=colorspace=unknown opens: $told"
[[ $said == *"Invalid parameter"* && $plain == no && $told == "RGBA 5" ]]
