"""What a plan is tried for, when its type is given up, and what becomes of numbers out of range."""

import copy
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from fom_core.backends.pytorch import Plan, PyTorchModel, bounds, choice
from fom_core.backends.pytorch.form import make_form
from fom_core.backends.pytorch.running import Running

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


@pytest.mark.parametrize("error", [bounds.Error(44.9, 0.0), bounds.Error(60.0, 2e-3), bounds.Error(float("nan"), 0.0)])
def test_automatic_precision_is_given_up_beyond_its_bound(tiny_model, model, images, monkeypatch, error):
    half, exact = Plan(dtype=torch.bfloat16), Plan()
    monkeypatch.setattr(choice, "plans_for", lambda device, dtype, widest: [exact] if dtype else [half, exact])
    assert model.to_dtype(None).plan == half  # the tiny model bears it
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
    said = [record.getMessage() for record in caplog.records]
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
