"""The programs in docs/examples run as they stand, and the pages' first ones make the command line's frames."""

from __future__ import annotations

import re
import runpy
import shutil
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fom_core
from fom_core.cli import main
from fom_core.media import write_picture
from fom_core.pictures import resize_picture

ROOT = Path(__file__).resolve().parents[2]
INPUTS = ROOT / "workflows" / "inputs"
EXAMPLES = ROOT / "docs" / "examples"
FRAMES = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The files that the examples want, small."""
    path = tmp_path_factory.mktemp("examples")
    picture = fom_core.read_picture(INPUTS / "fom_group.jpg")
    write_picture(path / "group.jpg", resize_picture(picture, (picture.shape[0] * 384 // picture.shape[1], 384)))
    with (
        fom_core.VideoReader(INPUTS / "fom_driving.mp4") as driver,
        fom_core.VideoWriter(path / "driver.mp4", driver.rate, audio_from=driver) as short,
    ):
        for frame in islice(driver, FRAMES):
            short.write(frame[None])
    for split in ("train", "test"):
        (path / "clips" / split).mkdir(parents=True)
        shutil.copy(path / "driver.mp4", path / "clips" / split / "somebody.mp4")
    return path


@pytest.fixture(autouse=True)
def _in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FOM_MODELS", str(folder / "weights"))


def run(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / name))


def test_a_picture_and_a_driver_become_a_video_with_sound(folder):
    run("animate.py")

    frames, _ = fom_core.read_video(folder / "out.mp4")
    picture = fom_core.read_picture(folder / "group.jpg")
    assert len(frames) == FRAMES
    assert frames.shape[1:] == picture.shape
    assert len(fom_core.load_motion(folder / "driver.motion.safetensors")) == FRAMES


def test_the_stages_run_one_by_one(folder):
    made = run("stages.py")

    changed = np.concatenate(made["pasted"]) != made["picture"]
    assert len(made["faces"]) > 1
    assert changed.any()
    assert not changed.all(axis=(0, 3)).all()  # away from the faces the picture is as it was
    assert fom_core.read_picture(folder / "frame.png").shape == made["picture"].shape


def test_a_model_is_learnt_and_measured(folder, caplog):
    made = run("train.py")

    assert made["weights"] == Path("runs/tiny/tiny.safetensors")
    assert "| copy |" in made["table"]
    assert "1 of these 1 clips are what the model learnt from" in caplog.text


@pytest.mark.slow
@pytest.mark.skipif(not (find_spec("onnxruntime") and find_spec("onnxscript")), reason="needs the extra onnx")
def test_a_model_is_exported(folder):
    if not (folder / "runs").is_dir():
        run("train.py")

    made = run("export.py")

    assert (folder / "exports" / "tiny" / "model.json").is_file()
    assert "generator" in made["exported"].package.parts


@pytest.fixture
def pictures(folder, tmp_path) -> Path:
    """A folder of a picture with faces, one without, and what is no picture."""
    shutil.copy(folder / "group.jpg", tmp_path / "group.jpg")
    write_picture(tmp_path / "wall.png", np.full((96, 96, 3), 90, np.uint8))
    (tmp_path / "notes.txt").write_text("Saturday")
    return tmp_path


def test_a_process_of_the_example_for_ray_animates_pictures_and_tells_of_those_without_a_face(folder, pictures):
    made = run("ray_batch.py")
    animator = made["Animator"](folder / "driver.mp4", "mini")
    todo = made["jobs"](pictures, pictures)

    assert [picture.name for picture, _ in todo] == ["group.jpg", "wall.png"]
    assert [animator.animate(*job) for job in todo] == [None, f"{pictures / 'wall.png'}: no face was found."]
    frames, _ = fom_core.read_video(pictures / "group.jpg.mp4")
    assert len(frames) == FRAMES
    assert fom_core.VideoReader(pictures / "group.jpg.mp4").has_audio
    assert [picture.name for picture, _ in made["jobs"](pictures, pictures)] == ["wall.png"]


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("ray"), reason="needs ray")
def test_ray_animates_a_folder_of_pictures(folder, pictures, capfd):
    made = run("ray_batch.py")

    status = made["main"]([str(pictures), str(folder / "driver.mp4"), "--output", str(pictures / "results")])

    assert status == 1 and "wall.png: no face was found." in capfd.readouterr().err
    assert [path.name for path in (pictures / "results").iterdir()] == ["group.jpg.mp4"]


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_first_example_of_a_page_makes_the_frames_of_the_command_line(folder, page):
    code = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    (folder / "out.mp4").unlink(missing_ok=True)
    exec(compile(code[1], page, "exec"), {})
    words = ["animate", "--source_image", "group.jpg", "--driving_video", "driver.mp4", "--model", "mini"]

    assert main([*words, "--multi_person", "--output", "line.mp4"]) == 0

    (ours, rate), (theirs, expected) = (fom_core.read_video(folder / name) for name in ("out.mp4", "line.mp4"))
    assert rate == expected
    np.testing.assert_array_equal(ours, theirs)
    assert fom_core.VideoReader("out.mp4").has_audio == fom_core.VideoReader("line.mp4").has_audio
