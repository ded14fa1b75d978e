"""A recogniser of pictures around 0 becomes one of raw pixels."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from tools.face_embedding import MIDDLE, RANGE, one_face_of_raw_pixels  # noqa: E402


def network_of_two():
    """A batch of two pictures of 2x2 pixels in, their flattened values out."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["pictures", "shape"], ["vectors"])],
        "two",
        [value("pictures", TensorProto.FLOAT, [2, 3, 2, 2])],
        [value("vectors", TensorProto.FLOAT, [2, 12])],
        [numpy_helper.from_array(np.array([2, 12]), "shape")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)


def test_one_picture_of_raw_pixels_gives_what_the_network_makes_of_values_around_0():
    picture = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2) * 20

    model = one_face_of_raw_pixels(network_of_two())

    (vector,) = ReferenceEvaluator(model).run(None, {"pictures": picture})
    np.testing.assert_allclose(np.asarray(vector), (picture.reshape(1, 12) - MIDDLE) / RANGE, atol=1e-6)
