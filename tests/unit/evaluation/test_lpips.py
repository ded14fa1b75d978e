"""Distances of looks and of points, against known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fom_core.errors import UnsupportedModel
from fom_core.evaluation.face_points import Pfld, aligned, detector_points
from fom_core.evaluation.lpips import ALEXNET, SLICES, Lpips
from fom_core.faces.detection import Detection
from fom_core.faces.detectors.yunet import YuNetDetector
from fom_core.media import read_picture
from fom_core.weights import checksums


def lpips_weights(seed: int) -> dict[str, torch.Tensor]:
    """Random weights under the names of the lpips package."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for index, (inputs, outputs, kernel, _, _) in enumerate(ALEXNET):
        name = f"net.slice{index + 1}.{SLICES[index]}"
        weights[f"{name}.weight"] = 0.05 * torch.randn(outputs, inputs, kernel, kernel, generator=generator)
        weights[f"{name}.bias"] = torch.zeros(outputs)
        weights[f"lin{index}.model.1.weight"] = torch.rand(1, outputs, 1, 1, generator=generator)
    return weights


def test_lpips_grows_with_the_distance_and_is_zero_for_equal_pictures():
    judge = Lpips.from_state_dict(lpips_weights(0))
    target = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2)) - 0.5

    near, far = judge(target + 0.05 * noise, target), judge(target + 0.5 * noise, target)

    assert float(judge(target, target)) == 0
    assert 0 < float(near) < float(far)


def test_lpips_is_found_by_the_name_of_its_published_parts(tmp_path, monkeypatch):
    whole = lpips_weights(0)
    monkeypatch.setenv("FOM_MODELS", str(tmp_path))
    monkeypatch.setattr(checksums, "sha256_of", lambda path: "7be5be79" + 56 * "0")  # these are not the real weights
    torch.save({name: value for name, value in whole.items() if name.startswith("lin")}, tmp_path / "alex.pth")
    with pytest.raises(UnsupportedModel, match="fom weights download alexnet"):
        Lpips.load("lpips-alex")
    alexnet = {f"features.{name.split('.', 2)[2]}": value for name, value in whole.items() if name.startswith("net")}
    torch.save({**alexnet, "classifier.1.weight": torch.zeros(2)}, tmp_path / "alexnet-owt-7be5be79.pth")

    judge = Lpips.load("lpips-alex")

    for name, value in Lpips.from_state_dict(whole).state_dict().items():
        assert torch.equal(judge.state_dict()[name], value), name


def test_lpips_without_its_weights_says_what_is_missing():
    weights = lpips_weights(0)
    del weights["lin3.model.1.weight"]

    with pytest.raises(UnsupportedModel, match=r"lin3\.model\.1\.weight"):
        Lpips.from_state_dict(weights)


def test_aligning_undoes_moving_turning_and_scaling():
    points = np.random.default_rng(0).random((10, 2))
    turned = 3 * points @ np.array([[0.6, 0.8], [-0.8, 0.6]]) + (5, -2)

    np.testing.assert_allclose(aligned(turned, points), points, atol=1e-12)
    mirrored = points * (-1, 1)
    assert np.abs(aligned(mirrored, points) - points).max() > 0.1


def test_points_are_those_of_the_largest_face_that_has_some():
    class Two:
        name = "two"

        def detect(self, image):
            small, large = tuple((i, i) for i in range(5)), tuple((9, i) for i in range(5))
            return [Detection((0, 0, 4, 4), 0.9, small), Detection((0, 0, 8, 8), 0.8, large)]

    class NoPoints:
        name = "none"

        def detect(self, image):
            return [Detection((0, 0, 4, 4), 0.9)]

    picture = np.zeros((16, 16, 3), np.uint8)
    found = detector_points(Two())(picture)

    assert found is not None
    assert found[:, 0].tolist() == [9] * 5
    assert detector_points(NoPoints())(picture) is None


def test_68_points_agree_with_the_five_of_the_detector(shared):
    weights = shared / "data" / "weights"
    detector = YuNetDetector(weights / "yunet_n_640_640.onnx", threshold=0.5)
    picture = read_picture(shared / "data" / "media" / "portrait_s6.jpg")

    five, many = detector_points(detector)(picture), Pfld(weights / "pfld_68.onnx", detector)(picture)

    assert five is not None
    assert many is not None
    eyes_and_mouth = [many[36:42].mean(0), many[42:48].mean(0), many[48], many[54]]
    apart = np.linalg.norm(five[1] - five[0])
    for ours, theirs in zip(eyes_and_mouth, five[[0, 1, 3, 4]], strict=True):
        assert np.linalg.norm(ours - theirs) < 0.25 * apart
