"""Exported models in the place of PyTorch's."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fom_core.backends import ExportedModel, read_package
from fom_core.backends.onnx import _tell_once, choose_provider, open_graph
from fom_core.errors import UnsupportedModel, UsageError
from fom_core.pipeline import animate, animate_picture
from fom_core.types import FaceSet


@pytest.fixture
def model(exported: Path) -> ExportedModel:
    return ExportedModel(read_package(exported), exported, open_graph)


@pytest.mark.parametrize("batch", [1, 3])
def test_keypoints_are_pytorchs_for_any_batch(model, tiny_model, batch):
    images = torch.rand(batch, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found, wanted = model.detect_keypoints(images), tiny_model.detect_keypoints(images)
    torch.testing.assert_close(found.value, wanted.value, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.jacobian, wanted.jacobian, atol=1e-4, rtol=0)


def test_flow_mask_and_occlusion_are_pytorchs(model, tiny_model):
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    results = []
    for each in (model, tiny_model):
        source = each.encode_source(images[:1])
        results.append(each.generate(source, each.detect_keypoints(images)))
    found, wanted = results
    torch.testing.assert_close(found.prediction, wanted.prediction, atol=1e-3, rtol=0)
    for name in ("deformation", "occlusion_map", "mask"):
        actual, expected = (getattr(result.dense_motion, name) for result in (found, wanted))
        torch.testing.assert_close(actual, expected, atol=1e-3, rtol=0)


def test_several_sources_at_once_are_those_one_by_one(model):
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    keypoints = model.detect_keypoints(images)
    source = model.encode_source(images, keypoints)
    together = model.generate(source, keypoints.pick([1, 2, 0]))
    assert torch.equal(source.keypoints.value, keypoints.value)
    for index, pose in enumerate((1, 2, 0)):
        alone = model.generate(model.encode_source(images[index : index + 1]), keypoints[pose : pose + 1])
        torch.testing.assert_close(together.prediction[index], alone.prediction[0], atol=1e-4, rtol=0)


def test_a_picture_is_animated_as_by_pytorch(model, tiny_model, clip):
    faces = FaceSet.from_crops([(4, 4, 60, 60)], clip.shape[1:3])
    found, wanted = (
        [frame for chunk in animate_picture(each, clip[0], faces, iter(clip)) for frame in chunk]
        for each in (model, tiny_model)
    )
    assert len(found) == len(wanted) == len(clip)
    assert max(abs(a.astype(int) - b.astype(int)).max() for a, b in zip(found, wanted, strict=True)) <= 2


def test_frames_do_not_depend_on_the_chunk(model, clip):
    one, five = (
        torch.cat([faces[0] for faces in animate(model, [clip[0]], iter(clip), chunk_size=size)]) for size in (1, 5)
    )
    torch.testing.assert_close(one, five, atol=1e-4, rtol=0)


def test_pictures_of_another_size_are_refused(model):
    with pytest.raises(UsageError, match=r"takes pictures of 3x64x64 .* got 3x32x64"):
        model.detect_keypoints(torch.zeros(1, 3, 32, 64))


def test_details_are_not_exported(model):
    source = model.encode_source(torch.rand(1, 3, 64, 64))
    with pytest.raises(UsageError, match="gives no details"):
        model.generate(source, source.keypoints, details=True)


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def test_a_folder_without_an_export_is_told(tmp_path):
    with pytest.raises(UnsupportedModel, match=r"wanted model\.json in it"):
        read_package(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("format", "other"), ("parts", {}), ("parts", 3), ("config", {}), ("opset", None)]
)
def test_a_description_of_something_else_is_told(copied, key, value):
    path = copied / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UnsupportedModel, match="damaged or of another version"):
        read_package(copied)


def test_a_description_cannot_name_files_elsewhere(copied):
    path = copied / "model.json"
    path.write_text(path.read_text().replace('"generator.onnx"', '"../generator.onnx"'))
    with pytest.raises(UnsupportedModel, match="the file name"):
        read_package(copied)


def test_missing_and_damaged_graphs_are_told(copied):
    package = read_package(copied)
    (copied / "generator.onnx").write_bytes(b"no graph")
    with pytest.raises(UnsupportedModel, match=r"ONNX Runtime cannot open generator\.onnx"):
        ExportedModel(package, copied, open_graph)
    (copied / "generator.onnx").unlink()
    with pytest.raises(UnsupportedModel, match=r"lacks generator\.onnx"):
        ExportedModel(package, copied, open_graph)


def test_a_precision_that_was_not_exported_is_told(exported):
    with pytest.raises(UnsupportedModel, match="has no float64 files, only float32, float16"):
        ExportedModel(read_package(exported), exported, open_graph, "float64")


def test_a_precision_that_was_left_out_is_told_with_its_reason(exported):
    package = read_package(exported)
    refused = replace(package, left_out={"float64": ["generator.f64.onnx is not kept: PSNR 8.0 dB, wanted 30 dB."]})
    with pytest.raises(
        UnsupportedModel, match=r"no float64 files \(generator\.f64\.onnx .* wanted 30 dB\), only float32"
    ):
        ExportedModel(refused, exported, open_graph, "float64")


def test_parts_without_a_file_of_the_precision_are_named(exported):
    package = read_package(exported)
    detector = package.parts["keypoint_detector"]
    files = {name: file for name, file in detector.files.items() if name != "int8"}
    mixed = replace(package, parts={**package.parts, "keypoint_detector": replace(detector, files=files)})
    assert ExportedModel(mixed, exported, open_graph, "int8").in_float32 == ["keypoint_detector"]
    assert ExportedModel(package, exported, open_graph, "int8").in_float32 == []


def test_providers_are_chosen_by_name(exported):
    assert choose_provider("CPU") == "CPUExecutionProvider"
    with pytest.raises(UsageError, match=r"no provider 'abacus'\. Choose one of auto, cpu, cuda"):
        choose_provider("abacus")


@pytest.fixture
def cuda_without_a_card(monkeypatch):
    """A build of ONNX Runtime with CUDA, on a machine that has no driver for it."""
    runtime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in runtime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    present = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(runtime, "get_available_providers", lambda: present)
    _tell_once.cache_clear()


@pytest.mark.usefixtures("cuda_without_a_card")
def test_a_provider_that_does_not_start_is_told(exported, recwarn, capfd):
    with pytest.raises(UsageError, match="CUDAExecutionProvider is installed, but does not start"):
        open_graph(exported / "generator.onnx", "cuda")
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


@pytest.mark.usefixtures("cuda_without_a_card")
def test_without_a_choice_the_processor_stands_in_and_one_line_says_so(exported, tiny_model, caplog):
    model = ExportedModel(read_package(exported), exported, open_graph)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        model.detect_keypoints(image).value, tiny_model.detect_keypoints(image).value, atol=1e-5, rtol=0
    )
    assert [record.message.partition(":")[0] for record in caplog.records] == ["The processor computes"]


@pytest.mark.parametrize("name", ["CUDA", "TensorRT", "OpenVINO", "CoreML", "DirectML"])
def test_a_provider_that_is_not_here_is_told(monkeypatch, exported, name):
    runtime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(UsageError, match=f"has no provider {name.lower()}, only cpu"):
        choose_provider(name)
