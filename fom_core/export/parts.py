"""A model cut into the graphs that are exported: plain tensors in, plain tensors out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import UnsupportedModel
from ..networks import MotionModel
from ..types import Generated, Keypoints, SourceFeatures

BATCH = "batch"


@dataclass(frozen=True)
class Graph:
    """A part of a model, ready to be traced.

    inputs:  example tensors by name.
    outputs: names, in the module's order.
    batched: the inputs whose first dimension is free; outputs follow them.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    batched: frozenset[str]

    def output_shapes(self) -> dict[str, list[int | str]]:
        """Shapes of the outputs by name, with "batch" for the free dimension."""
        with torch.inference_mode():
            results = self.module(*self.inputs.values())
        first: list[int | str] = [BATCH] if self.batched else [1]
        return {name: [*first, *value.shape[1:]] for name, value in zip(self.outputs, results, strict=True)}


def streaming_graphs(model: MotionModel, size: tuple[int, int]) -> list[Graph]:
    """Keypoint detector, source encoder and generator for pictures of this size (height, width).

    Raises UnsupportedModel for a model without a dense motion network: it moves nothing.
    """
    _check_moves(model)
    pictures = torch.rand(2, model.config.num_channels, *size)
    detector, encoder = _Detector(model), _Encoder(model)
    with torch.inference_mode():
        points, encoded = detector(pictures), encoder(pictures[:1])
    points, encoded = _plain(points), _plain(encoded)
    point_names = _point_names(model)
    source = {f"source_{name}": value[:1] for name, value in zip(point_names, points, strict=True)}
    driving = {f"driving_{name}": value for name, value in zip(point_names, points, strict=True)}
    encodings = ("features", "small")
    return [
        _graph("keypoint_detector", detector, {"image": pictures}, point_names, ["image"]),
        _graph("source_encoder", encoder, {"source": pictures[:1]}, encodings, []),
        _graph(
            "generator",
            _Generator(model),
            dict(zip(encodings, encoded, strict=True)) | source | driving,
            _painted_names(model),
            driving,
        ),
    ]


def _graph(
    name: str, module: nn.Module, inputs: dict[str, Tensor], outputs: Sequence[str], batched: Iterable[str]
) -> Graph:
    return Graph(name, module.eval(), inputs, tuple(outputs), frozenset(batched))


def _check_moves(model: MotionModel) -> None:
    if model.config.generator.dense_motion is None:
        raise UnsupportedModel(
            f"The model {model.name} has no dense motion network: it moves nothing, and there is nothing to export. "
            "Choose a model that animates."
        )


def _point_names(model: MotionModel) -> tuple[str, ...]:
    return ("value", "jacobian") if model.config.keypoint_detector.estimate_jacobian else ("value",)


def _painted_names(model: MotionModel) -> tuple[str, ...]:
    occlusion = ["occlusion_map"] if model.config.generator.estimate_occlusion_map else []
    return ("prediction", "deformation", *occlusion, "mask")


def _keypoints(tensors: Sequence[Tensor]) -> Keypoints:
    return Keypoints(tensors[0], tensors[1] if len(tensors) > 1 else None)


def _plain(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Tensors that tracing may record: those of inference mode it may not."""
    return [tensor.clone() for tensor in tensors]


class _Detector(nn.Module):
    """image (B, C, H, W) → value (B, K, 2), jacobian (B, K, 2, 2)."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.detector = model.keypoint_detector

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        found = self.detector(image)
        return (found.value,) if found.jacobian is None else (found.value, found.jacobian)


class _Encoder(nn.Module):
    """source (1, C, H, W) → features, small."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.generator = model.generator

    def forward(self, source: Tensor) -> tuple[Tensor, Tensor]:
        encoded = self.generator.encode(source, Keypoints(source))  # the keypoints are only handed on
        return encoded.features, encoded.small


class _Generator(nn.Module):
    """features, small, keypoints of the source, keypoints of B driving frames → all that a frame's animation gives."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.generator = model.generator

    def forward(self, features: Tensor, small: Tensor, *points: Tensor) -> tuple[Tensor, ...]:
        half = len(points) // 2
        source = SourceFeatures(features, small, features, _keypoints(points[:half]))
        return _painted(self.generator(source, _keypoints(points[half:])))


def _painted(generated: Generated) -> tuple[Tensor, ...]:
    motion = generated.dense_motion
    assert motion is not None
    occlusion = () if motion.occlusion_map is None else (motion.occlusion_map,)
    return (generated.prediction, motion.deformation, *occlusion, motion.mask)
