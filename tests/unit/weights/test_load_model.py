import copy
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fom_core.errors import UnsupportedModel, UsageError, WriteError
from fom_core.networks.model import create_model
from fom_core.weights.load import CONFIG_KEY, build, convert, load_module, save_model, slim
from fom_core.weights.read import read_checkpoint


@pytest.fixture
def saved(tiny_model, tmp_path) -> Path:
    return save_model(tiny_model, tmp_path / "tiny.safetensors")


@pytest.fixture
def published(tiny_model, tmp_path) -> Path:
    """The same as the authors save it: no configuration inside."""
    path = tmp_path / "tiny.pth.tar"
    networks = {"generator": tiny_model.generator, "kp_detector": tiny_model.keypoint_detector}
    torch.save({name: network.state_dict() for name, network in networks.items()}, path)
    return path


def yaml_of_tiny(folder: Path, **detector) -> Path:
    hourglass = {"block_expansion": 8, "max_features": 16, "num_blocks": 2, "scale_factor": 0.25}
    generator = {"block_expansion": 8, "max_features": 16, "num_down_blocks": 1, "num_bottleneck_blocks": 1}
    values = {
        "dataset_params": {"frame_shape": [64, 64, 3]},
        "model_params": {
            "common_params": {"num_kp": 4, "num_channels": 3, "estimate_jacobian": True},
            "kp_detector_params": {**hourglass, "temperature": 0.1, **detector},
            "generator_params": {**generator, "estimate_occlusion_map": True, "dense_motion_params": hourglass},
        },
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def animate(model, picture):
    with torch.inference_mode():
        return model.generate(model.encode_source(picture), model.detect_keypoints(picture.flip(-1))).prediction


@pytest.fixture
def picture():
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_a_saved_model_comes_back_bit_for_bit(tiny_model, saved, picture):
    model = load_module(saved)
    assert model.config == tiny_model.config
    assert model.name == "tiny"
    assert not model.training
    assert torch.equal(animate(model, picture), animate(tiny_model, picture))


def test_changing_a_model_leaves_its_file_as_it_was(saved):
    written = saved.read_bytes()
    model = load_module(saved)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    del model
    assert saved.read_bytes() == written


def test_a_file_that_is_replaced_leaves_the_open_model_as_it_was(saved, tiny_model, picture):
    model = load_module(saved)
    with torch.no_grad():
        weight = next(model.parameters())
        before = weight.clone()
        other = copy.deepcopy(tiny_model)
        for parameter in other.parameters():
            parameter.add_(1)
    save_model(other, saved)
    assert torch.equal(weight, before)


@pytest.mark.parametrize("options", [{"align_corners": False, "border_blend": True}, {"image_size": (96, 64)}])
def test_conventions_are_saved_with_the_model(tiny_config, tmp_path, options):
    config = replace(tiny_config, **options)
    path = save_model(create_model(config), tmp_path / "a.safetensors")
    assert load_module(path).config == config


@pytest.mark.parametrize("tells", ["dataset_params", "model_params"])
def test_a_yaml_tells_the_size_that_was_learnt_and_leaves_the_one_to_paint_at(tiny_model, tmp_path, tells):
    large = tiny_model.at_size(96)
    path, config = save_model(large, tmp_path / "a.safetensors"), yaml_of_tiny(tmp_path)
    if tells == "model_params":
        config.write_text(yaml.safe_dump({tells: yaml.safe_load(config.read_text())[tells]}))
    assert load_module(path, config).config == large.config


def test_a_header_of_before_has_no_motion_size(saved, tiny_config, tmp_path):
    values = json.loads(read_checkpoint(saved).metadata[CONFIG_KEY])
    del values["motion_size"]
    path = tmp_path / "old.safetensors"
    save_file(load_file(saved), path, {CONFIG_KEY: json.dumps(values)})
    assert load_module(path).config == tiny_config


def test_a_saved_model_holds_only_what_inference_needs(tiny_model, saved):
    tensors = load_file(saved)
    assert not [name for name in tensors if "num_batches_tracked" in name]
    assert sum(value.numel() for value in tensors.values()) < saved.stat().st_size / 3.5
    with safe_open(saved, framework="pt") as file:
        assert json.loads(file.metadata()[CONFIG_KEY])["image_size"] == [64, 64]


@pytest.mark.parametrize(
    "name", ["../../elsewhere", "/etc/mine", "C:mine", r"up\mine", "..", ".hidden", "two\nlines", "long" * 30]
)
def test_a_name_that_could_lead_out_of_a_folder_is_not_taken_from_the_file(tiny_model, tmp_path, name):
    assert load_module(save_model(tiny_model, tmp_path / "mine.safetensors", name=name)).name == "mine"


def test_a_name_in_any_script_is_taken_from_the_file(tiny_model, tmp_path):
    assert load_module(save_model(tiny_model, tmp_path / "mine.safetensors", name="我的 v1.2")).name == "我的 v1.2"


def test_half_stores_convolutions_in_float16_and_the_rest_in_float32(tiny_model, saved, tmp_path, picture):
    path = save_model(tiny_model, tmp_path / "half.safetensors", half=True)
    kinds = {name: value.dtype for name, value in load_file(path).items()}
    assert kinds["generator.first.conv.weight"] == torch.float16
    assert kinds["generator.first.norm.running_var"] == torch.float32
    assert kinds["keypoint_detector.down.weight"] == torch.float32
    assert path.stat().st_size < 0.7 * saved.stat().st_size
    torch.testing.assert_close(animate(load_module(path), picture), animate(tiny_model, picture), atol=0.02, rtol=0)


def test_converting_twice_gives_the_same_model(published, tmp_path, picture):
    first = convert(published, tmp_path / "a.safetensors", config=yaml_of_tiny(tmp_path))
    second = convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert second.config == first.config
    assert torch.equal(animate(second, picture), animate(first, picture))


def test_only_safetensors_are_written(tiny_model, tmp_path):
    with pytest.raises(UsageError, match="another suffix"):
        save_model(tiny_model, tmp_path / "a.pth")
    assert not list(tmp_path.iterdir())


def test_a_yaml_tells_what_the_tensors_do_not(published, tmp_path):
    model = load_module(published, yaml_of_tiny(tmp_path, temperature=0.3, pad=3))
    assert model.config.keypoint_detector.temperature == 0.3
    assert model.config.keypoint_detector.pad == 3
    assert model.config.image_size == (64, 64)


def test_a_yaml_that_contradicts_the_tensors_is_refused(published, tmp_path):
    config = yaml_of_tiny(tmp_path, max_features=12)
    with pytest.raises(UnsupportedModel, match=r"encoder is stated as \(12, 12\), the tensors say \(16, 16\)"):
        load_module(published, config)


def test_a_header_that_contradicts_the_tensors_is_refused(saved, tiny_config, tmp_path):
    wrong = replace(tiny_config, keypoint_detector=replace(tiny_config.keypoint_detector, num_kp=5))
    path = tmp_path / "wrong.safetensors"
    save_file(load_file(saved), path, {CONFIG_KEY: json.dumps(wrong.to_dict())})
    with pytest.raises(UnsupportedModel, match=r"does not fit its own header: keypoint_detector\.num_kp"):
        load_module(path)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("image_size", [100_000, 100_000], "image_size has to be a whole number from 16 to 4096, found 100000"),
        ("keypoint_detector.pad", 100_000, "keypoint_detector.pad has to be a whole number from 0 to 6"),
        ("keypoint_detector.temperature", 0, "temperature has to be a number from 1e-06 to 100, found 0"),
        ("keypoint_detector.temperature", "hot", "configuration in the header"),
        ("image_size", [1e999, 64], "configuration in the header"),
        ("motion_size", [100, 100], "states a motion_size of 100x100"),
        ("motion_size", [8, 8], "motion_size has to be a whole number from 16 to 4096, found 8"),
    ],
)
def test_a_header_cannot_ask_for_what_no_model_has(saved, tmp_path, option, value, reason):
    values = json.loads(read_checkpoint(saved).metadata[CONFIG_KEY])
    part, _, name = option.rpartition(".")
    (values[part] if part else values)[name] = value
    path = tmp_path / "wrong.safetensors"
    save_file(load_file(saved), path, {CONFIG_KEY: json.dumps(values)})
    with pytest.raises(UnsupportedModel, match=reason):
        load_module(path)


