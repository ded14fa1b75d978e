"""The form that inference takes: when it is made, when it is made anew, and that nobody else notices."""

import copy
import logging
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from fom_core.backends.pytorch import EAGER, Plan, bounds, plan, plans_for
from fom_core.backends.pytorch import model as runner
from fom_core.backends.pytorch.graphs import Graphs, held_copies
from fom_core.networks import create_model

PLANS = {
    "default": Plan(),
    "plain layout": Plan(channels_last=False, doubling=False, rows=False),
    "processor": plans_for(torch.device("cpu"), torch.float32)[0],
}


@pytest.fixture
def model(tiny_model):
    return copy.deepcopy(tiny_model)


@pytest.fixture
def images():
    return torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(3))


@torch.inference_mode()
def animate(model, images, size=5, details=False):
    source = model.encode_source(images[:1])
    parts = [
        model.generate(source, model.detect_keypoints(images[start : start + size]), details)
        for start in range(0, len(images), size)
    ]
    return torch.cat([part.prediction for part in parts])


@pytest.mark.parametrize("way", PLANS.values(), ids=PLANS)
def test_every_plan_paints_the_trained_modules_picture(model, images, way):
    expected = animate(model.use(EAGER), images)
    torch.testing.assert_close(animate(model.use(way), images), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_batch_size_does_not_change_a_picture(model, images, way, size):
    model.use(way)
    torch.testing.assert_close(animate(model, images, size), animate(model, images, 5), rtol=0, atol=1e-5)


def test_saved_weights_know_nothing_of_it(model, images):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    animate(model, images)
    after = model.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert sum(1 for _ in model.modules()) == sum(1 for _ in create_model(model.config).modules())


def test_changed_weights_are_seen(model, images):
    def spoil():
        with torch.no_grad():
            model.generator.final.bias.add_(1.0)

    def load():
        state = {key: value * 0.5 for key, value in model.generator.state_dict().items() if "num" not in key}
        model.generator.load_state_dict(state, strict=False, assign=True)

    def swap():
        model.generator.final = torch.nn.Conv2d(8, 3, 7, padding=3)

    before = animate(model, images)
    for change in (spoil, load, swap):
        change()
        now = animate(model, images)
        assert (now - before).abs().max() > 1e-3
        torch.testing.assert_close(now, animate(copy.deepcopy(model).use(EAGER), images), rtol=0, atol=1e-5)
        before = now


def test_training_goes_on_with_the_trained_modules(model, images):
    animate(model, images)
    model.train().requires_grad_(True)
    source = model.encode_source(images[:2])
    model.generate(source, model.detect_keypoints(images[:2])).prediction.mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model._runner.form is None


def test_gradients_flow_in_evaluation_mode(model, images):
    model.requires_grad_(True)
    assert model.detect_keypoints(images).value.requires_grad


def test_copies_and_pickles_start_without_it(model, images):
    model.to_dtype(torch.bfloat16)
    animate(model, images)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other._runner.form is None and other.precision == torch.bfloat16
        assert torch.equal(animate(other, images), animate(model, images))


def test_another_type_of_weights_is_computed_as_it_is(model, images):
    model.to(torch.float64)
    assert animate(model, images.double()).dtype == torch.float64
    assert model.plan == EAGER


def test_keypoints_and_flow_do_not_depend_on_the_painters_type(model, images):
    exact, half = copy.deepcopy(model).to_dtype(torch.float32), model.to_dtype(torch.bfloat16)
    with torch.inference_mode():
        for other in (exact, half):
            other.points = other.detect_keypoints(images)
            other.out = other.generate(other.encode_source(images[:1]), other.points)
    assert torch.equal(exact.points.value, half.points.value)
    assert torch.equal(exact.out.dense_motion.deformation, half.out.dense_motion.deformation)
    assert half.encode_source(images[:1]).features.dtype == torch.float32  # with gradients: the trained modules
    assert (exact.out.prediction - half.out.prediction).abs().max() < 0.05


def test_processors_take_bfloat16_for_wide_models_alone(monkeypatch):
    monkeypatch.setattr(plan, "has_fast_bfloat16", lambda: True)
    cpu = torch.device("cpu")
    wide = plans_for(cpu, None, plan.WIDE)
    assert [p.dtype for p in wide] == [torch.bfloat16, torch.bfloat16, torch.float32]
    assert {p.keypoint_dtype for p in wide} == {torch.float32}
    assert plans_for(cpu, None, plan.WIDE - 1) == plans_for(cpu, torch.float32) == wide[-1:]


def test_graphics_cards_take_half_precision_first_and_exact_numbers_last():
    half, without_keypoints, tf32, exact = plans_for(torch.device("cuda"), None)
    assert half.keypoint_dtype == half.motion_dtype == half.dtype == torch.float16
    assert without_keypoints.keypoint_dtype == tf32.dtype == torch.float32
    assert tf32.tf32 and not exact.tf32 and plans_for(torch.device("cuda"), torch.float32) == [exact]


def test_where_triton_does_not_work_plain_pytorch_does(model, images, monkeypatch):
    """As here: on a processor there is no Triton."""
    fast = Plan(warp="triton", triton=True)
    monkeypatch.setattr(runner, "plans_for", lambda device, dtype, widest: [fast] if dtype else [fast, Plan()])
    for dtype in (None, torch.bfloat16):
        model.to_dtype(dtype)
        assert animate(model, images).isfinite().all()
        assert model.plan == Plan()


@pytest.mark.parametrize("error", [bounds.Error(44.9, 0.0), bounds.Error(60.0, 2e-3), bounds.Error(float("nan"), 0.0)])
def test_automatic_precision_is_given_up_beyond_its_bound(model, images, monkeypatch, error):
    half, exact = Plan(dtype=torch.bfloat16), Plan()
    monkeypatch.setattr(runner, "plans_for", lambda device, dtype, widest: [exact] if dtype else [half, exact])
    assert model.to_dtype(None).plan == half  # the tiny model bears it
    monkeypatch.setattr(bounds, "measure", lambda model, form, small=False: bounds.Error(99.0, 0.0) if small else error)
    assert model.to_dtype(None).plan == exact
    torch.testing.assert_close(animate(model, images), animate(model.use(EAGER), images), rtol=0, atol=1e-5)


def test_the_bound_is_measured_against_the_trained_modules(model):
    good = bounds.measure(model, runner.make_form(model, Plan()))
    bad = copy.deepcopy(model)
    with torch.no_grad():
        bad.generator.final.bias.add_(1.0)
    assert good.within and good.psnr_db > 90
    assert not bounds.measure(model, runner.make_form(bad, Plan())).within


def test_numbers_out_of_range_are_computed_again_in_float32_with_one_line(model, images, monkeypatch, caplog):
    exact = Plan()
    half = replace(exact, dtype=torch.float16)
    monkeypatch.setattr(runner, "plans_for", lambda device, dtype, widest: [exact] if dtype else [half, exact])
    monkeypatch.setattr(bounds, "measure", lambda model, form, small=False: bounds.Error(99.0, 0.0))
    with torch.no_grad():  # too large for float16 within, small again behind
        block = model.generator.bottleneck[0]
        block.conv1.weight.mul_(1e6)
        block.norm2.weight.mul_(1e6)
        block.conv2.weight.mul_(1e-9)
    expected = animate(copy.deepcopy(model).use(EAGER), images)
    assert not animate(copy.deepcopy(model).use(half), images).isfinite().all()
    with caplog.at_level(logging.WARNING):
        actual = animate(model.to_dtype(None), images, size=2)
    assert actual.isfinite().all()
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-3)
    assert model.plan == exact and len(caplog.records) == 1 and "float32" in caplog.text


