"""The embedded detector's network, what it is taught, and the pictures it is taught on."""

import math

import numpy as np
import pytest
import torch

from fom_core.faces.detection import Detection
from fom_core.faces.detectors.embedded import FLOOR, STRIDES, EmbeddedDetector, FaceNetwork, agreed_score, decode
from fom_core.media.pictures import read_picture
from tools.face_detector.pictures import FACE, IGNORE, Canvas, Composer
from tools.face_detector.scenes import Portrait
from tools.face_detector.train import assign, export, giou, loss

SIZE = 128


def portraits():
    rng = np.random.default_rng(0)
    boxes = np.array([[30.0, 20.0, 70.0, 75.0, FACE]])
    return [Portrait(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8), boxes) for _ in range(3)]


def maps_for(height=2, width=3):
    return [torch.zeros(1, 5, height * 32 // stride, width * 32 // stride) for stride in STRIDES]


def test_the_network_looks_at_three_scales():
    shapes = [tuple(values.shape) for values in FaceNetwork().eval()(torch.zeros(1, 3, 64, 96))]
    assert shapes == [(1, 5, 8, 12), (1, 5, 4, 6), (1, 5, 2, 3)]


def test_boxes_are_distances_from_the_middle_of_a_cell_in_strides():
    maps = maps_for()
    maps[1][0, :, 1, 2] = torch.tensor([3.0, math.log(1), math.log(2), math.log(3), math.log(4)])
    logits, boxes = decode(maps)
    best = int(logits[0].argmax())
    torch.testing.assert_close(boxes[0, best], torch.tensor([40.0 - 16, 24 - 32, 40 + 48, 24 + 64]))


def test_a_face_is_learnt_by_the_cells_at_its_middle_on_the_stride_of_its_size():
    answers, centres = assign(torch.tensor([[40.0, 40.0, 64.0, 70.0, FACE]]), SIZE)
    cells = (SIZE // 8) ** 2
    assert (answers[cells:] == -1).all()
    taught = centres[answers == 0]
    assert 0 < len(taught) <= 4 and ((taught - torch.tensor([52.0, 55.0])).abs() < 8).all()


def test_a_large_face_is_learnt_on_the_coarsest_stride():
    answers, _ = assign(torch.tensor([[4.0, 4.0, 120.0, 126.0, FACE]]), SIZE)
    assert (answers == 0).nonzero().min() >= (SIZE // 8) ** 2 + (SIZE // 16) ** 2


def test_cells_on_a_doubtful_face_are_not_taught():
    answers, centres = assign(torch.tensor([[41.0, 41.0, 79.0, 79.0, IGNORE]]), SIZE)
    inside = ((centres > 41) & (centres < 79)).all(-1)
    assert (answers[inside] == -2).all() and (answers[~inside] == -1).all()


def test_generalised_overlap_is_one_for_equal_and_negative_for_distant_boxes():
    box, far = torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[90.0, 0.0, 100.0, 10.0]])
    assert giou(box, box)[1].item() == 1
    overlap, generalised = giou(box, far)
    assert overlap.item() == 0 and abs(generalised.item() + 0.8) < 1e-6


def test_a_few_steps_on_one_picture_lower_the_loss():
    torch.manual_seed(0)
    network = FaceNetwork()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    images, truth = torch.rand(2, 3, 64, 64), [torch.tensor([[20.0, 20.0, 44.0, 48.0, FACE]]), torch.zeros(0, 5)]
    losses = []
    for _ in range(8):
        score_loss, box_loss = loss(network(images), truth, 64)
        total = score_loss + box_loss
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(total.item())
    assert losses[-1] < 0.7 * losses[0]


def test_the_index_alone_decides_a_composed_picture():
    first, second = Composer(portraits(), SIZE, seed=3), Composer(portraits(), SIZE, seed=3)
    for index in (0, 1):
        first(index)
    for mine, other in zip(first(5), second(5), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_composed_pictures_hold_faces_of_many_sizes():
    composer = Composer(portraits(), SIZE, seed=0, backgrounds=3)
    boxes = np.concatenate([composer(index)[1] for index in range(40)])
    sides = (boxes[:, 2:4] - boxes[:, :2]).max(axis=1)
    assert boxes.shape[1] == 5 and sides.min() < 20 and sides.max() > 60
    assert composer(0)[0].shape == (SIZE, SIZE, 3)


def test_covered_faces_lose_their_label():
    canvas = Canvas(np.zeros((100, 100, 3), np.uint8))
    sharp = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    patch, alpha = sharp[:40, :40], np.ones((40, 40), np.float32)
    box = np.array([[10.0, 10.0, 30.0, 30.0, FACE]])
    canvas.paste(patch, alpha, 10, 10, box)
    assert canvas.labels(sharp).tolist() == [[20, 20, 40, 40, FACE]]
    assert canvas.labels(sharp // 10)[0, 4] == IGNORE  # too faint to see
    canvas.paste(patch, alpha, 30, 10, np.zeros((0, 5)))
    assert canvas.labels(sharp)[0, 4] == IGNORE
    canvas.paste(patch, alpha, 12, 10, np.zeros((0, 5)))
    assert len(canvas.labels(sharp)) == 0


def test_exported_weights_open_as_a_detector(tmp_path):
    torch.manual_seed(0)
    export(FaceNetwork(), tmp_path / "face_detector.safetensors", {"steps": "0"})
    assert (tmp_path / "face_detector.safetensors").stat().st_size < 2_000_000
    detector = EmbeddedDetector(tmp_path / "face_detector.safetensors", threshold=0.99)
    assert detector.detect(np.zeros((50, 70, 3), np.uint8)) == []


def test_a_large_face_must_convince_in_every_view():
    face, far = Detection((0, 0, 100, 100), 0.9), Detection((500, 0, 600, 100), 0.9)
    assert agreed_score(face, [(1.0, [face]), (0.5, [Detection((2, 0, 100, 100), 0.7), far])]) == pytest.approx(0.8)
    assert agreed_score(face, [(1.0, [face]), (0.5, [far])]) == pytest.approx((0.9 + FLOOR) / 2)


def test_a_face_too_small_for_a_view_is_not_judged_by_it():
    face = Detection((0, 0, 60, 60), 0.9)
    assert agreed_score(face, [(1.0, [face]), (0.3, [])]) == pytest.approx(0.9)


def test_a_picture_and_its_mirror_image_give_mirrored_faces(shared):
    picture = read_picture(shared / "data/media/two_people.jpg")[:640, :1120]  # whole cells, so that both see the same
    detector = EmbeddedDetector()
    faces, mirrored = detector.detect(picture), detector.detect(np.ascontiguousarray(picture[:, ::-1]))
    lefts, rights = sorted(face.box_px[0] for face in faces), sorted(1120 - face.box_px[2] for face in mirrored)
    assert len(faces) == 2
    np.testing.assert_allclose(lefts, rights, atol=3)
