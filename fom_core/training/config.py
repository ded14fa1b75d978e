"""Training settings: what a training file can say, and reading one in our, the authors' or PaddleGAN's layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from ..documents.options import SettingsError, Table
from ..documents.readers import in_file
from ..documents.settings import converted, fill, override
from ..documents.yaml_text import read_settings
from ..errors import UsageError
from ..networks.config import DiscriminatorConfig, ModelConfig
from ..weights.config_file import filled, frame_size, model_from_tables
from .config_checks import check_dataset, check_layers, check_overrides, check_stage
from .data.augment import AugmentConfig
from .data.pair_augment import PairAugmentation
from .paddlegan_config import from_paddlegan


@dataclass(frozen=True)
class TransformConfig:
    """The random warp of the equivariance loss."""

    sigma_affine: float = 0.05
    sigma_tps: float = 0.005
    points_tps: int = 5


@dataclass(frozen=True)
class LossWeights:
    """0 leaves a loss out. Per-layer weights run from shallow to deep."""

    perceptual: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0, 10.0)
    l1: float = 0.0
    equivariance_value: float = 10.0
    equivariance_jacobian: float = 10.0
    generator_gan: float = 0.0
    discriminator_gan: float = 1.0
    feature_matching: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0)
    warp: float = 0.0  # warped source against driving; with it, the generator is to reproduce the warped source
    warp_trust: float = 1.0  # share of the warped source in that; 0: it is to reproduce the driving picture
    visibility: float = 1.0  # occlusion map against the error of the warp; only together with warp
    anchor: float = 0.0  # first keypoints to facial landmarks
    mouth: float = 0.0  # how much more the picture losses count there; with 0 for both, everywhere alike
    eyes: float = 0.0
    teacher_value: float = 0.0  # how far results are from a teacher's, in `fom compress`: keypoints,
    teacher_jacobian: float = 0.0  # their jacobians,
    teacher_motion: float = 0.0  # flow and occlusion map,
    teacher_picture: float = 0.0  # and prediction


TEACHER_LOSSES = ("teacher_value", "teacher_jacobian", "teacher_motion", "teacher_picture")


@dataclass(frozen=True)
class Stage:
    """One uninterrupted training. The next stage takes over every tensor whose name and shape fit.

    Its length is given in steps, or in epochs as the authors do; :meth:`in_steps` turns epochs into steps.
    """

    name: str
    model: ModelConfig
    steps: int = 0
    minutes: float | None = None  # ends the stage earlier, for machines of unknown speed
    num_epochs: int = 0
    num_repeats: int = 1  # passes over the data in an epoch
    epoch_milestones: tuple[int, ...] = ()  # epochs after which the learning rates fall to a tenth
    step_milestones: tuple[int, ...] = ()  # the same in steps
    batch_size: int = 8  # pairs in a step and process
    accumulate: int = 1  # parts that a batch is computed in, one after the other, to fit into memory
    lr: float = 2e-4
    lr_generator: float | None = None  # None: lr
    lr_discriminator: float | None = None
    lr_kp_detector: float | None = None  # 0: it stays as it is
    warm_up: int = 50  # first steps, over which the learning rate rises
    decay_share: float = 0.33  # last part of the stage, in which the learning rate falls to zero along a cosine
    scales: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    clip_norm: float = 10.0  # of the gradient of each network; 0: none
    ema: float = 0.999
    precision: Literal["float32", "bfloat16", "float16"] = "float32"  # of the convolutions
    channels_last: bool = True
    compile: bool = False  # the networks, by torch.compile
    cuda_graphs: bool = False  # launch a step as a whole, on one GPU
    still_share: float = 0.2  # of pairs made of one portrait
    candidates: int = 4  # driving frames of which the one that differs most is taken
    mouth_share: float = 0.5  # of pairs for which the difference of the mouths decides
    motion_lr: float = 1.0  # factor on lr for keypoint detector and dense motion network, once they know their task
    keypoints_every: int = 1  # the keypoint detector learns in every n-th step only, which saves a third of the time
    learns: Literal["both", "keypoint_detector", "generator"] = "both"  # the other one is the teacher's, and fixed
    prune: float = 0.0  # share of the parameters taken away before the stage, in whole channels; `fom compress`
    weights: LossWeights = field(default_factory=LossWeights)
    transform: TransformConfig = field(default_factory=TransformConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    discriminator: DiscriminatorConfig | None = None

    def in_steps(self, items: int, processes: int = 1) -> Stage:
        """The same stage counted in steps, for a data set of so many items (people, or clips) an epoch."""
        if not self.num_epochs:
            return self
        epoch = max(1, items * self.num_repeats // (self.batch_size * processes))
        milestones = self.step_milestones + tuple(epochs * epoch for epochs in self.epoch_milestones)
        return replace(
            self, steps=self.num_epochs * epoch, num_epochs=0, epoch_milestones=(), step_milestones=milestones
        )


@dataclass(frozen=True)
class DatasetConfig:
    """Which frames are learnt from."""

    root_dir: str | None = None  # where they are, unless the command names a folder
    frame_shape: tuple[int, int, int] | None = None  # height, width, channels
    id_sampling: bool = False  # an epoch walks over people (what stands before # in a clip's name), not over clips
    pairs_list: str | None = None  # CSV with the columns source and driving, for evaluation
    num_workers: int | None = None  # processes that read; None: as many as there are processors, up to 8
    augmentation_params: PairAugmentation = field(default_factory=PairAugmentation)
    licence_classes: tuple[str, ...] | None = None  # filter for folders with an index.csv; None: all
    oversize: float = 1.5  # size of the cached frames over the training size: room for zoom and rotation


@dataclass(frozen=True)
class TrainConfig:
    """A whole training.

    streamed: pairs are read from the clips while training, with the data set's augmentation, as the authors do; else
              all frames are decoded once, and pairs drawn and changed as the stages say.
    """

    name: str
    stages: tuple[Stage, ...]
    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    perceptual_widths: tuple[int, ...] = (16, 32, 64)  # of the random features used when no VGG19 file is given
    seed: int = 0
    streamed: bool = False

    @property
    def needs_teacher(self) -> bool:
        """Whether this is a compression: a stage looks at a teacher, keeps a network of it, or prunes."""
        return any(
            stage.prune or stage.learns != "both" or any(getattr(stage.weights, name) for name in TEACHER_LOSSES)
            for stage in self.stages
        )

    @property
    def needs_landmarks(self) -> bool:
        """Whether a loss asks where eyes and mouth are."""
        return any(stage.weights.anchor or stage.weights.mouth or stage.weights.eyes for stage in self.stages)


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
        stages = (_stage(alone, model, dataset, teacher),)
    else:
        listed = _stages(table)
        check_overrides(common, listed)
        check_overrides(model, [stage.table("model_params") for stage in listed])
        stages = tuple(_stage(common.merged(stage), model, dataset, teacher) for stage in listed)
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
