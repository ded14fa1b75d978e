"""How alike pictures are, one number per picture: (B, C, H, W) batches of floats in [0, 1] beside those wanted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SSIM_RADIUS, SSIM_SIGMA = 5, 1.5  # window of Wang et al., 2004
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2  # for values in [0, 1]


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference, (B,)."""
    return (prediction - target).abs().flatten(1).mean(1)


def psnr_db(prediction: Tensor, target: Tensor, *, most: float = 80.0) -> Tensor:
    """Peak signal-to-noise ratio in decibels, (B,); ``most`` for equal pictures, NaN where a value is NaN.

    Anything else of which there are B, such as whole videos, is compared in the same way.
    """
    error = (prediction - target).square().flatten(1).mean(1)
    return -10 * error.clamp(min=10 ** (-most / 10)).log10()


def ssim(prediction: Tensor, target: Tensor) -> Tensor:
    """Structural similarity (Wang et al., 2004), (B,): a gaussian window, mean over channels and inner pixels."""
    channels = prediction.shape[1]
    offset = torch.arange(-SSIM_RADIUS, SSIM_RADIUS + 1, device=prediction.device, dtype=prediction.dtype)
    line = torch.exp(-offset.square() / (2 * SSIM_SIGMA**2))
    line = (line / line.sum()).expand(channels, 1, 1, -1)

    def blurred(image: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(image, line, groups=channels), line.mT, groups=channels)

    ours, theirs = blurred(prediction), blurred(target)
    variances = blurred(prediction.square()) - ours.square() + blurred(target.square()) - theirs.square()
    covariance = blurred(prediction * target) - ours * theirs
    luminance = (2 * ours * theirs + SSIM_C1) / (ours.square() + theirs.square() + SSIM_C1)
    return (luminance * (2 * covariance + SSIM_C2) / (variances + SSIM_C2)).mean((1, 2, 3))