def test_no_thread_hands_out_what_another_saw_to_be_no_numbers(model, images, monkeypatch, caplog):
    half, exact = replace(Plan(), dtype=torch.bfloat16), Plan()
    monkeypatch.setattr(runner, "plans_for", lambda device, dtype, widest: [exact] if dtype else [half, exact])
    monkeypatch.setattr(bounds, "measure", lambda model, form, small=False: bounds.Error(99.0, 0.0))
    model.to_dtype(None)
    generate, together = runner.Runner._generate, threading.Barrier(4)

    def spoilt(self, form, *given):
        generated = generate(self, form, *given)
        if not form.plan.half:
            return generated
        together.wait()
        return replace(generated, prediction=generated.prediction * torch.nan)

    with torch.inference_mode():
        source = model.encode_source(images[:1])
    monkeypatch.setattr(runner.Runner, "_generate", spoilt)

    @torch.inference_mode()
    def work(_):
        return model.generate(source, source.keypoints).prediction

    with ThreadPoolExecutor(4) as pool, caplog.at_level(logging.WARNING):
        pictures = list(pool.map(work, range(4)))

    assert all(picture.isfinite().all() for picture in pictures)
    said = [record.getMessage() for record in caplog.records]
    assert [line for line in said if "no numbers" in line] == said[:1]


