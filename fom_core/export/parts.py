"""A model cut into the graphs that are exported: plain tensors in, plain tensors out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UnsupportedModel
from ..networks import MotionModel
from ..types import MotionTransfer
from .plain import PlainDetector, PlainGenerator, PointPlanes, transferred

BATCH = "batch"
RELATIVE = "relative_generator"
PARTS = ("keypoint_detector", "source_encoder", "generator", RELATIVE)
AS_PADDLEGAN = MotionTransfer(adapt_movement_scale=False)
"""How the relative generator transfers motion: the scale of the movement is the caller's affair."""


@dataclass(frozen=True)
class Graph:
    """A part of a model, ready to be traced.

    inputs:       example tensors by name.
    outputs:      names, in the module's order.
    batched:      the inputs whose first dimension is free; outputs follow them.
    plain_inputs: how many inputs ``forward`` names; the others are its ``*points``.
    traced:       what :func:`.archive.trace` made of it, by the largest batch.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    batched: frozenset[str]
    plain_inputs: int
    traced: dict[int, Any] = field(default_factory=dict)

    def output_shapes(self) -> dict[str, list[int | str]]:
        """Shapes of the outputs by name, with "batch" for the free dimension."""
        with torch.no_grad():
            results = self.module(*self.inputs.values())
        results = (results,) if isinstance(results, Tensor) else results
        first: list[int | str] = [BATCH] if self.batched else [1]
        return {name: [*first, *value.shape[1:]] for name, value in zip(self.outputs, results, strict=True)}


def graphs_of(model: MotionModel) -> list[Graph]:
    """The parts of a model, for pictures of its size.

    Keypoint detector, source encoder and generator are for streaming; the relative generator is all but the detector
    in one, with relative motion inside, like the one that PaddleGAN exports.
    Raises UnsupportedModel for a model without a dense motion network: it moves nothing.
    """
    _check_moves(model)
    pictures = torch.rand(2, model.config.num_channels, *model.config.image_size)
    with torch.no_grad():
        detector, encoder = _Detector(model, pictures).eval(), _Encoder(model).eval()
        points, encoded = detector(pictures), encoder(pictures[:1])
    names = _point_names(model)

    def one(who: str) -> dict[str, Tensor]:
        # Clones: the tracer takes inputs that share memory for one another.
        return {f"{who}_{name}": value[:1].clone() for name, value in zip(names, points, strict=True)}

    source, initial = one("source"), one("initial")
    driving = {f"driving_{name}": value for name, value in zip(names, points, strict=True)}
    still, image = {"source": pictures[:1]}, {"image": pictures}
    features: dict[str, Tensor] = dict(zip(("features", "small"), encoded, strict=True))
    return [
        _graph("keypoint_detector", detector, image, {}, names, batched=image),
        _graph("source_encoder", encoder, still, {}, tuple(features), batched=()),
        _graph(
            "generator", _Generator(model, *encoded), features, source | driving, _painted_names(model), batched=driving
        ),
        _graph(
            RELATIVE, _Relative(model, *encoded), still, driving | initial | source, ("prediction",), batched=driving
        ),
    ]


def _graph(
    name: str,
    module: nn.Module,
    plain: dict[str, Tensor],
    points: dict[str, Tensor],
    outputs: tuple[str, ...],
    *,
    batched: Iterable[str],
) -> Graph:
    return Graph(name, module.eval(), {**plain, **points}, outputs, frozenset(batched), len(plain))


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


class _Detector(PlainDetector):
    """image (B, C, H, W) → value (B, K, 2), jacobian (B, K, 2, 2)."""

    def __init__(self, model: MotionModel, pictures: Tensor) -> None:
        logits, _ = model.keypoint_detector.maps(pictures)
        super().__init__(model.keypoint_detector, _sides(logits))


class _Encoder(nn.Module):
    """source (1, C, H, W) → features, small. Holds only what that takes: an archive keeps all weights of its module."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        motion = model.generator.dense_motion_network
        assert motion is not None
        self.features = nn.Sequential(model.generator.first, *model.generator.down_blocks)
        self.small = motion.down

    def forward(self, source: Tensor) -> tuple[Tensor, Tensor]:
        return self.features(source), self.small(source)


class _Generator(nn.Module):
    """features, small, keypoints of the source, keypoints of B driving frames → all that a frame's animation gives."""

    def __init__(self, model: MotionModel, features: Tensor, small: Tensor) -> None:
        super().__init__()
        self.generator = PlainGenerator(model.generator, _sides(small), _sides(features))

    def forward(self, features: Tensor, small: Tensor, *points: Tensor) -> tuple[Tensor, ...]:
        half = len(points) // 2
        source, driving = PointPlanes.of(points[:half]), PointPlanes.of(points[half:])
        prediction, motion = self.generator(features, small, source, driving)
        occlusion = () if motion.occlusion_map is None else (motion.occlusion_map,)
        return (prediction, motion.place.permute(0, 2, 3, 1), *occlusion, motion.mask)


class _Relative(nn.Module):
    """source (1, C, H, W), keypoints of B driving frames, of the initial one and of the source → prediction."""

    def __init__(self, model: MotionModel, features: Tensor, small: Tensor) -> None:
        super().__init__()
        self.encoder = _Encoder(model)
        self.generator = PlainGenerator(model.generator, _sides(small), _sides(features))

    def forward(self, source: Tensor, *points: Tensor) -> Tensor:
        third = len(points) // 3
        driving, initial, still = (PointPlanes.of(points[i * third : (i + 1) * third]) for i in range(3))
        return self.generator(*self.encoder(source), still, transferred(still, driving, initial))[0]


def _sides(maps: Tensor) -> tuple[int, int]:
    return maps.shape[2], maps.shape[3]
