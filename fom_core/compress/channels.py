"""Which tensors of a model hold the same channels, so that some can be taken out everywhere at once.

The networks are known, so this is written down instead of traced: a *space* is a set of channels that only live
together, with every place where a tensor is indexed by it. Channels of pictures, keypoints and maps are in no space.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..documents.readers import DocumentError, read_json, wrong_as
from ..errors import UsageError
from ..files.paths import replacing
from ..networks.config import GeneratorConfig, HourglassConfig, KeypointDetectorConfig
from ..networks.model import MotionModel, create_model
from ..training.checkpoint import part
from ..weights.config_of_tensors import Conventions, detect_config


@dataclass(frozen=True)
class TensorSlice:
    """Dimension ``dim`` of a tensor holds the space's channels from ``offset`` on."""

    tensor: str
    dim: int
    offset: int


@dataclass(eq=False)
class Space:
    """``size`` channels that are the same ones in all ``places``."""

    name: str
    size: int
    places: list[TensorSlice] = field(default_factory=list)


Layout = tuple[Space | int, ...]  # what a dimension consists of, in order; numbers are channels that always stay


def channel_spaces(model: MotionModel) -> list[Space]:
    """Every space of channels in a model's state dict, full and mobile networks alike."""
    walk = _Walk(dict(model.state_dict()))
    _keypoint_detector(walk, model.config.keypoint_detector)
    _generator(walk, model.config.generator)
    return walk.spaces


def take_channels(model: MotionModel, keep: Mapping[str, Tensor]) -> MotionModel:
    """The model with those channels alone: ``keep`` maps names of spaces to (size,) bools; other spaces stay whole."""
    tensors = dict(model.state_dict())
    for (name, dim), mask in channel_masks(model, keep).items():
        tensors[name] = tensors[name].index_select(dim, mask.nonzero()[:, 0].to(tensors[name].device))
    return _rebuilt(model, tensors)


def channel_masks(model: MotionModel, keep: Mapping[str, Tensor]) -> dict[tuple[str, int], Tensor]:
    """What stays of each tensor that is indexed by these channels, (size,) bools by its name and dimension."""
    tensors = model.state_dict()
    masks: dict[tuple[str, int], Tensor] = {}
    for space in channel_spaces(model):
        if space.name in keep:
            for place in space.places:
                size = tensors[place.tensor].shape[place.dim]
                mask = masks.setdefault((place.tensor, place.dim), torch.ones(size, dtype=torch.bool))
                mask[place.offset : place.offset + space.size] = keep[space.name].cpu()
    return masks


def write_channels(keep: Mapping[str, Tensor], path: Path) -> None:
    """Which channels of each space stay, as JSON: of how many, and their numbers, by the spaces' names."""
    told = {name: {"of": len(mask), "kept": mask.nonzero()[:, 0].tolist()} for name, mask in keep.items()}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(told) + "\n", encoding="utf-8")


def read_channels(path: Path, model: MotionModel) -> dict[str, Tensor]:
    """What :func:`write_channels` wrote, for :func:`take_channels` of a model as wide as the one that was pruned.

    Raises UsageError for any other file, and for one of other networks.
    """
    with wrong_as(UsageError, path, "Take channels.json beside the pruned.safetensors of a model with these widths."):
        told = read_json(path)
        keep = {space.name: torch.zeros(space.size, dtype=torch.bool) for space in channel_spaces(model)}
        if not isinstance(told, dict) or told.keys() != keep.keys():
            raise DocumentError("tells of other networks' channels.")
        for name, mask in keep.items():
            one = told[name]
            if not isinstance(one, dict) or one.get("of") != len(mask):
                raise DocumentError(f"{name} tells of other widths: this model has {len(mask)} channels there.")
            kept = one.get("kept")
            listed = isinstance(kept, list) and all(type(each) is int and 0 <= each < len(mask) for each in kept)
            if not listed or not kept:
                raise DocumentError(f"{name} has to list channels from 0 to {len(mask) - 1}, one at least.")
            mask[torch.tensor(kept)] = True
    return keep


def _rebuilt(model: MotionModel, tensors: dict[str, Tensor]) -> MotionModel:
    """A model of these tensors: its widths are read from them."""
    detector, generator = (part(name, tensors) for name in ("keypoint_detector", "generator"))
    smaller = create_model(detect_config(detector, generator, Conventions.of(model.config)))
    smaller.load_state_dict(tensors)
    smaller.name = model.name
    return smaller.to(model.device).train(model.training)


