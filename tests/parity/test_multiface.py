"""Crops and pasting against PaddleGAN's own results."""

import json

import numpy as np
import pytest

from fom_core.compose.paste import paste
from fom_core.faces.regions import regions_from_boxes
from fom_core.types import FaceSet
from tests.golden import paddlegan_faces as theirs
from tests.parity.conftest import GOLDEN

LARGER = [("single", 0.4), ("two", 0.4), ("two", 0.45), ("two", 0.5), ("two", 1.0)]
LARGER += [("overlap", 0.4), ("overlap", 0.5), ("edge", 0.4)]


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / "paddlegan" / "faces.npz"))


@pytest.mark.parametrize("number", range(theirs.CROPS))
def test_crops_are_paddlegans(stored, number):
    expected = json.loads(str(stored["about"]))["crops"][number]
    shape, boxes = theirs.detections(number)
    faces = regions_from_boxes(boxes, shape, crop="paddlegan")
    assert [list(face.crop_px) for face in faces] == expected


def test_paddlegan_crops_equal_upstream(shared):
    cases = json.loads((shared / "golden/multiface/boxes.json").read_text())["cases"]
    for case in cases:
        faces = regions_from_boxes(case["detections"], (case["image_h"], case["image_w"]), crop="paddlegan")
        expected = [tuple(row[:4]) for row in case["rects_x1y1x2y2area"]]
        assert [face.crop_px for face in faces] == expected, case["name"]


def pasted(source, rects, patches, ratio, as_floats):
    faces = FaceSet.from_crops(rects, source.shape[:2])
    frames = [patch / np.float32(255) if as_floats else patch.astype(np.uint8) for patch in patches]
    return paste(source, faces, frames, mask="paddlegan", ratio=ratio)


@pytest.mark.parametrize(
    ("name", "ratio"), [(name, ratio) for name in theirs.PASTES for ratio in theirs.PASTES[name][1]]
)
@pytest.mark.parametrize("as_floats", [False, True])
def test_pasting_is_paddlegans(stored, name, ratio, as_floats):
    rects, _ = theirs.PASTES[name]
    result = pasted(theirs.source(), rects, theirs.patches(name, len(rects)), ratio, as_floats)
    np.testing.assert_array_equal(result, stored[f"{name}/{ratio}"])


@pytest.mark.parametrize(("name", "ratio"), LARGER)
@pytest.mark.parametrize("as_floats", [False, True])
def test_paddlegan_paste_equals_upstream(shared, name, ratio, as_floats):
    golden = np.load(shared / "golden/multiface/paste.npz")
    rects = golden[f"{name}/rects"].tolist()
    patches = [golden[f"{name}/patch{index}"] for index in range(len(rects))]
    result = pasted(golden["source"], rects, patches, ratio, as_floats)
    np.testing.assert_array_equal(result, golden[f"{name}/out_ratio{ratio}"])
