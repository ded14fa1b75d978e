"""Reading a training file, in our, the authors' or PaddleGAN's layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ..documents.options import SettingsError, Table
from ..documents.readers import in_file
from ..documents.settings import converted, fill, override
from ..documents.yaml_text import read_settings
from ..errors import UsageError
from ..networks.config import DiscriminatorConfig, ModelConfig
from ..weights.config_file import filled, frame_size, model_from_tables
from .config_checks import check_dataset, check_layers, check_overrides, check_stage, check_weights
from .paddlegan_config import from_paddlegan
from .settings import DatasetConfig, LossWeights, Stage, TrainConfig

# Options of a stage whose names in files differ from ours, or that are sections of their own there.
RENAMED = {"weights": "loss_weights", "transform": "transform_params", "augment": "augmentation_params"}
ELSEWHERE = {"model": "model_params", "discriminator": "discriminator_params"}
STAGE_OPTIONS = {(RENAMED | ELSEWHERE).get(option.name, option.name) for option in fields(Stage)} | {"image_size"}
UNUSED = {"checkpoint_freq"}  # of the authors, in epochs; here the command says how often
MODEL_SECTIONS = ("common_params", "kp_detector_params", "generator_params", "discriminator_params")
SECTIONS = {"name", "seed", "perceptual_widths", "dataset_params", "model_params", "train_params", "stages"}
OTHER_SECTIONS = {"reconstruction_params", "animate_params", "visualizer_params"}  # of the authors' other commands
# What the authors' training does not do, for files that do not ask for it.
AUTHORS_TRAINING = {
    "warm_up": 0,
    "decay_share": 0.0,
    "clip_norm": 0.0,
    "ema": 0.0,
    "still_share": 0.0,
    "candidates": 1,
    "mouth_share": 0.0,
}


def load_config(path: Path, overrides: Sequence[str] = (), teacher: ModelConfig | None = None) -> TrainConfig:
    """Read a training file, with overrides such as ``train_params.batch_size=4``.

    teacher: for compressions, the model whose size, keypoints and conventions the file's model shares; a file without
             model_params trains a model just like it.
    Raises UsageError that names the file, the line and the option at fault.
    """
    try:
        table = read_settings(path)
        for assignment in overrides:
            override(table, assignment)
        return parse_training(table, path.stem, teacher)
    except SettingsError as error:
        raise UsageError(in_file(path.name, error)) from error


def parse_training(table: Table, name: str, teacher: ModelConfig | None = None) -> TrainConfig:
    """The training of a file in any layout; ``name`` for files that give none. Raises SettingsError."""
    if "model" in table and "model_params" not in table:
        table = from_paddlegan(table)
    table.only(SECTIONS | OTHER_SECTIONS)
    dataset = fill(DatasetConfig, _with_two_angles(table.table("dataset_params")))
    frame_size(table)  # is within bounds
    common = table.table("train_params").only(STAGE_OPTIONS | UNUSED)
    model = table.table("model_params").only(MODEL_SECTIONS)
    streamed = table.get("stages") is None
    if streamed:
        alone = Table(AUTHORS_TRAINING, "train_params").merged(common)
        alone.put("name", name)
        listed, stages = [common], (_stage(alone, model, dataset, teacher),)
    else:
        listed = _stages(table)
        check_overrides(common, listed)
        check_overrides(model, [stage.table("model_params") for stage in listed])
        stages = tuple(_stage(common.merged(stage), model, dataset, teacher) for stage in listed)
    check_weights(stages, listed, common)
    check_dataset(dataset, table.table("dataset_params"), stages)
    further = {key: converted(table, key, kind) for key, kind in _FURTHER.items() if key in table}
    further.setdefault("perceptual_widths", WIDTHS[: max(len(stage.weights.perceptual) for stage in stages)])
    check_layers(stages, len(further["perceptual_widths"]), table)
    return TrainConfig(**{"name": name, **further}, stages=stages, dataset=dataset, streamed=streamed)


WIDTHS = (16, 32, 64, 128, 128)  # of the random features, for files that say nothing about them
_FURTHER: dict[str, Any] = {"name": str, "seed": int, "perceptual_widths": tuple[int, ...]}


def _stages(table: Table) -> list[Table]:
    items = table["stages"]
    if not isinstance(items, list) or not items or not all(isinstance(item, Table) for item in items):
        raise table.wrong("stages", "has to be a list of sections, one per stage.")
    for index, item in enumerate(items):
        item.name = f"stages.{item.get('name', index)}"
    return items


def _stage(options: Table, model: Table, dataset: DatasetConfig, teacher: ModelConfig | None) -> Stage:
    """One stage of its options, over those of the whole training."""
    sections = model.merged(options.table("model_params"))
    sections.name = model.name
    size = dataset.frame_shape[:2] if dataset.frame_shape else None
    if "image_size" in options:
        size = (converted(options, "image_size", int),) * 2
    if size is None and teacher is not None:
        size = teacher.image_size
    if size is not None and teacher is not None and size != teacher.image_size:
        option = options.full_name("image_size") if "image_size" in options else "dataset_params.frame_shape"
        found, wanted = ("x".join(map(str, sides)) for sides in (size, teacher.image_size))
        raise SettingsError(
            f"{option} says {found}, and the teacher's pictures are {wanted}. Leave it out: they are the teacher's."
        )
    if size is None:
        raise SettingsError("dataset_params.frame_shape is missing (PaddleGAN: dataset.train.frame_shape).")
    config, table = _model(sections, size, teacher), sections.table("discriminator_params")
    weights = fill(LossWeights, options.table("loss_weights"))
    table = table.merged(options.table("discriminator_params"))
    discriminator = None
    if table and weights.generator_gan:
        shared = {"num_kp": config.keypoint_detector.num_kp, "num_channels": config.num_channels}
        discriminator = filled(
            DiscriminatorConfig, Table(shared, table.name).merged(table), renamed={"spectral_norm": "sn"}
        )
    plain = Table(options)
    plain.name = options.name
    for key in {*ELSEWHERE.values(), *UNUSED, "image_size"}:
        plain.pop(key, None)
    stage = fill(Stage, plain, RENAMED, model=config, discriminator=discriminator)
    check_stage(stage, options)
    return stage


def _model(sections: Table, size: tuple[int, int], teacher: ModelConfig | None) -> ModelConfig:
    """The model that a file describes, or what it leaves to the teacher."""
    common, detector, generator = (sections.table(name) for name in MODEL_SECTIONS[:3])
    if teacher is None:
        return model_from_tables(common, detector, generator, image_size=size)
    if not (common or detector or generator):
        config = replace(teacher, image_size=size)
    else:
        points = teacher.keypoint_detector
        shared = {name: getattr(points, name) for name in ("num_kp", "num_channels", "estimate_jacobian")}
        kept = ("align_corners", "border_blend", "displacement_flow")
        conventions = {name: getattr(teacher, name) for name in kept}
        config = model_from_tables(
            Table(shared, common.name).merged(common),
            Table({"temperature": points.temperature}, detector.name).merged(detector),
            generator,
            image_size=size,
            **conventions,
        )
    for name, found, wanted in (
        ("num_kp", config.keypoint_detector.num_kp, teacher.keypoint_detector.num_kp),
        ("num_channels", config.num_channels, teacher.num_channels),
    ):
        if found != wanted:
            raise SettingsError(f"{name} is {found}, and the teacher's is {wanted}. Leave it out: it is the teacher's.")
    return config


def _with_two_angles(dataset: Table) -> Table:
    """The authors' shorthand: rotation by 10 means between -10 and 10."""
    rotation = dataset.table("augmentation_params").table("rotation_param")
    if isinstance(rotation.get("degrees"), int | float):
        limits = Table()
        limits.put("degrees", [-rotation["degrees"], rotation["degrees"]], rotation.places.get("degrees"))
        return dataset.merged(Table({"augmentation_params": Table({"rotation_param": limits})}))
    return dataset
