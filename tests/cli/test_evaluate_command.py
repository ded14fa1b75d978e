"""``fom evaluate`` as a user calls it: tables on stdout, files beside, mistakes in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fom_core.media import VideoWriter
from fom_core.weights.load import save_model


@pytest.fixture
def data(clip, tmp_path: Path) -> Path:
    for name, frames in (("anna", clip[:4]), ("bert", np.ascontiguousarray(clip[4:8, :, ::-1]))):
        with VideoWriter(tmp_path / "data" / "val" / f"{name}.mp4", 25) as writer:
            writer.write(frames)
    return tmp_path / "data"


def test_an_evaluation_prints_a_table_with_its_baselines(fom, data, tiny_model, tmp_path):
    model = save_model(tiny_model, tmp_path / "tiny.safetensors")

    done = fom("evaluate", data, "--model", model, "--device", "cpu", "--all-frames", "--output", tmp_path / "out")

    assert done.status == 0
    assert done.results[0] == "tiny on the validation clips of data, at 64x64 pixels"
    assert done.results[-1] == str(tmp_path / "out" / "evaluation.md")
    assert [line.split("|")[1].strip() for line in done.results if line.startswith("| ")][-4:] == [
        "relative",
        "absolute",
        "composed",
        "copy",
    ]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "animation.mp4",
        "evaluation.json",
        "evaluation.md",
        "reconstruction.mp4",
    }


def test_a_folder_without_clips_is_refused_in_one_line(fom, tiny_model, tmp_path):
    model = save_model(tiny_model, tmp_path / "tiny.safetensors")
    (tmp_path / "nothing").mkdir()

    done = fom("evaluate", tmp_path / "nothing", "--model", model, "--device", "cpu")

    assert done.status == 1
    assert len(done.messages) == 1
    assert "nothing" in done.messages[0]


@pytest.mark.parametrize("option", ["--lpips", "--landmarks", "--identity"])
def test_a_file_that_is_something_else_is_refused_in_one_line(fom, data, tiny_model, tmp_path, option):
    model = save_model(tiny_model, tmp_path / "tiny.safetensors")
    (tmp_path / "other.bin").write_bytes(b"something else")

    done = fom("evaluate", data, "--model", model, "--device", "cpu", option, tmp_path / "other.bin")

    assert done.status == 1
    assert "other.bin" in done.messages[-1]
    assert "unexpected" not in done.messages[-1]
