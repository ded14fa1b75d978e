"""What pictures go through before they come here: light, grey, sepia and painted tones; blur, blocks and noise."""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ...pictures import LUMA

TONES = ("grey", "sepia", "painting")
DAMAGES = ("blur", "blocks", "low light", "noise")
SEPIA = ((1.07, 0.0, 0.0), (0.0, 0.9, 0.0), (0.0, 0.0, 0.7))  # of the grey picture
PAINTING = ((0.75, 0.3, 0.05), (0.15, 0.75, 0.05), (0.1, 0.25, 0.4))  # varnish, and pigments that are few
DARKEST = 1e-4  # what is darker has no finite logarithm
BLOCK = 8  # side of JPEG's blocks
COARSE = (0.02, 0.07)  # steps of a block's lowest frequencies, in values from 0 to 1; they grow with the frequency


def recoloured(image: Tensor, saturation: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) with their colours so far from grey (B,), then gain and offset (B, 3, 1, 1).

    Saturation 0 is grey, 1 leaves colours as they are.
    """
    grey = torch.tensor([LUMA] * 3)
    mix = gain.flatten(1)[..., None] * torch.lerp(grey, torch.eye(3), saturation[:, None, None])
    mix, offset = mix.to(image.device), offset.flatten(1)[..., None].to(image.device)
    return torch.baddbmm(offset, mix, image.flatten(2)).view_as(image)


def with_gamma(image: Tensor, exponent: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) in [0, 1] to the power of (B,)."""
    return image.clamp(min=DARKEST).log_().mul_(exponent.to(image.device)[:, None, None, None]).exp_()


def change_tones(source: Tensor, driving: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, S, S) in [0, 1] in the tones of ``kinds`` (B,): numbers of :data:`TONES`, or -1 for none."""
    grey = torch.tensor([LUMA] * 3)
    mixes = torch.stack([torch.eye(3), grey, torch.tensor(SEPIA) @ grey, torch.tensor(PAINTING)])
    mix = mixes[kinds + 1].to(source.device)
    steep = torch.tensor([1.0, 1.0, 0.95, 1.25])[kinds + 1].to(source.device)[:, None, None, None]
    mixed = (torch.einsum("bij,bjhw->bihw", mix, image) for image in (source, driving))
    ours, theirs = (image.clamp(DARKEST, 1).pow(steep) for image in mixed)
    changed = (kinds >= 0).to(source.device)[:, None, None, None]
    return torch.where(changed, ours, source), torch.where(changed, theirs, driving)


def damage(source: Tensor, driving: Tensor, kinds: Tensor, strength: Tensor, seeds: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, S, S) in [0, 1] damaged by ``kinds`` (B,), numbers of :data:`DAMAGES` or -1, both alike.

    strength: (B,) from 0 to 1. Noise is of the same strength in both, and drawn on its own for each.
    seeds:    (B,) that each pair's noise is drawn by, so that it is the same in any part of a batch.
    """
    results = []
    for frame, image in enumerate((source, driving)):
        result, drawn = image.clone(), seeds + frame
        for number, change in enumerate((_blurred, _in_blocks, _in_low_light, _noisy)):
            rows = (kinds == number).nonzero().flatten()
            if len(rows):
                here = rows.to(image.device)
                result[here] = change(image[here], strength[rows].to(image.device), drawn[rows]).clamp(0, 1)
        results.append(result)
    return results[0], results[1]


def _blurred(image: Tensor, strength: Tensor, _: Tensor) -> Tensor:
    places = torch.arange(-4, 5, device=image.device, dtype=image.dtype)
    taps = torch.exp(-0.5 * (places / (0.5 + 1.3 * strength[:, None])).square())
    taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(image.shape[1], 0)  # (B C, 9)
    flat = F.pad(image, (4, 4, 4, 4), mode="reflect").flatten(0, 1)[None]
    flat = F.conv2d(flat, taps[:, None, :, None], groups=len(taps))
    return F.conv2d(flat, taps[:, None, None, :], groups=len(taps)).view_as(image)


def _in_blocks(image: Tensor, strength: Tensor, _: Tensor) -> Tensor:
    """As JPEG leaves a picture: the frequencies of each block in coarse steps."""
    height, width = image.shape[2:]
    padded = F.pad(image, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
    basis = _cosines().to(image.device, image.dtype)
    blocks = padded.unfold(2, BLOCK, BLOCK).unfold(3, BLOCK, BLOCK)
    degree = torch.arange(BLOCK, device=image.device, dtype=image.dtype)
    coarse = COARSE[0] + (COARSE[1] - COARSE[0]) * strength
    steps = coarse.view(-1, 1, 1, 1, 1, 1) * (1 + (degree[:, None] + degree))
    kept = ((basis @ blocks @ basis.T) / steps).round() * steps
    whole = (basis.T @ kept @ basis).permute(0, 1, 2, 4, 3, 5).reshape(padded.shape)
    return whole[..., :height, :width]


@cache
def _cosines() -> Tensor:
    """The orthonormal cosine transform of a row of a block, (8, 8)."""
    degree, place = torch.arange(BLOCK)[:, None], torch.arange(BLOCK)
    basis = torch.cos(math.pi / BLOCK * (place + 0.5) * degree) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis


def _in_low_light(image: Tensor, strength: Tensor, seeds: Tensor) -> Tensor:
    dark = image * (0.7 - 0.45 * strength)[:, None, None, None]
    return _noisy(dark, 0.5 * strength, seeds)


def _noisy(image: Tensor, strength: Tensor, seeds: Tensor) -> Tensor:
    random = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
    noise = torch.stack([torch.randn(image.shape[1:], generator=each) for each in random]).to(image.device)
    return image + (0.01 + 0.05 * strength)[:, None, None, None] * noise
