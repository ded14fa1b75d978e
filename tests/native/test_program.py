"""The program in C++, built here: its frames are Python's, and wrong files are told in a line."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from fom_core import load_module
from fom_core.compose.canvas import REACH, canvas_box
from fom_core.export import export_model
from fom_core.files.paths import ASSETS
from fom_core.media import read_picture, write_picture
from fom_core.motion import FADE_IN_S, embedded_motion
from fom_core.networks import MotionModel
from fom_core.pictures import resize_picture
from fom_core.pipeline import animate, animate_picture
from fom_core.types import FaceSet, Motion, MotionTransfer

pytestmark = pytest.mark.slow
SOURCES = Path(__file__).resolve().parents[2] / "deploy" / "native"
LEAST_DB = 45.0
ARM_PROCESSOR = """processor\t: 0
Features\t: fp asimd crc32
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
"""
AS_PROGRAM = MotionTransfer(initial_frame="medoid", fade_in_s=FADE_IN_S)
Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Runs the program, built for this processor, with these words."""
    built = build(tmp_path_factory.mktemp("native"), "c++", "ONNXRUNTIME_ROOT")
    return lambda *words: _run(built, *words)


@pytest.fixture(scope="session")
def arm_program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Runs the program, built for 64-bit ARM, by an emulator."""
    if not shutil.which("qemu-aarch64"):
        pytest.skip("needs qemu-aarch64 (Debian's qemu-user)")
    if "ONNXRUNTIME_ARM64_ROOT" not in os.environ:
        pytest.skip("needs ONNX Runtime for 64-bit ARM (ONNXRUNTIME_ARM64_ROOT)")
    folder = tmp_path_factory.mktemp("arm64")
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={SOURCES / 'arm64.cmake'}"
    built = build(folder / "build", "aarch64-linux-gnu-g++", "ONNXRUNTIME_ARM64_ROOT", toolchain)
    system = folder / "system"  # the emulator looks for files here first
    (system / "proc").mkdir(parents=True)
    (system / "lib").symlink_to("/usr/aarch64-linux-gnu/lib")
    (system / "proc" / "cpuinfo").write_text(ARM_PROCESSOR)  # ONNX Runtime ends at that of another processor
    library = f"LD_LIBRARY_PATH={os.environ['ONNXRUNTIME_ARM64_ROOT']}/lib"
    return lambda *words: _run("qemu-aarch64", "-L", system, "-E", library, built, *words)


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("mini")
    export_model(load_module("mini"), folder)
    return folder


@pytest.fixture(scope="session")
def scene() -> np.ndarray:
    """A portrait with its surroundings."""
    pytest.importorskip("skimage", reason="the portrait comes from scikit-image (extra demo)")
    from fom_core.demo import demo_picture

    return demo_picture()[120:520, 400:880]


@pytest.fixture(scope="session")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square portrait larger than the model's pictures."""
    pytest.importorskip("skimage", reason="the portrait comes from scikit-image (extra demo)")
    from fom_core.demo import demo_picture

    path = tmp_path_factory.mktemp("face") / "face.png"
    write_picture(path, demo_picture()[160:480, 480:800])
    return path


@pytest.mark.parametrize("name", ["nod", "talk"])  # counting from a pose at rest, and from the medoid
def test_a_motion_of_the_library_moves_the_face_as_in_python(
    program: Program, mini: Path, face: Path, name: str, tmp_path: Path
):
    told = program(mini, face, "--motion", ASSETS / f"motion_{name}.safetensors", "--output", tmp_path / "frames")

    assert told.returncode == 0, told.stderr
    motion = embedded_motion(name)
    assert f"{len(motion)} frames" in told.stdout
    found, wanted = frames_of(tmp_path / "frames"), painted(load_module("mini"), face, motion)
    assert len(found) == len(wanted) == len(motion)
    assert min(psnr_db(one, other) for one, other in zip(found, wanted, strict=True)) >= LEAST_DB
    assert np.abs(found - found[0]).mean(axis=(1, 2, 3)).max() > 1


WHERE = {"inside": (120, 80, 360, 320), "past the border": (-20, -40, 420, 400)}  # of the crop in `scene`


