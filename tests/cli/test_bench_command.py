"""``fom bench`` as a user calls it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

QUICK = ["--frames", 4, "--batches", "1,3", "--seconds", 0.01, "--picture", "96x64", "--device", "cpu"]


def test_stages_and_the_whole_are_measured_printed_and_written(fom, tiny_weights, tmp_path):
    figures, drawing = tmp_path / "bench.json", tmp_path / "bench.svg"

    outcome = fom("bench", "--model", tiny_weights, *QUICK, "--json", figures, "--plot", drawing)

    assert outcome.status == 0
    found = json.loads(figures.read_text())
    assert [row["batch"] for row in found["network"]["batches"]] == [1, 3]
    for row in found["network"]["batches"]:
        assert row["ms"] > 0 and 0 < row["share"] < 1.5
        assert row["ms"] * row["fps"] == pytest.approx(1000)
    assert set(found["whole"]["steps_ms"]) == {"decode", "network", "paste", "encode"}
    assert found["whole"]["bound"] in found["whole"]["steps_ms"]
    assert found["model"]["dtype"] == "float32" and found["machine"]["torch"]
    assert drawing.read_text().startswith("<svg")
    table = [line for line in outcome.results if line.startswith("| 3 |")]
    assert len(table) == 1


def test_a_size_that_the_networks_do_not_take_is_refused(fom, tiny_weights):
    outcome = fom("bench", "--model", tiny_weights, *QUICK, "--parts", "network", "--size", 63)
    assert outcome.status == 2
    assert "The size must be divisible by 16 for tiny; found 63. Choose another, such as 64." in outcome.messages[-1]


@pytest.mark.slow
def test_growth_is_measured_in_processes_of_their_own(fom, tiny_weights, tmp_path):
    figures = tmp_path / "bench.json"
    outcome = fom("bench", "--model", tiny_weights, *QUICK, "--parts", "growth", "--json", figures)
    assert outcome.status == 0
    rows = json.loads(figures.read_text())["growth"]
    assert [row["job"]["frames"] for row in rows] == [4, 8, 16, 32]
    assert all(row["seconds"] > 0 and row["processor_s"] > 0 for row in rows)


@pytest.mark.slow
def test_backends_are_measured_side_by_side(fom, tiny_weights, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    figures = tmp_path / "bench.json"
    words = ["--parts", "none", "--backends", "torch,onnx,onnx-int8", "--json", figures]
    outcome = fom("bench", "--model", tiny_weights, *QUICK, *words)
    assert outcome.status == 0, outcome.messages
    rows = json.loads(figures.read_text())["backends"]
    names = ["torch", "onnx", "onnx-int8"]
    assert [(row["backend"], row["batch"]) for row in rows] == [(name, batch) for batch in (1, 3) for name in names]
    assert all(row["ms"] > 0 for row in rows)
    largest = {name: max(row["max_abs_difference"] for row in rows if row["backend"] == name) for name in names}
    assert largest["torch"] == 0
    assert largest["onnx"] < 1e-3
    assert largest["onnx"] < largest["onnx-int8"]


@pytest.mark.slow
def test_the_original_runs_beside_on_the_same_weights(fom, shared, tmp_path):
    checkout = os.environ.get("FOM_UPSTREAM", "")
    if not Path(checkout, "demo.py").is_file():
        pytest.skip("set FOM_UPSTREAM to a checkout of the authors' first-order-model")
    golden, figures = shared / "golden" / "torch", tmp_path / "bench.json"
    model = ["--model", golden / "vox_64.pth.tar", "--config", golden / "vox_64.yaml"]
    outcome = fom("bench", *model, *QUICK, "--parts", "none", "--against", checkout, "--rounds", 1, "--json", figures)
    assert outcome.status == 0
    found = json.loads(figures.read_text())["against"]
    assert found["max_abs_difference"] < 2e-2 and found["psnr_db"] > 60
    assert all(peak > 0 for peak in found["peak_mib"].values())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--parts", "none", "--plot", "x.svg"], "nothing to plot"),
        (["--against", "nowhere"], "no checkout of first-order-model"),
        (["--config", "vox-1024"], "The configuration vox-1024 does not exist"),
        (["--backends", "torch,tensor"], "there is no backend 'tensor'"),
        (["--backends", "torch", "--device", "cuda:0"], "device cuda:0 is not ready"),
        (["--driving_video", "none.mp4"], "The video none.mp4 does not exist"),
        (["--driving_video", "."], "The folder . holds no pictures"),
    ],
)
def test_mistakes_are_one_line(fom, tiny_weights, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    model = [] if "--config" in words else ["--model", tiny_weights]
    outcome = fom("bench", *model, *QUICK, *(["--parts", "none"] if "--against" in words else []), *words)
    assert outcome.status in (1, 2)
    assert message in outcome.messages[-1]
    assert list(tmp_path.iterdir()) == []
