"""What ``fom export`` writes, and what it refuses to write."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.errors import FomError, UnsupportedModel, UsageError
from fom_core.export import compare, export_model
from fom_core.export.compare import Rendered, differences, psnr_db, read_frames, verdict
from fom_core.files import sha256_of
from fom_core.networks import ModelConfig, create_model
from fom_core.types import Keypoints


def test_the_folder_holds_the_three_streaming_parts_and_their_description(exported: Path):
    about = json.loads((exported / "model.json").read_text())
    assert list(about["parts"]) == ["keypoint_detector", "source_encoder", "generator"]
    assert (about["name"], about["image_size"], about["num_keypoints"]) == ("tiny", [64, 64], 4)
    for part in about["parts"].values():
        variant = part["files"]["float32"]
        path = exported / variant["file"]
        assert (path.stat().st_size, sha256_of(path)) == (variant["size"], variant["sha256"])
        assert variant["differences"]["prediction_max"] <= 1e-3
    assert about["parts"]["generator"]["inputs"]["driving_jacobian"] == ["batch", 4, 2, 2]
    assert about["parts"]["generator"]["outputs"]["prediction"] == ["batch", 3, 64, 64]


def test_graphs_pass_the_checker_and_tell_nothing_of_the_machine(exported: Path):
    onnx = pytest.importorskip("onnx")
    for path in exported.glob("*.onnx"):
        onnx.checker.check_model(onnx.load(path), full_check=True)
        assert str(Path.home()).encode() not in path.read_bytes()
        assert b"fom_core" not in path.read_bytes()


def test_files_name_their_inputs_and_outputs_as_described(exported: Path):
    runtime = pytest.importorskip("onnxruntime")
    about = json.loads((exported / "model.json").read_text())
    for part in about["parts"].values():
        session = runtime.InferenceSession(exported / part["files"]["float32"]["file"])
        assert [given.name for given in session.get_inputs()] == list(part["inputs"])
        assert [given.name for given in session.get_outputs()] == list(part["outputs"])
        assert [given.shape for given in session.get_inputs()] == list(part["inputs"].values())


@pytest.mark.usefixtures("traced_once")
def test_an_export_that_differs_is_not_written(monkeypatch, tiny_model, clip_file, tmp_path):
    monkeypatch.setitem(compare.LARGEST, "float32", -1.0)
    with pytest.raises(FomError, match="does not paint what PyTorch paints: largest difference"):
        export_model(tiny_model, tmp_path / "deep" / "out", frames=clip_file)
    assert not list(tmp_path.iterdir())


def test_sizes_that_the_networks_cannot_halve_are_refused(tiny_model, tmp_path, exported):
    with pytest.raises(UsageError, match="sides divisible by 16"):
        export_model(tiny_model, tmp_path / "out", size=(72, 64))


def test_a_model_that_moves_nothing_is_refused(tiny_config: ModelConfig, tmp_path, clip_file, exported):
    from dataclasses import replace

    still = replace(tiny_config, generator=replace(tiny_config.generator, dense_motion=None))
    model = create_model(still).eval()
    with pytest.raises(UnsupportedModel, match="moves nothing"):
        export_model(model, tmp_path / "out", frames=clip_file)
    assert not list(tmp_path.iterdir())


def test_the_embedded_clip_gives_32_frames_of_the_models_size(tiny_config):
    frames = read_frames(tiny_config)
    assert frames.driving.shape == (32, 3, 64, 64)
    assert frames.name == "32 frames of the embedded clip"
    assert torch.equal(frames.source, frames.driving[:1])


def test_verdicts_hold_numbers_against_the_bound_of_the_precision():
    pictures = torch.full((1, 3, 8, 8), 0.5)
    points = Keypoints(torch.zeros(1, 4, 2))
    apart = differences(Rendered(points, pictures + 0.01), Rendered(points, pictures))
    assert apart["prediction_psnr_db"] == pytest.approx(40, abs=1e-3)
    assert verdict("float16", apart) is None
    assert verdict("int8", apart) is None
    assert verdict("float32", apart) == "largest difference 0.01, wanted 0.001"


def test_no_bound_holds_for_what_is_no_number():
    pictures = torch.full((1, 3, 8, 8), 0.5)
    broken = pictures.clone()
    broken[0, 0, 0, 0] = np.nan
    points = Keypoints(torch.zeros(1, 4, 2))
    apart = differences(Rendered(points, broken), Rendered(points, pictures))
    assert all(verdict(precision, apart) for precision in ("float32", "float16", "int8"))


def test_psnr_of_equal_pictures_is_finite():
    assert psnr_db(torch.zeros(3), torch.zeros(3)) == 200
