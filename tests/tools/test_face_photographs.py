"""Whole pictures as training pictures of the embedded face detector, and the manners they are shown in."""

import numpy as np
import pytest

from fom_core.faces.detection import Detection
from fom_core.media.pictures import write_picture
from tools.face_detector.labels import load_photographs
from tools.face_detector.photographs import Photograph, mirrored, part_of
from tools.face_detector.pictures import FACE, IGNORE, Composer
from tools.face_detector.scenes import Portrait
from tools.face_detector.styles import MANNERS, degrade

FACE_BOX, MISTAKE = (60, 40, 110, 100), (200, 120, 260, 180)


def photograph():
    """Black, with a red face and a blue thing that was taken for one."""
    image = np.zeros((240, 320, 3), np.uint8)
    for channel, (x0, y0, x1, y1) in ((0, FACE_BOX), (2, MISTAKE)):
        image[y0:y1, x0:x1, channel] = 255
    return Photograph(image, np.array([[*FACE_BOX, FACE]], float), np.array([MISTAKE], float))


def extent(mask):
    y, x = np.nonzero(mask)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])


def test_boxes_follow_a_part_of_a_photograph():
    whole = 0
    for seed in range(40):
        part, boxes = part_of(photograph(), 128, np.random.default_rng(seed))
        assert part.shape == (128, 128, 3)
        box = boxes[0, :4]
        if (box >= 1).all() and (box <= 127).all():
            whole += 1
            np.testing.assert_allclose(extent(part[..., 0] > 128), box, atol=1.5)
    assert whole > 10


def test_mistakes_are_shown_often_and_without_a_label():
    parts = [part_of(photograph(), 128, np.random.default_rng(seed)) for seed in range(40)]
    assert sum((part[..., 2] > 128).mean() > 0.02 for part, _ in parts) > 8
    assert all(len(boxes) == 1 for _, boxes in parts)


def test_mirroring_exchanges_left_and_right_of_everything():
    turned = mirrored(photograph())
    np.testing.assert_array_equal(extent(turned.image[..., 0] > 128), turned.boxes[0, :4])
    np.testing.assert_array_equal(extent(turned.image[..., 2] > 128), turned.mistakes[0])


@pytest.mark.parametrize("manner", MANNERS)
def test_another_manner_keeps_a_picture_a_picture_and_changes_it(manner):
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    changed = manner(image.copy(), np.random.default_rng(1))
    assert changed.shape == image.shape and changed.dtype == np.uint8
    assert (changed != image).any()


def test_degrading_is_decided_by_the_generator_alone():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for seed in range(8):
        once, again = (degrade(image.copy(), np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(once, again)


def test_parts_of_photographs_are_mixed_in():
    grey = np.full((96, 96, 3), 90, np.uint8)
    portraits = [Portrait(grey, np.array([[30.0, 20.0, 70.0, 75.0, FACE]]))]
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    photographs = [Photograph(image, np.array([[100.0, 100.0, 160.0, 170.0, FACE]]), np.zeros((0, 4)))]
    composer = Composer(portraits, 96, seed=0, backgrounds=2, photographs=photographs)
    labels = [composer(index)[1] for index in range(30)]
    assert any((boxes[:, 4] == FACE).any() for boxes in labels)  # a grey portrait is too faint to be one


class Labeller:
    """Sees a sure face, a likely one and a doubtful one in any picture."""

    name = "labeller"

    def detect(self, image):
        boxes = {0.9: (10, 10, 40, 50), 0.6: (60, 10, 90, 50), 0.4: (10, 60, 40, 90)}
        width = image.shape[1]
        if image[0, 0, 0] > 128:  # the mirror image of those below
            boxes = {score: (width - x1, y0, width - x0, y1) for score, (x0, y0, x1, y1) in boxes.items()}
        return [Detection(box, score) for score, box in boxes.items()]


def test_only_permissive_photographs_are_opened_and_doubtful_faces_are_none(tmp_path):
    image = np.zeros((100, 120, 3), np.uint8)
    image[:, 60:] = 255
    write_picture(tmp_path / "free.png", image)
    lines = ["file,kind,split,licence_class", "free.png,still,train,permissive"]
    lines += ["missing.png,still,train,noncommercial", "missing.png,still,val,permissive"]
    (tmp_path / "index.csv").write_text("\n".join(lines))

    (loaded,) = load_photographs(tmp_path, Labeller())

    assert loaded.boxes.tolist() == [[10, 10, 40, 50, FACE], [60, 10, 90, 50, IGNORE]]
    assert loaded.mistakes.shape == (0, 4)
