import math

import numpy as np
import pytest
import torch

from fom_core.errors import UnsupportedModel
from fom_core.faces.detectors.s3fd import S3FD, S3FDDetector, decode

# Bytes of the published s3fd-619a316812.pth; what its tensors leave over is the archive's table of contents.
PUBLISHED_SIZE = 89_843_225


def maps(level, row, column, offsets):
    """Maps of one picture with a single face."""
    made = []
    for index in range(6):
        side = 32 >> index
        scores = torch.zeros(1, 2, side, side)
        scores[:, 0] = 9
        made.append((scores, torch.zeros(1, 4, side, side)))
    made[level][0][0, 1, row, column] = 20
    made[level][1][0, :, row, column] = torch.tensor(offsets)
    return made


def test_an_anchor_without_offset_is_four_strides_wide_around_its_cell():
    (face,) = decode(maps(1, 2, 3, [0.0, 0.0, 0.0, 0.0]), threshold=0.5)
    assert face.box_px == (28 - 16, 20 - 16, 28 + 16, 20 + 16)  # stride 8: the cell's middle is (28, 20)
    assert face.score == pytest.approx(1 / (1 + math.exp(-11)))


def test_offsets_move_by_tenths_of_the_anchor_and_scale_by_fifths_in_the_exponent():
    (face,) = decode(maps(2, 0, 0, [1.0, -2.0, 5.0, 0.0]), threshold=0.5)
    width = 64 * math.e
    expected = (8 + 6.4 - width / 2, 8 - 12.8 - 32, 8 + 6.4 + width / 2, 8 - 12.8 + 32)
    np.testing.assert_allclose(face.box_px, expected, rtol=1e-5)


def test_the_tensors_have_the_published_names_and_fill_the_published_file():
    state = S3FD().state_dict()
    assert state["conv1_1.weight"].shape == (64, 3, 3, 3)
    assert state["conv5_3.bias"].shape == (512,)
    assert state["fc6.weight"].shape == (1024, 512, 3, 3)
    assert state["conv7_2.weight"].shape == (256, 128, 3, 3)
    assert state["conv4_3_norm.weight"].shape == (512,)
    assert state["conv3_3_norm_mbox_conf.weight"].shape == (4, 256, 3, 3)
    assert state["conv6_2_mbox_conf.weight"].shape == (2, 512, 3, 3)
    assert state["fc7_mbox_loc.weight"].shape == (4, 1024, 3, 3)
    assert 0 < PUBLISHED_SIZE - 4 * sum(tensor.numel() for tensor in state.values()) < 20_000


def test_the_finest_map_takes_the_strongest_of_its_three_backgrounds():
    torch.manual_seed(0)
    network = S3FD().eval()
    with torch.inference_mode():
        network.get_parameter("conv3_3_norm_mbox_conf.bias")[:] = torch.tensor([1.0, 7.0, 2.0, 3.0])
        network.get_parameter("conv3_3_norm_mbox_conf.weight").zero_()
        scores, offsets = network(torch.zeros(1, 3, 64, 64))[0]
    assert scores[0, :, 0, 0].tolist() == [7.0, 3.0] and offsets.shape == (1, 4, 16, 16)


@pytest.mark.parametrize("size", [(75, 101), (9, 40)])
def test_a_random_network_runs_end_to_end_on_pictures_of_any_size(tmp_path, size):
    torch.manual_seed(0)
    path = tmp_path / "s3fd.pth"
    torch.save(S3FD().state_dict(), path)
    detector = S3FDDetector(path, threshold=0.3)
    faces = detector.detect(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
    assert faces and all(0.3 < face.score <= 1 for face in faces)


def test_a_file_with_other_tensors_is_refused(tmp_path):
    path = tmp_path / "s3fd.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(UnsupportedModel, match="fom weights download s3fd"):
        S3FDDetector(path)