def test_a_thin_blur_kernel_cannot_make_a_large_model(saved, tmp_path):
    tensors = load_file(saved)
    tensors["keypoint_detector.down.weight"] = torch.zeros(3, 1, 1, 4001)  # square, it would take 64 MB a channel
    path = tmp_path / "wrong.safetensors"
    save_file(tensors, path)
    with pytest.raises(UnsupportedModel, match="square blur kernel"):
        load_module(path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"keypoint_detector": 3}', "null"])
def test_a_broken_header_is_explained(saved, tmp_path, text):
    path = tmp_path / "wrong.safetensors"
    save_file(load_file(saved), path, {CONFIG_KEY: text})
    with pytest.raises(UnsupportedModel, match=r"configuration in the header of wrong\.safetensors"):
        load_module(path)


def test_arguments_override_what_the_file_says(saved):
    model = load_module(saved, align_corners=False, border_blend=True)
    assert (model.config.align_corners, model.config.border_blend) == (False, True)
    assert (model.generator.align_corners, model.generator.border_blend) == (False, True)


def test_the_catalogue_knows_a_published_file_by_its_name(published):
    path = published.rename(published.with_name("vox-cpk-512.pdparams"))
    model = load_module(path)
    assert model.name == "paddlegan-vox-512"
    assert model.config.image_size == (512, 512)
    assert model.config.border_blend


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("generator.final.weight", None, "1 missing .*final.weight"),
        ("generator.extra.weight", torch.zeros(1), "1 unknown .*extra.weight"),
        ("generator.final.weight", torch.zeros(3, 9, 7, 7), "1 of another shape .*final.weight"),
        # claims a network of 65 536 x 65 536 convolutions
        ("generator.bottleneck.r0.conv1.weight", torch.zeros(65536, 1, 1, 1), "bottleneck has to be a whole number"),
    ],
)
def test_tensors_that_do_not_make_a_model_are_refused(saved, tmp_path, key, value, reason):
    tensors = load_file(saved)
    tensors.pop(key, None)
    if value is not None:
        tensors[key] = value
    path = tmp_path / "wrong.safetensors"
    save_file(tensors, path)
    with pytest.raises(UnsupportedModel, match=reason):
        load_module(path)


