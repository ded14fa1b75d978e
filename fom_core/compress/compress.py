"""A compression from a folder of clips: the stages of a file one after the other, each with its line in the report."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..documents.readers import read_json, wrong_as
from ..errors import UsageError
from ..files.paths import CONFIGS, replacing
from ..files.places import Work, keep_apart
from ..networks.model import MotionModel, create_model
from ..parallel.distributed import first_alone, rank, training_group, world_size
from ..training.checkpoint import DEFAULT, Checkpointing
from ..training.data.augment import Pairs, Transform
from ..training.data.feed import Feed, items, open_feed
from ..training.data.frame_cache import FrameCache
from ..training.data.stream import ClipData
from ..training.given import (
    TrainingInputs,
    find_clips,
    open_clips,
    open_features,
    open_labeller,
    open_matte,
    open_mesh,
    random_features,
)
from ..training.journal import Stages, untold
from ..training.loop import stage_data, stage_line, train_stage
from ..training.perceptual import VggFeatures
from ..training.settings import Stage, TrainConfig
from ..training.trainer import Trainer
from ..weights.catalogue import is_file
from ..weights.load import load_module, save_model
from .channels import take_channels, write_channels
from .distil import NETWORKS, Distillation, learning_model
from .prune import chosen_channels, importance_of
from .refit import refit
from .report import ReportWriter, StageRow, write

log = logging.getLogger(__name__)

PRUNED, CHANNELS, BEGUN = "pruned.safetensors", "channels.json", "compression.json"
PRUNING_BATCHES = 24  # from which the importance of channels is estimated
REFIT_PAIRS = 32  # whose pictures layers are fitted to
PRUNING_SEED = 1000  # their pairs are other ones than the first of the stage


def compress_from_folder(
    teacher: str | Path,
    inputs: TrainingInputs,
    output: str | Path,
    *,
    teacher_config: Path | None = None,
    student: str | Path | None = None,
    device: str = "auto",
    checkpointing: Checkpointing = DEFAULT,
    stages: Stages = untold,
) -> str:
    """Compress ``teacher``, a model's name or file, as the inputs' file describes, on their clips.

    ``config_path`` is a YAML file, or the name of one that comes along: "mobile" or "prune".
    Writes the student as ``NAME.safetensors`` into ``output``, also in half precision and in eight bits, with the
    models of the stages and the report; returns the report's table. A second call goes on where the first one stopped.
    ``student`` is a smaller model to begin with, in place of what the file describes: an earlier result, to prune it.
    The other arguments are those of :func:`fom_core.training.train.train_from_folder`.
    """
    inputs, output = inputs.named_in(CONFIGS / "compress"), Path(output)
    model = load_module(teacher, teacher_config).at_learnt_size()
    config = inputs.config(model.config)
    begun = None if student is None else load_module(student).at_learnt_size()
    if begun is not None:
        config = replace(config, stages=tuple(replace(stage, model=begun.config) for stage in config.stages))
    models = [path for path in (teacher, teacher_config, student) if is_file(path)]
    results = [output / f"{name}.safetensors" for name in _names(config)]
    keep_apart([Work([*inputs.files, *models], results, folders=[output])])
    found = find_clips(config, inputs)
    detector = open_labeller(config, inputs)
    mesh, matte = open_mesh(config, inputs, detector, found.train), open_matte(config, inputs, detector)
    features = open_features(config, inputs)
    with training_group(device) as own_device:
        with first_alone():
            check_begun(config, model, output)
        clips, validation = open_clips(config, found, output, detector, stages, mesh=mesh, matte=matte)
        rows = compress(
            config,
            model,
            clips,
            validation,
            output,
            student=begun,
            features=features,
            device=own_device,
            checkpointing=checkpointing,
            stages=stages,
        )
        return "" if rank() else write(rows, output)


def check_begun(config: TrainConfig, teacher: MotionModel, output: Path) -> None:
    """Raise UsageError when ``output`` holds the compression of another teacher, or into another student.

    Also with other options of pruning: the channels that were chosen once stay, so these would have no effect.
    """
    digest = hashlib.sha256()
    for name, value in sorted(teacher.state_dict().items()):
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    student = config.stages[0].model
    if any(stage.model != student for stage in config.stages):
        raise UsageError("The stages of a compression share one student. Move model_params out of the stages.")
    pruning = {
        stage.name: [stage.prune, stage.prune_by, stage.pruned_parts, stage.prune_multiple, stage.prune_refit]
        for stage in config.stages
        if stage.prune
    }
    about = {"teacher": digest.hexdigest(), "student": student.to_dict(), "pruning": pruning}
    about = json.loads(json.dumps(about))
    path = output / BEGUN
    if not path.is_file():
        if not rank():
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        return
    with wrong_as(UsageError, path, "Choose another --output, or remove that folder."):
        before = read_json(path)
    found = before if isinstance(before, dict) else {}
    found.setdefault("pruning", about["pruning"])  # which folders did not tell before
    differing = [name for name, value in about.items() if value != found.get(name)]
    if differing:
        raise UsageError(
            f"{output} holds a compression with another {' and '.join(differing)}. Choose another --output, "
            "or remove that folder."
        )


def compress(
    config: TrainConfig,
    teacher: MotionModel,
    data: FrameCache | ClipData,
    validation: FrameCache | None,
    output: Path,
    *,
    student: MotionModel | None = None,
    features: VggFeatures | None = None,
    device: torch.device | str = "cpu",
    checkpointing: Checkpointing = DEFAULT,
    report: Callable[[str], None] = log.info,
    stages: Stages = untold,
) -> list[StageRow]:
    """Run all stages, each to its end or from its newest checkpoint on; gives the rows of the report.

    Unless a ``student`` is given, of the stages' configuration, it starts with the teacher's weights if it is just
    like the teacher (pruning alone), else fresh. The report is written anew after every stage, so that a stage that
    fails leaves what was reached before.
    """
    device = torch.device(device)
    shared = _Shared(teacher, features or random_features(config), device)
    student = _first(config, teacher) if student is None else student
    report_writer = ReportWriter(config.name, teacher.to(device), validation, output, report)
    for number, given in enumerate(config.stages):
        stage, folder = given.in_steps(items(data, given), world_size()), output / f"{number + 1}-{given.name}"
        frames = stage_data(config, data, stage, output)
        seed = config.seed + number
        if stage.prune:
            feed = open_feed(frames, stage, seed + PRUNING_SEED, device)
            with first_alone():
                student = shared.pruned(stage, student, feed, folder / PRUNED)
            feed.close()
            report_writer.add(f"{stage.name}, before training", student.to(device), folder / PRUNED)
        trainer = shared.trainer(stage, student, seed)
        if not rank():
            report(stage_line(stage, device))
        train_stage(
            trainer, open_feed(frames, stage, seed, device), validation, folder,
            checkpointing=checkpointing, report=report, stages=stages, configuration=config.name,
            clips=data.entries,
        )  # fmt: skip
        for name in _learning(stage):
            getattr(student, name).load_state_dict(getattr(trainer.average, name).state_dict())
        path = report_writer.save(trainer.average, folder.name)
        report_writer.add(stage.name, trainer.average, path, minutes=trainer.seconds / 60, steps=trainer.step_number)
    student = student.to(device)
    *_, first, second, third = _names(config)
    for name, file, how in (
        ("float32", first, {}),
        ("float16", second, {"half": True}),
        ("int8", third, {"int8": True}),
    ):
        path = report_writer.save(student, file, **how)
        if path is not None:
            report_writer.add(f"student, {name}", load_module(path, device=device), path)
    return report_writer.rows


def _names(config: TrainConfig) -> list[str]:
    """Of the models that a compression writes: after each stage, and the student in float32, float16 and int8."""
    stages = [f"{number}-{stage.name}" for number, stage in enumerate(config.stages, 1)]
    return [*stages, config.name, f"{config.name}-float16", f"{config.name}-int8"]


def _first(config: TrainConfig, teacher: MotionModel) -> MotionModel:
    torch.manual_seed(config.seed)
    student = create_model(config.stages[0].model)
    if student.config == teacher.config:
        student.load_state_dict(teacher.state_dict())
    return student


def _learning(stage: Stage) -> Sequence[str]:
    return NETWORKS if stage.learns == "both" else (stage.learns,)


@dataclass(frozen=True)
class _Shared:
    """What all stages share."""

    teacher: MotionModel
    features: VggFeatures
    device: torch.device

    def trainer(self, stage: Stage, student: MotionModel, seed: int) -> Trainer:
        """A trainer of the stage's networks, which go on from the student's weights."""
        stage = replace(stage, model=learning_model(stage, student.config, self.teacher.config))
        trainer = Trainer(stage, self.features, self.device, seed, partial(Distillation, teacher=self.teacher))
        for model in (trainer.model, trainer.average):
            for name in _learning(stage):
                getattr(model, name).load_state_dict(getattr(student, name).state_dict())
        return trainer

    def pruned(self, stage: Stage, student: MotionModel, feed: Feed, path: Path) -> MotionModel:
        """The student without its least important channels; what an earlier call chose, and left in ``path``, stays."""
        if not path.is_file():
            whole = replace(stage, model=student.config, learns="both")
            objective = Distillation(whole, self.features, self.teacher).to(self.device).eval()
            objective.model.load_state_dict(student.state_dict())
            importance = importance_of(objective.model, _losses(objective, feed))
            keep = chosen_channels(
                objective.model, stage.prune, importance,
                by=stage.prune_by, parts=stage.pruned_parts, multiple=stage.prune_multiple,
            )  # fmt: skip
            write_channels(keep, path.with_name(CHANNELS))
            smaller = take_channels(objective.model, keep)
            if stage.prune_refit:
                refit(objective.model, smaller, keep, *_pictures(feed, objective.model.device))
            save_model(smaller, path, name=stage.name)
        return load_module(path, device=self.device)


def _pictures(feed: Feed, device: torch.device) -> tuple[Tensor, Tensor]:
    """Sources and drivers of some pairs, to fit layers to."""
    batches: list[Pairs] = []
    while sum(len(pairs.still) for pairs in batches) < REFIT_PAIRS:
        batches.append(feed.draw()[0].to(device))
    sources, drivers = (torch.cat([getattr(pairs, name) for pairs in batches]) for name in ("source", "driving"))
    return sources[:REFIT_PAIRS], drivers[:REFIT_PAIRS]


def _losses(objective: Distillation, feed: Feed) -> Iterator[Callable[[], Tensor]]:
    """The objective's loss of some batches, each as a function."""
    device, random = objective.model.device, torch.Generator().manual_seed(PRUNING_SEED)

    def loss() -> Tensor:
        pairs = feed.draw()[0].to(device)
        options = vars(objective.stage.transform)
        warp = Transform.random(len(pairs.still), **options, generator=random).to(device)
        return torch.stack(list(objective.generator_losses(pairs, warp).losses.values())).sum()

    return iter([loss] * PRUNING_BATCHES)
