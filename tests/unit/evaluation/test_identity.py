"""Whether a face is still the same person's: by a network of one layer, on faces whose points are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytest import approx

from fom_core.errors import MediaError, UnsupportedModel
from fom_core.evaluation.identity import SIZE, FaceRecogniser, likeness
from fom_core.evaluation.reconstruction import OptionalMetrics, Scores, animate_pair, reconstruct
from fom_core.faces.detection import Detection

EYES_NOSE_MOUTH = ((38.0, 52.0), (74.0, 52.0), (56.0, 72.0), (42.0, 92.0), (70.0, 92.0))  # where SFace wants them


class Finds:
    """A detector of one face; in pictures that are all black there is none."""

    name = "finds"

    def __init__(self, scale: float = 1.0, shift: float = 0.0) -> None:
        self.points = tuple((scale * x + shift, scale * y + shift) for x, y in EYES_NOSE_MOUTH)

    def detect(self, image: np.ndarray) -> list[Detection]:
        return [Detection((0, 0, 112, 112), 0.9, self.points)] if image.any() else []


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """An embedding of twelve numbers: the mean colour of each quarter of the face."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("AveragePool", ["face"], ["means"], kernel_shape=[SIZE // 2] * 2, strides=[SIZE // 2] * 2),
        helper.make_node("Flatten", ["means"], ["vector"]),
    ]
    given = [value("face", TensorProto.FLOAT, [1, 3, SIZE, SIZE])]
    graph = helper.make_graph(nodes, "means", given, [value("vector", TensorProto.FLOAT, [1, 12])])
    path = tmp_path_factory.mktemp("identity") / "means.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def face(seed: int) -> np.ndarray:
    """A picture of 112x112 pixels whose quarters have colours of their own."""
    colours = np.random.default_rng(seed).integers(0, 256, (2, 2, 3)).astype(np.uint8)
    return np.kron(colours, np.ones((56, 56, 1), np.uint8))


def test_the_same_face_is_wholly_like_itself_also_elsewhere_and_larger(weights):
    small, large = face(0), np.zeros((300, 300, 3), np.uint8)
    large[20:244, 20:244] = np.kron(small, np.ones((2, 2, 1), np.uint8))

    source = FaceRecogniser(weights, Finds())(small)
    moved = FaceRecogniser(weights, Finds(scale=2, shift=20.5))(large)

    assert source is not None
    assert moved is not None
    assert np.linalg.norm(source) == approx(1)
    assert source @ moved == approx(1, abs=1e-3)


def test_colours_reach_the_network_in_their_order(weights):
    red = np.zeros((112, 112, 3), np.uint8)
    red[..., 0] = 200

    vector = FaceRecogniser(weights, Finds())(red)

    assert vector is not None
    assert vector.reshape(3, 2, 2)[0] == approx(0.5, abs=0.01)
    assert np.abs(vector.reshape(3, 2, 2)[1:]).max() == 0


def test_another_face_is_less_alike_and_a_missing_one_is_not_known(weights):
    embed = FaceRecogniser(weights, Finds())
    black = np.zeros((112, 112, 3), np.uint8)

    same, other, missing = likeness(embed, embed(face(0)), [face(0), face(1), black])

    assert same == approx(1)
    assert other < 0.95
    assert np.isnan(missing)
    assert np.isnan(likeness(embed, None, [face(0)])).all()


def test_a_file_that_is_no_face_recogniser_is_refused_in_words(weights, tmp_path):
    (tmp_path / "other.onnx").write_bytes(b"something else")

    with pytest.raises(UnsupportedModel, match=r"other\.onnx .* `fom weights download sface`"):
        FaceRecogniser(tmp_path / "other.onnx", Finds())
    with pytest.raises(MediaError, match=r"missing\.onnx"):
        FaceRecogniser(tmp_path / "missing.onnx", Finds())


def light_and_dark(picture: np.ndarray) -> np.ndarray:
    """A stand-in for a network: nearly the same for all frames of a clip, and the opposite for a negative."""
    vector = picture.astype(np.float64).reshape(-1) - 127.5
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("measure", [reconstruct, animate_pair])
def test_an_unmoved_source_is_itself_and_the_driver_stands_beside_it(tiny_model, clip, measure):
    scores = Scores()
    frames = np.stack([clip[0], clip[1], 255 - clip[2]])
    source = () if measure is reconstruct else (clip[3],)

    measure(tiny_model, *source, frames, OptionalMetrics(identity=light_and_dark), scores)

    means = scores.means()
    assert means["copy"]["identity"] == approx(1)
    assert set(means["driving"]) == {"identity"}
    assert means["driving"]["identity"] < 0.9 * means["composed"]["identity"] < 1


def test_without_a_network_there_is_no_row_of_the_driver(tiny_model, clip):
    scores = Scores()

    reconstruct(tiny_model, clip[:3], OptionalMetrics(), scores)

    assert set(scores.means()) == {"relative", "absolute", "composed", "copy"}
