"""What the colours of a still mean, and how they become sRGB, which everything here is.

The order is that of browsers: PNG's cICP, an embedded ICC profile, the numbers of AVIF and HEIF (nclx), PNG's sRGB, its
gAMA and cHRM, and what cameras write into EXIF for Adobe RGB. LittleCMS converts, at eight bits (Pillow hands it no
more), by the perceptual intent with black point compensation.
"""

from __future__ import annotations

import io
import logging
import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from . import profiles

log = logging.getLogger(__name__)

_BAND = 1 << 20  # pixels that are converted at a time
_SAME = 2  # levels that a profile may change any colour by and still be sRGB
_SRGB_GAMMA = (0.450, 0.460)  # of gAMA: what writers of sRGB put beside it, or in its place
_EXIF, _INTEROP = 0x8769, 0xA005
_NCLX = re.compile(rb"colrnclx(.{4})", re.DOTALL)
_HEAD = 1 << 16  # bytes in which AVIF and HEIF describe their pictures


@dataclass(frozen=True)
class Colours:
    """What a file says of its colours.

    profile: an ICC profile; None: sRGB.
    hdr:     the name of the curve, where it reaches beyond white.
    """

    profile: bytes | None = None
    hdr: str | None = None


def colours_of(data: bytes, image: Image.Image) -> Colours:
    """Read what a file says.

    data:  the file's content.
    image: the same, as Pillow opened it.
    """
    codes = _png_codes(data) if image.format == "PNG" else None
    icc = image.info.get("icc_profile")
    if codes is None and icc:
        return Colours(icc, _hdr_of(icc))
    if found := _NCLX.search(data[:_HEAD]) if image.format in {"AVIF", "HEIF"} else None:
        codes = struct.unpack(">HH", found[1])
    if codes is not None:
        return Colours(profiles.coded_profile(*codes), profiles.HDR_NAMES.get(codes[1]))
    return Colours(_numbers_of(image))


def to_srgb(pixels: np.ndarray, colours: Colours, path: Path) -> np.ndarray:
    """(H, W) grey or (H, W, 3 or 4) RGB or RGBA uint8 pixels, converted in place where needed; alpha stays.

    What is grey stays grey. A profile that is for other pixels is ignored, as browsers do; one that cannot be used is
    ignored with a warning.
    """
    warn_of_hdr(path, colours.hdr, "what is brighter than white is clipped, and colours may look flat")
    if colours.profile is None:
        return pixels
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(colours.profile))
        if pixels.ndim == 2 or _is_grey(pixels):
            return _grey_to_srgb(pixels, profile)
        if _space(profile) == "RGB":
            _rgb_to_srgb(pixels, profile)
    except (OSError, ValueError, ImageCms.PyCMSError) as error:
        warn(path, f"has a colour profile that cannot be used ({error}); its colours are taken as sRGB.")
    return pixels


def picture_to_srgb(image: Image.Image, colours: Colours, path: Path) -> np.ndarray:
    """(H, W, 3) of a picture in CMYK or Lab."""
    try:
        if image.mode == "LAB":
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(colours.profile or b""))
        if image.mode == "LAB" or _space(profile) == "CMYK":
            converted = ImageCms.applyTransform(image, _transform(profile, image.mode))
            assert converted is not None
            return np.array(converted)
    except (OSError, ValueError, ImageCms.PyCMSError):
        log.debug("%s: no usable profile", path, exc_info=True)
    warn(path, f"is {image.mode} without a profile that tells its colours; they are approximate.")
    return np.array(image.convert("RGB"))


def warn_of_hdr(path: Path, curve: str | None, result: str) -> None:
    """One line for pictures and videos whose curve reaches beyond white."""
    if curve:
        warn(path, f"is HDR ({curve}): {result}.")


def curve_of_video(declared: str) -> str | None:
    """The curve beyond white that ffmpeg names in its lines about a file's streams."""
    found = re.search(r"Stream #0:.*?Video:.*?(smpte2084|arib-std-b67)", declared)
    return {"smpte2084": "PQ", "arib-std-b67": "HLG"}[found[1]] if found else None


@lru_cache(maxsize=256)
def warn(path: Path, text: str) -> None:
    """Say a thing once of a file, however often it is read."""
    log.warning("%s %s", path, text)


