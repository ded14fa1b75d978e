"""What pruning broke is mended before any training: convolutions are fitted anew to what they gave before.

Layer by layer, from the pictures on: with the channels that are left, the weights that come nearest to the outputs of
the whole model, by least squares. As in He et al., "Channel Pruning for Accelerating Very Deep Neural Networks" (ICCV
2017); residual blocks also make up for what the blocks before them lack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..networks.blocks import ResBlock
from ..networks.model import MotionModel
from ..types import DenseMotion, Keypoints
from .channels import channel_masks

PLACES = 600  # pixels of each picture that a layer is fitted to
MOST = 4700  # inputs of a convolution, by kernel, that are solved for: their square is held
SURPLUS = 2  # equations for each of them, at least
HOLD = 1e-3  # how strongly weights that the pictures do not determine stay as they are
LEAST = 1e-9  # of that, where all inputs are 0
FIRM = 1e-7  # share of an output's variance that may be wrong without a new fit


@torch.no_grad()
def refit(whole: MotionModel, pruned: MotionModel, keep: Mapping[str, Tensor], source: Tensor, driving: Tensor) -> None:
    """Change the weights of ``pruned``, which has the channels ``keep`` of ``whole``. Both in evaluation mode.

    source, driving: (B, C, H, W) in [0, 1]. Keypoint detector, dense motion network and painter are fitted each by
                     itself: they get what the whole model's other networks give.
    """
    resting, points = whole.keypoint_detector(source), whole.keypoint_detector(driving)
    features = whole.generator.encode(source, resting)
    network = whole.generator.dense_motion_network
    motion = None if network is None else network(features, points)

    def work(model: MotionModel) -> None:
        _run(model, source, driving, (resting, points), motion)

    wanted = _outputs(whole, lambda: work(whole))
    with _Hooks() as hooks:
        _Fitting(pruned, wanted, channel_masks(whole, keep)).attach(hooks)
        work(pruned)


def _run(
    model: MotionModel,
    source: Tensor,
    driving: Tensor,
    keypoints: tuple[Keypoints, Keypoints],
    motion: DenseMotion | None,
) -> None:
    """Every convolution once."""
    generator, network = model.generator, model.generator.dense_motion_network
    model.keypoint_detector(driving)
    encoded = generator.encode(source, keypoints[0])
    if network is None or motion is None:
        generator.decode(encoded.features)
    else:
        network(encoded, keypoints[1])
        generator.paint(encoded.features, motion)


Wanted = dict[str, tuple[Tensor, Tensor]]  # of a convolution: places (B, n), outputs there (B, n, channels)


def _outputs(model: MotionModel, work: Callable[[], None]) -> Wanted:
    """What the convolutions of a model give at places drawn for each; with a block's stream where they add to one."""
    wanted: Wanted = {}
    random = torch.Generator().manual_seed(0)

    def convolution(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            count = output.shape[2] * output.shape[3]
            drawn = torch.stack([torch.randperm(count, generator=random)[:PLACES] for _ in output]).to(output.device)
            wanted[name] = drawn, _at(output, drawn)

        return hook

    def block(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            places = wanted[f"{name}.conv2"][0]
            wanted[f"{name}.conv2"] = places, _at(output, places)

        return hook

    with _Hooks() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, nn.Conv2d) and module.groups == 1:
                hooks.handles.append(module.register_forward_hook(convolution(name)))
            elif isinstance(module, ResBlock):
                hooks.handles.append(module.register_forward_hook(block(name)))
        work()
    return wanted


class _Fitting:
    """Solves for the weights of each convolution as its input comes, so that one pass does them all in order."""

    def __init__(self, model: MotionModel, wanted: Wanted, masks: Mapping[tuple[str, int], Tensor]) -> None:
        self.model, self.wanted, self.masks = model, wanted, masks
        self.streams: dict[str, Tensor] = {}  # what comes into a residual block, by its second convolution's name

    def attach(self, hooks: _Hooks) -> None:
        for name, module in self.model.named_modules():
            if name in self.wanted:
                hooks.handles.append(module.register_forward_pre_hook(self._convolution(name)))
            elif isinstance(module, ResBlock):
                hooks.handles.append(module.register_forward_pre_hook(self._block(f"{name}.conv2")))

    def _block(self, last: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self.streams[last] = inputs[0]

        return hook

    def _convolution(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            assert isinstance(module, nn.Conv2d)
            places, outputs = self.wanted.pop(name)
            mask = self.masks.get((f"{name}.weight", 0))
            outputs = outputs if mask is None else outputs[..., mask.to(outputs.device)]
            if name in self.streams:
                outputs = outputs - _at(self.streams.pop(name), places)
            _solve(module, inputs[0], places, outputs)

        return hook


def _solve(conv: nn.Conv2d, inputs: Tensor, places: Tensor, outputs: Tensor) -> None:
    """Fit a convolution to (B, n, channels) outputs at those places, in float64."""
    inputs_by_kernel = conv.weight[0].numel()
    unknown = inputs_by_kernel + (conv.bias is not None)
    if unknown > MOST or places.numel() < SURPLUS * unknown:
        return
    wrong = (_at(F.conv2d(inputs, conv.weight, conv.bias, padding=conv.padding), places) - outputs).square().mean()
    if wrong <= FIRM * outputs.var():
        return
    biases = [] if conv.bias is None else [conv.bias[:, None]]
    before = torch.cat([conv.weight.flatten(1), *biases], dim=1).double().T
    square, mixed = before.new_zeros(unknown, unknown), torch.zeros_like(before)
    for row in range(len(inputs)):
        seen = _columns(conv, inputs[row : row + 1], places[row]).double()
        square += seen.T @ seen
        mixed += seen.T @ outputs[row].double()
    hold = (HOLD * square.diagonal().mean()).clamp(min=LEAST)
    square.diagonal().add_(hold)
    found = torch.linalg.solve(square, mixed + hold * before).T
    conv.weight.copy_(found[:, :inputs_by_kernel].reshape(conv.weight.shape))
    if conv.bias is not None:
        conv.bias.copy_(found[:, -1])


def _columns(conv: nn.Conv2d, picture: Tensor, places: Tensor) -> Tensor:
    """What a convolution sees at places of its output, (n, inputs by kernel), and 1 for its bias if it has one."""
    assert not isinstance(conv.padding, str)
    (up, side), (high, wide) = conv.padding, conv.kernel_size
    windows = F.pad(picture, (side, side, up, up)).unfold(2, high, 1).unfold(3, wide, 1)[0]  # (C, h, w, high, wide)
    width = windows.shape[2]
    seen = windows[:, places // width, places % width].movedim(1, 0).flatten(1)
    return seen if conv.bias is None else torch.cat([seen, torch.ones_like(seen[:, :1])], dim=1)


def _at(maps: Tensor, places: Tensor) -> Tensor:
    """(B, C, h, w) at places (B, n) → (B, n, C)."""
    return maps.flatten(2).gather(2, places[:, None].expand(-1, maps.shape[1], -1)).movedim(1, 2)


class _Hooks:
    """Hooks that go when their ``with`` ends."""

    def __init__(self) -> None:
        self.handles: list[Any] = []

    def __enter__(self) -> _Hooks:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()
