"""Plans rest on calls that PyTorch does not promise to keep: what they break costs time, never the run."""

import gc
import logging
import weakref
from types import SimpleNamespace

import pytest
import torch

from fom_core.backends.pytorch import EAGER, Plan, bounds, choice, plans_for
from fom_core.backends.pytorch import model as engine
from fom_core.backends.pytorch.form import FastGenerator
from fom_core.backends.pytorch.plan import has_packed_convolutions, plainer

from .painting import animate

needs_packing = pytest.mark.skipif(not has_packed_convolutions(), reason="PyTorch without oneDNN")


@pytest.fixture
def images():
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def convolution(monkeypatch):
    """Puts another function in the place of oneDNN's convolution, made from the true one."""

    def replace(make):
        monkeypatch.setattr(torch.ops.mkldnn, "_convolution_pointwise", make(torch.ops.mkldnn._convolution_pointwise))

    return replace


@pytest.fixture
def expected(tiny_model, images):
    """What the networks as trained paint."""
    return animate(tiny_model, images, size=1)


def fails_from(call, error):
    def make(true):
        calls = []

        def convolution(*arguments):
            calls.append(1)
            if len(calls) >= call:
                raise error
            return true(*arguments)

        return convolution

    return make


BROKEN = {
    "takes other arguments": lambda true: lambda x, weight, bias: true(x, weight, bias, [0, 0]),
    "is not built in": fails_from(1, NotImplementedError("no kernel for this\nbacktrace")),
    "forgets the ReLU": lambda true: lambda *given: true(*given[:7], "none", *given[8:]),
    "gives another number of channels": lambda true: lambda *given: true(*given)[:, :1],
    "gives NaN": lambda true: lambda *given: true(*given) * float("nan"),
}


@needs_packing
@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, None], ids=str)
def test_a_plan_that_breaks_is_found_out_before_it_is_trusted(
    model, images, expected, caplog, convolution, make, dtype, tiny_model
):
    convolution(make)
    with caplog.at_level(logging.WARNING):
        actual = animate(model.to_dtype(dtype), images, size=1)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5 if dtype == torch.float32 else 0.05)
    assert not model.plan.packed and model.plan.fast
    assert len(caplog.records) == 1 and "does not work with PyTorch" in caplog.text and "backtrace" not in caplog.text


def test_without_the_calls_nothing_is_lost_and_nothing_said(model, images, expected, caplog, monkeypatch):
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    assert not has_packed_convolutions()
    torch.testing.assert_close(animate(model, images, size=1), expected, rtol=0, atol=1e-5)
    assert not model.plan.packed and model.plan.fast and not caplog.records


@needs_packing
@pytest.mark.parametrize("call", [1, 5, 20, 60])
def test_a_call_that_fails_later_is_done_again_without_it_and_told_once(
    model, images, expected, caplog, convolution, call, tiny_model
):
    assert model.plan.packed
    convolution(fails_from(call, RuntimeError("could not execute a primitive")))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            torch.testing.assert_close(animate(model, images, size=1), expected, rtol=0, atol=1e-5)
    assert not model.plan.packed and model.plan.fast
    assert len(caplog.records) == 1 and "could not execute a primitive" in caplog.text


def test_where_even_the_plain_form_fails_the_trained_modules_go_on(model, images, expected, caplog, monkeypatch):
    half = model.to_dtype(torch.bfloat16).plan
    with torch.inference_mode():
        source = model.encode_source(images[:1])
        assert half.dtype == torch.bfloat16

        def fail(self, features):
            raise RuntimeError("no such kernel")

        monkeypatch.setattr(FastGenerator, "decode", fail)
        actual = model.generate(source, model.detect_keypoints(images)).prediction
    torch.testing.assert_close(actual, expected, rtol=0, atol=0.05)  # the source was encoded before
    assert model.plan == EAGER and len(caplog.records) == 1
    assert model.to_dtype(torch.float32).plan == EAGER


@needs_packing
def test_short_memory_is_no_reason_to_compute_otherwise(model, images, convolution):
    plan = model.plan
    convolution(fails_from(1, RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")))
    with pytest.raises(RuntimeError, match="can't allocate"):
        animate(model, images, size=1)
    assert model.plan == plan


@torch.inference_mode()
def test_what_cannot_be_done_in_any_way_is_raised_as_it_was_and_changes_nothing(model, images, caplog):
    source, plan = model.encode_source(images[:1]), model.plan
    keypoints = model.detect_keypoints(images)
    keypoints.value.resize_(3, 4, 3)
    with pytest.raises(RuntimeError):
        model.generate(source, keypoints)
    assert model.plan == plan and not caplog.records


@needs_packing
def test_a_plan_that_somebody_fixed_is_kept_and_its_failure_raised(model, images, convolution):
    model.use(plans_for(torch.device("cpu"), torch.float32)[0])
    convolution(fails_from(1, RuntimeError("could not execute a primitive")))
    with pytest.raises(RuntimeError, match="could not execute"):
        animate(model, images, size=1)


def test_the_only_plan_is_tried_small_once_and_the_trained_networks_never(model, monkeypatch):
    tried, true = [], bounds.Reference.error_of
    monkeypatch.setattr(
        bounds.Reference, "error_of", lambda self, form: tried.append(self.images.shape) or true(self, form)
    )
    large = model.at_size(256).to_dtype(torch.float32)
    assert large.plan.fast and large.plan.fast
    assert tried == [(2, 3, 128, 128)]


def test_plans_give_way_down_to_the_trained_modules():
    for first in (*plans_for(torch.device("cuda"), None), *plans_for(torch.device("cpu"), None), Plan()):
        way = [first]
        while (following := plainer(way[-1])) is not None:
            way.append(following)
        assert way[-1] == EAGER and len(way) <= 4
        if len(way) > 2:
            plain = way[-2]
            assert plain.fast and plain.dtype == first.dtype
            assert not (plain.packed or plain.fused or plain.triton or plain.graphs or plain.compiled)


@needs_packing
@pytest.mark.parametrize("when", ["when it is tried", "in use"])
def test_a_form_that_fails_is_gone_without_the_garbage_collector(model, images, monkeypatch, convolution, when):
    made, broken = [], when == "when it is tried"

    def noted(*given, make=choice.make_form):
        form = make(*given)
        made.append(weakref.ref(form))
        return form

    def fails(true):
        def call(*given):
            if broken:
                raise RuntimeError("no kernel for this")
            return true(*given)

        return call

    for module in (choice, engine):
        monkeypatch.setattr(module, "make_form", noted)
    convolution(fails)
    gc.collect()
    gc.disable()
    try:
        animate(model, images, size=1)
        broken = True
        animate(model, images, size=1)
        left = [form() for form in made if form() is not None]
    finally:
        gc.enable()

    assert len(made) > 2 and not model.plan.packed
    assert left == [model._running.form]
