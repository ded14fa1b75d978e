import itertools
from dataclasses import replace

import pytest

from fom_core.errors import UnsupportedModel
from fom_core.networks.config import (
    DenseMotionConfig,
    GeneratorConfig,
    HourglassConfig,
    KeypointDetectorConfig,
    ModelConfig,
)
from fom_core.networks.model import create_model
from fom_core.weights.config_of_tensors import Conventions, detect_config

SMALL = HourglassConfig.regular(8, 16, 2)
PRUNED = HourglassConfig(encoder=(6, 11, 9), decoder=(13, 5, 7))


def detected(config: ModelConfig, conventions: Conventions | None = None) -> ModelConfig:
    model = create_model(config)
    return detect_config(
        model.keypoint_detector.state_dict(), model.generator.state_dict(), conventions or Conventions.of(config)
    )


def model_config(detector: KeypointDetectorConfig, generator: GeneratorConfig, **options) -> ModelConfig:
    shared = {"num_kp": detector.num_kp, "num_channels": detector.num_channels}
    return ModelConfig(detector, replace(generator, **shared), **options)


DETECTORS = [
    KeypointDetectorConfig(hourglass, num_kp, channels, scale_factor=scale, mobile=mobile)
    for hourglass, num_kp, channels in itertools.product((SMALL, PRUNED), (1, 10), (1, 3))
    for scale, mobile in itertools.product((1, 0.5, 0.25, 0.125), (True, False))
]


@pytest.mark.parametrize("detector", DETECTORS, ids=range(len(DETECTORS)))
@pytest.mark.parametrize("mobile", [True, False])
def test_config_survives_a_round_trip(detector, mobile):
    motion = DenseMotionConfig(PRUNED, scale_factor=0.125 / detector.scale_factor)
    config = model_config(detector, GeneratorConfig.regular(8, 32, 2, 3, motion, mobile=mobile))
    assert detected(config) == config


@pytest.mark.parametrize("jacobian", [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("occlusion", [True, False])
@pytest.mark.parametrize("motion", [None, DenseMotionConfig(SMALL, kp_variance=0.05)])
@pytest.mark.parametrize("mobile", [True, False])
def test_options_survive_a_round_trip(jacobian, occlusion, motion, mobile):
    detector = KeypointDetectorConfig(
        SMALL, 5, estimate_jacobian=jacobian[0], single_jacobian_map=jacobian[1], temperature=0.2, mobile=mobile
    )
    generator = GeneratorConfig.regular(8, 16, 1, 2, motion, estimate_occlusion_map=occlusion, mobile=mobile)
    config = model_config(detector, generator, image_size=(96, 64), align_corners=False, border_blend=True)
    assert detected(config) == config


@pytest.mark.parametrize("down", [(7,), (7, 30, 12)])
@pytest.mark.parametrize("bottleneck", [(), (5,), tuple(range(3, 15))])
@pytest.mark.parametrize("mobile", [True, False])
def test_irregular_generators_survive_a_round_trip(down, bottleneck, mobile):
    generator = GeneratorConfig(
        first=6,
        down=down,
        bottleneck=bottleneck,
        up=tuple(range(4, 4 + len(down))),
        dense_motion=DenseMotionConfig(SMALL),
    )
    config = model_config(KeypointDetectorConfig(SMALL), replace(generator, mobile=mobile))
    assert detected(config) == config


def test_what_leaves_no_trace_comes_from_the_conventions():
    config = model_config(
        KeypointDetectorConfig(SMALL, temperature=0.3, pad=3),
        GeneratorConfig.regular(8, 16, 1, 1, DenseMotionConfig(SMALL, kp_variance=0.05)),
    )
    usual = detected(config, Conventions())
    assert (usual.keypoint_detector.temperature, usual.keypoint_detector.pad) == (0.1, 0)
    assert usual.generator.dense_motion == DenseMotionConfig(SMALL, kp_variance=0.01)


def test_a_missing_tensor_is_named():
    model = create_model(model_config(KeypointDetectorConfig(SMALL), GeneratorConfig.regular(8, 16, 1, 1, None)))
    state = model.keypoint_detector.state_dict()
    del state["kp.weight"]
    with pytest.raises(UnsupportedModel, match=r"kp\.weight"):
        detect_config(state, model.generator.state_dict())
