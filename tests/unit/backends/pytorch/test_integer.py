"""Convolutions in 8-bit integers, beside the same in float32."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fom_core import load_module
from fom_core.backends.pytorch import Plan, PyTorchModel
from fom_core.backends.pytorch.bounds import Reference
from fom_core.backends.pytorch.convolution import Kernel
from fom_core.backends.pytorch.form import make_form
from fom_core.backends.pytorch.integer import ActivatedBytes, IntegerConvolution, SignedBytes, steps_of
from fom_core.backends.pytorch.integer_painter import IntegerDoubling, IntegerPainter, IntegerResidual, IntegerRows
from fom_core.backends.pytorch.plan import has_fast_integers
from fom_core.networks.blocks import ResBlock, UpBlock

from .painting import animate

CPU = torch.device("cpu")
INTEGERS = Plan(integers=True, packed=True, one_by_one=True, warp="gather")
pytestmark = pytest.mark.skipif(not has_fast_integers(), reason="this processor has no fast integers")


def learnt(block, channels):
    """A block whose normalisations have seen the pictures that it is given."""
    torch.manual_seed(1)
    block.train()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            nn.init.uniform_(module.weight, 0.3, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    x = torch.randn(4, channels, 12, 16)
    block(x)
    return block.eval().requires_grad_(False), x[:1].contiguous(memory_format=torch.channels_last)


def off(actual, expected):
    """Of the error, the spread, over that of the values."""
    assert actual.shape == expected.shape
    return float((actual - expected).std() / expected.std())


def test_a_step_reaches_as_far_as_a_channel_does_and_is_never_nothing():
    norm = nn.BatchNorm2d(3)
    norm.weight.data, norm.bias.data = torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.5, -100.0, 0.0])
    steps = steps_of(norm)
    assert float(steps[0]) * 255 == pytest.approx(10.5)
    assert float(steps[1]) * 255 == pytest.approx(2.0)
    assert 0 < float(steps[2]) < 1e-10


def test_activation_and_rounding_to_bytes_cut_off_on_both_sides():
    norm = nn.BatchNorm2d(1).eval().requires_grad_(False)
    step = float(steps_of(norm))
    x = torch.tensor([-5.0, 0.4 * step, 0.6 * step, 100 * step, 1e9]).view(1, 1, 1, 5)
    assert ActivatedBytes(norm)(x).flatten().tolist() == [0, 0, 1, 100, 255]


def test_values_of_both_signs_become_bytes_about_the_middle():
    x = torch.tensor([-2.0, -1.0, 0.0, 1.0]).view(1, 1, 1, 4)
    values, step = SignedBytes()(x)
    assert step == pytest.approx(2 / 127) and values.flatten().tolist() == [1, 64, 128, 192]
    assert SignedBytes()(torch.zeros(1, 1, 2, 2))[0].eq(128).all()


def test_a_convolution_of_bytes_is_that_of_the_numbers_that_they_stand_for():
    torch.manual_seed(2)
    kernel, seen = Kernel(torch.randn(16, 8, 3, 3), torch.randn(16)), torch.rand(8) * 0.01 + 0.001
    x = torch.randint(0, 256, (1, 8, 9, 7), dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    expected = F.conv2d(x.float() * seen[:, None, None], kernel.weight, kernel.bias, padding=1)
    assert off(IntegerConvolution(lambda: kernel, 1, seen, None)(x), expected) < 0.01
    given = torch.full((16,), 0.05)
    levels = IntegerConvolution(lambda: kernel, 1, seen, given)(x)
    assert levels.dtype == torch.uint8
    assert off(levels.float() * 0.05, expected.relu().clamp(max=255 * 0.05)) < 0.02


def test_a_residual_block_adds_to_its_trunk_what_the_trained_one_adds():
    block, x = learnt(ResBlock(16, 24), 16)
    expected = block(x)
    assert off(IntegerResidual(block)(x.clone(memory_format=torch.channels_last)) - x, expected - x) < 0.03


def test_doubling_and_the_last_rows_are_as_trained():
    block, x = learnt(UpBlock(16, 8), 16)
    last = nn.Conv2d(8, 3, 7, padding=3).requires_grad_(False)
    steps = steps_of(block.norm)
    doubled = IntegerDoubling(block, None)(*SignedBytes()(x))
    assert off(doubled.float() * steps[:, None, None], block(x)) < 0.03
    assert off(IntegerRows(last, steps)(doubled), last(block(x))) < 0.03


def test_the_embedded_model_looks_the_same_in_integers():
    networks = load_module("mini")
    reference = Reference.of(networks)
    error = reference.error_of(make_form(networks, INTEGERS, CPU))
    assert error.within and error.psnr_db < 90  # it is another computation


def test_a_picture_does_not_depend_on_what_is_painted_beside_it(tiny_model, images):
    model = PyTorchModel.of(tiny_model).use(INTEGERS)
    together, alone = animate(model, images), animate(model, images, size=1)
    assert torch.equal(together, alone)
    batch = make_form(copy.deepcopy(tiny_model), replace(INTEGERS, one_by_one=False), CPU)
    features = model.encode_source(images).features
    with torch.no_grad():
        pictures = batch.generator.decode(features)
        assert torch.equal(pictures[1:2], batch.generator.decode(features[1:2]))


def test_painting_leaves_the_features_as_they_were_and_hides_no_infinity(tiny_model):
    painter = IntegerPainter(copy.deepcopy(tiny_model).generator)
    features = torch.rand(1, tiny_model.config.generator.down[-1], 16, 16).contiguous(memory_format=torch.channels_last)
    before = features.clone()
    with torch.no_grad():
        assert painter(features).isfinite().all() and torch.equal(features, before)
        features[0, 0, 3, 3] = torch.inf
        assert painter(features).isnan().all()


def test_mobile_generators_are_painted_as_before(tiny_config):
    from fom_core import create_model

    generator = replace(tiny_config.generator, mobile=True)
    assert not IntegerPainter.can_paint(create_model(replace(tiny_config, generator=generator)).generator)
