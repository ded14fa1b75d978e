import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fom_core.errors import UnsupportedModel
from fom_core.weights.load import convert
from fom_core.weights.read import read_checkpoint, read_tree

NETWORKS = ("keypoint_detector", "generator")


@pytest.fixture
def states(tiny_model) -> dict[str, dict[str, torch.Tensor]]:
    return {name: getattr(tiny_model, name).state_dict() for name in NETWORKS}


def floats(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if value.is_floating_point()}


def to_paddle(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    renamed = {}
    for name, value in floats(state).items():
        renamed[name.replace("running_mean", "_mean").replace("running_var", "_variance")] = value.numpy()
    return renamed


def dump(value: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, 4))


def save_legacy(value: Any, path: Path) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


def flat(states: dict[str, dict[str, Any]], detector: str = "kp_detector", prefix: str = "") -> dict[str, Any]:
    names = {"keypoint_detector": detector, "generator": "generator"}
    return {f"{prefix}{names[net]}.{name}": value for net, state in states.items() for name, value in state.items()}


def layouts(states: dict[str, dict[str, torch.Tensor]]) -> dict[str, tuple[Any, Any]]:
    """A writer and what it writes, by name."""
    torch_nested = {"generator": states["generator"], "kp_detector": states["keypoint_detector"], "epoch": 7}
    paddle = {name: to_paddle(state) for name, state in states.items()}
    paddle_nested = {"generator": paddle["generator"], "kp_detector": paddle["keypoint_detector"]}
    pairs = {net: {name: (f"p_{name}", value) for name, value in state.items()} for net, state in paddle_nested.items()}
    unrelated = {"pyramid.downs.0.weight": np.zeros(3, np.float32), "vgg.slice1.0.weight": np.ones(2, np.float32)}
    return {
        "torch, zip": (torch.save, torch_nested),
        "torch, legacy": (save_legacy, torch_nested),
        "torch, data parallel": (
            torch.save,
            {net: {f"module.{name}": value for name, value in state.items()} for net, state in states.items()},
        ),
        "torch, flat": (torch.save, flat(states, prefix="module.")),
        "torch, one module": (torch.save, {"state_dict": {**flat(states), "discriminator.fc.weight": torch.ones(2)}}),
        "torch, flat, data parallel": (
            torch.save,
            {
                name.replace("generator.", "generator.module.").replace("kp_detector.", "kp_detector.module."): value
                for name, value in flat(states).items()
            },
        ),
        "torch, numpy's numbers": (torch.save, {**torch_nested, "epoch": np.int64(99), "loss": np.float32(0.1)}),
        "torch, legacy, numpy's numbers": (save_legacy, {**torch_nested, "epoch": np.int64(99)}),
        "torch, half": (
            torch.save,
            {net: {name: value.half() for name, value in floats(state).items()} for net, state in states.items()},
        ),
        "paddle": (dump, {**paddle_nested, "StructuredToParameterName@@": {}}),
        "paddle, pairs": (dump, pairs),
        "paddle, flat": (dump, {**flat(paddle), "StructuredToParameterName@@": {"a": "b"}}),
        "paddle, trainer": (dump, {"Gen_Full": {**flat(paddle, "kp_extractor"), **unrelated}, "epoch": 1}),
        "safetensors, foreign": (save_file, flat(states)),
    }


@pytest.mark.parametrize(
    "layout",
    [
        "torch, zip",
        "torch, legacy",
        "torch, data parallel",
        "torch, flat",
        "torch, one module",
        "torch, flat, data parallel",
        "torch, numpy's numbers",
        "torch, legacy, numpy's numbers",
        "torch, half",
        "paddle",
        "paddle, pairs",
        "paddle, flat",
        "paddle, trainer",
        "safetensors, foreign",
    ],
)
def test_every_layout_gives_the_same_tensors(tmp_path, states, layout):
    path = tmp_path / "weights.bin"  # the name tells nothing
    write, value = layouts(states)[layout]
    write(value, path)
    checkpoint = read_checkpoint(path)
    for network in NETWORKS:
        expected, found = floats(states[network]), getattr(checkpoint, network)
        assert found.keys() == expected.keys()
        for name, value in found.items():
            reference = expected[name].half().float() if "half" in layout else expected[name]
            assert value.dtype == torch.float32
            assert torch.equal(value, reference), name


@pytest.mark.parametrize("name", ["evil.pth.tar", "evil.pdparams", "evil.safetensors"])
@pytest.mark.parametrize("writer", ["zip", "legacy", "protocol 2", "protocol 4"])
def test_an_attack_is_refused_in_every_format_and_under_every_name(states, attack, trace, writer, name):
    path = trace.with_name(name)
    value = {"generator": states["generator"], "kp_detector": states["keypoint_detector"], "extra": attack}
    arrays = {"generator": to_paddle(states["generator"]), "extra": attack}
    if writer == "zip":
        torch.save(value, path)
    elif writer == "legacy":
        save_legacy(value, path)
    else:
        path.write_bytes(pickle.dumps(arrays, int(writer[-1])))
    with pytest.raises(UnsupportedModel, match=r"refused and nothing in it was run: .*(system|eval|open)") as refusal:
        read_checkpoint(path)
    assert not trace.exists()
    assert "\n" not in str(refusal.value)


