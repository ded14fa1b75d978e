import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fom_core.networks.blocks import AntiAliasDownsample
from fom_core.networks.generator import border_weight


@pytest.mark.parametrize(("scale", "width"), [(0.5, 5), (0.25, 13), (0.125, 29)])
def test_shrinking_blurs_then_keeps_every_nth_pixel(scale, width):
    image = torch.rand(1, 3, 64, 48)
    shrink = AntiAliasDownsample(3, scale)
    blurred = F.conv2d(image, shrink.weight, padding=width // 2, groups=3)
    assert shrink.weight.shape == (3, 1, width, width)
    torch.testing.assert_close(shrink(image), blurred[..., :: shrink.step, :: shrink.step])


def test_shrinking_keeps_a_flat_picture_flat():
    inside = AntiAliasDownsample(1, 0.25)(torch.ones(1, 1, 64, 64))[..., 2:-2, 2:-2]
    torch.testing.assert_close(inside, torch.ones_like(inside))


@pytest.mark.parametrize("size", [(16, 16), (32, 64), (64, 64)])
def test_the_border_weight_is_a_blurred_box(size):
    box = np.zeros(size, np.float32)
    box[5:-5, 5:-5] = 1
    expected = cv2.GaussianBlur(box, (9, 9), 0, borderType=cv2.BORDER_ISOLATED)
    actual = border_weight(*size, like=torch.zeros(1)).numpy()
    np.testing.assert_allclose(actual, expected, atol=1e-6)
