import numpy as np
import pytest
import torch

from fom_core.compose import masks
from fom_core.compose.paste import Paster, paste
from fom_core.errors import UsageError
from fom_core.types import FaceSet

RED, BLUE = (255, 0, 0), (0, 0, 255)


def picture(height=80, width=120, channels=3):
    return np.random.default_rng(1).integers(0, 200, (height, width, channels), dtype=np.uint8)


def flat(colour, frames=1, size=32):
    return np.full((frames, size, size, 3), colour, np.uint8)


def test_the_middle_of_a_face_is_the_new_face_and_the_corner_of_its_crop_the_source():
    source = picture()
    result = paste(source, FaceSet.from_crops([(20, 20, 60, 60)], source.shape[:2]), [flat(RED)])
    assert tuple(result[0, 40, 40]) == RED
    np.testing.assert_array_equal(result[0, 20, 20], source[20, 20])


def test_the_soft_mask_rises_smoothly():
    source = np.zeros((80, 80, 3), np.uint8)
    row = paste(source, FaceSet.from_crops([(20, 20, 60, 60)], (80, 80)), [flat((200, 200, 200))])[0, 40, 20:41, 0]
    assert (np.diff(row.astype(int)) >= 0).all() and np.diff(row.astype(int)).max() < 80
    assert row[0] < 20 and row[-1] == 200


def test_the_box_mask_replaces_the_whole_crop():
    source = picture()
    result = paste(source, FaceSet.from_crops([(20, 20, 60, 60)], source.shape[:2]), [flat(RED)], mask="box")
    assert (result[0, 20:60, 20:60] == RED).all()


def test_a_face_at_the_border_does_not_fade_towards_it():
    source = np.zeros((80, 80, 3), np.uint8)
    result = paste(source, FaceSet.from_crops([(0, 0, 40, 40)], (80, 80)), [flat(RED)])
    assert tuple(result[0, 0, 0]) == RED and tuple(result[0, 39, 39]) == (0, 0, 0)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_overlapping_faces_own_what_is_nearer_to_them_in_any_order(order):
    crops, colours = [(10, 20, 70, 80), (50, 20, 110, 80)], [RED, BLUE]
    faces = FaceSet.from_crops([crops[i] for i in order], (100, 120))
    result = paste(np.zeros((100, 120, 3), np.uint8), faces, [flat(colours[i]) for i in order], mask="box")[0]
    assert result[50, 52, 0] > 240 and result[50, 67, 2] > 240  # inside both, nearer to the red and to the blue one
    assert abs(int(result[50, 59, 0]) - int(result[50, 60, 2])) <= 2  # the border lies half-way


def test_overlapping_faces_cover_the_picture_fully_between_them():
    faces = FaceSet.from_crops([(10, 20, 70, 80), (50, 20, 110, 80)], (100, 120))
    result = paste(np.zeros((100, 120, 3), np.uint8), faces, [flat(RED), flat(RED)], mask="box")[0]
    assert (result[20:80, 10:110, 0] == 255).all()


def test_shares_add_up_to_the_larger_mask():
    rng = np.random.default_rng(0)
    weights, distances = rng.random((2, 3, 5, 6), dtype=np.float32)
    layers = [masks.Layer(face, (0, 0, 6, 5), weights[face], distances[face]) for face in range(3)]
    shares = [layer.weight for layer in masks.partition(layers)]
    np.testing.assert_allclose(np.sum(shares, axis=0), np.max(weights, axis=0), rtol=1e-5)


def test_a_transparent_source_keeps_its_alpha():
    source = picture(channels=4)
    result = paste(source, FaceSet.from_crops([(20, 20, 60, 60)], source.shape[:2]), [flat(RED, frames=2)])
    assert result.shape == (2, 80, 120, 4)
    np.testing.assert_array_equal(result[1, ..., 3], source[..., 3])
    assert tuple(result[1, 40, 40, :3]) == RED


def test_a_grey_source_comes_back_in_colour():
    source = picture()[..., 0]
    result = paste(source, FaceSet.from_crops([(20, 20, 60, 60)], source.shape), [flat(RED)])
    assert tuple(result[0, 40, 40]) == RED
    np.testing.assert_array_equal(result[0, 0], np.repeat(source[0][:, None], 3, axis=1))


@pytest.mark.parametrize("kind", ["floats", "tensor", "tensor_channels_last"])
def test_floats_and_tensors_paste_like_bytes(kind):
    source = picture()
    faces = FaceSet.from_crops([(20, 20, 60, 60)], source.shape[:2])
    frames = np.random.default_rng(2).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    given = frames.astype(np.float32) / 255
    if kind == "tensor":
        given = torch.from_numpy(given).permute(0, 3, 1, 2)
    elif kind == "tensor_channels_last":
        given = torch.from_numpy(given)
    np.testing.assert_array_equal(paste(source, faces, [given]), paste(source, faces, [frames]))


def test_frames_of_a_grey_model_paste_as_grey():
    source = picture()
    faces = FaceSet.from_crops([(20, 20, 60, 60)], source.shape[:2])
    frames = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(paste(source, faces, [frames]), paste(source, faces, [frames.expand(-1, 3, -1, -1)]))


def test_a_prepared_paster_gives_the_same_frames_in_pieces():
    source = picture()
    faces = FaceSet.from_crops([(20, 20, 60, 60), (50, 10, 90, 50)], source.shape[:2])
    frames = [np.random.default_rng(i).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8) for i in range(2)]
    paster = Paster(source, faces)
    pieces = np.concatenate([paster([face[:3] for face in frames]), paster([face[3:] for face in frames])])
    np.testing.assert_array_equal(pieces, paste(source, faces, frames))


def test_no_faces_give_the_source():
    source = picture()
    np.testing.assert_array_equal(paste(source, FaceSet((), (80, 120)), []), source[None])


def test_a_crop_outside_the_picture_changes_nothing():
    source = picture()
    faces = FaceSet.from_crops([(200, 200, 240, 240)], source.shape[:2])
    np.testing.assert_array_equal(paste(source, faces, [flat(RED)])[0], source)


def test_wrong_input_is_refused_with_the_reason():
    source = picture()
    faces = FaceSet.from_crops([(20, 20, 60, 60), (50, 10, 90, 50)], source.shape[:2])
    with pytest.raises(UsageError, match="2 faces, found 1"):
        paste(source, faces, [flat(RED)])
    with pytest.raises(UsageError, match="same number of frames"):
        paste(source, faces, [flat(RED), flat(RED, frames=2)])
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        paste(source, faces, [flat(RED).astype(np.float32)] * 2)
    with pytest.raises(UsageError, match="120x80"):
        paste(source[:70], faces, [flat(RED)] * 2)
    with pytest.raises(UsageError, match="soft, ellipse"):
        paste(source, faces, [flat(RED)] * 2, mask="hard")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="above 0"):
        paste(source, faces, [flat(RED)] * 2, mask="paddlegan", ratio=0.0)