class _Walk:
    """Notes, layer by layer, which spaces each tensor is indexed by."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors, self.spaces = tensors, []

    def space(self, name: str, size: int) -> Space:
        self.spaces.append(Space(name, size))
        return self.spaces[-1]

    def convolution(self, name: str, inputs: Layout, outputs: Layout) -> None:
        self._note(f"{name}.weight", 0, outputs)
        self._note(f"{name}.weight", 1, inputs)
        self._note(f"{name}.bias", 0, outputs)

    def depthwise(self, name: str, channels: Layout) -> None:
        self._note(f"{name}.weight", 0, channels)
        self._note(f"{name}.bias", 0, channels)

    def norm(self, name: str, channels: Layout) -> None:
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            self._note(f"{name}.{tensor}", 0, channels)

    def block(self, name: str, inputs: Layout, outputs: Layout, mobile: bool) -> None:
        """A block that halves or doubles."""
        if mobile:
            self.depthwise(f"{name}.conv", inputs)
            self.norm(f"{name}.norm", inputs)
            self.convolution(f"{name}.conv1", inputs, outputs)
            self.norm(f"{name}.norm1", outputs)
        else:
            self.convolution(f"{name}.conv", inputs, outputs)
            self.norm(f"{name}.norm", outputs)

    def head(self, name: str, inputs: Layout, outputs: int, layers: tuple[int, ...]) -> None:
        """One convolution, or a row of them that are as wide as their input: its channels go from all alike."""
        if not layers:
            self.convolution(name, inputs, (outputs,))
            return
        *inner, last = layers
        for layer in inner:
            self.convolution(f"{name}.{layer}", inputs, inputs)
        self.convolution(f"{name}.{last}", inputs, (outputs,))

    def residual(self, name: str, stream: Space, hidden: Space, mobile: bool) -> None:
        self.norm(f"{name}.norm1", (stream,))
        if mobile:
            self.convolution(f"{name}.conv_pw", (stream,), (hidden,))
            self.norm(f"{name}.norm_pw", (hidden,))
            self.depthwise(f"{name}.conv_dw", (hidden,))
            self.norm(f"{name}.norm_dw", (hidden,))
            self.convolution(f"{name}.conv_pw_linear", (hidden,), (stream,))
            self.norm(f"{name}.norm_pw_linear", (stream,))
        else:
            self.convolution(f"{name}.conv1", (stream,), (hidden,))
            self.norm(f"{name}.norm2", (hidden,))
            self.convolution(f"{name}.conv2", (hidden,), (stream,))

    def hourglass(self, name: str, channels: int, config: HourglassConfig, mobile: bool) -> Layout:
        levels: list[Layout] = [(channels,)]
        for index, width in enumerate(config.encoder):
            space = self.space(f"{name}.encoder.{index}", width)
            self.block(f"{name}.encoder.down_blocks.{index}", levels[-1], (space,), mobile)
            levels.append((space,))
        layout = levels.pop()
        for index, width in enumerate(config.decoder):
            space = self.space(f"{name}.decoder.{index}", width)
            self.block(f"{name}.decoder.up_blocks.{index}", layout, (space,), mobile)
            layout = (space, *levels.pop())
        return layout

    def _note(self, tensor: str, dim: int, layout: Layout) -> None:
        if tensor not in self.tensors:  # a convolution without bias
            return
        offset = 0
        for channels in layout:
            if isinstance(channels, Space):
                channels.places.append(TensorSlice(tensor, dim, offset))
                offset += channels.size
            else:
                offset += channels
        found = self.tensors[tensor].shape[dim]
        assert found == offset, f"{tensor} has {found} channels in dimension {dim}, not {offset}"


def _keypoint_detector(walk: _Walk, config: KeypointDetectorConfig) -> None:
    features = walk.hourglass("keypoint_detector.predictor", config.num_channels, config.hourglass, config.mobile)
    layers = (0, 1, 2) if config.mobile else ()
    walk.head("keypoint_detector.kp", features, config.num_kp, layers)
    if config.estimate_jacobian:
        maps = 1 if config.single_jacobian_map else config.num_kp
        walk.head("keypoint_detector.jacobian", features, 4 * maps, layers)


def _generator(walk: _Walk, config: GeneratorConfig) -> None:
    layers = (0, 2, 4) if config.mobile else ()
    if config.dense_motion is not None:
        name, slots = "generator.dense_motion_network", config.num_kp + 1
        channels = slots * (config.num_channels + 1)
        features = walk.hourglass(f"{name}.hourglass", channels, config.dense_motion.hourglass, config.mobile)
        walk.head(f"{name}.mask", features, slots, layers)
        if config.estimate_occlusion_map:
            walk.head(f"{name}.occlusion", features, 1, layers)
    stream = _stem(walk, config)
    for index, width in enumerate(config.down):
        space = walk.space(f"generator.down.{index}", width)
        walk.block(f"generator.down_blocks.{index}", (stream,), (space,), config.mobile)
        stream = space
    for index, width in enumerate(config.bottleneck):
        hidden = walk.space(f"generator.bottleneck.{index}", width)
        walk.residual(f"generator.bottleneck.r{index}", stream, hidden, config.mobile)
    for index, width in enumerate(config.up):
        space = walk.space(f"generator.up.{index}", width)
        walk.block(f"generator.up_blocks.{index}", (stream,), (space,), config.mobile)
        stream = space
    walk.head("generator.final", (stream,), config.num_channels, layers)


def _stem(walk: _Walk, config: GeneratorConfig) -> Space:
    features, picture = walk.space("generator.first", config.first), (config.num_channels,)
    if config.mobile:
        for layer, outputs in (("0", picture), ("1", picture), ("2", (features,))):
            walk.convolution(f"generator.first.{layer}.conv", picture, outputs)
            walk.norm(f"generator.first.{layer}.norm", outputs)
    else:
        walk.convolution("generator.first.conv", picture, (features,))
        walk.norm("generator.first.norm", (features,))
    return features
