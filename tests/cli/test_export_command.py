"""``fom export``."""

import json
from pathlib import Path

import pytest


@pytest.mark.usefixtures("traced_once")
def test_export_prints_the_folder_and_tells_the_differences(fom, tiny_weights, clip_file, tmp_path):
    outcome = fom("export", tiny_weights, "--output", tmp_path / "out", "--frames", clip_file)
    assert (outcome.status, outcome.results) == (0, [str(tmp_path / "out")])
    assert any(line.startswith("generator.onnx: pictures differ by at most") for line in outcome.messages)
    assert json.loads((tmp_path / "out" / "model.json").read_text())["name"] == "tiny"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_without_the_packages_one_line_says_what_to_install(fom, tiny_weights, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    outcome = fom("export", tiny_weights, "--output", tmp_path / "out")
    assert outcome.status == 1
    assert len(outcome.messages) == 1
    assert "pip install" in outcome.messages[0]


@pytest.mark.parametrize(
    ("form", "told"),
    [("opencv", "runs the ONNX files"), ("tflite", "--format litert"), ("jpeg", "choose from onnx, litert")],
)
def test_what_is_no_format_is_told_what_to_write(fom, tmp_path, form, told):
    outcome = fom("export", "mini", "--format", form, "--output", tmp_path / "out")
    assert outcome.status == 2
    assert told in outcome.messages[-1]


@pytest.mark.parametrize("words", [["nothing"], ["mini", "--image_size", "101"], ["mini", "--frames", "no.mp4"]])
def test_bad_input_is_one_line_and_leaves_nothing(fom, tmp_path: Path, words, exported):
    outcome = fom("export", *words, "--output", tmp_path / "out")
    assert outcome.status in (1, 2)
    assert len(outcome.messages) == 1
    assert not list(tmp_path.iterdir())
