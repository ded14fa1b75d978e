"""What pruning broke is mended by fitting layers to what they gave before."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from fom_core.compress.channels import channel_spaces, take_channels
from fom_core.compress.refit import _solve, refit
from fom_core.networks import create_model


def pictures(count=4):
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(2 * count, 3, 12, 12, generator=random)
    return torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic").clamp(0, 1).split(count)


def whole_model(config):
    """Random weights."""
    torch.manual_seed(0)
    return create_model(config).eval().requires_grad_(False)


def half(model):
    """Every second channel."""
    return {space.name: torch.arange(space.size) % 2 == 0 for space in channel_spaces(model)}


@torch.no_grad()
def error(whole, other, source, driving):
    """How far another model's picture is from the whole one's, both moved by the whole one's motion."""
    features = whole.encode_source(source)
    motion = whole.generate(features, whole.detect_keypoints(driving)).dense_motion
    wanted, found = (model.generator.paint(model.generator.features(source), motion) for model in (whole, other))
    return float((found - wanted).square().mean())


def test_a_pruned_painter_comes_nearer_to_the_whole_one_on_pictures_it_was_not_fitted_to(tiny_config):
    whole = whole_model(tiny_config)
    keep = half(whole)
    pruned = take_channels(whole, keep)
    source, driving = pictures(8)
    before = error(whole, pruned, source[4:], driving[4:])
    refit(whole, pruned, keep, source[:4], driving[:4])
    assert error(whole, pruned, source[4:], driving[4:]) < 0.5 * before


def test_a_convolution_without_bias_is_fitted_as_one():
    random = torch.Generator().manual_seed(0)
    conv, wanted = (torch.nn.Conv2d(3, 2, 1, bias=False).requires_grad_(False) for _ in range(2))
    inputs = 1 + torch.rand(2, 3, 8, 8, generator=random)
    places = torch.arange(64).repeat(2, 1)
    outputs = (wanted(inputs) + 0.5).flatten(2).mT  # what other inputs gave, of which none is left

    _solve(conv, inputs, places, outputs)

    seen, best = inputs.movedim(1, -1).reshape(-1, 3), outputs.reshape(-1, 2)
    nearest = torch.linalg.lstsq(seen, best).solution.T
    torch.testing.assert_close(conv.weight.flatten(1), nearest, rtol=0, atol=0.02)


@pytest.mark.parametrize("bias", [True, False])
def test_where_nothing_comes_in_weights_stay(bias):
    conv = torch.nn.Conv2d(3, 2, 3, padding=1, bias=bias).requires_grad_(False)
    before = conv.weight.clone()

    _solve(conv, torch.zeros(2, 3, 8, 8), torch.arange(64).repeat(2, 1), torch.ones(2, 64, 2) * torch.tensor([1, 2]))

    torch.testing.assert_close(conv.weight, before)


def test_a_pruned_detector_comes_nearer_to_the_whole_one(tiny_config):
    whole = whole_model(tiny_config)
    keep = half(whole)
    pruned = take_channels(whole, keep)
    source, driving = pictures(24)

    @torch.no_grad()
    def apart() -> float:
        wanted, found = (model.keypoint_detector.maps(driving[20:])[0] for model in (whole, pruned))
        return float((found - wanted).square().mean())

    before = apart()
    refit(whole, pruned, keep, source[:20], driving[:20])
    assert apart() < 0.5 * before


@pytest.mark.parametrize("mobile", [False, True])
def test_a_model_that_lost_nothing_stays_as_it_is(tiny_config, mobile):
    parts = {name: replace(getattr(tiny_config, name), mobile=mobile) for name in ("keypoint_detector", "generator")}
    whole = whole_model(replace(tiny_config, **parts))
    same = copy.deepcopy(whole)
    refit(whole, same, {}, *pictures())
    assert all(torch.equal(value, same.state_dict()[name]) for name, value in whole.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in (*whole.modules(), *same.modules()))


def test_mobile_networks_and_generators_without_motion_are_fitted_too(tiny_config):
    plain = replace(tiny_config.generator, dense_motion=None, estimate_occlusion_map=False)
    mobile = replace(tiny_config.generator, mobile=True)
    for generator in (plain, mobile):
        whole = whole_model(replace(tiny_config, generator=generator))
        pruned = take_channels(whole, half(whole))
        before = copy.deepcopy(pruned.state_dict())
        refit(whole, pruned, half(whole), *pictures())
        changed = [name for name, value in pruned.state_dict().items() if not torch.equal(value, before[name])]
        assert any(name.startswith("generator.up_blocks") for name in changed)
        assert all(value.isfinite().all() for value in pruned.state_dict().values() if value.is_floating_point())
