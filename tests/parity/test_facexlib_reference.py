"""Against facexlib itself, on the same random weights: points of a face, and the parts of a head."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from fom_core.faces.landmarks import load_points, peaks, points_of
from fom_core.faces.parsing import PARTS, load_parser, parse_heads
from fom_core.faces.points import to_68
from fom_core.media import read_picture
from fom_core.types import FaceSet

REASON = "the package facexlib (extra 'facexlib') is the reference for landmarks and parsing"
FACES = {  # a square around a face, in whole pixels
    "portrait_s6.jpg": (60, 40, 196, 176),
    "portrait_lady1.jpg": (50, 40, 200, 190),
    "two_people.jpg": (100, 60, 300, 260),
}
BISENET = [  # what facexlib's example calls the classes of its network
    "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r", "nose", "mouth",
    "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat",
]  # fmt: skip
PARSENET = [
    "background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip",
    "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
]  # fmt: skip
OURS = {
    "glasses": "eye_g", "left eye": "l_eye", "right eye": "r_eye", "left brow": "l_brow", "right brow": "r_brow",
    "left ear": "l_ear", "right ear": "r_ear", "upper lip": "u_lip", "lower lip": "l_lip", "earring": "ear_r",
    "necklace": "neck_l", "clothes": "cloth",
}  # fmt: skip


@pytest.fixture(scope="module")
def facexlib() -> Callable[[str], Any]:
    """Modules of facexlib by name."""
    pytest.importorskip("facexlib.parsing", reason=REASON, exc_type=ImportError)
    return lambda name: importlib.import_module(f"facexlib.{name}")


def filled(network: nn.Module, path: Path, wrapped: bool = False) -> nn.Module:
    """The network with random weights that make its output depend on the picture, and a file of them."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    state = network.eval().state_dict()
    torch.save({"state_dict": state, "epoch": 1} if wrapped else state, path)
    return network


def view(shared: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A picture, and the square around its face."""
    picture = read_picture(shared / "data/media" / name)
    x0, y0, x1, y1 = FACES[name]
    return picture, np.ascontiguousarray(picture[y0:y1, x0:x1])


@pytest.fixture(scope="module")
def aligner(facexlib: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    path = tmp_path_factory.mktemp("awing") / "alignment.pth"
    network = facexlib("alignment.awing_arch").FAN(num_modules=4, num_landmarks=98, device="cpu")
    return filled(network, path, wrapped=True), path


@pytest.fixture
def calculate_points(facexlib: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., np.ndarray]:
    """facexlib's own way from heatmaps to points, with the name of NumPy that it needs and NumPy dropped."""
    monkeypatch.setattr(np, "float", float, raising=False)
    return facexlib("alignment.awing_arch").calculate_points


def test_points_are_read_off_heatmaps_as_facexlib_does(calculate_points: Callable[..., np.ndarray]):
    heatmaps = np.random.default_rng(0).random((98, 64, 64), np.float32)
    heatmaps[:, [0, -1]] = heatmaps[:, :, [0, -1]] = 0  # no peak on the border: facexlib takes other cells' neighbours
    np.testing.assert_array_equal(peaks(heatmaps), calculate_points(heatmaps[None])[0])


def test_the_points_of_real_faces_are_those_of_facexlib(
    aligner: tuple[Any, Path],
    facexlib: Callable[[str], Any],
    calculate_points: Callable[..., np.ndarray],
    shared: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    seen = {}

    def alone(heatmaps: np.ndarray) -> np.ndarray:
        """One heatmap after the other, so that a peak on the border takes no other point along."""
        seen["peaks"] = np.divmod(heatmaps[0].reshape(98, -1).argmax(axis=1), 64)
        return np.concatenate([calculate_points(heatmaps[:, [index]]) for index in range(98)], axis=1)

    monkeypatch.setattr(facexlib("alignment.awing_arch"), "calculate_points", alone)
    reference, path = aligner
    finder = load_points(path)
    for name, (x0, y0, x1, y1) in FACES.items():
        picture, face = view(shared, name)
        with torch.inference_mode():
            expected = reference.get_landmarks(np.ascontiguousarray(face[..., ::-1]))  # it wants BGR
        actual = points_of(finder, picture, (x0, y0, x1, y1)) - (x0, y0)
        inside = np.all([(axis > 0) & (axis < 63) for axis in seen["peaks"]], axis=0)
        assert inside.sum() > 70 and len(np.unique(expected, axis=0)) > 80
        np.testing.assert_allclose(actual[inside], expected[inside], atol=1e-9)


def test_the_68_of_98_points_are_those_of_facexlib(facexlib: Callable[[str], Any]):
    points = np.random.default_rng(1).random((98, 2)).astype(np.float32)
    expected = facexlib("alignment").landmark_98_to_68(points)
    np.testing.assert_array_equal(to_68(points), expected)


@pytest.mark.parametrize(
    ("name", "classes"), [pytest.param("parsenet", PARSENET, marks=pytest.mark.slow), ("bisenet", BISENET)]
)
def test_the_parts_of_real_heads_are_those_of_facexlib(
    facexlib: Callable[[str], Any], name: str, classes: list[str], shared: Path, tmp_path: Path
):
    normalize = pytest.importorskip("torchvision.transforms.functional", reason=REASON).normalize
    misc, parsing = facexlib("utils.misc"), facexlib("parsing")
    network = parsing.BiSeNet(19) if name == "bisenet" else parsing.ParseNet(512, 512, parsing_ch=19)
    filled(network, tmp_path / "parsing.pth")
    mean, spread = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if name == "bisenet" else ((0.5,) * 3, (0.5,) * 3)

    def scores(face: np.ndarray) -> torch.Tensor:
        """What the network says of a face, asked as in facexlib's example."""
        resized = cv2.resize(face[..., ::-1], (512, 512), interpolation=cv2.INTER_LINEAR)
        batch = misc.img2tensor(resized.astype("float32") / 255.0, bgr2rgb=True, float32=True)
        normalize(batch, mean, spread, inplace=True)
        with torch.inference_mode():
            return network(batch[None])[0].squeeze(0)

    if name == "parsenet":  # or one class wins everywhere
        found, last = scores(view(shared, "portrait_s6.jpg")[1]).flatten(1), network.out_mask_conv.conv2d
        last.bias.data = (last.bias - found.mean(dim=1)) / found.std(dim=1)
        last.weight.data = last.weight / found.std(dim=1)[:, None, None, None]
        torch.save(network.state_dict(), tmp_path / "parsing.pth")
    parser = load_parser(name, tmp_path / "parsing.pth")
    named = [OURS.get(part, part) for part in PARTS]
    for file, square in FACES.items():
        picture, face = view(shared, file)
        expected, actual = scores(face).numpy().argmax(0), parser(face)
        assert len(np.unique(expected)) > 3
        assert (np.array(named)[actual] == np.array(classes)[expected]).all()

        (labels,) = parse_heads(picture, FaceSet.from_crops([square], picture.shape[:2]), parser)
        np.testing.assert_array_equal(labels, cv2.resize(actual, labels.shape[::-1], interpolation=cv2.INTER_NEAREST))