def test_an_attack_works_on_a_trusting_reader(tmp_path, attack, trace):
    pickle.loads(pickle.dumps(attack))  # else the tests above could not fail
    assert trace.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        (b"\x1f\x8b\x08" + b"\0" * 600, "archive"),
        (b"x" * 257 + b"ustar" + b"\0" * 400, "archive"),
        (b"hello", "not a weights file"),
        (struct.pack("<Q", 10**9) + b'{"a"', "not a weights file"),
        (struct.pack("<Q", 4) + b'{"a"', "damaged safetensors"),
        (
            struct.pack("<Q", 5000) + b'{"a"',
            "is a safetensors file that breaks off after 12 bytes: its download or",
        ),
        (b"PK\x03\x04" + b"\0" * 100, "damaged"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "damaged"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "damaged"),
    ],
)
def test_what_is_not_a_checkpoint_is_named(tmp_path, content, reason):
    path = tmp_path / "vox.pth.tar"
    path.write_bytes(content)
    with pytest.raises(UnsupportedModel, match=reason) as refusal:
        read_checkpoint(path)
    assert "\n" not in str(refusal.value)


def test_an_unpacked_checkpoint_is_explained(tmp_path):
    with pytest.raises(UnsupportedModel, match="do not unpack it"):
        read_checkpoint(tmp_path)


def test_a_missing_file_is_explained(tmp_path):
    with pytest.raises(UnsupportedModel, match="No such file"):
        read_checkpoint(tmp_path / "vox.pth.tar")


def test_weights_of_another_kind_are_told_apart(tmp_path):
    path = tmp_path / "stable_diffusion.safetensors"
    save_file({"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(4, 4)}, path)
    with pytest.raises(UnsupportedModel, match=r"wanted a keypoint detector.*found 1 entries.*diffusion_model"):
        read_checkpoint(path)


def test_one_network_alone_is_not_a_model(tmp_path, states):
    path = tmp_path / "generator.pth"
    torch.save({"generator": states["generator"]}, path)
    with pytest.raises(UnsupportedModel, match="wanted a keypoint detector"):
        read_checkpoint(path)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_torch_file_is_reported_as_damaged(tmp_path, states, legacy, share):
    whole, path = tmp_path / "whole", tmp_path / "vox.pth.tar"
    (save_legacy if legacy else torch.save)({"generator": states["generator"], "kp_detector": states}, whole)
    content = whole.read_bytes()
    path.write_bytes(content[: max(40, int(len(content) * share))])
    with pytest.raises(UnsupportedModel, match="damaged or incomplete"):
        read_checkpoint(path)


def test_a_truncated_safetensors_file_is_told_as_such(tmp_path, states):
    path = tmp_path / "vox.safetensors"
    save_file(flat(states), path)
    whole = path.read_bytes()
    for length in (100, len(whole) - 100):
        path.write_bytes(whole[:length])
        with pytest.raises(UnsupportedModel, match=f"that breaks off after {length:,} bytes: .* Get it again"):
            read_checkpoint(path)


def test_tensors_larger_than_their_file_are_refused(tmp_path, states):
    path = tmp_path / "bomb.pth"
    huge = torch.zeros(1).expand(10**9, 100)
    torch.save({"generator": states["generator"], "kp_detector": {**states["keypoint_detector"], "x": huge}}, path)
    with pytest.raises(UnsupportedModel, match="more than its size allows"):
        read_checkpoint(path)


def test_a_zip_that_inflates_is_not_opened(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10**6)
    with pytest.raises(UnsupportedModel, match="compressed inside"):
        read_checkpoint(path)


def test_a_zip_of_something_else_is_refused(tmp_path):
    path = tmp_path / "paper.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    with pytest.raises(UnsupportedModel, match=r"not one that torch\.save wrote"):
        read_checkpoint(path)


def test_the_header_of_a_safetensors_file_is_handed_on(tmp_path, states):
    path = tmp_path / "a.safetensors"
    save_file(flat(states), path, {"fom.name": "x"})
    assert read_checkpoint(path).metadata == {"fom.name": "x"}


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("number", [np.int64(99), np.float32(0.5), np.float64(-1e300), np.bool_(True), np.uint8(7)])
def test_numpys_numbers_come_out_as_pythons(tmp_path, number, protocol):
    torch.save({"epoch": number}, tmp_path / "a.pth", pickle_protocol=protocol)
    dump({"epoch": number}, tmp_path / "a.pdparams")
    for name in ("a.pth", "a.pdparams"):
        found = read_tree(tmp_path / name)[0]["epoch"]
        assert (found, type(found)) == (number.item(), type(number.item()))


def test_no_more_of_numpy_is_let_into_torchs_files(tmp_path):
    torch.save({"history": np.ones(3)}, tmp_path / "a.pth")
    with pytest.raises(UnsupportedModel, match=r"multiarray\._reconstruct"):
        read_tree(tmp_path / "a.pth")
    torch.save({"name": np.str_("a")}, tmp_path / "b.pth")
    with pytest.raises(UnsupportedModel, match="numbers of type U1"):
        read_tree(tmp_path / "b.pth")


@pytest.mark.parametrize("name", ["npscalar.pth.tar", "statedict.pth"])
def test_checkpoints_of_other_programs_open_and_convert_to_the_same(shared, tmp_path, name):
    convert(shared / "cases" / name, tmp_path / "a.safetensors")
    foreign, ours = read_checkpoint(shared / "cases" / name), read_checkpoint(tmp_path / "a.safetensors")
    for network in NETWORKS:
        expected, found = floats(getattr(foreign, network)), getattr(ours, network)
        assert len(expected) > 20
        assert all(torch.equal(found[key], value) for key, value in expected.items())
