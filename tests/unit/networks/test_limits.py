"""No file can ask for networks that no machine can build."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file, save_file

from fom_core.backends.package import FORMAT, MANIFEST, read_package
from fom_core.documents.options import Table
from fom_core.documents.settings import override
from fom_core.documents.yaml_text import read_settings
from fom_core.errors import FomError, UnsupportedModel
from fom_core.files.paths import CONFIGS
from fom_core.networks.config import HourglassConfig
from fom_core.networks.limits import MOST_PARAMETERS, check_config, count_parameters
from fom_core.networks.model import create_model
from fom_core.training.config import load_config
from fom_core.weights.config_file import read_config
from fom_core.weights.load import CONFIG_KEY, load_module, save_model

GENERATOR, DETECTOR = "model_params.generator_params", "model_params.kp_detector_params"
WRONG = [
    (f"{DETECTOR}.num_blocks", "100000", "has to be a whole number from 1 to 10, found 100000"),
    (f"{DETECTOR}.max_features", "10000000", "has to be a whole number from 1 to 16384, found 10000000"),
    (f"{DETECTOR}.block_expansion", "0", "has to be a whole number from 1 to 16384, found 0"),
    (f"{DETECTOR}.temperature", "0", "has to be a number from 1e-06 to 100, found 0"),
    (f"{DETECTOR}.temperature", ".nan", "has to be a number, found nan"),
    (f"{DETECTOR}.temperature", ".inf", "has to be a number, found inf"),
    (f"{DETECTOR}.temperature", "1" + 18 * "0", "has to be a number from 1e-06 to 100, found 1e"),
    (f"{DETECTOR}.scale_factor", "1e-9", "has to be a number from 0.015625 to 1, found 1e-09"),
    (f"{DETECTOR}.scale_factor", "-0.25", "has to be a number from 0.015625 to 1, found -0.25"),
    ("model_params.common_params.num_kp", "1000000000", "has to be a whole number from 1 to 1000, found 1000000000"),
    (f"{GENERATOR}.num_down_blocks", "10000000", "has to be a whole number from 0 to 10, found 10000000"),
    (f"{GENERATOR}.num_bottleneck_blocks", "99999", "has to be a whole number from 0 to 200, found 99999"),
    (f"{GENERATOR}.dense_motion_params.num_blocks", "-1", "has to be a whole number from 1 to 10, found -1"),
    ("dataset_params.frame_shape", "[100000, 256, 3]", "has to be a whole number from 16 to 4096, found 100000"),
]


def changed(folder: Path, option: str, value: str) -> Path:
    """The file of vox-256 with another value of one option."""
    table = read_settings(CONFIGS / "vox-256.yaml")
    override(table, f"{option}={value}")
    path = folder / "vox.yaml"
    path.write_text(yaml.safe_dump(_plain(table)))
    return path


def _plain(value: Any) -> Any:
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Table) else value


@pytest.mark.parametrize("read", [read_config, load_config])
@pytest.mark.parametrize(("option", "value", "reason"), WRONG)
def test_a_number_that_no_model_has_is_named_with_its_line(tmp_path, read, option, value, reason):
    path = changed(tmp_path, option, value)
    began = time.monotonic()

    with pytest.raises(FomError, match=rf"^vox\.yaml, line \d+: {option} {reason}") as refusal:
        read(path)
    assert "\n" not in str(refusal.value)
    assert time.monotonic() - began < 5


def test_networks_too_large_in_all_are_refused(tmp_path):
    path = changed(tmp_path, f"{DETECTOR}.max_features", "16384")
    table = read_settings(path)
    override(table, f"{DETECTOR}.block_expansion=8192")
    path.write_text(yaml.safe_dump(_plain(table)))

    with pytest.raises(UnsupportedModel, match="at most 500 million parameters, found about"):
        read_config(path)


@pytest.mark.parametrize(
    "text", ["date: 2024-13-45", f"a: {'9' * 5000}", f"a: 1{400 * '0'}", "a: !!int x", "a: !!timestamp x", "[" * 3000]
)
def test_what_yaml_itself_stumbles_over_is_told_in_a_line(tmp_path, text):
    path = tmp_path / "vox.yaml"
    path.write_text(text)

    with pytest.raises(
        UnsupportedModel, match=r"vox\.yaml, line 1: |^vox\.yaml: wanted a section .* found date"
    ) as refusal:
        read_config(path)
    assert "\n" not in str(refusal.value)


HEADERS = [
    ("keypoint_detector.num_kp", 10**9, "num_kp has to be a whole number from 1 to 1000"),
    ("keypoint_detector.num_kp", "four", "num_kp has to be a whole number from 1 to 1000, found 'four'"),
    ("keypoint_detector.temperature", float("nan"), "has to hold numbers only, found NaN"),
    ("keypoint_detector.scale_factor", 0, "scale_factor has to be a number from 0.015625 to 1, found 0"),
    ("keypoint_detector.mobile", 7, "mobile has to be true or false, found 7"),
    ("keypoint_detector.hourglass.encoder", [8] * 50, "encoder has to have at most 10 items, found 50"),
    ("keypoint_detector.hourglass.encoder", [], "encoder has to have at least 1 item, found 0"),
    ("generator.dense_motion.hourglass.decoder", [], "decoder has to have at least 1 item, found 0"),
    ("generator.down", [10**6], "down has to be a whole number from 1 to 16384, found 1000000"),
    ("generator.up", [8, 8], "generator has to go up as many levels as down, found 1 down and 2 up"),
    ("image_size", [10**6, 64], "image_size has to be a whole number from 16 to 4096, found 1000000"),
]


def with_option(values: dict[str, Any], option: str, value: Any) -> dict[str, Any]:
    *sections, name = option.split(".")
    part = values
    for section in sections:
        part = part[section]
    part[name] = value
    return values


@pytest.mark.parametrize(("option", "value", "reason"), HEADERS)
def test_a_header_is_bound_by_the_same_limits(tiny_model, tmp_path, option, value, reason):
    saved = save_model(tiny_model, tmp_path / "tiny.safetensors")
    values = with_option(json.loads(json.dumps(tiny_model.config.to_dict())), option, value)
    save_file(load_file(saved), tmp_path / "wrong.safetensors", {CONFIG_KEY: json.dumps(values)})

    with pytest.raises(UnsupportedModel, match=reason) as refusal:
        load_module(tmp_path / "wrong.safetensors")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("option", "value", "reason"), HEADERS)
def test_so_is_an_exported_model(tiny_config, tmp_path, option, value, reason):
    config = with_option(json.loads(json.dumps(tiny_config.to_dict())), option, value)
    file = {"file": "a.onnx", "size": 1, "sha256": "", "differences": {}}
    part = {"inputs": {}, "outputs": {}, "files": {"float32": file}}
    parts = dict.fromkeys(("keypoint_detector", "source_encoder", "generator"), part)
    text = json.dumps({"format": FORMAT, "name": "a", "opset": 18, "parts": parts, "config": config})
    (tmp_path / MANIFEST).write_text(text)

    with pytest.raises(UnsupportedModel, match=reason):
        read_package(tmp_path)


def test_a_manifest_nested_without_end_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_text("[" * 100_000)

    with pytest.raises(UnsupportedModel, match="holds no exported model"):
        read_package(tmp_path)


def test_parameters_are_counted_without_building_anything(tiny_config):
    real = sum(parameter.numel() for parameter in create_model(tiny_config).parameters())

    assert count_parameters(tiny_config) == pytest.approx(real, rel=0.1)
    wide = replace(tiny_config.keypoint_detector, hourglass=HourglassConfig((16384, 16384), (16384, 16384)))
    assert count_parameters(replace(tiny_config, keypoint_detector=wide)) > MOST_PARAMETERS


def test_every_published_model_is_within_the_limits():
    for path in CONFIGS.glob("*.yaml"):
        check_config(read_config(path))