def _is_grey(pixels: np.ndarray) -> bool:
    first = pixels[..., 0]
    return bool(np.array_equal(first, pixels[..., 1]) and np.array_equal(first, pixels[..., 2]))


def _space(profile: ImageCms.ImageCmsProfile) -> str:
    return profile.profile.xcolor_space.strip()  # type: ignore[union-attr]


def _transform(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.PERCEPTUAL,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _applied(transform: ImageCms.ImageCmsTransform, pixels: np.ndarray) -> np.ndarray:
    converted = ImageCms.applyTransform(Image.fromarray(pixels), transform)
    assert converted is not None
    return np.asarray(converted)


def _rgb_to_srgb(pixels: np.ndarray, profile: ImageCms.ImageCmsProfile) -> None:
    """Convert in place, unless the profile is one of the many that are sRGB."""
    transform = _transform(profile, "RGB")
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    probe = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    if np.abs(_applied(transform, probe).astype(int) - probe).max() <= _SAME:
        return
    rows = max(1, _BAND // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        band = pixels[top : top + rows, :, :3]
        band[:] = _applied(transform, np.ascontiguousarray(band))


def _grey_to_srgb(pixels: np.ndarray, profile: ImageCms.ImageCmsProfile) -> np.ndarray:
    """By a table, of a profile for grey or for RGB."""
    ramp = np.arange(256, dtype=np.uint8)[None]
    if _space(profile) == "GRAY":
        mapped = _applied(_transform(profile, "L"), ramp)
    elif _space(profile) == "RGB":
        mapped = _applied(_transform(profile, "RGB"), np.repeat(ramp[..., None], 3, -1))
    else:
        return pixels
    table = np.rint(mapped[0].mean(-1)).astype(np.uint8)
    if np.abs(table.astype(int) - ramp[0]).max() <= _SAME:
        return pixels
    if pixels.ndim == 2:
        return table[pixels]
    pixels[..., :3] = table[pixels[..., :1]]
    return pixels


def _png_codes(data: bytes) -> tuple[int, int] | None:
    """Primaries and curve of the chunk cICP, which Pillow does not read."""
    at = 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"cICP" and length == 4:
            return data[at + 8], data[at + 9]
        if name == b"IDAT":
            break
        at += 12 + length
    return None


def _numbers_of(image: Image.Image) -> bytes | None:
    """The profile that PNG's older chunks or EXIF stand for."""
    if "srgb" in image.info:
        return None
    if "gamma" in image.info:
        return _older_png(float(image.info["gamma"]), image.info.get("chromaticity", profiles.BT709))
    return profiles.gamma_profile(profiles.ADOBE_RGB, profiles.ADOBE_GAMMA) if _is_adobe(image.getexif()) else None


def _older_png(gamma: float, primaries: profiles.Primaries) -> bytes | None:
    """The profile of the chunks gAMA and cHRM; None for sRGB, and for numbers that mean nothing."""
    if min(primaries[1::2]) < 0.01 or not 0.05 < gamma < 5:
        return None
    is_srgb = _SRGB_GAMMA[0] <= gamma <= _SRGB_GAMMA[1]
    if is_srgb and np.abs(np.subtract(primaries, profiles.BT709)).max() < 0.002:
        return None
    return profiles.gamma_profile(primaries, None if is_srgb else 1 / gamma)


def _is_adobe(exif: Image.Exif) -> bool:
    """Whether a camera says Adobe RGB: by the colour space 2, or "uncalibrated" and the standard's word for it."""
    space = exif.get_ifd(_EXIF).get(0xA001)
    return space == 2 or (space == 0xFFFF and str(exif.get_ifd(_INTEROP).get(1, "")).startswith("R03"))


def _hdr_of(icc: bytes) -> str | None:
    """The curve beyond white that a profile names, by its tag cicp or in its description."""
    count = int.from_bytes(icc[128:132], "big")
    for at in range(132, min(132 + 12 * count, len(icc) - 11), 12):
        if icc[at : at + 4] == b"cicp":
            start = int.from_bytes(icc[at + 4 : at + 8], "big")
            return profiles.HDR_NAMES.get(icc[start + 9]) if start + 9 < len(icc) else None
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None
    found = re.search("(?<![A-Za-z])(PQ|HLG)(?![A-Za-z])", name)
    return found[1] if found else None
