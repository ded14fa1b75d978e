"""What ``fom export`` writes, and what it refuses to write."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.backends import ExportedModel, open_exported, read_package
from fom_core.backends.onnx import open_graph
from fom_core.errors import FomError, MissingPackage, UnsupportedModel, UsageError
from fom_core.export import compare, export_model
from fom_core.export.compare import ExportCheck, Rendered, differences, read_check_frames, verdict
from fom_core.export.graph_file import write_onnx
from fom_core.export.half import write_float16
from fom_core.export.inputs_size import size_from_inputs
from fom_core.export.parts import PARTS, graphs_of
from fom_core.files.paths import sha256_of
from fom_core.motion import transfer_motion
from fom_core.networks import ModelConfig, create_model
from fom_core.pictures import resize_picture, to_batch
from fom_core.types import Keypoints, MotionTransfer

VARIANTS = ["float32", "float16", "int8", "archive"]


def test_the_folder_holds_the_parts_and_their_description(exported: Path):
    about = json.loads((exported / "model.json").read_text())
    assert list(about["parts"]) == ["keypoint_detector", "source_encoder", "generator", "relative_generator"]
    assert (about["name"], about["image_size"], about["num_keypoints"]) == ("tiny", [64, 64], 4)
    files = {name for part in about["parts"].values() for name in (file["file"] for file in part["files"].values())}
    assert {path.name for path in exported.iterdir()} == {*files, "model.json"}
    for part in about["parts"].values():
        assert list(part["files"]) == VARIANTS
        for variant in part["files"].values():
            path = exported / variant["file"]
            assert (path.stat().st_size, sha256_of(path)) == (variant["size"], variant["sha256"])
        assert part["files"]["float32"]["differences"]["prediction_max"] <= 1e-3
        assert part["files"]["archive"]["differences"]["prediction_max"] <= 1e-3
        assert part["files"]["float16"]["differences"]["prediction_max"] <= 2e-2
        assert part["files"]["int8"]["differences"]["prediction_psnr_db"] >= 30
    assert about["parts"]["generator"]["inputs"]["driving_jacobian"] == ["batch", 4, 2, 2]
    assert about["parts"]["generator"]["outputs"]["prediction"] == ["batch", 3, 64, 64]


def test_graphs_pass_the_checker_and_tell_nothing_of_the_machine(exported: Path):
    onnx = pytest.importorskip("onnx")
    for path in exported.glob("*.onnx"):
        onnx.checker.check_model(onnx.load(path), full_check=True)
        assert str(Path.home()).encode() not in path.read_bytes()
        assert b"fom_core" not in path.read_bytes()


def test_graphs_hold_nothing_that_runtimes_take_for_something_else(exported: Path):
    """Scripts in ``findings/`` show which: paddings by name, antialias as an attribute, warps but linear ones."""
    onnx = pytest.importorskip("onnx")
    padded = warps = 0
    for path in exported.glob("*.onnx"):
        for node in onnx.load(path).graph.node:
            said = {given.name: onnx.helper.get_attribute_value(given) for given in node.attribute}
            assert said.get("auto_pad", b"NOTSET") == b"NOTSET", (path.name, node.name)
            assert not said.get("antialias"), (path.name, node.name)
            if node.op_type == "GridSample":
                assert (said["mode"], said["padding_mode"]) in {(b"bilinear", b"zeros"), (b"linear", b"zeros")}
                warps += 1
            padded += any(said.get("pads", []))
    assert padded and warps


def test_smaller_variants_are_smaller(exported: Path):
    sizes = [(exported / f"generator{suffix}").stat().st_size for suffix in (".onnx", ".fp16.onnx", ".int8.onnx")]
    assert sizes[1] < 0.7 * sizes[0]
    assert sizes[2] < sizes[0]


def test_half_graphs_hold_float16_weights_and_warp_in_float32(exported: Path):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(exported / "generator.fp16.onnx").graph
    halves = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    assert all(node.input[1] in halves for node in graph.node if node.op_type == "Conv")
    types = {value.name: value.type.tensor_type.elem_type for value in [*graph.input, *graph.value_info]}
    warps = [node for node in graph.node if node.op_type == "GridSample"]
    assert len(warps) == 2
    assert all(types[name] == onnx.TensorProto.FLOAT for node in warps for name in node.input)


def half_convolutions(path: Path) -> list[bool]:
    """Of every convolution of a graph, whether it computes in float16."""
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(path).graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    kernels = [types[node.input[1]] for node in graph.node if node.op_type == "Conv"]
    return [kernel == onnx.TensorProto.FLOAT16 for kernel in kernels]


@pytest.mark.parametrize("name", ["keypoint_detector", "source_encoder"])
def test_convolutions_that_read_a_picture_stay_in_float32(exported: Path, name):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(exported / f"{name}.fp16.onnx").graph
    types = {value.name: value.type.tensor_type for value in [*graph.input, *graph.value_info]}
    for node, half in zip(
        (node for node in graph.node if node.op_type == "Conv"),
        half_convolutions(exported / f"{name}.fp16.onnx"),
        strict=True,
    ):
        assert half == (types[node.input[0]].shape.dim[1].dim_value > 3)


def test_with_more_care_fewer_convolutions_are_in_float16(exported: Path, tmp_path):
    plain, target = exported / "keypoint_detector.onnx", tmp_path / "x.onnx"
    counts = []
    while write_float16(plain, target, len(counts)):
        counts.append(sum(half_convolutions(target)))
    assert len(counts) > 1
    assert counts == sorted(set(counts), reverse=True)
    assert counts[-1] > 0


@pytest.mark.usefixtures("traced_once")
def test_a_float16_part_outside_its_bound_is_made_with_more_care(
    monkeypatch, exported, tiny_model, clip_file, tmp_path
):
    verdict, tries = ExportCheck.verdict, []

    def strict_at_first(judge: ExportCheck, variant: str, apart: dict[str, float]) -> str | None:
        tries.extend([variant] if variant == "float16" else [])
        return "too far" if len(tries) == 1 and variant == "float16" else verdict(judge, variant, apart)

    monkeypatch.setattr(ExportCheck, "verdict", strict_at_first)
    package = export_model(tiny_model, tmp_path / "out", variants=["float16"], frames=clip_file).package
    name = "keypoint_detector.fp16.onnx"
    assert 0 < sum(half_convolutions(tmp_path / "out" / name)) < sum(half_convolutions(exported / name))
    assert package.parts["keypoint_detector"].files["float16"].sha256 == sha256_of(tmp_path / "out" / name)
    assert package.left_out == {}


def test_quantised_graphs_hold_int8_kernels(exported: Path):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(exported / "generator.int8.onnx").graph
    kernels = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    assert len(kernels) >= sum(node.op_type == "Conv" for node in graph.node)


@torch.inference_mode()
def test_the_relative_generator_transfers_motion_inside(exported: Path, tiny_model, clip):
    package = read_package(exported)
    images = to_batch(np.stack([resize_picture(frame, (64, 64)) for frame in clip[:5]]), channels=3, device="cpu")
    model = tiny_model
    still, driving = model.detect_keypoints(images[:1]), model.detect_keypoints(images)
    run = open_graph(package.file_of(exported, "relative_generator", "float32"))
    who = {"source": still, "driving": driving[2:5], "initial": driving[1:2]}
    found = run({"source": images[:1].numpy()} | compare.arrays(who))["prediction"]
    moved = transfer_motion(still, driving[2:5], driving[1:2], MotionTransfer(adapt_movement_scale=False))
    wanted = model.generate(model.encode_source(images[:1]), moved).prediction
    torch.testing.assert_close(torch.from_numpy(found), wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_a_variant_animates_within_its_bound(exported: Path, tiny_model, clip_file, precision):
    frames = read_check_frames(tiny_model.config, clip_file)
    model = ExportedModel(read_package(exported), exported, open_graph, precision)
    apart = ExportCheck(tiny_model, frames).of_all(model)
    assert verdict(precision, apart) is None
    assert apart["prediction_max"] > 0


@torch.inference_mode()
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", PARTS)
def test_pytorch_reads_archives_back_and_computes_the_same(exported: Path, tiny_model, name, batch):
    graph = next(graph for graph in graphs_of(tiny_model) if graph.name == name)
    inputs = [
        value[:1].expand(batch, *value.shape[1:]) if key in graph.batched else value
        for key, value in graph.inputs.items()
    ]
    program = torch.export.load(exported / f"{name}.pt2")
    torch.testing.assert_close(program.module()(*inputs), graph.module(*inputs), atol=1e-5, rtol=0)


def test_the_source_encoders_archive_holds_its_own_weights_alone(exported: Path):
    program = torch.export.load(exported / "source_encoder.pt2")
    weights = {**program.graph_signature.inputs_to_parameters, **program.graph_signature.inputs_to_buffers}
    used = {weights[node.name] for node in program.graph.nodes if node.name in weights and node.users}
    assert {name for name in program.state_dict if not name.endswith("num_batches_tracked")} == used


@pytest.mark.usefixtures("traced_once")
def test_a_variant_outside_its_bound_is_left_out_with_a_line(monkeypatch, tiny_model, clip_file, tmp_path, caplog):
    monkeypatch.setitem(compare.LEAST_DB, "int8", 500.0)
    result = export_model(tiny_model, tmp_path / "out", variants=["int8"], frames=clip_file)
    assert result.package.precisions == ["float32"]
    assert list(result.package.left_out) == ["int8"]
    assert len(result.package.left_out["int8"]) == 4
    assert all("is not kept: PSNR" in line and "wanted 500 dB" in line for line in result.package.left_out["int8"])
    assert not list((tmp_path / "out").glob("*.int8.onnx"))
    assert read_package(tmp_path / "out") == result.package


@pytest.mark.usefixtures("traced_once")
def test_a_new_export_leaves_nothing_of_the_old_one(tiny_model, clip_file, tmp_path):
    export_model(tiny_model, tmp_path / "out", variants=["float16"], frames=clip_file)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    export_model(tiny_model, tmp_path / "out", frames=clip_file)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "generator.onnx" in names
    assert "notes.txt" in names
    assert "generator.fp16.onnx" not in names


@pytest.mark.parametrize(
    "text",
    ["1,3,256,192;1,3,256,192;1,4,2;1,4,2,2", "1,3,256,192;8,3,256,192;-1,4,2;-1,4,2,2;", "1,3,256,192;1,3,256,192"],
)
def test_paddlegans_inputs_size_tells_the_size(tiny_config, text):
    assert size_from_inputs(text, tiny_config) == (256, 192)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("big", "wants shapes like '1,3,256,256;1,3,256,256"),
        ("1,1,64,64;1,1,64,64", "equal and with 3 channels"),
        ("1,3,64,64;1,3,32,64", "equal and with 3 channels"),
        ("1,3,64,64;1,3,64,64;1,10,2;1,10,2,2", "keypoints of this model: 1,4,2;1,4,2,2"),
    ],
)
def test_an_inputs_size_that_does_not_fit_is_told(tiny_config, text, told):
    with pytest.raises(UsageError, match=told):
        size_from_inputs(text, tiny_config)


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
    monkeypatch.setattr(compare, "NOISE_FACTOR", -1)
    with pytest.raises(FomError, match=r"does not paint what PyTorch paints \(keypoint_detector\.onnx: largest"):
        export_model(tiny_model, tmp_path / "deep" / "out", frames=clip_file)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def resized(exported, tiny_model, clip_file, tmp_path_factory):
    """A model at a size that differs from its own both ways, its export's folder, and what is in it."""
    model = tiny_model.at_size(128, 96)
    result = export_model(model, tmp_path_factory.mktemp("resized"), frames=clip_file)
    return model, result.folder, result.package


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_at_another_size_motion_is_seen_as_it_was_learnt(resized, clip_file, runtime):
    pytest.importorskip(runtime, reason=f"needs the extra {runtime}")
    model, folder, package = resized
    assert (package.config.image_size, package.config.motion_size) == (model.config.image_size, (64, 64))
    assert package.parts["generator"].outputs["deformation"] == ["batch", 16, 16, 2]
    frames = read_check_frames(model.config, clip_file)
    found = open_exported(folder, runtime, "auto" if runtime == "onnx" else "CPU")
    assert ExportCheck(model, frames).of_all(found)["prediction_max"] < 1e-3


