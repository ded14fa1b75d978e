#!/bin/bash
# ffmpeg documents two options of its GIF reader: min_delay (2 by default, in 1/100 s), below which a delay is replaced,
# and default_delay (10), by which. A delay of 1/100 s, which browsers show as 1/10 s, is kept as it is all the same, with
# any value of either; and a delay of 0 becomes 1/10 s whatever default_delay says. So such GIFs play ten times too fast.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imageio-ffmpeg==0.8.1 2>/dev/null
ffmpeg=$("$work/venv/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | head -1
"$ffmpeg" -hide_banner -h demuxer=gif | grep _delay

"$ffmpeg" -v error -f lavfi -i testsrc=size=64x64:rate=100:duration=0.05 "$work/1.gif"
"$work/venv/bin/python" - "$work" <<'EOF'
import re, sys
data = open(sys.argv[1] + "/1.gif", "rb").read()
control = re.compile(rb"(\x21\xf9\x04.)(..)(.\x00)", re.DOTALL)
delays = [int.from_bytes(found[2], "little") for found in control.finditer(data)]
print("delays in the file, in 1/100 s:", delays)
open(sys.argv[1] + "/0.gif", "wb").write(control.sub(rb"\1\0\0\3", data))
EOF

times() {  # of the frames of a GIF, in 1/100 s, read with these options
  "$ffmpeg" -v error "${@:2}" -i "$work/$1.gif" -c copy -f framecrc - | grep -v '^#' | cut -d, -f3 | tr -s ' \n' ' '
}
one=$(times 1) asked=$(times 1 -min_delay 3 -default_delay 20) none=$(times 0) longer=$(times 0 -default_delay 20)
echo "delay 1:$one"
echo "delay 1, -min_delay 3 -default_delay 20:$asked"
echo "delay 0:$none"
echo "delay 0, -default_delay 20:$longer"
[[ $one == " 0 1 2 3 4 " && $asked == "$one" && $none == " 0 10 20 30 40 " && $longer == "$none" ]]
