"""What a plan is tried for, when its type is given up, and what becomes of numbers out of range."""

import copy
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
import torch.distributed as dist

from fom_core.backends.pytorch import Plan, PyTorchModel, bounds, choice
from fom_core.backends.pytorch.form import make_form
from fom_core.backends.pytorch.remembered import chosen_together
from fom_core.backends.pytorch.running import Running
from fom_core.parallel.meeting import Meeting

from .painting import animate

CPU = torch.device("cpu")


def test_where_triton_does_not_work_plain_pytorch_does(model, images, monkeypatch):
    """As here: on a processor there is no Triton."""
    fast = Plan(warp="triton", triton=True)
    monkeypatch.setattr(choice, "plans_for", lambda device, dtype, widest: [fast] if dtype else [fast, Plan()])
    for dtype in (None, torch.bfloat16):
        model.to_dtype(dtype)
        assert animate(model, images).isfinite().all()
        assert model.plan == Plan()


def trusting(monkeypatch, half, exact):
    """Plans of half precision first, whose errors nobody sees."""
    monkeypatch.setattr(choice, "plans_for", lambda device, dtype, widest: [exact] if dtype else [half, exact])
    monkeypatch.setattr(bounds.Reference, "error_of", lambda *_: bounds.Error(99.0, 0.0))
    timed(monkeypatch, lambda plan: 1.0 if plan == half else 2.0)


def timed(monkeypatch, ms):
    """Milliseconds by plan."""
    monkeypatch.setattr(bounds.Reference, "picture_ms", lambda self, form: ms(form.plan))


@pytest.mark.parametrize("error", [bounds.Error(44.9, 0.0), bounds.Error(60.0, 2e-3), bounds.Error(float("nan"), 0.0)])
def test_automatic_precision_is_given_up_beyond_its_bound(tiny_model, model, images, monkeypatch, error):
    half, exact = Plan(dtype=torch.bfloat16), Plan()
    monkeypatch.setattr(choice, "plans_for", lambda device, dtype, widest: [exact] if dtype else [half, exact])
    timed(monkeypatch, lambda plan: 1.0 if plan == half else 2.0)
    assert model.to_dtype(None).plan == half  # the tiny model bears it
    choice.forget(model._source, CPU, None)
    of = lambda self, form: error if form.plan == half else bounds.Error(99.0, 0.0)  # noqa: E731
    monkeypatch.setattr(bounds.Reference, "error_of", of)
    assert model.to_dtype(None).plan == exact
    torch.testing.assert_close(animate(model, images), animate(tiny_model, images), rtol=0, atol=1e-5)


def test_the_bound_is_measured_against_the_trained_networks(trained):
    reference = bounds.Reference.of(trained)
    good = reference.error_of(make_form(copy.deepcopy(trained), Plan(), CPU))
    with torch.no_grad():
        trained.generator.final.bias.add_(1.0)
    assert good.within and good.psnr_db > 90
    assert not reference.error_of(make_form(trained, Plan(), CPU)).within


def test_numbers_out_of_range_are_computed_again_in_float32_with_one_line(trained, images, monkeypatch, caplog):
    exact = Plan()
    half = replace(exact, dtype=torch.float16)
    trusting(monkeypatch, half, exact)
    with torch.no_grad():  # too large for float16 within, small again behind
        block = trained.generator.bottleneck[0]
        block.conv1.weight.mul_(1e6)
        block.norm2.weight.mul_(1e6)
        block.conv2.weight.mul_(1e-9)
    model = PyTorchModel.of(trained, None)
    assert not animate(PyTorchModel.of(trained).use(half), images).isfinite().all()
    with caplog.at_level(logging.WARNING):
        actual = animate(model, images, size=2)
    assert actual.isfinite().all()
    torch.testing.assert_close(actual, animate(trained, images), rtol=0, atol=1e-3)
    assert model.plan == exact and len(caplog.records) == 1 and "float32" in caplog.text


def test_no_thread_hands_out_what_another_saw_to_be_no_numbers(model, images, monkeypatch, caplog):
    half, exact = replace(Plan(), dtype=torch.bfloat16), Plan()
    trusting(monkeypatch, half, exact)
    model.to_dtype(None)
    generate, together = Running.generate, threading.Barrier(4)

    def spoilt(self, *given):
        generated = generate(self, *given)
        if not self.plan.half:
            return generated
        together.wait()
        return replace(generated, prediction=generated.prediction * torch.nan)

    source = model.encode_source(images[:1])
    monkeypatch.setattr(Running, "generate", spoilt)

    with ThreadPoolExecutor(4) as pool, caplog.at_level(logging.WARNING):
        pictures = list(pool.map(lambda _: model.generate(source, source.keypoints).prediction, range(4)))

    assert all(picture.isfinite().all() for picture in pictures)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line for line in said if "NaN" in line] == said[:1]


def test_a_source_encoded_out_of_range_is_encoded_again(trained, images, monkeypatch):
    exact = Plan()
    half = replace(exact, dtype=torch.float16)
    trusting(monkeypatch, half, exact)
    with torch.no_grad():  # the encoder's last features are too large for float16
        trained.generator.down_blocks[-1].norm.weight.mul_(1e6)
        trained.generator.bottleneck[0].conv1.weight.mul_(1e-6)
    model, expected = PyTorchModel.of(trained, None), PyTorchModel.of(trained).use(exact)
    source = model.encode_source(images[:1])
    points = model.detect_keypoints(images)
    assert not source.features.isfinite().all()
    for start in range(0, len(images), 2):
        actual = model.generate(source, points[start : start + 2]).prediction
        wanted = expected.generate(expected.encode_source(images[:1]), points[start : start + 2]).prediction
        torch.testing.assert_close(actual, wanted, rtol=0, atol=1e-4)


