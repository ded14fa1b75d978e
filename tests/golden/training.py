"""Two iterations of a training by the authors' code, in float64, beside a checkout of it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.golden import formula
from tests.golden.authors import Networks, corners_aligned

VGG = {0: 4, 2: 4, 5: 6, 7: 6, 10: 8, 12: 8, 14: 8, 16: 8, 19: 8, 21: 8, 23: 8, 25: 8, 28: 8}  # layer: its channels
POOLS = (4, 9, 18, 27)
SMALL = 200  # numbers of a tensor that is stored whole after the second iteration
NAMES = ("generator", "kp_detector", "discriminator")


def vgg_shapes() -> dict[str, tuple[int, ...]]:
    """The tensors of a narrow VGG19 by torchvision's names."""
    before = [3, *VGG.values()]
    shapes: dict[str, tuple[int, ...]] = {}
    for (layer, width), channels in zip(VGG.items(), before, strict=False):
        shapes |= {f"features.{layer}.weight": (width, channels, 3, 3), f"features.{layer}.bias": (width,)}
    return shapes


class NarrowVgg:
    """Stands for torchvision's ``models``: its VGG19 with the golden weights."""

    @staticmethod
    def vgg19(pretrained: bool) -> Any:
        weights = formula.weights("vgg", vgg_shapes())
        features = nn.Sequential()
        for layer in range(30):
            if layer in VGG:
                weight = torch.from_numpy(weights[f"features.{layer}.weight"])
                conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
                conv.weight.data, conv.bias.data = weight, torch.from_numpy(weights[f"features.{layer}.bias"])  # type: ignore[union-attr]
                features.append(conv)
            else:
                features.append(nn.MaxPool2d(2) if layer in POOLS else nn.ReLU())
        whole = nn.Module()
        whole.features = features
        return whole


def warp(name: str, points: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The affine map (2, 2, 3) and the parameters (2, 1, points²) of the splines, if any, of a training's warp."""
    theta = formula.spread(f"{name}/theta", (2, 2, 3), -0.1, 0.1) + np.eye(2, 3, dtype=np.float32)
    return theta, formula.spread(f"{name}/control_params", (2, 1, points**2), -0.01, 0.01) if points else None


def training(name: str) -> tuple[formula.Arrays, dict[str, Any]]:
    """The losses of two iterations, the gradients' norms of the first, and the networks after the second."""
    sys.modules["torchvision"].models = NarrowVgg  # type: ignore[attr-defined]
    from modules import model as theirs  # type: ignore[import-not-found]

    theirs.models = NarrowVgg
    networks = Networks(name)
    params = networks.settings["train_params"]
    given = {
        key: torch.from_numpy(value)
        for key, value in zip(
            ("theta", "control_params"), warp(name, params["transform_params"].get("points_tps", 0)), strict=True
        )
        if value is not None
    }

    class Given(theirs.Transform):
        def __init__(self, bs: int, **options: Any) -> None:
            super().__init__(bs, **options)
            for key, value in given.items():
                setattr(self, key, value)

    drawn, theirs.Transform = theirs.Transform, Given
    for network in networks.all.values():
        network.train()
    before = {kind: _copied(networks.all[kind]) for kind in NAMES}
    try:
        with corners_aligned():
            losses, norms = iterations(networks, theirs, name)
    finally:
        theirs.Transform = drawn
    arrays: formula.Arrays = {f"norms/{kind}": np.array(list(norms[kind].values())) for kind in norms}
    moved: dict[str, dict[str, float]] = {}
    for kind in norms:
        moved[kind] = {}
        for key, value in networks.all[kind].state_dict().items():
            if value.numel() <= SMALL and value.is_floating_point():
                arrays[f"after/{kind}/{key}"] = value.numpy()
            moved[kind][key] = float((value.double() - before[kind][key].double()).norm())
        arrays[f"moved/{kind}"] = np.array(list(moved[kind].values()))
    about = {
        "made_with": f"first-order-model on torch {torch.__version__}",
        "losses": losses,
        "norms": {kind: list(norms[kind]) for kind in norms},
        "moved": {kind: list(moved[kind]) for kind in moved},
        "shapes": networks.shapes,
    }
    return arrays | networks.filters, about


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def iterations(
    networks: Networks, theirs: Any, name: str
) -> tuple[list[dict[str, float]], dict[str, dict[str, float]]]:
    """The losses of both iterations, and the norms of all gradients in the first (-1: none)."""
    params = networks.settings["train_params"]
    generator, detector, critic = (networks.all[kind] for kind in NAMES)
    optimizers = {
        kind: torch.optim.Adam(networks.all[kind].parameters(), lr=params[f"lr_{kind}"], betas=(0.5, 0.999))
        for kind in NAMES
    }
    for_generator = theirs.GeneratorFullModel(detector, generator, critic, params).to(networks.dtype)
    for_critic = theirs.DiscriminatorFullModel(detector, generator, critic, params).to(networks.dtype)
    _, frames = networks.pictures(name)
    batch = {"source": frames[:2], "driving": frames[2:]}
    steps: list[dict[str, float]] = []
    norms: dict[str, dict[str, float]] = {}

    def step(losses: dict[str, Tensor], kinds: tuple[str, ...]) -> None:
        sum(value.mean() for value in losses.values()).backward()  # type: ignore[union-attr]
        for kind in kinds:
            parameters = networks.all[kind].named_parameters()
            found = {key: -1.0 if p.grad is None else float(p.grad.norm()) for key, p in parameters}
            norms.setdefault(kind, found)
            optimizers[kind].step()
            optimizers[kind].zero_grad()
        steps[-1] |= {key: float(value.mean()) for key, value in losses.items()}

    for _ in range(2):
        steps.append({})
        losses, generated = for_generator(batch)
        step(losses, ("generator", "kp_detector"))
        if params["loss_weights"]["generator_gan"] != 0:
            optimizers["discriminator"].zero_grad()
            step(for_critic(batch, generated), ("discriminator",))
    return steps, norms
