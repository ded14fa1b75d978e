"""Crops and pasting against PaddleGAN's own results."""

import json

import numpy as np
import pytest

from fom_core.compose.paste import paste
from fom_core.faces.regions import regions_from_boxes
from fom_core.types import FaceSet

PASTES = [("single", 0.4), ("two", 0.4), ("two", 0.45), ("two", 0.5), ("two", 1.0)]
PASTES += [("overlap", 0.4), ("overlap", 0.5), ("edge", 0.4)]


def test_paddlegan_crops_equal_upstream(shared):
    cases = json.loads((shared / "golden/multiface/boxes.json").read_text())["cases"]
    for case in cases:
        faces = regions_from_boxes(case["detections"], (case["image_h"], case["image_w"]), crop="paddlegan")
        expected = [tuple(row[:4]) for row in case["rects_x1y1x2y2area"]]
        assert [face.crop_px for face in faces] == expected, case["name"]


@pytest.mark.parametrize(("name", "ratio"), PASTES)
@pytest.mark.parametrize("as_floats", [False, True])
def test_paddlegan_paste_equals_upstream(shared, name, ratio, as_floats):
    golden = np.load(shared / "golden/multiface/paste.npz")
    faces = FaceSet.from_crops(golden[f"{name}/rects"].tolist(), golden["source"].shape[:2])
    patches = [golden[f"{name}/patch{index}"] for index in range(len(faces))]
    frames = [patch / np.float32(255) if as_floats else patch.astype(np.uint8) for patch in patches]
    result = paste(golden["source"], faces, frames, mask="paddlegan", ratio=ratio)
    np.testing.assert_array_equal(result, golden[f"{name}/out_ratio{ratio}"])
