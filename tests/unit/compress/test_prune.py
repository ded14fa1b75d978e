"""Which channels go: the useless ones, as many as were asked for, and never a whole layer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fom_core.compress.channels import channel_spaces, take_channels
from fom_core.compress.cost import frame_macs, frame_ms, prices, stored_bytes, trainable_parameters
from fom_core.compress.prune import FEWEST, chosen_channels, importance_of
from fom_core.networks import create_model
from fom_core.weights.load import save_model


def evenly(model, value=1.0):
    return {space.name: torch.full((space.size,), value) for space in channel_spaces(model)}


def pruned(model, share, importance, **options):
    return take_channels(model, chosen_channels(model, share, importance, **options))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_the_asked_share_of_the_parameters_goes_and_hardly_more(tiny_model, share):
    random = torch.Generator().manual_seed(0)
    importance = {name: torch.rand(value.shape, generator=random) for name, value in evenly(tiny_model).items()}
    left = trainable_parameters(pruned(tiny_model, share, importance)) / trainable_parameters(tiny_model)
    assert 1 - share - 0.03 < left <= 1 - share


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_by_multiplications_the_asked_share_of_a_frames_goes(tiny_model, share):
    random = torch.Generator().manual_seed(0)
    importance = {name: torch.rand(value.shape, generator=random) for name, value in evenly(tiny_model).items()}
    left = frame_macs(pruned(tiny_model, share, importance, by="multiplications")) / frame_macs(tiny_model)
    assert 1 - share - 0.05 < left <= 1 - share


def test_what_is_computed_once_per_source_stays_when_multiplications_count(tiny_model):
    keep = chosen_channels(tiny_model, 0.5, evenly(tiny_model), by="multiplications")
    assert keep["generator.first"].all()
    assert not chosen_channels(tiny_model, 0.5, evenly(tiny_model))["generator.first"].all()


def test_multiplications_of_a_frame_are_what_its_weights_cost_together(tiny_model):
    costs = prices(tiny_model, "multiplications")
    counted = sum(costs[name] * parameter.numel() for name, parameter in tiny_model.named_parameters())
    assert counted == frame_macs(tiny_model)


@pytest.mark.parametrize(
    ("part", "begin"),
    [
        ("keypoint_detector", "keypoint_detector."),
        ("dense_motion", "generator.dense_motion"),
        ("painter", "generator."),
    ],
)
def test_channels_go_from_the_named_part_alone(tiny_model, part, begin):
    keep = chosen_channels(tiny_model, 0.1, evenly(tiny_model), parts=[part])
    fewer = [name for name, mask in keep.items() if not mask.all()]
    assert fewer
    assert all(name.startswith(begin) for name in fewer)
    assert part != "painter" or not any("dense_motion" in name for name in fewer)


@pytest.mark.parametrize("multiple", [4, 8])
def test_widths_become_multiples_where_channels_go(tiny_config, multiple):
    torch.manual_seed(0)
    model = create_model(
        replace(tiny_config, generator=replace(tiny_config.generator, down=(22,), bottleneck=(29, 12)))
    )
    keep = chosen_channels(model, 0.4, evenly(model), multiple=multiple)
    pruned = [int(mask.sum()) for mask in keep.values() if not mask.all()]
    assert pruned
    assert all(count % multiple == 0 for count in pruned)


def test_every_space_keeps_some_channels_even_if_all_should_go(tiny_model, caplog):
    smaller = pruned(tiny_model, 1.0, evenly(tiny_model))
    assert "% of the parameters can go, not 100 %" in caplog.text
    assert all(space.size >= FEWEST for space in channel_spaces(smaller))
    assert 0 < trainable_parameters(smaller) < 0.5 * trainable_parameters(tiny_model)


def test_a_channel_without_influence_goes_first(tiny_config):
    torch.manual_seed(0)
    model = create_model(tiny_config).eval()
    name, dead = "generator.bottleneck.0", [2, 5]
    model.state_dict()["generator.bottleneck.r0.conv2.weight"][:, dead] = 0  # which reads them
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    def loss() -> torch.Tensor:
        made = model.generate(
            model.generator.encode(pictures, model.detect_keypoints(pictures)),
            model.detect_keypoints(pictures.flip(-1)),
        )
        return (made.prediction - pictures.flip(-1)).abs().mean()

    importance = importance_of(model, [loss])

    assert importance[name][dead].max() == 0
    assert importance[name].max() > 0
    assert all(parameter.grad is None for parameter in model.parameters())
    keep = chosen_channels(model, 0.05, importance)
    assert not keep[name][dead].any()


def test_costs_are_those_of_the_model(tiny_model, tmp_path):
    smaller = pruned(tiny_model, 0.5, evenly(tiny_model))
    assert frame_macs(smaller) < frame_macs(tiny_model)
    assert stored_bytes(tiny_model) == save_model(tiny_model, tmp_path / "model.safetensors").stat().st_size
    assert frame_ms(tiny_model, batch=1, repeats=1) > 0


def test_multiplications_are_those_counted_by_hand(tiny_model):
    def conv(size, inputs, outputs, kernel=3):
        return size**2 * inputs * outputs * kernel**2

    def hourglass(channels):  # of 16x16 pixels, two levels down and up
        return conv(16, channels, 16) + conv(8, 16, 16) + conv(8, 16, 16) + conv(16, 32, 8)

    detector = hourglass(3) + conv(10, 11, 4, 7) + conv(10, 11, 16, 7)
    motion = hourglass(20) + conv(16, 28, 5, 7) + conv(16, 28, 1, 7)
    painting = 2 * conv(32, 16, 16) + conv(64, 16, 8) + conv(64, 8, 3, 7)
    assert frame_macs(tiny_model) == detector + motion + painting
