"""Stills become sRGB whatever their colours are told by, as LittleCMS converts them, and results keep these colours."""

from __future__ import annotations

import io
import itertools
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, features

from fom_core.errors import MissingPackage
from fom_core.media import VideoReader, VideoWriter, read_picture, write_picture
from fom_core.media.colour import curve_of_video
from tests.capabilities import PILLOW_READS_AVIF

Matrix = tuple[tuple[float, float, float], ...]
# Red, green and blue as XYZ under D50, as Lindbloom's tables give them.
SRGB: Matrix = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
P3: Matrix = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE: Matrix = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
PROPHOTO: Matrix = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))
BT2020: Matrix = ((0.6735, 0.2790, -0.0019), (0.1657, 0.6753, 0.0300), (0.1251, 0.0456, 0.7969))
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
BT709_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
PROFILES = {
    "srgb": (SRGB, SRGB_CURVE),
    "display p3": (P3, SRGB_CURVE),
    "adobe rgb": (ADOBE, (563 / 256,)),
    "prophoto": (PROPHOTO, (1.8,)),
    "bt.709": (SRGB, BT709_CURVE),
    "bt.2020": (BT2020, BT709_CURVE),
    "linear": (SRGB, (1.0,)),
    "apple gamma": (SRGB, (1.8,)),
    "p3 gamma 2.6": (P3, (2.6,)),
}
COLOURS = np.random.default_rng(3).integers(0, 256, (5, 7, 3), np.uint8).repeat(8, 0).repeat(8, 1)


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(65536 * number)) for number in numbers)


def profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 4 of nothing but these tags."""
    at, index, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        index += name + struct.pack(">II", at + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    head = struct.pack(">I4xI", at + len(body), 0x04200000) + (b"prtr" if space == b"CMYK" else b"mntr")
    head += space + connection + bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249) + bytes(48)
    return head + struct.pack(">I", len(tags)) + index + body


def curve(numbers: tuple[float, ...]) -> bytes:
    return b"para" + struct.pack(">IHH", 0, 0 if len(numbers) == 1 else 3, 0) + fixed(*numbers)


def rgb_profile(matrix: Matrix, numbers: tuple[float, ...], **more: bytes) -> bytes:
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249)}
    for name, colour in zip(b"rgb", matrix, strict=True):
        tags[bytes([name]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*colour)
        tags[bytes([name]) + b"TRC"] = curve(numbers)
    return profile(b"RGB ", b"XYZ ", tags | {name.encode(): content for name, content in more.items()})


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", b"XYZ ", {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249), b"kTRC": curve((gamma,))})


def cmyk_profile() -> bytes:
    """Inks that are duller than pure cyan, magenta and yellow: a table of their sixteen overprints in Lab."""
    inks = np.array([[60, 170, 210], [205, 60, 130], [235, 220, 40], [45, 45, 45]]) / 255
    table = b""
    for amounts in itertools.product((0, 1), repeat=4):
        rgb = np.prod([ink if amount else np.ones(3) for ink, amount in zip(inks, amounts, strict=True)], 0)
        lab = np.asarray(cv2.cvtColor(rgb[None, None].astype(np.float32), cv2.COLOR_RGB2Lab))[0, 0]
        table += bytes(np.rint([lab[0] * 2.55, lab[1] + 128, lab[2] + 128]).astype(np.uint8).tolist())
    straight = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + 4 * straight + table
    return profile(b"CMYK", b"Lab ", {b"A2B0": lut + 3 * straight})


def managed(path: Path, icc: bytes, mode: str = "RGB") -> np.ndarray:
    """What LittleCMS makes of the pixels that Pillow decodes."""
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
    with Image.open(path) as image:
        converted = ImageCms.profileToProfile(image.convert(mode), source, target, outputMode="RGB")
    assert converted is not None
    return np.asarray(converted).astype(int)


def with_chunks(path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    """A PNG of the colours with these chunks, as a file."""
    data = cv2.imencode(".png", COLOURS[..., ::-1])[1].tobytes()
    made = b"".join(struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b)) for n, b in chunks)
    path.write_bytes(data[:33] + made + data[33:])
    return path


def off(picture: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(picture.astype(int) - wanted).mean())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("name", PROFILES)
def test_embedded_profiles_are_converted_as_littlecms_does(tmp_path, name, suffix):
    icc = rgb_profile(*PROFILES[name])
    path = tmp_path / f"picture{suffix}"
    Image.fromarray(COLOURS).save(path, icc_profile=icc, quality=95)

    assert off(read_picture(path), managed(path, icc)) <= 1.5
    if name != "srgb":
        assert off(read_picture(path), COLOURS) > 2  # so that a profile left out would show


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("s8.jpg", (114.0, 81.9, 54.9)),
        ("icc_p3.jpg", (123.9, 109.9, 91.7)),
        ("icc_adobergb.png", (123.8, 109.9, 91.6)),
        ("icc_prophoto.jpg", (123.8, 110.0, 91.5)),
        ("lady.jpg", (123.8, 109.9, 91.6)),
    ],
)
def test_photographs_have_the_colours_of_a_managed_viewer(shared, name, mean):
    path = shared / "cases" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")

    picture = read_picture(path)

    np.testing.assert_allclose(picture.mean((0, 1)), mean, atol=1.5)
    if name.startswith("icc"):
        assert off(picture, read_picture(shared / "cases" / "lady.jpg")) <= 1.5


def test_a_picture_in_srgb_stays_as_it_is_bit_for_bit(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for number, icc in enumerate((srgb, rgb_profile(SRGB, SRGB_CURVE))):
        path = tmp_path / f"{number}.png"
        Image.fromarray(COLOURS).save(path, icc_profile=icc)

        np.testing.assert_array_equal(read_picture(path), COLOURS)


def test_alpha_and_sixteen_bits_go_along(tmp_path):
    icc = rgb_profile(P3, SRGB_CURVE)
    alpha = np.arange(COLOURS.shape[0], dtype=np.uint8)[:, None].repeat(COLOURS.shape[1], 1)
    Image.fromarray(np.dstack([COLOURS, alpha])).save(tmp_path / "clear.png", icc_profile=icc)
    Image.fromarray(COLOURS).save(tmp_path / "opaque.png", icc_profile=icc)
    data = cv2.imencode(".png", COLOURS[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    packed = zlib.compress(icc)
    body = b"iCCP" + b"p3\0\0" + packed
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "deep.png").write_bytes(data[:33] + chunk + data[33:])

    clear = read_picture(tmp_path / "clear.png", alpha=True)

    np.testing.assert_array_equal(clear[..., 3], alpha)
    np.testing.assert_array_equal(clear[..., :3], read_picture(tmp_path / "opaque.png"))
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png"), read_picture(tmp_path / "opaque.png"))


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_is_converted_by_its_profile(tmp_path, suffix):
    icc = cmyk_profile()
    path = tmp_path / f"print{suffix}"
    Image.fromarray(COLOURS).convert("CMYK").save(path, icc_profile=icc, quality=95)
    wanted = managed(path, icc, "CMYK")

    assert off(read_picture(path), wanted) <= 1.5
    assert off(wanted, COLOURS) > 10
    assert read_picture(path, alpha=True)[..., 3].min() == 255


def test_cmyk_without_a_profile_is_approximate_and_said_so_once(tmp_path, caplog):
    Image.fromarray(COLOURS).convert("CMYK").save(tmp_path / "print.tif")

    assert off(read_picture(tmp_path / "print.tif"), COLOURS) <= 1.5
    read_picture(tmp_path / "print.tif")

    assert caplog.text.count("is CMYK without a profile") == 1


def test_lab_pictures_are_read(tmp_path):
    source, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    dull = COLOURS // 2 + 64
    converted = ImageCms.profileToProfile(Image.fromarray(dull), source, lab, outputMode="LAB")
    assert converted is not None
    converted.save(tmp_path / "lab.tif")

    assert off(read_picture(tmp_path / "lab.tif"), dull) <= 1.5


@pytest.mark.parametrize("icc", [grey_profile(1.0), grey_profile(1.8), rgb_profile(PROPHOTO, (1.8,))])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB"])
def test_grey_pictures_with_a_profile_stay_grey(tmp_path, icc, mode):
    grey = Image.fromarray(np.arange(256, dtype=np.uint8)[None].repeat(9, 0))
    grey.convert(mode).save(tmp_path / "grey.png", icc_profile=icc)
    is_grey = icc[16:20] == b"GRAY"

    picture = read_picture(tmp_path / "grey.png")

    assert (picture == picture[..., :1]).all()
    assert off(picture, managed(tmp_path / "grey.png", icc, "L" if is_grey else "RGB")) <= 1
    assert off(picture[0, :, 0], np.arange(256)) > 2


@pytest.mark.parametrize("icc", [b"no profile at all" * 20, rgb_profile(P3, SRGB_CURVE)[:200]])
def test_a_damaged_profile_is_left_out_with_a_warning(tmp_path, icc, caplog):
    path = tmp_path / "picture.tif"
    Image.fromarray(COLOURS).save(path, icc_profile=icc)

    np.testing.assert_array_equal(read_picture(path), COLOURS)

    assert "colour profile that cannot be used" in caplog.text and "\n" not in caplog.messages[0]


def test_a_profile_for_other_pixels_is_left_out(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "picture.tif", icc_profile=cmyk_profile())

    np.testing.assert_array_equal(read_picture(tmp_path / "picture.tif"), COLOURS)


def test_png_tells_its_colours_by_numbers_in_the_order_of_browsers(tmp_path):
    gamma = (b"gAMA", struct.pack(">I", 55556))
    p3_points = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    points = (b"cHRM", struct.pack(">8I", *p3_points))
    srgb, p3 = (b"sRGB", b"\0"), (b"cICP", bytes([12, 13, 0, 1]))
    plain = with_chunks(tmp_path / "plain.png")

    def wanted(matrix: Matrix, numbers: tuple[float, ...]) -> np.ndarray:
        return managed(plain, rgb_profile(matrix, numbers))

    def read(*chunks: tuple[bytes, bytes]) -> np.ndarray:
        return read_picture(with_chunks(tmp_path / "picture.png", *chunks))

    assert off(read(p3, srgb, gamma), wanted(P3, SRGB_CURVE)) <= 1
    assert off(read(srgb, gamma, points), COLOURS) == 0
    assert off(read(gamma), wanted(SRGB, (1.8,))) <= 1
    assert off(read(gamma, points), wanted(P3, (1.8,))) <= 1
    assert off(read((b"gAMA", struct.pack(">I", 45455))), COLOURS) == 0  # what writers of sRGB put there
    assert off(read(points), COLOURS) == 0
    assert off(read((b"gAMA", bytes(4)), points), COLOURS) == 0
    assert off(read((b"cICP", bytes([200, 13, 0, 1]))), COLOURS) == 0


@pytest.mark.parametrize(("space", "interop"), [(2, None), (0xFFFF, "R03")])
def test_cameras_that_say_adobe_rgb_without_a_profile_are_believed(tmp_path, space, interop):
    exif = Image.Exif()
    exif[0x8769] = {0xA001: space} | ({0xA005: {1: interop}} if interop else {})
    path = tmp_path / "camera.jpg"
    Image.fromarray(COLOURS).save(path, exif=exif, quality=95, subsampling=0)

    assert off(read_picture(path), managed(path, rgb_profile(*PROFILES["adobe rgb"]))) <= 1.5


@pytest.mark.parametrize(("number", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_stills_are_named_once_and_their_white_is_white(tmp_path, number, name, caplog):
    path = with_chunks(tmp_path / "hdr.png", (b"cICP", bytes([9, number, 0, 1])))
    icc = rgb_profile(BT2020, (2.4,), cicp=b"cicp" + bytes(4) + bytes([9, number, 0, 1]))
    Image.fromarray(COLOURS).save(tmp_path / "profile.png", icc_profile=icc)
    white = round(255 * {"PQ": 0.5807, "HLG": 0.75}[name])  # of BT.2408

    for still in (path, path, tmp_path / "profile.png"):
        read_picture(still)
    ramp = np.full((8, 8, 3), white, np.uint8)
    ramp[4:] = 20
    cv2.imwrite(str(tmp_path / "ramp.png"), ramp)
    data = (tmp_path / "ramp.png").read_bytes()
    chunk = b"cICP" + bytes([1, number, 0, 1])
    (tmp_path / "ramp.png").write_bytes(
        data[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    )

    assert [message for message in caplog.messages if "hdr.png" in message] == [
        f"{path} is HDR ({name}): what is brighter than white is clipped, and colours may look flat."
    ]
    assert f"profile.png is HDR ({name})" in caplog.text
    assert read_picture(tmp_path / "ramp.png")[0, 0, 0] >= 253
    assert read_picture(tmp_path / "ramp.png")[6, 0, 0] < 60


def test_hdr_drivers_are_named(tmp_path, ffmpeg, caplog):
    path = tmp_path / "hdr.mp4"
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=0.2", "-vf", f"format=yuv420p,{tags}", path)

    for _ in range(2):
        VideoReader(path)

    assert caplog.messages == [f"{path} is HDR (PQ): its frames are read without tone mapping, so colours look flat."]
    assert curve_of_video("Stream #0:0: Video: hevc, yuv420p10le(tv, bt2020nc/bt2020/arib-std-b67)") == "HLG"
    assert curve_of_video("Stream #0:0: Video: h264, yuv420p(tv, bt709)") is None


@PILLOW_READS_AVIF
@pytest.mark.parametrize("orientation", [1, 2, 3, 6, 8])
def test_avif_is_upright_and_in_srgb(tmp_path, orientation):
    icc = rgb_profile(P3, SRGB_CURVE)
    exif = Image.Exif()
    exif[0x0112] = orientation  # which Pillow writes as AVIF's own turns
    Image.fromarray(COLOURS).save(tmp_path / "turned.avif", quality=100, subsampling="4:4:4", exif=exif.tobytes())
    Image.fromarray(COLOURS).save(tmp_path / "p3.avif", quality=100, subsampling="4:4:4", icc_profile=icc)
    Image.fromarray(COLOURS).save(tmp_path / "p3.png", icc_profile=icc)
    turn = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: np.rot90(p, 2),
        6: lambda p: np.rot90(p, 3),
        8: np.rot90,
    }

    assert off(read_picture(tmp_path / "turned.avif"), turn[orientation](COLOURS).astype(int)) <= 1.5
    assert off(read_picture(tmp_path / "p3.avif"), read_picture(tmp_path / "p3.png").astype(int)) <= 1.5


@pytest.mark.parametrize("orientation", [1, 6])
def test_heic_is_upright_and_in_srgb(tmp_path, orientation):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heif")
    icc = rgb_profile(P3, SRGB_CURVE)
    exif = Image.Exif()
    exif[0x0112] = orientation
    heif = pillow_heif.from_pillow(Image.fromarray(COLOURS))
    heif.info.update(icc_profile=icc, exif=exif.tobytes())
    heif.save(tmp_path / "phone.heic", quality=-1, chroma=444)
    Image.fromarray(COLOURS).save(tmp_path / "p3.png", icc_profile=icc)
    wanted = np.rot90(read_picture(tmp_path / "p3.png"), 3 if orientation == 6 else 0)

    assert off(read_picture(tmp_path / "phone.heic"), wanted.astype(int)) <= 1.5


@pytest.mark.parametrize(("brand", "missing"), [(b"heic", "the extra heif"), (b"avif", "Pillow 11.3 or newer")])
def test_formats_whose_package_is_missing_name_it(tmp_path, brand, missing, monkeypatch):
    box = struct.pack(">I4sIII", 20, b"ispe", 0, 64, 48)
    head = b"\0\0\0\x14ftyp" + brand + bytes(4) + b"mif1"
    (tmp_path / "phone.heic").write_bytes(head + struct.pack(">I4s", 8 + len(box), b"meta") + box)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(features, "check", lambda _: False)

    with pytest.raises(MissingPackage, match=f"{missing}.*Run: python -m pip install"):
        read_picture(tmp_path / "phone.heic")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".gif"])
@pytest.mark.parametrize("matrix", ["as tagged", "bt709"])
def test_results_show_the_colours_that_went_in(tmp_path, ffmpeg, suffix, matrix):
    picture = (COLOURS // 2 + 64).repeat(2, 0).repeat(2, 1)
    path, shown = tmp_path / f"result{suffix}", tmp_path / "shown.png"
    with VideoWriter(path, 25) as writer:
        writer.write(np.stack([picture] * 3))
    told = ["-vf", "scale=in_color_matrix=bt709:in_range=tv"] if matrix == "bt709" and suffix != ".gif" else []

    said = ffmpeg("-i", path, *told, "-frames:v", "1", "-pix_fmt", "rgb24", shown)

    np.testing.assert_allclose(read_picture(shown).mean((0, 1)), picture.mean((0, 1)), atol=2)
    assert suffix == ".gif" or "(tv, bt709" in said


def test_written_pngs_say_that_they_are_srgb(tmp_path):
    write_picture(tmp_path / "picture.png", COLOURS, synthetic=True)

    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.info["srgb"] == 0
        picture.load()
        np.testing.assert_array_equal(np.asarray(picture), COLOURS)
