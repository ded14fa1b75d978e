"""PyTorch's fast form: when it is made, when it is made anew, and what it says of itself."""

import copy
import pickle
import weakref

import pytest
import torch

from fom_core.backends.pytorch import EAGER, Plan, PyTorchModel, bounds, plans_for
from fom_core.backends.pytorch.plan import has_packed_convolutions
from fom_core.backends.pytorch.source import Source
from fom_core.errors import UsageError

from .painting import animate

CPU = torch.device("cpu")
PLANS = {
    "default": Plan(),
    "plain layout": Plan(channels_last=False, doubling=False, rows=False),
    "processor": plans_for(CPU, torch.float32)[0],
}


@pytest.mark.parametrize("way", PLANS.values(), ids=PLANS)
def test_every_plan_paints_the_trained_networks_picture(tiny_model, model, images, way):
    torch.testing.assert_close(animate(model.use(way), images), animate(tiny_model, images), rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_batch_size_does_not_change_a_picture(model, images, way, size):
    model.use(way)
    torch.testing.assert_close(animate(model, images, size), animate(model, images, 5), rtol=0, atol=1e-5)


def test_the_networks_that_it_was_made_of_stay_as_they_are_and_may_change(trained, images):
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    model = PyTorchModel.of(trained)
    painted = animate(model, images)
    assert all(torch.equal(before[key], value) for key, value in trained.state_dict().items())
    with torch.no_grad():
        trained.generator.final.bias.add_(1.0)
    assert torch.equal(animate(model, images), painted)
    assert torch.equal(animate(model.use(None), images), painted)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_results_carry_no_gradients_and_are_ordinary_tensors(trained, images):
    model = PyTorchModel.of(trained.train().requires_grad_(True))
    out = model.generate(model.encode_source(images[:1]), model.detect_keypoints(images))
    assert not out.prediction.requires_grad and not out.prediction.is_inference()
    assert torch.equal(out.prediction, animate(model, images))


def test_what_is_of_the_trained_networks_alone_says_where_they_are(model):
    for name in ("generator", "keypoint_detector", "parameters", "train", "half"):
        with pytest.raises(AttributeError, match=rf"no '{name}'.*load_module.*as_trained"):
            getattr(model, name)
    with pytest.raises(UsageError, match="to_dtype"):
        model.to(torch.float16)
    assert model.eval() is model and model.to("cpu") is model


def test_copies_and_pickles_compute_the_same(model, images):
    model.to_dtype(torch.bfloat16)
    painted = animate(model, images)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.precision == torch.bfloat16
        assert torch.equal(animate(other, images), painted)


def test_another_type_of_weights_is_computed_as_it_is(trained, images):
    model = PyTorchModel.of(trained.double())
    assert animate(model, images.double()).dtype == torch.float64
    assert model.plan == EAGER


def test_a_model_of_another_size_has_weights_of_its_own_and_leaves_the_first_alone(tiny_model, model, images):
    painted = animate(model, images)
    large = model.at_size(96)
    pictures = torch.nn.functional.interpolate(images, size=(96, 96))
    torch.testing.assert_close(animate(large, pictures), animate(tiny_model.at_size(96), pictures), rtol=0, atol=1e-5)
    assert torch.equal(animate(model, images), painted)
    assert large.at_learnt_size().config == model.config and model.at_size(64) is model


def test_what_is_opened_is_used_before_it_is_opened_again(tiny_model):
    opened = []

    def again():
        opened.append(1)
        return copy.deepcopy(tiny_model)

    model = PyTorchModel(Source(again, at_hand=again()), precision=torch.float32).at_size(96)
    assert opened == [1]
    model.plan  # noqa: B018 - tries the plan on what was at hand, and makes the form of another
    assert opened == [1, 1]


@pytest.mark.skipif(not has_packed_convolutions(), reason="PyTorch without oneDNN")
def test_the_trained_weights_are_gone_once_every_layer_was_used(tiny_model, images):
    opened = []

    def again():
        networks = copy.deepcopy(tiny_model)
        opened.append([weakref.ref(value) for value in networks.parameters() if value.dim() == 4])
        return networks

    model = PyTorchModel(Source(again), precision=torch.float32)
    animate(model, images)
    assert len(opened) == 2 and len(opened[0]) > 10
    assert not [weight for weights in opened for weight in weights if weight() is not None]


def test_a_released_form_is_made_again_without_another_trial(model, images, monkeypatch):
    painted = animate(model, images)
    monkeypatch.setattr(bounds.Reference, "error_of", lambda *_: pytest.fail("tried again"))
    model.release()
    assert model._running is None
    assert torch.equal(animate(model, images), painted)


def test_keypoints_and_flow_do_not_depend_on_the_painters_type(tiny_model, images):
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        model = PyTorchModel.of(tiny_model, dtype)
        points = model.detect_keypoints(images)
        found.append((points, model.generate(model.encode_source(images[:1]), points)))
    (points, exact), (half_points, half) = found
    assert torch.equal(points.value, half_points.value)
    assert torch.equal(exact.dense_motion.deformation, half.dense_motion.deformation)
    assert (exact.prediction - half.prediction).abs().max() < 0.05
