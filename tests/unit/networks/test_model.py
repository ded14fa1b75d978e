import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from fom_core.backends.pytorch import PyTorchModel
from fom_core.errors import UsageError
from fom_core.geometry import resize_images
from fom_core.networks import GeneratorConfig, HourglassConfig, ModelConfig, create_model
from fom_core.networks.config import DenseMotionConfig


def variants(tiny: ModelConfig) -> dict[str, ModelConfig]:
    detector, generator = tiny.keypoint_detector, tiny.generator
    assert generator.dense_motion is not None
    mobile = GeneratorConfig.regular(8, 16, 1, 1, generator.dense_motion, num_kp=4, mobile=True)
    half = DenseMotionConfig(generator.dense_motion.hourglass, scale_factor=0.5)
    return {
        "standard": tiny,
        "no jacobian": replace(tiny, keypoint_detector=replace(detector, estimate_jacobian=False)),
        "one jacobian": replace(tiny, keypoint_detector=replace(detector, single_jacobian_map=True)),
        "no occlusion": replace(tiny, generator=replace(generator, estimate_occlusion_map=False)),
        "no dense motion": replace(tiny, generator=replace(generator, dense_motion=None)),
        "mobile": replace(tiny, keypoint_detector=replace(detector, mobile=True), generator=mobile),
        "grey": replace(
            tiny, keypoint_detector=replace(detector, num_channels=1), generator=replace(generator, num_channels=1)
        ),
        "eighth": replace(tiny, keypoint_detector=replace(detector, scale_factor=0.125)),
        "half": replace(tiny, generator=replace(generator, dense_motion=half)),
        "no halving": replace(tiny, generator=replace(generator, down=(), up=())),
        "border blend": replace(tiny, border_blend=True),
        "irregular": replace(
            tiny,
            keypoint_detector=replace(detector, hourglass=HourglassConfig((10, 7), (5, 9))),
            generator=replace(generator, first=6, down=(11, 13), bottleneck=(3, 20), up=(9, 5)),
        ),
    }


@pytest.fixture(
    params=[
        "standard",
        "no jacobian",
        "one jacobian",
        "no occlusion",
        "no dense motion",
        "mobile",
        "grey",
        "eighth",
        "half",
        "no halving",
        "border blend",
        "irregular",
    ]
)
def config(request, tiny_config):
    return variants(tiny_config)[request.param]


@torch.inference_mode()
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_every_option_generates_a_picture_per_keypoint_set(config, fast, size):
    trained = create_model(config).eval()
    model = PyTorchModel.of(trained) if fast else trained
    channels = config.num_channels
    source = model.encode_source(torch.rand(1, channels, *size))
    out = model.generate(source, model.detect_keypoints(torch.rand(3, channels, *size)), details=True)
    assert out.prediction.shape == (3, channels, *size)
    assert out.prediction.min() >= 0 and out.prediction.max() <= 1
    if config.generator.dense_motion is None:
        assert out.dense_motion is None
        return
    motion = out.dense_motion
    assert motion is not None and motion.sparse_deformed is not None and out.deformed is not None
    assert out.deformed.shape == out.prediction.shape
    assert (motion.occlusion_map is not None) == config.generator.estimate_occlusion_map
    torch.testing.assert_close(motion.mask.sum(dim=1), torch.ones_like(motion.mask[:, 0]))


def test_a_config_survives_json(config):
    for one in (config, config.at_size(96, 64)):
        assert ModelConfig.from_dict(json.loads(json.dumps(one.to_dict()))) == one


@torch.inference_mode()
def test_details_are_only_computed_on_demand(tiny_model):
    source = tiny_model.encode_source(torch.rand(1, 3, 64, 64))
    out = tiny_model.generate(source, source.keypoints)
    assert out.deformed is None and out.dense_motion.sparse_deformed is None


