"""The training loop: stages one after the other, each resumable, with a log and pictures to look at."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from .. import signals
from ..errors import UnsupportedModel
from ..networks.model import MotionModel
from ..parallel.distributed import first_alone, from_all, from_first, rank, world_size
from ..resources.faults import pass_on
from .checkpoint import DEFAULT, Checkpointing, carry_over, describe_checkpoint, latest_checkpoint, load_latest
from .contact_sheet import contact_sheet, pairs_sheet
from .data.augment import Pairs
from .data.clips import ClipEntry
from .data.feed import Feed, items, open_feed
from .data.frame_cache import FrameCache
from .data.stream import ClipData
from .figures import Figures, reconstruction_figures
from .given import random_features
from .journal import Stages, TrainingLog, untold
from .perceptual import VggFeatures
from .report import write_report
from .settings import Stage, TrainConfig
from .trainer import Trainer

log = logging.getLogger(__name__)


def train_stage(
    trainer: Trainer,
    feed: Feed,
    validation: FrameCache | None,
    folder: Path,
    *,
    checkpointing: Checkpointing = DEFAULT,
    report: Callable[[str], None] = log.info,
    stages: Stages = untold,
    configuration: str = "",
    clips: Sequence[ClipEntry] = (),
) -> None:
    """Run one stage to its end, going on from the newest checkpoint in ``folder``.

    With every checkpoint goes a picture, with ``validation`` figures of the averaged weights. Who stops the stage
    (KeyboardInterrupt, SystemExit) finds a checkpoint of the last whole step; of several processes, all stop after the
    step in which one is told to.
    The first process measures and writes: the name ``configuration`` into checkpoints, ``clips`` into the run's folder.
    Raises TrainingDiverged, and WriteError when the disk is full; checkpoints of earlier steps stay whole.
    """
    resume(trainer, feed, folder, configuration)
    books = partial(TrainingLog, keep=checkpointing.keep, configuration=configuration, clips=clips)
    journal = None if rank() else books(trainer, folder, report)
    if journal is not None:
        journal.rewind()
    drawn, number = feed.state(), trainer.step_number
    try:
        # Several processes do the same steps, and save together: signals wait until all know.
        with (
            stages(trainer.stage.name, "steps", number) as progress,
            signals.delayed() if world_size() > 1 else untold(),
        ):
            if progress is not None:
                progress(number, trainer.stage.steps)
            while trainer.progress < 1:
                drawn, number = feed.state(), trainer.step_number
                begun = time.monotonic()
                pairs, what = feed.draw()
                losses = trainer.step(pairs, begun=begun, what=what)
                due = trainer.step_number % checkpointing.every == 0 or trainer.progress == 1
                if journal is not None:
                    journal.add(losses, now=due)
                if trainer.called_off:
                    _stop_together(trainer, feed, journal)
                if due:
                    state = trainer.state() | {"feeds": from_all(feed.state())}
                    if journal is not None:
                        journal.save(state, _look(trainer, journal, pairs, validation))
                if progress is not None:
                    progress(trainer.step_number, round(trainer.step_number / trainer.progress))
    except (KeyboardInterrupt, SystemExit):
        if journal is not None and world_size() == 1 and trainer.undo():
            with signals.delayed():
                place = feed.state() if trainer.step_number > number else drawn
                journal.stop(trainer.state() | {"feeds": [place]})
        raise
    finally:
        feed.close()
        if journal is not None:
            journal.close()


def _stop_together(trainer: Trainer, feed: Feed, journal: TrainingLog | None) -> NoReturn:
    """Keep this step, and end each process as it was told to, or as by SIGTERM."""
    state = trainer.state() | {"feeds": from_all(feed.state())}
    if journal is not None:
        journal.stop(state)
    raise SystemExit(signals.TERMINATED)


def resume(trainer: Trainer, feed: Feed, folder: Path, configuration: str = "") -> None:
    """Go on from the newest checkpoint in ``folder``, if there is one. Raises UnsupportedModel if it does not fit."""
    found = from_first(None if rank() else load_latest(folder))
    if found is None:
        return
    weights, state = found
    try:
        trainer.restore(weights, state)
        feeds = state["feeds"]
        feed.restore(feeds[rank() % len(feeds)])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        pass_on(error)
        raise UnsupportedModel(
            f"The newest checkpoint in {folder} is none of this training: {_otherness(folder, configuration)}. Give "
            "what it was begun with, remove it, or choose another --output."
        ) from error


def _otherness(folder: Path, configuration: str) -> str:
    """Why a checkpoint does not fit, as far as it tells."""
    newest = latest_checkpoint(folder)
    made_with = None if newest is None else describe_checkpoint(newest).get("configuration")
    if made_with and isinstance(made_with, str) and made_with != configuration:
        return f"it was made with the configuration {made_with!a}, and this one is {configuration!a}"
    return "its networks or optimisers are built otherwise, by another --config or other options (-o)"


def _look(trainer: Trainer, journal: TrainingLog, pairs: Pairs, validation: FrameCache | None) -> Mapping[str, Any]:
    """Measure the averaged weights and keep a picture of what they make; gives the figures, the best of them as score.

    Without validation clips the picture shows the pairs of the step just made.
    """
    figures: Figures | None = None
    if validation is None:
        journal.picture(pairs_sheet(trainer.average, pairs[:4].to(trainer.device)))
    else:
        journal.picture(contact_sheet(trainer.average, validation))
        figures = reconstruction_figures(trainer.average, validation)
    if figures is None:
        return {}
    journal.measured(figures.to_dict(), figures.line())
    return {"score": figures.l1, "figures": figures.to_dict()}


def stage_data(
    config: TrainConfig, data: FrameCache | ClipData, stage: Stage, run_folder: Path
) -> FrameCache | ClipData:
    """The clips for a stage; decoded ones at its size with the room that its augmentation needs, kept in the run."""
    if not isinstance(data, FrameCache):
        return data
    size = round(stage.model.image_size[0] * config.dataset.oversize)
    with first_alone():
        return data.resized(run_folder / f"frames-{size}", size)


def stage_line(stage: Stage, device: torch.device | str) -> str:
    """What a stage is about to do, in a line."""
    height, width = stage.model.image_size
    several = f" in each of {world_size()} processes" if world_size() > 1 else ""
    return (
        f"{stage.name}: {stage.steps} steps of {stage.batch_size} pairs{several}, {width}x{height} pixels, on {device}"
    )


def train(
    config: TrainConfig,
    data: FrameCache | ClipData,
    validation: FrameCache | None,
    run_folder: Path,
    *,
    features: VggFeatures | None = None,
    init: MotionModel | None = None,
    device: torch.device | str = "cpu",
    checkpointing: Checkpointing = DEFAULT,
    report: Callable[[str], None] = log.info,
    stages: Stages = untold,
) -> MotionModel:
    """Run all stages and return the averaged model of the last one. Finished stages are skipped on a second call.

    init:   a model to start from, for fine-tuning: every tensor that fits is taken over.
    stages: is told of the steps of each stage.
    """
    torch.backends.cudnn.benchmark = True  # the same shapes in every step: worth a search for the fastest kernels
    features = features or random_features(config)
    previous: dict[str, Tensor] | None = None if init is None else init.state_dict()
    trainer = None
    for number, given in enumerate(config.stages):
        stage = given.in_steps(items(data, given), world_size())
        folder = run_folder / f"{number + 1}-{stage.name}"
        trainer = Trainer(stage, features, torch.device(device), config.seed + number)
        if previous is not None:
            if number == 0 and not rank() and latest_checkpoint(folder) is not None:
                log.warning("The given weights have no effect: %s goes on from its checkpoints.", run_folder)
            fresh = carry_over(trainer.model, previous)
            carry_over(trainer.average, previous)
            if fresh and not rank():
                report(
                    f"{stage.name}: {len(fresh)} tensors have no fitting weights and start fresh, such as {fresh[0]}"
                )
        if not rank():
            report(stage_line(stage, device))
        frames = stage_data(config, data, stage, run_folder)
        feed = open_feed(frames, stage, config.seed + number, device)
        train_stage(
            trainer,
            feed,
            validation,
            folder,
            checkpointing=checkpointing,
            report=report,
            stages=stages,
            configuration=config.name,
            clips=data.entries,
        )
        previous = trainer.average.state_dict()
    assert trainer is not None
    if not rank():
        report(f"Report: {write_report(run_folder, config.name)}")
    return trainer.average