def test_of_the_plans_within_their_bound_the_fastest_here_is_taken_and_told_in_one_line(model, monkeypatch, caplog):
    integers, half, exact = Plan(integers=True), Plan(dtype=torch.bfloat16), Plan()
    trusting(monkeypatch, half, exact)
    monkeypatch.setattr(choice, "plans_for", lambda device, dtype, widest: [integers, half, exact])
    with caplog.at_level(logging.INFO):
        assert model.to_dtype(None).plan == half
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "2 ms in int8 and float32, 1 ms in bfloat16, 2 ms in float32" in said[0] and "--dtype" in said[0]


def test_of_plans_of_one_kind_the_first_within_its_bound_is_enough(model, monkeypatch):
    coarse, finer = Plan(integers=True, dtype=torch.bfloat16), Plan(integers=True)
    tried = []
    trusting(monkeypatch, Plan(dtype=torch.bfloat16), Plan())
    monkeypatch.setattr(choice, "plans_for", lambda device, dtype, widest: [coarse, finer, Plan()])
    of = choice.Trial.of
    monkeypatch.setattr(choice.Trial, "of", lambda self, plan, **rest: tried.append(plan) or of(self, plan, **rest))
    assert model.to_dtype(None).plan.integers
    assert tried == [coarse, Plan()]


def test_a_choice_is_made_once_and_anew_where_its_file_is_damaged(tiny_model, monkeypatch, engines, caplog):
    half, exact = Plan(dtype=torch.bfloat16), Plan()
    trusting(monkeypatch, half, exact)
    assert PyTorchModel.of(tiny_model, None).plan == half
    (file,) = engines.iterdir()
    caplog.clear()
    with monkeypatch.context() as patched, caplog.at_level(logging.INFO):
        patched.setattr(choice.Trial, "of", lambda *_, **__: pytest.fail("measured again"))
        assert PyTorchModel.of(tiny_model, None).plan == half
    assert not caplog.records
    file.write_text("{")
    timed(monkeypatch, lambda plan: 2.0 if plan == half else 1.0)
    assert PyTorchModel.of(tiny_model, None).plan == exact
    assert PyTorchModel.of(tiny_model, None).plan == exact  # kept


def test_a_model_that_bears_nothing_faster_is_not_measured_again_either(tiny_model, monkeypatch, caplog):
    half, exact = Plan(dtype=torch.bfloat16), Plan()
    trusting(monkeypatch, half, exact)
    of = lambda self, form: bounds.Error(20.0 if form.plan == half else 99.0, 0.0)  # noqa: E731
    monkeypatch.setattr(bounds.Reference, "error_of", of)
    with caplog.at_level(logging.INFO):
        assert PyTorchModel.of(tiny_model, None).plan == exact
    assert len(caplog.records) == 1 and "float32" in caplog.text
    monkeypatch.setattr(choice.Trial, "of", lambda *_, **__: pytest.fail("measured again"))
    assert PyTorchModel.of(tiny_model, None).plan == exact


def test_a_choice_that_gave_no_numbers_is_measured_anew_at_the_next_start(model, images, monkeypatch, engines):
    half, exact = Plan(dtype=torch.bfloat16), Plan()
    trusting(monkeypatch, half, exact)
    generate = Running.generate

    def spoilt(self, *given):
        generated = generate(self, *given)
        return replace(generated, prediction=generated.prediction * torch.nan) if self.plan.half else generated

    assert model.to_dtype(None).plan == half and list(engines.iterdir())
    monkeypatch.setattr(Running, "generate", spoilt)
    assert animate(model, images).isfinite().all()
    assert not list(engines.iterdir())


def test_a_form_is_timed_by_pictures_of_the_size_that_was_learnt(trained):
    reference = bounds.Reference.of(trained)
    assert 0 < reference.picture_ms(make_form(trained, Plan(), CPU)) < 10_000


def test_of_a_wide_model_it_is_kept_what_was_seen_to_work_in_a_type_that_was_asked_for(
    tiny_model, monkeypatch, engines
):
    monkeypatch.setattr(choice, "WIDE", 1)
    assert PyTorchModel.of(tiny_model, torch.float32).plan.dtype == torch.float32
    assert len(list(engines.iterdir())) == 1
    monkeypatch.setattr(choice.Trial, "of", lambda *_, **__: pytest.fail("tried again"))
    assert PyTorchModel.of(tiny_model, torch.float32).plan.dtype == torch.float32


def test_processes_of_one_run_that_measure_differently_compute_by_one_plan(tiny_model, monkeypatch, tmp_path):
    half, exact = Plan(dtype=torch.bfloat16), Plan()
    trusting(monkeypatch, half, exact)
    store = dist.HashStore()  # pyright: ignore[reportPrivateImportUsage]

    def machine(number):
        monkeypatch.setenv("FOM_MODELS", str(tmp_path / f"machine {number}"))
        return chosen_together(Meeting(number, 3, store).first_said)

    with machine(0):
        assert PyTorchModel.of(tiny_model, None).plan == half
    timed(monkeypatch, lambda plan: 2.0 if plan == half else 1.0)
    with machine(1):
        assert PyTorchModel.of(tiny_model, None).plan == half
    machine(2)
    assert PyTorchModel.of(tiny_model, None).plan == exact  # kept there
    with machine(2):
        assert PyTorchModel.of(tiny_model, None).plan == half


def test_on_machines_of_different_abilities_each_computes_by_its_own_plan(tiny_model, monkeypatch):
    half, exact = Plan(dtype=torch.bfloat16), Plan()
    trusting(monkeypatch, half, exact)
    with chosen_together(lambda of, own: "integers=True, of another processor"):
        assert PyTorchModel.of(tiny_model, None).plan == half
