"""A training that is stopped keeps every whole step, and its second call ends like an undisturbed one, bit by bit."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from fom_core import signals
from fom_core.networks.config import DiscriminatorConfig
from fom_core.training.checkpoint import Checkpointing, latest_checkpoint
from fom_core.training.data.feed import CacheFeed
from fom_core.training.loop import train_stage
from fom_core.training.trainer import Trainer
from fom_core.weights.load import load_module

CRITIC = DiscriminatorConfig(block_expansion=4, max_features=8, num_blocks=2, spectral_norm=True)


@pytest.fixture
def adversarial(stage):
    """A stage in which several networks change one after the other."""
    weights = replace(stage.weights, generator_gan=1.0, feature_matching=(10.0, 10.0))
    return replace(stage, steps=5, weights=weights, discriminator=CRITIC)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def program() -> Iterator[None]:
    """Signals as in a program that works."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hook, signals._arrived = signals.sys.unraisablehook, 0
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signals.working()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    signals.sys.unraisablehook, signals._arrived = hook, 0


def in_call(owner: object, name: str, calls: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send a signal at the end of the n-th call of a method."""
    made, whole = [], getattr(owner, name)

    def interrupted(*args, **options):
        result = whole(*args, **options)
        made.append(None)
        if len(made) == calls:
            signal.raise_signal(number)
        return result

    monkeypatch.setattr(owner, name, interrupted)


Where = Callable[[Trainer, CacheFeed], tuple[object, str, int]]
MOMENTS: dict[str, tuple[Where, int]] = {  # in the third step, and the steps that are whole then
    "drawing a batch": (lambda trainer, feed: (feed, "draw", 3), 2),
    "before weights change": (lambda trainer, feed: (trainer.objective, "generator_losses", 3), 2),
    "between two networks": (lambda trainer, feed: (trainer.objective, "discriminator_loss", 3), 3),
    "averaging": (lambda trainer, feed: (trainer, "_update_average", 3), 3),
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_stopped_training_goes_on_to_the_same_bits(
    adversarial, cache, tmp_path, new_trainer, program, monkeypatch, moment, number
):
    whole, stopped, resumed = (new_trainer(adversarial) for _ in range(3))
    train_stage(
        whole, CacheFeed(cache, adversarial, 0), None, tmp_path / "whole", checkpointing=Checkpointing(every=100)
    )
    feed = CacheFeed(cache, adversarial, 0)
    where, steps = MOMENTS[moment]
    in_call(*where(stopped, feed), number, monkeypatch)

    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit):
        train_stage(stopped, feed, None, tmp_path / "stopped", checkpointing=Checkpointing(every=100))

    kept = latest_checkpoint(tmp_path / "stopped")
    assert kept is not None
    assert kept.name == f"step-{steps:06d}"
    train_stage(
        resumed, CacheFeed(cache, adversarial, 0), None, tmp_path / "stopped", checkpointing=Checkpointing(every=100)
    )
    for name, value in whole.weights().items():
        assert torch.equal(resumed.weights()[name], value), name


def test_a_checkpoint_opens_as_the_averaged_model(stage, cache, tmp_path, new_trainer):
    trainer = new_trainer(replace(stage, steps=1))
    train_stage(trainer, CacheFeed(cache, stage, 0), None, tmp_path)

    model = load_module(tmp_path / "step-000001" / "weights.safetensors")

    assert (model.name, model.config) == ("tiny-1", stage.model)
    for name, value in model.named_parameters():
        assert torch.equal(value, trainer.average.state_dict()[name]), name


def test_a_training_stopped_before_its_first_step_leaves_no_checkpoint(
    stage, cache, tmp_path, new_trainer, program, monkeypatch
):
    feed = CacheFeed(cache, stage, 0)
    in_call(feed, "draw", 1, signal.SIGINT, monkeypatch)

    with pytest.raises(KeyboardInterrupt):
        train_stage(new_trainer(stage), feed, None, tmp_path)

    assert latest_checkpoint(tmp_path) is None


def test_a_library_s_interrupt_within_a_change_of_weights_keeps_the_checkpoint_before(
    stage, cache, tmp_path, new_trainer, monkeypatch
):
    trainer = new_trainer(stage)
    made = []

    def broken_off() -> None:
        made.append(None)
        if len(made) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "_update_average", broken_off)
    with pytest.raises(KeyboardInterrupt):
        train_stage(trainer, CacheFeed(cache, stage, 0), None, tmp_path, checkpointing=Checkpointing(every=2))

    kept = latest_checkpoint(tmp_path)
    assert kept is not None
    assert kept.name == "step-000002"


def test_stages_are_told_of_every_step_and_of_those_made_before(stage, cache, tmp_path, new_trainer):
    told: list[object] = []

    @contextmanager
    def stages(label: str, unit: str, done: int = 0) -> Iterator[Callable[[int, int | None], None]]:
        told.append((label, unit, done))
        yield lambda done, total: told.append((done, total))

    trainer = new_trainer(replace(stage, steps=3))
    train_stage(trainer, CacheFeed(cache, stage, 0), None, tmp_path, stages=stages)
    train_stage(new_trainer(stage), CacheFeed(cache, stage, 0), None, tmp_path, stages=stages)

    assert told == [("tiny", "steps", 0), (0, 3), (1, 3), (2, 3), (3, 3), ("tiny", "steps", 3), (3, 4), (4, 4)]
