"""Taking channels out: a truth that holds for any network, whatever its parts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from fom_core.compress.channels import channel_spaces, read_channels, take_channels, write_channels
from fom_core.errors import UsageError
from fom_core.networks import MotionModel, create_model
from fom_core.networks.config import GeneratorConfig, ModelConfig
from fom_core.weights.load import load_module, save_model


def mixed(config: ModelConfig, detector: bool, generator: bool) -> ModelConfig:
    return replace(
        config,
        keypoint_detector=replace(config.keypoint_detector, mobile=detector),
        generator=replace(config.generator, mobile=generator, down=(16, 24), up=(12, 8), bottleneck=(12, 20)),
    )


def lively(config: ModelConfig) -> MotionModel:
    """A random model whose normalisation does something."""
    random = torch.Generator().manual_seed(0)
    model = create_model(config).eval()
    for value in model.state_dict().values():
        if value.is_floating_point() and value.dim() == 1:
            value.copy_(0.5 + torch.rand(value.shape, generator=random))
    return model


@pytest.mark.parametrize("mobile", [(False, False), (True, False), (False, True), (True, True)])
def test_taking_channels_out_equals_setting_them_to_zero(tiny_config, mobile, tmp_path):
    model = lively(mixed(tiny_config, *mobile))
    spaces = channel_spaces(model)
    random = torch.Generator().manual_seed(1)
    keep = {space.name: torch.rand(space.size, generator=random) < 0.6 for space in spaces}
    for space in spaces:
        keep[space.name][0] = True
        gone = (~keep[space.name]).nonzero()[:, 0]
        for place in space.places:
            model.state_dict()[place.tensor].index_fill_(place.dim, place.offset + gone, 0.0)

    smaller = take_channels(model, keep)

    assert sum(p.numel() for p in smaller.parameters()) < 0.7 * sum(p.numel() for p in model.parameters())
    picture = torch.rand(2, 3, 64, 64, generator=random)
    with torch.inference_mode():
        wanted, found = (
            m.generate(m.encode_source(picture[:1]), m.detect_keypoints(picture)) for m in (model, smaller)
        )
    torch.testing.assert_close(found.prediction, wanted.prediction, rtol=1e-3, atol=1e-4)
    assert load_module(save_model(smaller, tmp_path / "a.safetensors"), device="cpu").config == smaller.config


def test_every_channel_between_layers_is_in_a_space(tiny_config):
    model = create_model(mixed(tiny_config, True, False))
    places = {(place.tensor, place.dim) for space in channel_spaces(model) for place in space.places}
    free = [name for name, value in model.named_parameters() if value.dim() == 4 and (name, 0) not in places]
    ends = ("kp.2", "jacobian.2", "mask", "occlusion", "final", "down_blocks.0.conv")
    assert all(name.removesuffix(".weight").endswith(ends) for name in free), free


def test_keeping_all_changes_nothing(tiny_model):
    same = take_channels(tiny_model, {})
    assert same.config == tiny_model.config
    assert all(torch.equal(value, same.state_dict()[name]) for name, value in tiny_model.state_dict().items())


def test_a_choice_of_channels_is_kept_for_other_weights_of_the_same_shapes(tiny_model, tiny_config, tmp_path):
    random, path = torch.Generator().manual_seed(0), tmp_path / "channels.json"
    keep = {space.name: torch.rand(space.size, generator=random) < 0.5 for space in channel_spaces(tiny_model)}
    for mask in keep.values():
        mask[0] = True
    write_channels(keep, path)
    other = lively(tiny_config)

    found = read_channels(path, other)

    assert all(torch.equal(found[name], mask) for name, mask in keep.items())
    weight = take_channels(other, found).state_dict()["generator.first.conv.weight"]
    assert torch.equal(weight, other.state_dict()["generator.first.conv.weight"][keep["generator.first"]])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda told: told.pop("generator.first"), "tells of other networks' channels"),
        (lambda told: told["generator.first"].update(kept=[0, 999]), "generator.first has to list channels from 0"),
        (lambda told: told["generator.first"].update(kept=[True]), "generator.first has to list channels from 0"),
        (lambda told: told["generator.first"].update(kept=[]), "generator.first has to list .* one at least"),
        (lambda told: told["generator.first"].update(of=999), "generator.first tells of other widths"),
        (lambda told: told.update({"generator.first": [0, 1]}), "generator.first tells of other widths"),
    ],
)
def test_a_choice_of_other_channels_is_refused(tiny_model, tmp_path, change, reason):
    told = {space.name: {"of": space.size, "kept": [0, 1]} for space in channel_spaces(tiny_model)}
    change(told)
    path = tmp_path / "channels.json"
    path.write_text(json.dumps(told))
    with pytest.raises(UsageError, match=reason):
        read_channels(path, tiny_model)


def test_a_generator_without_dense_motion_has_spaces_too(tiny_config):
    generator: GeneratorConfig = replace(tiny_config.generator, dense_motion=None, estimate_occlusion_map=False)
    model = create_model(replace(tiny_config, generator=generator))
    names = {space.name for space in channel_spaces(model)}
    assert "generator.first" in names
    assert not any("dense_motion" in name for name in names)