def test_a_configuration_that_the_tensors_do_not_fill_is_refused(published, tiny_config):
    checkpoint = read_checkpoint(published)
    flat = replace(tiny_config, generator=replace(tiny_config.generator, down=(), up=()))
    with pytest.raises(UnsupportedModel, match="unknown"):
        build(flat, checkpoint, "x")


def test_an_impossible_device_is_a_usage_error(saved):
    with pytest.raises(UsageError):
        load_module(saved, device="tpu9")


def test_a_published_file_gets_its_safetensors_twin_once(published):
    twin = slim(published)
    written = twin.stat().st_mtime_ns
    assert twin.name == "tiny.pth.tar.safetensors"
    assert slim(published) == twin
    assert twin.stat().st_mtime_ns == written


@pytest.mark.parametrize("date", [1_000_000_000, 3_000_000_000])
def test_a_file_of_another_date_gets_another_twin(published, date):
    first = slim(published).stat().st_ino
    os.utime(published, (date, date))
    twin = slim(published)
    assert twin.stat().st_ino != first
    assert twin.stat().st_mtime == date


def test_the_twin_animates_like_the_file(published):
    picture = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(animate(load_module(slim(published)), picture), animate(load_module(published), picture))


def test_a_folder_that_cannot_be_written_keeps_the_file_usable(published, monkeypatch):
    def refuse(*_):
        raise WriteError("read-only")

    monkeypatch.setattr("fom_core.weights.load.write_tensors", refuse)
    assert slim(published) == published