def test_a_source_encoded_out_of_range_is_encoded_again(model, images, monkeypatch):
    exact = Plan()
    half = replace(exact, dtype=torch.float16)
    monkeypatch.setattr(runner, "plans_for", lambda device, dtype, widest: [exact] if dtype else [half, exact])
    monkeypatch.setattr(bounds, "measure", lambda model, form, small=False: bounds.Error(99.0, 0.0))
    with torch.no_grad():  # the encoder's last features are too large for float16
        model.generator.down_blocks[-1].norm.weight.mul_(1e6)
        model.generator.bottleneck[0].conv1.weight.mul_(1e-6)
    with torch.inference_mode():
        source = model.to_dtype(None).encode_source(images[:1])
        points = model.detect_keypoints(images)
        assert not source.features.isfinite().all()
        for start in range(0, len(images), 2):
            actual = model.generate(source, points[start : start + 2]).prediction
            expected = copy.deepcopy(model).use(exact)
            wanted = expected.generate(expected.encode_source(images[:1]), points[start : start + 2]).prediction
            torch.testing.assert_close(actual, wanted, rtol=0, atol=1e-4)


def test_cudnn_stays_switched_off_and_deterministic_for_who_wants_that(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "is_available", lambda: True)
    monkeypatch.setattr(cudnn, "enabled", False)
    monkeypatch.setattr(cudnn, "deterministic", True)
    with plan.settings(Plan(tf32=True), torch.device("cuda")):
        assert not cudnn.enabled and cudnn.deterministic and cudnn.allow_tf32


def test_what_is_recorded_in_inference_mode_is_replayed_outside():
    with torch.inference_mode():
        (held,) = held_copies([torch.ones(2)])
        held.copy_(torch.zeros(2))
    with torch.no_grad():
        held.copy_(torch.full((2,), 3.0))
    assert held.tolist() == [3.0, 3.0]


class FakeRecording:
    """Stands for a CUDA graph where there is none: replays the work on copies held from the first call."""

    def __init__(self, work, inputs):
        self.work, self.held = work, [tensor.clone() for tensor in inputs]
        self.replays = 0

    def __call__(self, inputs):
        self.replays += 1
        for held, given in zip(self.held, inputs, strict=True):
            held.copy_(given)
        return [output.clone() for output in self.work(*self.held)]


def test_recorded_passes_follow_their_inputs(model, images):
    expected = animate(copy.deepcopy(model).use(Plan()), images, size=1)
    model.use(Plan(graphs=True))
    model.plan  # noqa: B018 - makes the form, and with it the store of recordings
    model._runner.graphs = Graphs(FakeRecording)
    assert torch.equal(animate(model, images, size=1), expected)
    recordings = model._runner.graphs.recordings
    assert {key[0] for key in recordings} == {"detect", "generate"}
    assert all(isinstance(recording, FakeRecording) and recording.replays >= 3 for recording in recordings.values())
    assert torch.equal(animate(model, images.flip(0), size=1), animate(model.use(Plan()), images.flip(0), size=1))


def test_recordings_that_fail_leave_the_plain_pass(model, images, caplog, monkeypatch):
    def fail(work, inputs):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    expected = animate(copy.deepcopy(model).use(Plan()), images, size=1)
    model.use(Plan(graphs=True))
    model.plan  # noqa: B018
    model._runner.graphs = Graphs(fail)
    assert torch.equal(animate(model, images, size=1), expected)
    assert len(caplog.records) == 1 and "capturing" in caplog.text and "more" not in caplog.text


def test_few_recordings_are_kept_and_only_of_shapes_that_come_again():
    graphs, work = Graphs(FakeRecording), lambda x: [x + 1]
    for length in range(1, 30):
        for _ in range(2 if length % 2 else 1):
            assert torch.equal(graphs.run("add", work, [torch.zeros(length)])[0], torch.ones(length))
    assert 0 < len(graphs.recordings) <= 8
    assert all(key[1][0][0] % 2 for key in graphs.recordings)