@torch.inference_mode()
def test_a_batch_gives_the_frames_of_single_calls(tiny_model):
    source = tiny_model.encode_source(torch.rand(1, 3, 64, 64))
    driving = tiny_model.detect_keypoints(torch.rand(5, 3, 64, 64))
    together = tiny_model.generate(source, driving).prediction
    alone = torch.cat([tiny_model.generate(source, driving[i : i + 1]).prediction for i in range(5)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_training_uses_one_source_per_driving_frame_and_reaches_every_weight(tiny_config):
    torch.manual_seed(0)
    model = create_model(tiny_config).train()
    source = model.encode_source(torch.rand(2, 3, 64, 64))
    out = model.generate(source, model.detect_keypoints(torch.rand(2, 3, 64, 64)))
    out.prediction.square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_fresh_detector_has_identity_jacobians(tiny_config):
    jacobian = create_model(tiny_config).detect_keypoints(torch.rand(2, 3, 64, 64)).jacobian
    torch.testing.assert_close(jacobian, torch.eye(2).expand(2, 4, 2, 2))


@pytest.mark.parametrize("shape", [(1, 3, 60, 64), (1, 1, 64, 64)])
def test_a_picture_that_does_not_fit_is_refused_with_advice(tiny_model, shape):
    with pytest.raises(UsageError, match="divisible by 16"):
        tiny_model.encode_source(torch.rand(shape))


@torch.inference_mode()
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("size", [(128, 128), (192, 128)])
def test_at_another_size_motion_is_that_of_the_learnt_one(config, fast, size):
    torch.manual_seed(0)
    trained = create_model(config).eval()
    small = PyTorchModel.of(trained) if fast else trained
    large = small.at_size(*size)
    pictures = torch.rand(3, config.num_channels, *size)
    shrunk = F.avg_pool2d(pictures, (size[0] // 64, size[1] // 64))
    found, expected = large.detect_keypoints(pictures), small.detect_keypoints(shrunk)
    torch.testing.assert_close(found.value, expected.value, atol=1e-5, rtol=0)
    out = large.generate(large.encode_source(pictures[:1], expected[:1]), expected)
    at_64 = small.generate(small.encode_source(shrunk[:1], expected[:1]), expected)
    assert out.prediction.shape == (3, config.num_channels, *size)
    if out.dense_motion is not None and at_64.dense_motion is not None:
        torch.testing.assert_close(out.dense_motion.deformation, at_64.dense_motion.deformation, atol=1e-5, rtol=0)


def test_a_learnt_size_that_the_networks_cannot_halve_is_refused(tiny_config):
    with pytest.raises(UsageError, match="image size must be"):
        replace(tiny_config, image_size=(100, 100)).at_size(128)


def test_a_model_of_another_size_has_weights_of_its_own_and_leaves_the_first_alone(tiny_model):
    large = tiny_model.at_size(96)
    pairs = list(zip(large.parameters(), tiny_model.parameters(), strict=True))
    assert all(ours.data_ptr() != theirs.data_ptr() and torch.equal(ours, theirs) for ours, theirs in pairs)
    assert tiny_model.config.image_size == (64, 64) and tiny_model.config.motion_size is None
    assert large.at_size(64).config == tiny_model.config and tiny_model.at_size(64) is tiny_model


def test_sizes_between_whole_multiples_give_nearly_the_same_keypoints(tiny_model):
    picture = F.interpolate(torch.rand(1, 3, 8, 8), size=(192, 192), mode="bicubic").clamp(0, 1)
    with torch.inference_mode():
        found = [
            tiny_model.at_size(side).detect_keypoints(resize_images(picture, (side, side))).value
            for side in (64, 96, 40, 192)
        ]
    for value in found[1:]:
        assert (value - found[0]).abs().max() < 0.02


@pytest.mark.parametrize(
    ("size", "found", "near"),
    [((65, 64), "64x65", "64x64"), ((8, 8), "8x8", "16x16"), ((99_999,), "99999", "4096"), ((101,), "101", "100")],
)
def test_a_size_that_cannot_be_painted_is_refused_with_advice(tiny_model, size, found, near):
    with pytest.raises(UsageError, match=f"divisible by 2 for this model; found {found}.*such as {near}"):
        tiny_model.at_size(*size)


def test_a_size_without_width_keeps_the_shape_seen_in_training(tiny_config):
    config = replace(tiny_config, image_size=(64, 96))
    assert config.at_size(128).image_size == (128, 192)
    assert config.at_size(100).image_size == (100, 150)


@torch.inference_mode()
@pytest.mark.parametrize(("dtype", "limit"), [(torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_half_precision_keeps_keypoints_and_flow_in_float32(tiny_config, dtype, limit):
    torch.manual_seed(0)
    trained = create_model(tiny_config).eval()
    model = PyTorchModel.of(trained)
    images = torch.rand(2, 3, 64, 64)
    expected = model.generate(model.encode_source(images[:1]), model.detect_keypoints(images))
    model.to_dtype(dtype)
    source = model.encode_source(images[:1])
    actual = model.generate(source, model.detect_keypoints(images))
    assert source.features.dtype == dtype and actual.prediction.dtype == torch.float32
    assert actual.dense_motion is not None and expected.dense_motion is not None
    assert torch.equal(actual.dense_motion.deformation, expected.dense_motion.deformation)
    assert (actual.prediction - expected.prediction).abs().max() < limit
