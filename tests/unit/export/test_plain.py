"""The graphs that are exported: the networks' own sums in a handful of operators."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fom_core.export.parts import Graph, graphs_of
from fom_core.export.plain import warped_by_rows
from fom_core.motion import transfer_motion
from fom_core.networks import (
    DenseMotionConfig,
    GeneratorConfig,
    HourglassConfig,
    ModelConfig,
    MotionModel,
    create_model,
)
from fom_core.types import Keypoints, MotionTransfer

PLAIN = {
    "Add", "AveragePool", "BatchNormalization", "Concat", "Conv", "Div", "Exp", "GridSample", "Mul", "Pad", "ReduceSum",
    "Relu", "Reshape", "Resize", "Sigmoid", "Slice", "Softmax", "Sub", "Transpose",
}  # fmt: skip


def graph_of(model: MotionModel, name: str) -> Graph:
    return next(graph for graph in graphs_of(model) if graph.name == name)


def changed(config: ModelConfig, **generator: object) -> MotionModel:
    """A model with random weights whose jacobians depend on the picture."""
    torch.manual_seed(1)
    model = create_model(replace(config, **generator)).eval()  # type: ignore[arg-type]
    assert model.keypoint_detector.jacobian is not None
    for parameter in model.keypoint_detector.jacobian.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    return model.requires_grad_(False)


def variants(config: ModelConfig, tiny_model: MotionModel) -> dict[str, MotionModel]:
    """Models that take every way through the equations."""
    points, painter = config.keypoint_detector, config.generator
    return {
        "tiny": tiny_model,
        "larger": tiny_model.at_size(128, 96),
        "half-pixel": changed(config, align_corners=False),
        "border": changed(config, border_blend=True),
        "one map": changed(config, keypoint_detector=replace(points, single_jacobian_map=True)),
        "no occlusion": changed(config, generator=replace(painter, estimate_occlusion_map=False)),
    }


@pytest.mark.parametrize("kind", ["tiny", "larger", "half-pixel", "border", "one map", "no occlusion"])
@torch.inference_mode()
def test_the_plain_graphs_compute_what_the_networks_do(tiny_config, tiny_model, kind):
    model = variants(tiny_config, tiny_model)[kind]
    images = torch.rand(4, 3, *model.config.image_size, generator=torch.Generator().manual_seed(0))
    points, source = model.detect_keypoints(images), model.encode_source(images[:1])
    assert points.jacobian is not None and source.keypoints.jacobian is not None
    found = Keypoints(*graph_of(model, "keypoint_detector").module(images))
    torch.testing.assert_close(found.value, points.value, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.jacobian, points.jacobian, atol=1e-5, rtol=1e-5)
    painted = model.generate(source, points[1:])
    graph = graph_of(model, "generator")
    still, moved = source.keypoints, points[1:]
    assert moved.jacobian is not None
    results = graph.module(source.features, source.small, still.value, still.jacobian, moved.value, moved.jacobian)
    motion = painted.dense_motion
    assert motion is not None
    wanted = {
        "prediction": painted.prediction,
        "deformation": motion.deformation,
        "occlusion_map": motion.occlusion_map,
        "mask": motion.mask,
    }
    for name, value in zip(graph.outputs, results, strict=True):
        torch.testing.assert_close(value, wanted[name], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_the_relative_graph_moves_as_relative_motion_does(tiny_model):
    images = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    points, source = tiny_model.detect_keypoints(images), tiny_model.encode_source(images[:1])
    moved = transfer_motion(points[:1], points[2:], points[1:2], MotionTransfer(adapt_movement_scale=False))
    given = [tensor for each in (points[2:], points[1:2], points[:1]) for tensor in (each.value, each.jacobian)]
    found = graph_of(tiny_model, "relative_generator").module(images[:1], *given)
    torch.testing.assert_close(found, tiny_model.generate(source, moved).prediction, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["tiny", "half-pixel"])
@torch.inference_mode()
def test_the_warp_by_rows_is_the_warp(tiny_config, tiny_model, kind):
    graph = graph_of(variants(tiny_config, tiny_model)[kind], "generator")
    wanted = graph.module(*graph.inputs.values())
    far = {**graph.inputs, "driving_value": graph.inputs["driving_value"] * 40 + 30}
    beyond = graph.module(*far.values())
    with warped_by_rows(graph.module):
        found, found_beyond = graph.module(*graph.inputs.values()), graph.module(*far.values())
    for one, other in zip((*found, *found_beyond), (*wanted, *beyond), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    again = graph.module(*graph.inputs.values())
    assert all(torch.equal(one, other) for one, other in zip(again, wanted, strict=True))


@pytest.mark.skipif(torch.__version__.startswith("2.6."), reason="PyTorch 2.6 leaves operators of shapes in its graphs")
@pytest.mark.parametrize("part", ["keypoint_detector", "source_encoder", "generator", "relative_generator"])
def test_files_hold_plain_operators_of_at_most_four_dimensions(exported: Path, part):
    onnx = pytest.importorskip("onnx")
    graph = onnx.shape_inference.infer_shapes(onnx.load(exported / f"{part}.onnx")).graph
    assert {node.op_type for node in graph.node} <= PLAIN
    values = [*graph.input, *graph.output, *graph.value_info]
    assert {output for node in graph.node for output in node.output} <= {value.name for value in values}
    assert max(len(value.type.tensor_type.shape.dim) for value in values) <= 4
    assert max(len(tensor.dims) for tensor in graph.initializer) <= 4


@pytest.mark.parametrize("mobile", [False, True])
def test_archives_hold_plain_operators_too(mobile):
    from fom_core.export.archive import trace

    torch.manual_seed(0)
    config = ModelConfig(replace(_points(mobile), num_kp=4), _painter(mobile), image_size=(64, 64), border_blend=mobile)
    called = set()
    for graph in graphs_of(create_model(config).eval().requires_grad_(False)):
        program = trace(graph)
        called |= {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    unwanted = {"matmul", "bmm", "einsum", "index", "expand", "repeat", "stack", "linalg", "gather", "arange"}
    assert not {name for name in called if set(name.split(".")) & unwanted}


def _points(mobile: bool):
    from fom_core.networks import KeypointDetectorConfig

    return KeypointDetectorConfig(HourglassConfig.regular(8, 16, 2), mobile=mobile)


def _painter(mobile: bool) -> GeneratorConfig:
    motion = DenseMotionConfig(HourglassConfig.regular(8, 16, 2))
    return replace(GeneratorConfig.regular(8, 16, 1, 1, motion, num_kp=4), mobile=mobile)