@pytest.mark.parametrize("name", WHERE)
@pytest.mark.parametrize("grey", [False, True])
def test_a_face_moves_in_its_picture_as_in_python(
    program: Program, mini: Path, scene: np.ndarray, name: str, grey: bool, tmp_path: Path
):
    picture = np.repeat(scene.mean(axis=2, keepdims=True).round().astype(np.uint8), 3, axis=2) if grey else scene
    write_picture(tmp_path / "scene.png", picture)
    where = ["--compose", "--crop", ",".join(map(str, WHERE[name]))]
    words = ["--motion", ASSETS / "motion_nod.safetensors", *where, "--output", tmp_path / "frames"]

    told = program(mini, tmp_path / "scene.png", *words)

    assert told.returncode == 0, told.stderr
    faces = FaceSet.from_crops([WHERE[name]], picture.shape[:2])
    chunks = animate_picture(load_module("mini"), picture, faces, embedded_motion("nod"), AS_PROGRAM)
    found, wanted = frames_of(tmp_path / "frames"), np.concatenate(list(chunks)).astype(np.float32)
    left, top, right, bottom = np.clip(WHERE[name], 0, None)
    face = slice(None), slice(top, bottom), slice(left, right)
    assert found.shape == wanted.shape
    assert min(psnr_db(one, other) for one, other in zip(found[face], wanted[face], strict=True)) >= LEAST_DB
    assert np.abs(found - picture).mean(axis=(1, 2, 3)).max() > 1
    left, top, right, bottom = canvas_box(faces[0], REACH)
    outside = np.ones(picture.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert (found[:, outside] == picture[outside]).all()


def test_without_a_crop_the_square_in_the_middle_moves(
    program: Program, exported: Path, clip_file: Path, clip: np.ndarray, tmp_path: Path
):
    height, width = clip.shape[1:3]
    wide = np.pad(clip[0], ((0, 0), (width // 2, width // 2), (0, 0)), mode="edge")
    write_picture(tmp_path / "wide.png", wide)
    middle = f"{width // 2},0,{width // 2 + width},{height}"
    for name, more in (("default", []), ("named", ["--crop", middle])):
        words = ["--driving", clip_file, "--compose", *more, "--output", tmp_path / name]
        assert program(exported, tmp_path / "wide.png", *words).returncode == 0

    assert np.array_equal(frames_of(tmp_path / "default"), frames_of(tmp_path / "named"))
    assert frames_of(tmp_path / "default").shape[1:3] == wide.shape[:2]


def test_pictures_of_a_performer_move_the_face_as_in_python(
    program: Program, exported: Path, tiny_model: MotionModel, clip_file: Path, clip: np.ndarray, tmp_path: Path
):
    source = next(clip_file.iterdir())

    told = program(exported, source, "--driving", clip_file, "--output", tmp_path / "frames")

    assert told.returncode == 0, told.stderr
    found, wanted = frames_of(tmp_path / "frames"), painted(tiny_model, source, list(clip))
    assert min(psnr_db(one, other) for one, other in zip(found, wanted, strict=True)) >= LEAST_DB


def test_eight_bits_paint_nearly_the_same(program: Program, exported: Path, clip_file: Path, tmp_path: Path):
    source = next(clip_file.iterdir())
    for precision in ("float32", "int8"):
        words = ["--driving", clip_file, "--precision", precision, "--output", tmp_path / precision]
        assert program(exported, source, *words).returncode == 0

    pairs = zip(frames_of(tmp_path / "float32"), frames_of(tmp_path / "int8"), strict=True)

    assert 25 < min(psnr_db(one, other) for one, other in pairs) < 99


def test_64_bit_arm_paints_the_same(
    arm_program: Program, exported: Path, tiny_model: MotionModel, clip_file: Path, clip: np.ndarray, tmp_path: Path
):
    source = next(clip_file.iterdir())

    told = arm_program(exported, source, "--driving", clip_file, "--output", tmp_path / "frames")

    assert told.returncode == 0, told.stderr
    found, wanted = frames_of(tmp_path / "frames"), painted(tiny_model, source, list(clip))
    assert min(psnr_db(one, other) for one, other in zip(found, wanted, strict=True)) >= LEAST_DB


COPY = """#include "picture.h"
int main(int, char** words) { write_picture(words[2], read_picture(words[1])); }
"""


def test_pictures_stand_upright_as_in_python_however_the_camera_was_held(clip: np.ndarray, tmp_path: Path):
    if not shutil.which("c++") or not Path("/usr/include/stb").is_dir():
        pytest.skip("needs c++ and stb")
    (tmp_path / "copy.cpp").write_text(COPY)
    parts = [SOURCES / "src" / "picture.cpp", SOURCES / "src" / "orientation.cpp"]
    made = _run("c++", "-std=c++20", "-I", SOURCES / "src", tmp_path / "copy.cpp", *parts, "-o", tmp_path / "copy")
    assert made.returncode == 0, made.stderr
    smooth = resize_picture(clip[1][:8, :6], (160, 120))
    for orientation, suffix in product(range(1, 9), (".jpg", ".png")):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        taken = tmp_path / f"taken{suffix}"
        Image.fromarray(smooth).save(taken, exif=exif, quality=95)
        told = _run(tmp_path / "copy", taken, tmp_path / "found.png")
        assert told.returncode == 0, told.stderr
        found, wanted = (read_picture(path).astype(np.float32) for path in (tmp_path / "found.png", taken))
        assert found.shape == wanted.shape == ((160, 120, 3) if orientation < 5 else (120, 160, 3))
        assert psnr_db(found, wanted) >= LEAST_DB, (orientation, suffix)


def test_pictures_of_a_performer_are_found_by_any_case_of_their_suffix(
    program: Program, exported: Path, clip_file: Path, tmp_path: Path
):
    first, second, *_ = sorted(clip_file.iterdir())
    (tmp_path / "driving").mkdir()
    shutil.copy(first, tmp_path / "driving" / "1.PNG")
    shutil.copy(second, tmp_path / "driving" / "2.png")

    told = program(exported, first, "--driving", tmp_path / "driving", "--output", tmp_path / "frames")

    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("2 frames")


def header(value: dict[str, object], **more: object) -> dict[str, object]:
    about = {"format": "fom-motion-1", "motion": json.dumps({"fps": 25, "model": "tiny"})}
    return {"__metadata__": about, "value": value, **more}


WRONG = {
    "outside": header({"dtype": "F32", "shape": [2, 4, 2], "data_offsets": [0, 1 << 40]}),
    "backwards": header({"dtype": "F32", "shape": [2, 4, 2], "data_offsets": [64, 0]}),
    "negative": header({"dtype": "F32", "shape": [2, 4, 2], "data_offsets": [-64, 0]}),
    "overflow": header({"dtype": "F32", "shape": [1 << 62, 1 << 62, 2], "data_offsets": [0, 64]}),
    "empty": header({"dtype": "F32", "shape": [0, 4, 2], "data_offsets": [0, 0]}),
    "type": header({"dtype": "I64", "shape": [2, 4], "data_offsets": [0, 64]}),
    "marks": header(
        {"dtype": "F32", "shape": [2, 4, 2], "data_offsets": [0, 64]},
        seen={"dtype": "BOOL", "shape": [3], "data_offsets": [0, 3]},
    ),
    "words": {"__metadata__": {"format": 7}},
    "foreign": {"value": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_motion_file_whose_header_lies_is_refused_in_a_line(
    program: Program, exported: Path, clip_file: Path, name: str, tmp_path: Path
):
    text = json.dumps(WRONG[name]).encode()
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(struct.pack("<Q", len(text)) + text + bytes(64))

    told = program(exported, next(clip_file.iterdir()), "--motion", wrong, "--output", tmp_path / "frames")

    assert told.returncode == 1
    assert told.stderr.startswith(f"fom-native: {wrong} is not a motion file")
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "frames").exists()


@pytest.mark.parametrize(
    "content", [b"", b"1234567", struct.pack("<Q", 1 << 63) + b"{}", struct.pack("<Q", 40) + b"{}", bytes(64)]
)
def test_what_is_no_safetensors_file_is_refused_in_a_line(
    program: Program, exported: Path, clip_file: Path, content: bytes, tmp_path: Path
):
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(content)

    told = program(exported, next(clip_file.iterdir()), "--motion", wrong, "--output", tmp_path / "frames")

    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "is not a motion file" in told.stderr


def test_a_motion_of_another_model_is_refused(program: Program, exported: Path, clip_file: Path, tmp_path: Path):
    words = ["--motion", ASSETS / "motion_nod.safetensors", "--output", tmp_path / "frames"]

    told = program(exported, next(clip_file.iterdir()), *words)

    assert told.returncode == 1
    assert "was read with the model mini and means nothing to tiny" in told.stderr


def test_a_crop_outside_the_picture_is_told_in_a_line(
    program: Program, exported: Path, clip_file: Path, tmp_path: Path
):
    words = ["--driving", clip_file, "--crop", "2000,0,2100,100", "--output", tmp_path / "frames"]

    told = program(exported, next(clip_file.iterdir()), *words)

    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "--crop lies outside the picture" in told.stderr
    assert not (tmp_path / "frames").exists()


def test_a_damaged_part_of_the_model_is_told_in_a_line(
    program: Program, exported: Path, clip_file: Path, tmp_path: Path
):
    shutil.copytree(exported, tmp_path / "model")
    (tmp_path / "model" / "generator.onnx").write_bytes(b"nothing that could be opened")

    told = program(
        tmp_path / "model", next(clip_file.iterdir()), "--driving", clip_file, "--output", tmp_path / "frames"
    )

    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "generator.onnx does not open" in told.stderr


def test_a_model_that_computes_nan_is_told_in_a_line(program: Program, exported: Path, clip_file: Path, tmp_path: Path):
    import onnx

    shutil.copytree(exported, tmp_path / "model")
    graph = onnx.load(tmp_path / "model" / "generator.onnx")
    bias = next(each for each in graph.graph.initializer if len(each.dims) == 1 and each.data_type == 1)
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(bias.dims, np.nan, np.float32), bias.name))
    onnx.save(graph, tmp_path / "model" / "generator.onnx")
    words = ["--driving", clip_file, "--compose", "--output", tmp_path / "frames"]

    told = program(tmp_path / "model", next(clip_file.iterdir()), *words)

    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "computes infinity or NaN" in told.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--motion", "x"], "a folder with a model and a picture are wanted"),
        (["model", "picture", "--output", "x"], "either --motion or --driving"),
        (["model", "picture", "--motion", "x", "--gain", "many", "--output", "x"], "--gain takes a number"),
        (["model", "picture", "--motion", "x", "--sound"], "--sound is not an option"),
        (["model", "picture", "--motion", "x", "--crop", "1,2,3"], "--crop takes left,top,right,bottom in pixels"),
        (["model", "picture", "--motion", "x", "--crop", "0,0,9999999999,50"], "--crop takes left,top,right,bottom"),
        (["model", "picture", "--motion", "x", "--crop", "9,9,5,50"], "--crop takes left,top,right,bottom in pixels"),
        (["model", "picture", "--motion", "x", "--output", "x"], "model.json is missing"),
    ],
)
def test_a_wrong_command_line_is_told_in_a_line(program: Program, words: list[str], part: str):
    told = program(*words)

    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert part in told.stderr


def test_without_onnx_runtime_a_line_says_how_to_name_it(tmp_path: Path):
    if not shutil.which("cmake") or not shutil.which("c++"):
        pytest.skip("needs cmake and c++")
    nowhere = ["-DONNXRUNTIME_INCLUDE=0", "-DONNXRUNTIME_LIBRARY=0"]  # which is no place, and is not looked for either
    told = _run("cmake", "-S", SOURCES, "-B", tmp_path / "build", *nowhere)
    assert told.returncode == 1
    assert "-DONNXRUNTIME_ROOT=" in told.stderr


def build(folder: Path, compiler: str, root: str, *more: str) -> Path:
    """The built program; ``root`` names the variable that tells where ONNX Runtime is. Skips without tools."""
    for tool in ("cmake", compiler):
        if not shutil.which(tool):
            pytest.skip(f"needs {tool}")
    place = f"-DONNXRUNTIME_ROOT={os.environ.get(root, '')}"
    configured = _run("cmake", "-S", SOURCES, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", place, *more)
    if "Could not find" in configured.stderr or "was not found" in configured.stderr:
        pytest.skip(f"needs ONNX Runtime's headers and library ({root}), and those of nlohmann-json and stb")
    assert configured.returncode == 0, configured.stderr
    built = _run("cmake", "--build", folder)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "warning:" not in built.stderr
    return folder / "fom-native"


def painted(model: MotionModel, source: Path, driving: Motion | list[np.ndarray]) -> np.ndarray:
    """The frames as Python paints them, (T, H, W, 3) in grey levels."""
    chunks = [faces[0] for faces in animate(model, [read_picture(source)], driving, AS_PROGRAM)]
    return np.concatenate([(chunk * 255).round().movedim(1, -1).numpy() for chunk in chunks])


def frames_of(folder: Path) -> np.ndarray:
    return np.stack([read_picture(path)[..., :3].astype(np.float32) for path in sorted(folder.iterdir())])


def psnr_db(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.square(found - wanted).mean(), 1e-9)))


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=200, check=False)
