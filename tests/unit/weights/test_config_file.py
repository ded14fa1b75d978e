from pathlib import Path

import pytest
import yaml

from fom_core.documents.options import SettingsError
from fom_core.errors import UnsupportedModel
from fom_core.networks.config import (
    DenseMotionConfig,
    GeneratorConfig,
    HourglassConfig,
    KeypointDetectorConfig,
    ModelConfig,
)
from fom_core.weights.config_file import parse_config, read_config
from fom_core.weights.config_of_tensors import Conventions

COMMON = {"num_kp": 5, "num_channels": 1, "estimate_jacobian": True}
DETECTOR = {
    "temperature": 0.2,
    "block_expansion": 8,
    "max_features": 24,
    "num_blocks": 3,
    "scale_factor": 0.5,
    "pad": 3,
}
MOTION = {"block_expansion": 4, "max_features": 16, "num_blocks": 2, "scale_factor": 0.25, "kp_variance": 0.05}
GENERATOR = {
    "block_expansion": 8,
    "max_features": 12,
    "num_down_blocks": 2,
    "num_bottleneck_blocks": 1,
    "estimate_occlusion_map": True,
    "dense_motion_params": MOTION,
}
MODEL = ModelConfig(
    KeypointDetectorConfig(HourglassConfig((16, 24, 24), (24, 16, 8)), 5, 1, scale_factor=0.5, temperature=0.2, pad=3),
    GeneratorConfig(8, (12, 12), (12,), (12, 8), DenseMotionConfig(HourglassConfig((8, 16), (8, 4)), 0.25, 0.05), 5, 1),
)


def authors(**sections) -> dict:
    parts = {"common_params": COMMON, "kp_detector_params": DETECTOR, "generator_params": GENERATOR}
    return {"model_params": {**parts, **sections}}


def paddlegan() -> dict:
    networks = {"name": "FirstOrderGenerator", "kp_detector_cfg": DETECTOR, "generator_cfg": GENERATOR}
    return {"model": {"common_params": COMMON, "generator": networks}}


@pytest.mark.parametrize("layout", [authors, paddlegan])
def test_both_layouts_say_the_same(layout):
    assert parse_config(layout()) == MODEL


@pytest.mark.parametrize(
    "frames", [{"dataset_params": {"frame_shape": [96, 64, 3]}}, {"dataset": {"train": {"frame_shape": [96, 64, 3]}}}]
)
def test_the_picture_size_is_that_of_the_training_frames(frames):
    assert parse_config({**authors(), **frames}).image_size == (96, 64)


def test_what_a_file_does_not_say_comes_from_the_conventions():
    config = parse_config(authors(), Conventions(image_size=(512, 512), align_corners=False, border_blend=True))
    assert (config.image_size, config.align_corners, config.border_blend) == ((512, 512), False, True)


def test_absent_options_have_the_authors_defaults():
    detector = {key: DETECTOR[key] for key in ("temperature", "block_expansion", "max_features", "num_blocks")}
    config = parse_config(authors(kp_detector_params=detector, common_params={"num_kp": 5, "num_channels": 1}))
    assert config.keypoint_detector.scale_factor == 1
    assert not config.keypoint_detector.estimate_jacobian


def test_mobile_blocks_are_twice_as_wide_inside():
    config = parse_config(authors(generator_params={**GENERATOR, "mobile_net": True}))
    assert config.generator.mobile
    assert config.generator.bottleneck == (24,)


def test_a_model_may_lack_the_dense_motion_network():
    config = parse_config(authors(generator_params={**GENERATOR, "dense_motion_params": None}))
    assert config.generator.dense_motion is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"train": {}}, "wanted a section 'model_params'"),
        ({"model_params": {}}, "num_kp is missing"),
        (
            authors(kp_detector_params={**DETECTOR, "temprature": 1}),
            r"unknown option .*temprature\. Did you mean temperature",
        ),
        (authors(kp_detector_params={"temperature": 0.1}), "block_expansion is missing"),
        (authors(common_params={**COMMON, "num_kp": "many"}), "has to be a whole number, found 'many'"),
        ({**authors(), "dataset_params": {"frame_shape": 256}}, "has to be a list of 3"),
    ],
)
def test_a_wrong_configuration_is_explained(values, reason):
    with pytest.raises(SettingsError, match=reason):
        parse_config(values)


@pytest.mark.parametrize("text", ["a: [1", "\t- x", "!!python/object/apply:os.system ['true']", "\x00"])
def test_a_file_that_is_not_plain_yaml_is_explained(tmp_path: Path, text):
    path = tmp_path / "vox.yaml"
    path.write_text(text)
    with pytest.raises(UnsupportedModel, match=r"vox\.yaml, line 1: is no") as refusal:
        read_config(path)
    assert "\n" not in str(refusal.value)


def test_the_file_is_named_in_complaints(tmp_path: Path):
    path = tmp_path / "vox.yaml"
    path.write_text(yaml.safe_dump({"model_params": {}}))
    with pytest.raises(UnsupportedModel, match=r"vox\.yaml: model_params\.common_params\.num_kp"):
        read_config(path)
    with pytest.raises(UnsupportedModel, match=r"none\.yaml does not exist"):
        read_config(tmp_path / "none.yaml")
