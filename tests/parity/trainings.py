"""Trainings of the original code, and our trainer in the same state."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fom_core.documents.options import Table
from fom_core.documents.settings import fill
from fom_core.geometry import identity_grid
from fom_core.networks.config import DiscriminatorConfig, ModelConfig
from fom_core.training.data.augment import Pairs, Transform
from fom_core.training.perceptual import VggFeatures
from fom_core.training.settings import LossWeights, Stage
from fom_core.training.trainer import Trainer
from fom_core.weights.load import load_module
from tests.golden import formula, training
from tests.parity.conftest import GOLDEN, Golden

NAMES = {
    "perceptual": "perceptual",
    "generator_gan": "gen_gan",
    "feature_matching": "feature_matching",
    "equivariance_value": "equivariance_value",
    "equivariance_jacobian": "equivariance_jacobian",
    "discriminator_gan": "disc_gan",
}


def stored_warp(theta: Tensor, control_params: Tensor | None) -> Transform:
    if control_params is None:
        return Transform(theta)
    count = round(control_params.shape[-1] ** 0.5)
    return Transform(theta, identity_grid(count, count, like=theta).reshape(-1, 2), control_params[:, 0])


@dataclass
class Original:
    """A training of the original code: what it found, and our trainer with its batch in the same state.

    Ours computes in float64: random networks amplify rounding, in float32 up to 3 % of a gradient's norm, depending on
    the number of threads.
    """

    about: dict[str, Any]
    arrays: dict[str, Tensor]
    trainer: Trainer
    pairs: Pairs
    warp: Transform

    def __post_init__(self) -> None:
        kinds = ("generator", "kp_detector", *(("discriminator",) if self.trainer.discriminator is not None else ()))
        self.start = {kind: copy.deepcopy(self.network(kind).state_dict()) for kind in kinds}

    def network(self, name: str) -> torch.nn.Module:
        """One of our networks by the name that the authors gave theirs."""
        if name == "discriminator":
            assert self.trainer.discriminator is not None
            return self.trainer.discriminator
        return self.trainer.model.keypoint_detector if name == "kp_detector" else self.trainer.model.generator


def stage(model: ModelConfig, params: Mapping[str, Any], options: Mapping[str, Any] | None) -> Stage:
    """Two steps as the authors' ``train_params`` want them; ``options`` are their ``discriminator_params``."""
    discriminator = None
    if options is not None:
        rest = dict(options)
        whole = {"spectral_norm": rest.pop("sn", False), "num_channels": model.num_channels, **rest}
        whole["num_kp"] = model.keypoint_detector.num_kp
        discriminator = fill(DiscriminatorConfig, Table(whole, "discriminator_params"))
    return Stage(
        name="parity",
        model=model,
        steps=1000,
        batch_size=2,
        lr=params["lr_generator"],
        lr_kp_detector=params["lr_kp_detector"],
        warm_up=0,
        clip_norm=0.0,
        decay_share=0.0,
        scales=tuple(params["scales"]),
        weights=fill(LossWeights, Table(params["loss_weights"], "loss_weights")),
        discriminator=discriminator,
    )


def trainer(which: Stage, vgg: Mapping[str, Tensor], model: Any, discriminator: Mapping[str, Tensor]) -> Trainer:
    """A trainer in float64 with these weights."""
    made = Trainer(which, VggFeatures.from_state_dict(vgg), torch.device("cpu"), seed=0)
    made.model.load_state_dict(model.state_dict())
    if made.discriminator is not None:
        own = made.discriminator.state_dict()
        made.discriminator.load_state_dict({key: discriminator[key] for key in own})
    for module in vars(made).values():
        if isinstance(module, torch.nn.Module):
            module.double()
    return made


def pairs(source: Tensor, driving: Tensor) -> Pairs:
    unknown = torch.full((2, 5, 2), float("nan"), dtype=torch.float64)
    return Pairs(source.double(), driving.double(), unknown, unknown, torch.zeros(2, dtype=torch.bool))


def embedded(golden: Callable[[str], Golden], name: str) -> Original:
    """A training of the golden set, which the original computed in float64 too."""
    case = golden(f"authors/{name}")
    arrays = dict(np.load(GOLDEN / "training" / f"{name}.npz"))
    about = json.loads(str(arrays.pop("about")))
    model, params = case.networks(), case.settings["train_params"]
    adversarial = params["loss_weights"]["generator_gan"] != 0
    options = case.settings["model_params"]["discriminator_params"] if adversarial else None
    vgg = {key: torch.from_numpy(value) for key, value in formula.weights("vgg", training.vgg_shapes()).items()}
    weights = torch.load(case.weights, weights_only=True)["discriminator"]
    given = training.warp(name, params["transform_params"].get("points_tps", 0))
    theta, control_params = (None if value is None else torch.from_numpy(value).double() for value in given)
    assert theta is not None
    frames = case.images("driving", torch.float64)
    return Original(
        about,
        {key: torch.from_numpy(value) for key, value in arrays.items()},
        trainer(stage(model.config, params, options), vgg, model, weights),
        pairs(frames[:2], frames[2:]),
        stored_warp(theta, control_params),
    )


def larger(folder: Path, name: str) -> Original:
    """A training of real pictures, which the original computed in float32."""
    about = json.loads((folder / "torch_train" / f"{name}.train.json").read_text())
    with np.load(folder / "torch_train" / f"{name}.train.npz") as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file.files}
    checkpoint, config = folder / "torch" / about["checkpoint"], folder / "torch" / about["config"]
    model = load_module(checkpoint, config=config, device="cpu")
    if about["disc_from_checkpoint"]:
        discriminator = torch.load(checkpoint, weights_only=True)["discriminator"]
    else:
        discriminator = under("disc_init/", arrays)
    params = {**about["train_params"], "lr_generator": about["lr"], "lr_kp_detector": about["lr"]}
    control_params = arrays.get("control_params")
    return Original(
        about,
        arrays,
        trainer(
            stage(model.config, params, about["discriminator_params"]), under("vgg/", arrays), model, discriminator
        ),
        pairs(arrays["source"], arrays["driving"]),
        stored_warp(arrays["theta"].double(), None if control_params is None else control_params.double()),
    )


def under(prefix: str, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in arrays.items() if key.startswith(prefix)}
