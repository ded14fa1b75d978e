#!/bin/bash
# An AVIF says in its colr box (nclx), and again in the AV1 stream, that its YCbCr has the full range, 0 to 255. Debian's
# Chromium 156 (12, security) goes by that in a still AVIF, and reads one that moves as if it had the range of television:
# grey 64 is shown as 57, grey 192 as 206, darker and brighter than it is. The same files are right in Debian's Chromium
# 150 and in Pillow, and a moving AVIF that has the range of television, and says so, is right in all of them.
# Exits 0 while that is so. Needs Debian 12 with what Chromium depends on (apt-get install chromium), Python 3.11 or
# later, Debian's packages and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imageio-ffmpeg==0.8.1 pillow==13.0.0 2>/dev/null
python=$work/venv/bin/python
ffmpeg=$("$python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
for version in 150.0.7871.100-1~deb12u1 156.0.8078.108-1~deb12u1; do
  mkdir -p "$work/$version"
  (cd "$work/$version" && apt-get -q download "chromium=$version" "chromium-common=$version" >/dev/null 2>&1)
  for package in "$work/$version"/*.deb; do dpkg -x "$package" "$work/$version"; done
done

write() {  # NAME RANGE MORE…: 64 pixels of grey 64, then 64 of grey 192
  "$ffmpeg" -v error -f lavfi -i color=0x404040:size=64x64:rate=10 -f lavfi -i color=0xC0C0C0:size=64x64:rate=10 \
    -filter_complex "hstack,format=gbrp,scale=out_color_matrix=bt709:out_range=$2,format=yuv420p,setparams=range=$2:colorspace=bt709:color_primaries=bt709:color_trc=iec61966-2-1" \
    "${@:3}" -c:v libaom-av1 -crf 10 -cpu-used 8 "$work/$1.avif"
}
write still_full pc -frames:v 1 -still-picture 1
write moving_full pc -frames:v 4
write moving_television tv -frames:v 4

cat > "$work/look.py" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

from PIL import Image

work = Path(sys.argv[1])
shown = {}
for name in ("still_full", "moving_full", "moving_television"):
    page = work / f"{name}.html"
    page.write_text(f'<body style="margin:0"><img src="{name}.avif">', encoding="utf-8")
    with Image.open(work / f"{name}.avif") as picture:
        shown[name, "Pillow"] = [picture.convert("RGB").getpixel((x, 32))[1] for x in (32, 96)]
    for version in ("150.0.7871.100-1~deb12u1", "156.0.8078.108-1~deb12u1"):
        program, screen = work / version / "usr/lib/chromium/chromium", work / "screen.png"
        screen.unlink(missing_ok=True)
        quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
        subprocess.run(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", *quiet,
             f"--user-data-dir={work / 'profile'}-{version}", "--window-size=400,300", "--hide-scrollbars",
             "--virtual-time-budget=500", f"--screenshot={screen}", page.as_uri()],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        with Image.open(screen) as picture:
            shown[name, version[:3]] = [picture.convert("RGB").getpixel((x, 32))[1] for x in (32, 96)]
for (name, by), greys in shown.items():
    print(f"{name}: 64 and 192 are {greys} by {by if by == 'Pillow' else 'Chromium ' + by}")


def right(greys: list[int]) -> bool:
    return abs(greys[0] - 64) <= 3 and abs(greys[1] - 192) <= 3


wrong = shown["moving_full", "156"]
others = [greys for key, greys in shown.items() if key != ("moving_full", "156")]
sys.exit(0 if all(map(right, others)) and wrong[0] < 60 and wrong[1] > 200 else 1)
PYTHON
"$python" "$work/look.py" "$work"