def test_a_model_that_moves_nothing_is_refused(tiny_config: ModelConfig, tmp_path, clip_file, exported):
    from dataclasses import replace

    still = replace(tiny_config, generator=replace(tiny_config.generator, dense_motion=None))
    model = create_model(still).eval()
    with pytest.raises(UnsupportedModel, match="moves nothing"):
        export_model(model, tmp_path / "out", frames=clip_file)
    assert not list(tmp_path.iterdir())


def test_the_embedded_clip_gives_32_frames_of_the_models_size(tiny_config):
    frames = read_check_frames(tiny_config)
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


def test_what_float32_blurs_in_pytorch_itself_is_no_fault_of_an_export():
    apart = {"prediction_max": 0.01}
    assert verdict("float32", apart, noise=0.001) == "largest difference 0.01, wanted 0.005"
    assert verdict("float32", apart, noise=0.003) is None


def test_no_bound_holds_for_what_is_no_number():
    pictures = torch.full((1, 3, 8, 8), 0.5)
    broken = pictures.clone()
    broken[0, 0, 0, 0] = np.nan
    points = Keypoints(torch.zeros(1, 4, 2))
    apart = differences(Rendered(points, broken), Rendered(points, pictures))
    assert all(verdict(precision, apart) for precision in ("float32", "float16", "int8"))


def test_psnr_of_equal_pictures_is_finite():
    same = Rendered(Keypoints(torch.zeros(1, 4, 2)), torch.zeros(1, 3, 8, 8))
    assert differences(same, same)["prediction_psnr_db"] == 200


def test_an_exporter_that_does_not_match_its_translations_is_one_line(tiny_model, tmp_path, monkeypatch):
    pytest.importorskip("onnx")

    def fail(*_, **__):
        raise ValueError("Failed to translate\na node")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(MissingPackage, match=r"^PyTorch \S+ and onnxscript \S+ do not export .* Run: pip .*\.$"):
        write_onnx(next(iter(graphs_of(tiny_model))), tmp_path / "part.onnx")
    assert list(tmp_path.iterdir()) == []
