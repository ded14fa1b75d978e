"""A model cut into the graphs that are exported: plain tensors in, plain tensors out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import UnsupportedModel
from ..motion import transfer_motion
from ..networks import MotionModel
from ..types import Generated, Keypoints, MotionTransfer, SourceFeatures

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
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    batched: frozenset[str]
    plain_inputs: int

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
    detector, encoder = _Detector(model).eval(), _Encoder(model).eval()
    with torch.no_grad():
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
        _graph("generator", _Generator(model), features, source | driving, _painted_names(model), batched=driving),
        _graph(RELATIVE, _Relative(model), still, driving | initial | source, ("prediction",), batched=driving),
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


def _keypoints(tensors: Sequence[Tensor]) -> Keypoints:
    return Keypoints(tensors[0], tensors[1] if len(tensors) > 1 else None)


class _Detector(nn.Module):
    """image (B, C, H, W) → value (B, K, 2), jacobian (B, K, 2, 2)."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.detector = model.keypoint_detector

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        found = self.detector(image)
        return (found.value,) if found.jacobian is None else (found.value, found.jacobian)


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

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.generator = model.generator

    def forward(self, features: Tensor, small: Tensor, *points: Tensor) -> tuple[Tensor, ...]:
        half = len(points) // 2
        source = SourceFeatures(features, small, features, _keypoints(points[:half]))
        return _painted(self.generator(source, _keypoints(points[half:])))


class _Relative(nn.Module):
    """source (1, C, H, W), keypoints of B driving frames, of the initial one and of the source → prediction."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.generator = model.generator

    def forward(self, source: Tensor, *points: Tensor) -> Tensor:
        third = len(points) // 3
        driving, initial, still = (_keypoints(points[i * third : (i + 1) * third]) for i in range(3))
        moved = transfer_motion(still, driving, initial, AS_PADDLEGAN)
        return self.generator(self.generator.encode(source, still), moved).prediction


def _painted(generated: Generated) -> tuple[Tensor, ...]:
    motion = generated.dense_motion
    assert motion is not None
    occlusion = () if motion.occlusion_map is None else (motion.occlusion_map,)
    return (generated.prediction, motion.deformation, *occlusion, motion.mask)
