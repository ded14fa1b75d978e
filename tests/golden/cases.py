"""The golden cases: the published configurations of the originals at a size that tests compute in no time.

Everything that is an option of theirs is as published or, in cases named after it, another value; widths, depths and
pictures are small.
"""

from __future__ import annotations

import copy
from typing import Any

Settings = dict[str, Any]
HOURGLASS = {"block_expansion": 4, "max_features": 12, "num_blocks": 2, "scale_factor": 0.25}
COMMON = {"num_kp": 10, "num_channels": 3, "estimate_jacobian": True}
DETECTOR = {"temperature": 0.1, **HOURGLASS}
GENERATOR = {
    "block_expansion": 6,
    "max_features": 16,
    "num_down_blocks": 2,
    "num_bottleneck_blocks": 1,
    "estimate_occlusion_map": True,
    "dense_motion_params": HOURGLASS,
}
CRITIC = {"scales": [1], "block_expansion": 4, "max_features": 16, "num_blocks": 4}
LOSSES = {
    "generator_gan": 1,
    "discriminator_gan": 1,
    "feature_matching": [10, 10, 10, 10],
    "perceptual": [10, 10, 10, 10, 10],
    "equivariance_value": 10,
    "equivariance_jacobian": 10,
}
TRAINING = {
    "lr_generator": 2e-4,
    "lr_discriminator": 2e-4,
    "lr_kp_detector": 2e-4,
    "batch_size": 2,
    "scales": [1, 0.5, 0.25],
    "transform_params": {"sigma_affine": 0.05, "sigma_tps": 0.005, "points_tps": 5},
    "loss_weights": LOSSES,
}

# What each case changes, by dotted names in the authors' layout. The first eight are their files in config/.
AUTHORS: dict[str, Settings] = {
    "vox": {"discriminator_params.sn": True, "train_params.loss_weights.generator_gan": 0},
    "vox_adv": {"discriminator_params.use_kp": True},
    "taichi": {"train_params.loss_weights.generator_gan": 0},
    "taichi_adv": {"discriminator_params.use_kp": True, "train_params.lr_kp_detector": 0},
    "fashion": {"dataset_params.frame_shape": [64, 96, 3]},
    "bair": {"discriminator_params.sn": True},
    "mgif": {"discriminator_params.sn": True, "kp_detector_params.single_jacobian_map": True},
    "nemo": {"discriminator_params.sn": True},
    # Options that no published file sets, or that all set alike.
    "no_jacobian": {
        "common_params.estimate_jacobian": False,
        "train_params.loss_weights.equivariance_jacobian": 0,
        "train_params.transform_params": {"sigma_affine": 0.05},
    },
    "no_occlusion_map": {"generator_params.estimate_occlusion_map": False, "common_params.num_kp": 5},
    "full_scale": {
        "kp_detector_params.scale_factor": 1,
        "kp_detector_params.pad": 3,
        "kp_detector_params.temperature": 0.2,
        "generator_params.dense_motion_params.scale_factor": 1,
        "generator_params.dense_motion_params.kp_variance": 0.05,
        "discriminator_params.num_blocks": 3,
        "dataset_params.frame_shape": [32, 32, 3],
    },
    "mixed_scales": {
        "kp_detector_params.scale_factor": 0.5,
        "generator_params.num_down_blocks": 1,
        "generator_params.dense_motion_params.kp_variance": 0.005,
        "discriminator_params.scales": [1, 0.5],
        "discriminator_params.num_blocks": 3,
        "train_params.loss_weights.feature_matching": [10, 10, 10],
    },
    "grey": {"common_params.num_channels": 1, "common_params.num_kp": 4},
    "no_dense_motion": {"generator_params.dense_motion_params": None},
}
SAME_NETWORKS = ("taichi_adv", "bair", "nemo")  # as vox_adv or vox, so stored without intermediate maps
TRAININGS = ("vox", "vox_adv", "taichi_adv", "mgif", "no_jacobian", "mixed_scales")

# The same for PaddleGAN's layout; mobile networks as in its configs/firstorder_vox_mobile_256.yaml.
PADDLEGAN: dict[str, Settings] = {
    "vox": {},
    "mobile_detector": {"generator.kp_detector_cfg.mobile_net": True},
    "mobile_generator": {"generator.generator_cfg.mobile_net": True},
    "mobile": {"generator.kp_detector_cfg.mobile_net": True, "generator.generator_cfg.mobile_net": True},
}

# Transfers of motion by the authors' options: use_relative_movement, use_relative_jacobian, adapt_movement_scale.
MODES = {
    "abs": (False, False, False),
    "rel": (True, True, False),
    "rel_adapt": (True, True, True),
    "rel_nojac": (True, False, False),
    "rel_nojac_adapt": (True, False, True),
}


def authors(name: str) -> Settings:
    """A case's settings in the layout of the authors' YAML files."""
    settings: Settings = {
        "dataset_params": {"frame_shape": [64, 64, 3]},
        "model_params": {
            "common_params": COMMON,
            "kp_detector_params": DETECTOR,
            "generator_params": GENERATOR,
            "discriminator_params": CRITIC,
        },
        "train_params": TRAINING,
    }
    return changed(settings, AUTHORS[name], "model_params")


def paddlegan(name: str) -> Settings:
    """A case's settings in the layout of PaddleGAN's YAML files."""
    networks = {"kp_detector_cfg": DETECTOR, "generator_cfg": GENERATOR}
    settings = {
        "model": {"common_params": COMMON, "generator": networks},
        "dataset": {"train": {"frame_shape": [64, 64, 3]}},
    }
    return changed(settings, PADDLEGAN[name], "model")


def changed(settings: Settings, changes: Settings, default: str) -> Settings:
    """A copy with other values under these dotted names, which begin in the group ``default`` if in no other."""
    settings = copy.deepcopy(settings)
    for dotted, value in changes.items():
        *groups, last = dotted.split(".")
        table = settings if groups[0] in settings else settings[default]
        for group in groups:
            table = table[group]
        table[last] = value
    return settings


def size(settings: Settings) -> tuple[int, int]:
    """Height and width of a case's pictures."""
    height, width, _ = settings.get("dataset_params", {"frame_shape": (64, 64, 3)})["frame_shape"]
    return height, width
