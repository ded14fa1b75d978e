"""Contradictions between the options of a training file, found before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import lcm

from ..documents.options import SettingsError, Table
from .settings import PARTS, PRUNABLE, STILL_LOSSES, DatasetConfig, LossWeights, Stage

POSITIVE = ("batch_size", "accumulate", "num_repeats", "keypoints_every", "candidates", "prune_multiple")
NOT_NEGATIVE = (
    "steps",
    "num_epochs",
    "lr",
    "lr_generator",
    "lr_discriminator",
    "lr_kp_detector",
    "warm_up",
    "clip_norm",
)
SHARES = ("decay_share", "still_share", "video_still_share", "mouth_share", "pose_share", "ema", "prune")
OF_JACOBIANS = ("singular", "equivariance_jacobian", "still_jacobian", "teacher_jacobian")
OF_FLOWS = ("fold", "warp", "composed", "evidence", "mesh", "still_flow", "teacher_motion")
OF_KEYPOINTS = (*OF_JACOBIANS, "equivariance_value", "still_value", "anchor", "teacher_value")
OF_KNOWN_MOTION = ("mesh", *STILL_LOSSES)
NO_STILLS = "has no effect: no pairs are made of portraits (still_share: 0). Set it to 0."
OF_PAINTINGS = ("perceptual", "l1", "generator_gan", "teacher_picture")


def check_stage(stage: Stage, options: Table) -> None:
    """Raise SettingsError for values that are out of range or contradict each other."""
    _check_ranges(stage, options)
    _check_changes(stage, options)
    _check_length(stage, options)
    _check_sizes(stage, options)
    _check_losses(stage, options.table("loss_weights"))


def check_overrides(common: Table, stages: Sequence[Table], place: str = "") -> None:
    """Raise SettingsError for an option of all stages that the command line changes and every stage sets again.

    ``place`` is the change that the whole section comes from, if one does.
    """
    for key, value in common.items():
        if not all(key in stage for stage in stages):
            continue
        own = place or common.place(key)
        from_line = own if own.startswith("-o ") else ""
        if all(isinstance(each, Mapping) for each in (value, *(stage[key] for stage in stages))):
            check_overrides(common.table(key), [stage.table(key) for stage in stages], from_line)
        elif from_line:
            names = " and ".join(stage.full_name(key) for stage in stages)
            raise SettingsError(
                f"{from_line}{common.full_name(key)} has no effect: every stage sets it again. Change {names} instead."
            )


def check_weights(stages: Sequence[Stage], own: Sequence[Table], common: Table) -> None:
    """Raise SettingsError for loss weights, and changes of portraits, that do nothing.

    own:    the options that each stage sets itself. What it takes over from ``common`` may do nothing in some of them,
            but not in all where the command line has set it.
    """
    for stage, options in zip(stages, own, strict=True):
        changes = options.table("augmentation_params")
        for table, name in ((options, "video_still_share"), (changes, "turn"), (changes, "layered")):
            if table.get(name) and not stage.still_share:
                raise table.wrong(name, NO_STILLS)
        if changes.get("layered") and not stage.augment.turn:
            raise changes.wrong("layered", "has no effect: no heads turn (turn: 0). Set it to 0.")
    idle = [_idle_weights(stage) for stage in stages]
    for reasons, options in zip(idle, own, strict=True):
        weights = options.table("loss_weights")
        for name in weights:
            if name in reasons:
                raise weights.wrong(name, reasons[name])
    weights = common.table("loss_weights")
    for name in weights:
        taken = [found for found, options in zip(idle, own, strict=True) if name not in options.table("loss_weights")]
        if weights.place(name).startswith("-o ") and taken and all(name in reasons for reasons in taken):
            raise weights.wrong(name, taken[0][name])


def _idle_weights(stage: Stage) -> dict[str, str]:
    """The loss weights of a stage that do nothing, and why: its networks lack what they are for, or are fixed."""
    model, held = stage.model, "has no effect: {} stays as it is ({}). Set it to 0."
    rules = (
        (OF_JACOBIANS, model.keypoint_detector.estimate_jacobian, "wants jacobians, and estimate_jacobian is false."),
        (OF_FLOWS, model.generator.dense_motion, "wants a flow, and dense_motion_params are missing."),
        (OF_KEYPOINTS, "keypoint_detector" not in stage.fixed, held.format("the keypoint detector", "fixed")),
        (OF_KEYPOINTS, stage.learns != "generator", held.format("the keypoint detector", "learns: generator")),
        (OF_PAINTINGS, "painter" not in stage.fixed, held.format("the painter", "fixed")),
        (OF_KNOWN_MOTION, not _motion_is_held(stage), "has no effect: the motion stays as it is. Set it to 0."),
        (STILL_LOSSES, stage.still_share > 0, NO_STILLS),
    )
    return {
        name: reason
        for names, works, reason in reversed(rules)
        for name in names
        if not works and _counts(stage.weights, name)
    }


def _motion_is_held(stage: Stage) -> bool:
    """Whether neither keypoint detector nor dense motion network learns."""
    return stage.motion_lr == 0 or (stage.learns == "keypoint_detector" and "keypoint_detector" in stage.fixed)


def _counts(weights: LossWeights, name: str) -> bool:
    value = getattr(weights, name)
    return any(value) if isinstance(value, tuple) else bool(value)


def check_dataset(dataset: DatasetConfig, options: Table, stages: Sequence[Stage]) -> None:
    """Raise SettingsError where the data set does not fit the model, or its augmentation cannot be done."""
    channels = stages[0].model.num_channels
    if dataset.frame_shape and dataset.frame_shape[2] != channels:
        raise options.wrong(
            "frame_shape", f"has {dataset.frame_shape[2]} channels, and the model's num_channels is {channels}."
        )
    sizes = [stage.model.image_size for stage in stages]
    if dataset.frame_shape and dataset.frame_shape[:2] not in sizes:
        found, own = (
            " and ".join(dict.fromkeys("x".join(map(str, size)) for size in group))
            for group in (
                [dataset.frame_shape[:2]],
                sizes,
            )
        )
        raise options.wrong(
            "frame_shape", f"says {found}, and the stages say {own} by image_size. Leave it out, or change those."
        )
    changes, section = dataset.augmentation_params, options.table("augmentation_params")
    if changes.crop_param and changes.crop_param.size != stages[0].model.image_size:
        wanted = "x".join(map(str, stages[0].model.image_size))
        raise section.table("crop_param").wrong("size", f"has to be the model's {wanted} (height x width).")
    if changes.resize_param and not 0 < changes.resize_param.ratio[0] <= changes.resize_param.ratio[1]:
        raise section.table("resize_param").wrong("ratio", "has to be two factors above 0, the smaller one first.")
    jitter = section.table("jitter_param")
    for name, limit in (("brightness", 1), ("contrast", 1), ("saturation", 1), ("hue", 0.5)):
        if not 0 <= getattr(changes.jitter_param, name) <= limit:
            raise jitter.wrong(name, f"has to be from 0 to {limit}, found {getattr(changes.jitter_param, name):g}.")


def check_layers(stages: Sequence[Stage], layers: int, table: Table) -> None:
    """Raise SettingsError unless every layer of features has its weight."""
    for stage in stages:
        weights = stage.weights.perceptual
        if any(weights) and len(weights) != layers:
            raise table.wrong(
                "perceptual_widths",
                f"has {layers} layers, and the stage {stage.name} has {len(weights)} weights for them (perceptual).",
            )


def _check_ranges(stage: Stage, options: Table) -> None:
    for names, least, text in ((POSITIVE, 1, "at least 1"), (NOT_NEGATIVE, 0, "0 or above")):
        for name in names:
            value = getattr(stage, name)
            if value is not None and value < least:
                raise options.wrong(name, f"has to be {text}, found {value:g}.")
    rates = ("lr_generator", "lr_discriminator", "lr_kp_detector")
    if "lr" in options and all(getattr(stage, name) is not None for name in rates):
        raise options.wrong("lr", f"has no effect beside {', '.join(rates)}. Change those.")
    for name in SHARES:
        _check_share(options, name, getattr(stage, name))
    for option, allowed in (("fixed", PARTS), ("prune_parts", PRUNABLE)):
        unknown = [name for name in getattr(stage, option) if name not in allowed]
        if unknown:
            raise options.wrong(option, f"lists {unknown[0]}, and the parts are {', '.join(allowed)}.")
    if stage.prune and not stage.pruned_parts:
        raise options.wrong("prune", "has no effect: prune_parts lists nothing that is not fixed.")
    if stage.mouth_share + stage.pose_share > 1:
        raise options.wrong("pose_share", f"and mouth_share are {stage.mouth_share + stage.pose_share:g} of all pairs.")
    if stage.cuda_graphs and stage.precision == "float16":
        raise options.wrong("cuda_graphs", "does not go with precision float16, whose steps wait. Take bfloat16.")
    if not stage.scales or not all(0 < scale <= 1 for scale in stage.scales):
        raise options.wrong("scales", "has to be a list of factors above 0 and up to 1.")


def _check_changes(stage: Stage, options: Table) -> None:
    """Weights of losses, and how strongly pictures and the warp of the equivariance loss change."""
    weights, augment, warp = (
        options.table(name) for name in ("loss_weights", "augmentation_params", "transform_params")
    )
    for each in fields(stage.weights):
        found = getattr(stage.weights, each.name)
        lowest = min(found if isinstance(found, tuple) else (found,), default=0.0)
        if lowest < 0:
            raise weights.wrong(each.name, f"has to be 0 or above, found {lowest:g}.")
    _check_share(weights, "warp_trust", stage.weights.warp_trust)
    for name in ("tone", "damage", "apart", "layered", "behind", "occlude", "reshape", "saturation", "gamma"):
        _check_share(augment, name, getattr(stage.augment, name))
    for table, values in ((augment, stage.augment), (warp, stage.transform)):
        for each in fields(values):
            if getattr(values, each.name) < 0:
                raise table.wrong(each.name, f"has to be 0 or above, found {getattr(values, each.name):g}.")


def _check_share(options: Table, name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise options.wrong(name, f"has to be from 0 to 1, found {value:g}.")


def _check_length(stage: Stage, options: Table) -> None:
    if stage.steps and stage.num_epochs:
        raise options.wrong("steps", f"contradicts num_epochs {stage.num_epochs}. Give one of the two.")
    if not stage.steps and not stage.num_epochs:
        raise SettingsError(f"{options.full_name('num_epochs')} is missing (or steps).")
    for name, limit in (("epoch_milestones", stage.num_epochs), ("step_milestones", 0)):
        milestones = getattr(stage, name)
        if list(milestones) != sorted(set(milestones)) or min(milestones, default=1) < 1:
            raise options.wrong(name, f"has to rise from 1 on, found {list(milestones)}.")
        if name == "epoch_milestones" and milestones and milestones[-1] >= limit:
            end = f"the training ends after {limit} epochs" if limit else "the training is counted in steps"
            raise options.wrong(name, f"goes up to {milestones[-1]}, and {end}.")


def _check_sizes(stage: Stage, options: Table) -> None:
    detector, generator = stage.model.keypoint_detector, stage.model.generator
    parts = [("keypoint detector", detector.scale_factor, len(detector.hourglass.encoder))]
    parts.append(("generator", 1.0, len(generator.down)))
    if generator.dense_motion is not None:
        motion = generator.dense_motion
        parts.append(("dense motion network", motion.scale_factor, len(motion.hourglass.encoder)))
    step = lcm(*(round(2**halvings / scale) for _, scale, halvings in parts))
    for name, scale, halvings in parts:
        for side in stage.model.image_size:
            if side * scale % 2**halvings:
                key = "image_size" if "image_size" in options else "dataset_params.frame_shape"
                place = options.place("image_size")
                nearest = max(step, round(side / step) * step)
                raise SettingsError(
                    f"{place}{key}: {side} pixels at scale {scale:g} cannot be halved {halvings} times (by the {name})."
                    f" This model's sides are multiples of {step}, such as {nearest}; for smaller pictures, give it "
                    "fewer num_blocks."
                )


def _check_losses(stage: Stage, options: Table) -> None:
    weights = stage.weights
    if weights.generator_gan and stage.discriminator is None:
        raise options.wrong("generator_gan", "wants a discriminator, and discriminator_params are missing.")
    if stage.discriminator and len(weights.feature_matching) != stage.discriminator.num_blocks:
        found, wanted = len(weights.feature_matching), stage.discriminator.num_blocks
        raise options.wrong("feature_matching", f"has {found} weights, and the discriminator has {wanted} blocks.")
    if len(weights.perceptual) > 5:
        raise options.wrong("perceptual", f"has {len(weights.perceptual)} weights, and there are 5 layers of features.")
    if options.get("equivariance_jacobian") and not stage.model.keypoint_detector.estimate_jacobian:
        raise options.wrong("equivariance_jacobian", "wants jacobians, and estimate_jacobian is false.")
    if weights.warp and not stage.model.generator.estimate_occlusion_map:
        raise options.wrong("warp", "wants an occlusion map, and estimate_occlusion_map is false.")
    for name in ("composed", "evidence"):
        if getattr(weights, name) and not stage.model.generator.estimate_occlusion_map:
            raise options.wrong(name, "wants an occlusion map, and estimate_occlusion_map is false.")
