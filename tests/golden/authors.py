"""What the authors' PyTorch code (AliaksandrSiarohin/first-order-model) computes for the golden cases.

Its networks run in float64, and their results are rounded when they are stored. Adaptions to software of today, made
from outside: ``grid_sample`` gets ``align_corners=True``, which was its only behaviour in the PyTorch 1.0 that the
authors used (arrays under ``acF/`` are without this), and modules that are imported without a use here are empty.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.golden import cases, formula

Points = dict[str, Tensor]
STAGES = ("mask", "sparse_deformed", "deformation", "occlusion_map", "deformed", "prediction")
WITH_OTHER_CORNERS = ("fashion", "mixed_scales")
CRITICS = ("vox", "vox_adv", "taichi", "mixed_scales")
FRAME = 1  # whose stages are stored
SHOWN = 2  # the frame of the animations that is


def open_checkout(path: Path) -> None:
    """Make the authors' modules importable, with empty ones for what they import without a use here."""
    for name in ("frames_dataset", "logger", "imageio", "torchvision"):
        sys.modules[name] = ModuleType(name)
    sys.modules["frames_dataset"].PairedDataset = None  # type: ignore[attr-defined]
    sys.modules["logger"].Logger = sys.modules["logger"].Visualizer = None  # type: ignore[attr-defined]
    sys.modules["torchvision"].models = None  # type: ignore[attr-defined]
    sys.path.insert(0, str(path))


@contextmanager
def corners_aligned(aligned: bool = True) -> Iterator[None]:
    """The default of ``grid_sample`` that the authors' PyTorch had, or today's."""
    original = nn.functional.grid_sample
    nn.functional.grid_sample = partial(original, align_corners=aligned)
    try:
        yield
    finally:
        nn.functional.grid_sample = original


class Networks:
    """A case's networks of theirs with the golden weights, in evaluation mode."""

    def __init__(self, name: str, dtype: torch.dtype = torch.float64) -> None:
        from modules.discriminator import MultiScaleDiscriminator  # type: ignore[import-not-found]
        from modules.generator import OcclusionAwareGenerator  # type: ignore[import-not-found]
        from modules.keypoint_detector import KPDetector  # type: ignore[import-not-found]

        self.settings = cases.authors(name)
        params, self.dtype = self.settings["model_params"], dtype
        common = params["common_params"]
        self.all: dict[str, Any] = {
            "generator": OcclusionAwareGenerator(**params["generator_params"], **common),
            "kp_detector": KPDetector(**params["kp_detector_params"], **common),
            "discriminator": MultiScaleDiscriminator(**params["discriminator_params"], **common),
        }
        self.shapes: dict[str, dict[str, list[int]]] = {}
        self.filters: formula.Arrays = {}
        for kind, network in self.all.items():
            own = network.state_dict()
            self.shapes[kind] = {key: list(value.shape) for key, value in own.items()}
            made = formula.weights(f"{name}/{kind}", {key: tuple(value.shape) for key, value in own.items()})
            self.filters |= {f"filters/{kind}/{key}": own[key].numpy() for key in own if key not in made}
            network.load_state_dict({**own, **{key: torch.from_numpy(value) for key, value in made.items()}})
            network.to(dtype).eval()

    def pictures(self, name: str) -> tuple[Tensor, Tensor]:
        """The source (1, C, H, W) and the driving frames (4, C, H, W) in [0, 1]."""
        pair = (torch.from_numpy(np.asarray(frames)) for frames in formula.frames(name, *cases.size(self.settings)))
        source, driving = (frames.reshape(-1, *frames.shape[-3:]).permute(0, 3, 1, 2) / 255.0 for frames in pair)
        source, driving = source.to(self.dtype), driving.to(self.dtype)
        if self.settings["model_params"]["common_params"]["num_channels"] == 1:
            return source.mean(dim=1, keepdim=True), driving.mean(dim=1, keepdim=True)
        return source, driving


@torch.no_grad()
def case(name: str) -> tuple[formula.Arrays, dict[str, Any]]:
    """A case's arrays, and what has to be known about them."""
    networks = Networks(name)
    results = computed(networks, name)
    single = computed(Networks(name, torch.float32), name)
    rounding: dict[str, float] = {}
    for key, value in results.items():
        kind = key.rsplit("/", 1)[-1]
        rounding[kind] = max(rounding.get(kind, 0.0), float(np.abs(value - single[key]).max()))
    about = {
        "made_with": f"first-order-model on torch {torch.__version__}",
        "shapes": networks.shapes,
        "channels": networks.settings["model_params"]["common_params"]["num_channels"],
        "fp32_noise_vs_fp64": {kind: float(f"{value:.2g}") for kind, value in rounding.items()},
        "prediction_frames": {key: [SHOWN] for key in results if key.endswith("/prediction") and "anim_" in key},
    }
    return networks.filters | results, about


def computed(networks: Networks, name: str) -> formula.Arrays:
    """All results of a case by their stored names."""
    with corners_aligned():
        results = one_convention(networks, name)
    if name in WITH_OTHER_CORNERS:
        with corners_aligned(False):
            other = one_convention(networks, name)
        results |= {f"acF/{key}": value for key, value in other.items() if "/prediction" in key or "/deformed" in key}
    return {key: value.double().numpy() for key, value in results.items()}


def one_convention(networks: Networks, name: str) -> Points:
    from animate import normalize_kp  # type: ignore[import-not-found]
    from modules.model import ImagePyramide  # type: ignore[import-not-found]

    generator, detector, critic = networks.all.values()
    source, driving = networks.pictures(name)
    still = detector(source)
    points = [detector(frame) for frame in driving.split(1)]
    found = {f"kp_source_{key}": value for key, value in still.items()}
    found |= {f"kp_driving_{key}": torch.cat([each[key] for each in points]) for key in still}
    out = generator(source, kp_source=still, kp_driving=points[FRAME])
    if "mask" in out:
        with_motion = generator.dense_motion_network(source, kp_driving=points[FRAME], kp_source=still)
        out["deformation"] = with_motion["deformation"]
    stages = ("prediction",) if name in cases.SAME_NETWORKS else STAGES
    found |= {f"frame{FRAME}/{stage}": out[stage] for stage in stages if stage in out}

    for mode, (movement, jacobian, adapt) in cases.MODES.items():
        if jacobian and "jacobian" not in still:
            continue  # the authors' code stops there
        moved = [
            normalize_kp(still, each, points[0], adapt, use_relative_movement=movement, use_relative_jacobian=jacobian)
            for each in points
        ]
        found |= {f"anim_{mode}/kp_norm_{key}": torch.cat([each[key] for each in moved]) for key in still}
        if mode == "rel_adapt" or (name == "vox" and mode != "abs") or (mode == "rel_nojac" and len(still) == 1):
            found[f"anim_{mode}/prediction"] = generator(source, kp_source=still, kp_driving=moved[SHOWN])["prediction"]

    if name not in CRITICS:
        return found
    pyramid = ImagePyramide(critic.scales, driving.shape[1]).to(driving.dtype)
    for key, value in critic(pyramid(driving[:1]), points[0]).items():
        maps = value if isinstance(value, list) else [value]
        found |= {f"disc/{key}" + f"/{index}" * isinstance(value, list): each for index, each in enumerate(maps)}
    return found
