#!/bin/bash
# OpenCV decodes AVIF without its own turns (the properties irot and imir), with and without the flags that turn a JPEG
# upright by EXIF: a portrait comes out on its side, without a word. Pillow reports the turn as an orientation. Also, a TIFF
# in CIE Lab comes out of OpenCV with another white: Lab white (100, 0, 0), which is (255, 255, 255), is tinted.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6 2>/dev/null

"$work/venv/bin/python" - <<'PYTHON'
import io
import sys

import cv2
import numpy as np
import PIL
from PIL import Image, ImageCms, ImageOps

print("OpenCV", cv2.__version__, "Pillow", PIL.__version__)
picture = Image.fromarray(np.zeros((64, 96, 3), np.uint8))
exif = Image.Exif()
exif[0x0112] = 6
sizes = {}
for kind in ("JPEG", "AVIF"):
    file = io.BytesIO()
    picture.save(file, kind, exif=exif.tobytes())
    data = file.getvalue()
    if kind == "AVIF":
        print("the AVIF holds irot:", b"irot" in data, "and EXIF:", b"Exif" in data)
    opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    sizes[kind] = opencv.shape[:2], upright.size[::-1]
    print(f"{kind} of 64x96 (rows, columns) turned by 90 degrees: OpenCV {sizes[kind][0]}, Pillow {sizes[kind][1]}")

white = Image.new("RGB", (16, 16), (255, 255, 255))
lab = ImageCms.profileToProfile(white, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
file = io.BytesIO()
lab.save(file, "TIFF")
bgr = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR)[0, 0].tolist()
print(f"white in a Lab TIFF: stored as {lab.getpixel((0, 0))}, OpenCV gives R, G, B {bgr[::-1]}")
turned = sizes == {"JPEG": ((96, 64), (96, 64)), "AVIF": ((64, 96), (96, 64))}
sys.exit(0 if turned and min(bgr) < 240 else 1)
PYTHON
