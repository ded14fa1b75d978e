"""Weights and YAML for the authors' code and for PaddleGAN."""

from dataclasses import replace

import pytest
import torch
import yaml

from fom_core.errors import UsageError
from fom_core.networks import HourglassConfig, create_model
from fom_core.weights.config_file import read_config
from fom_core.weights.foreign import save_foreign, yaml_beside
from fom_core.weights.load import load_module
from fom_core.weights.pickles import read_arrays

SUFFIXES = [".pth.tar", ".pdparams"]


def equal(a, b) -> bool:
    states = a.state_dict(), b.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][key], states[1][key]) for key in states[0]
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_written_model_reads_back_the_same(tiny_model, tmp_path, suffix):
    path = tmp_path / f"tiny{suffix}"
    save_foreign(tiny_model, path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([path.name, "tiny.yaml"])
    again = load_module(path, config=yaml_beside(path), device="cpu", border_blend=False)
    assert again.config == tiny_model.config
    assert equal(again, tiny_model)


def test_the_authors_layout_holds_state_dicts_under_their_names(tiny_model, tmp_path):
    save_foreign(tiny_model, tmp_path / "a.pth.tar")
    content = torch.load(tmp_path / "a.pth.tar", weights_only=True)
    assert list(content) == ["generator", "kp_detector"]
    assert content["generator"].keys() == tiny_model.generator.state_dict().keys()
    assert (tmp_path / "a.pth.tar").read_bytes()[:2] == b"\x80\x02"  # the form before PyTorch 1.6


def test_paddles_layout_names_statistics_as_paddle_does_and_opens_under_old_numpy(tiny_model, tmp_path):
    save_foreign(tiny_model, tmp_path / "a.pdparams")
    names = read_arrays(tmp_path / "a.pdparams")["generator"].keys()
    assert {"first.norm._mean", "first.norm._variance"} <= names
    assert not any("running" in name or "tracked" in name for name in names)
    content = (tmp_path / "a.pdparams").read_bytes()
    assert b"numpy._core" not in content
    assert content.count(b"numpy.core.multiarray") == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "change",
    [{"num_kp": 7}, {"estimate_jacobian": False}, {"single_jacobian_map": True}, {"pad": 3}, {"temperature": 0.2}],
    ids=str,
)
def test_the_yaml_describes_the_model(tiny_config, tmp_path, suffix, change):
    detector = replace(tiny_config.keypoint_detector, **change)
    generator = replace(tiny_config.generator, num_kp=detector.num_kp, estimate_occlusion_map=False)
    config = replace(tiny_config, keypoint_detector=detector, generator=generator, image_size=(64, 96))
    path = tmp_path / f"a{suffix}"
    save_foreign(create_model(config), path)
    assert read_config(yaml_beside(path)) == config


def test_mobile_networks_are_for_paddlegan(tiny_config, tmp_path):
    generator = type(tiny_config.generator).regular(
        8, 16, 1, 1, tiny_config.generator.dense_motion, num_kp=4, mobile=True
    )
    mobile = replace(
        tiny_config, generator=generator, keypoint_detector=replace(tiny_config.keypoint_detector, mobile=True)
    )
    model = create_model(mobile)
    with pytest.raises(UsageError, match=r"no mobile networks\. Write a \.pdparams"):
        save_foreign(model, tmp_path / "a.pth.tar")
    assert not list(tmp_path.iterdir())
    save_foreign(model, tmp_path / "a.pdparams")
    settings = yaml.safe_load((tmp_path / "a.yaml").read_text())["model"]["generator"]
    assert settings["kp_detector_cfg"]["mobile_net"]
    assert settings["generator_cfg"]["mobile_net"]
    assert read_config(tmp_path / "a.yaml") == mobile


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pruned_widths_are_refused(tiny_config, tmp_path, suffix):
    detector = replace(tiny_config.keypoint_detector, hourglass=HourglassConfig((16, 13), (16, 8)))
    with pytest.raises(UsageError, match=r"those of the keypoint detector do not.*Write a \.safetensors"):
        save_foreign(create_model(replace(tiny_config, keypoint_detector=detector)), tmp_path / f"a{suffix}")
    with pytest.raises(UsageError, match="those of the generator do not"):
        narrow = replace(tiny_config.generator, bottleneck=(7,))
        save_foreign(create_model(replace(tiny_config, generator=narrow)), tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())
