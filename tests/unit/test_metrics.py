"""How alike pictures are, against another implementation and known answers."""

from __future__ import annotations

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from fom_core.metrics import l1, psnr_db, ssim


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(2, 3, 40, 48, generator=generator)
    return (target + 0.1 * torch.randn(target.shape, generator=generator)).clamp(0, 1), target


def test_ssim_and_psnr_are_those_of_scikit_image(pictures):
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 0}
    for ours, theirs, similarity, ratio in zip(*pictures, ssim(*pictures), psnr_db(*pictures), strict=True):
        pair = theirs.numpy(), ours.numpy()
        assert float(similarity) == pytest.approx(structural_similarity(*pair, data_range=1, **options), abs=1e-5)
        assert float(ratio) == pytest.approx(peak_signal_noise_ratio(*pair, data_range=1), abs=1e-3)


def test_equal_pictures_are_perfect(pictures):
    picture = pictures[0]

    assert l1(picture, picture).tolist() == [0, 0]
    assert ssim(picture, picture).tolist() == pytest.approx([1, 1], abs=1e-6)
    assert psnr_db(picture, picture).tolist() == [80, 80]


def test_whole_videos_are_compared_with_a_ceiling_of_ones_own(pictures):
    ours, theirs = pictures
    assert psnr_db(ours[None], theirs[None]).shape == (1,)
    assert float(psnr_db(ours[None], ours[None], most=200)) == 200
    assert float(psnr_db(ours[None], ours[None], most=float("inf"))) == float("inf")
    assert psnr_db(ours * float("nan"), theirs).isnan().all()
