"""Photographs as cameras, codecs, drawings, paintings, prints and old pictures would show them."""

from __future__ import annotations

import cv2
import numpy as np

from .scenes import recolour

STYLISED = 0.25  # share of pictures in another manner


def degrade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another manner now and then, and what cameras and codecs do: blur or sharpening, noise, another light, JPEG."""
    if rng.random() < STYLISED:
        image = stylised(image, rng)
    if rng.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    elif rng.random() < 0.35:
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 2.5))
        image = cv2.addWeighted(image, 1 + (amount := rng.uniform(0.3, 1.5)), soft, -amount, 0)
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 14))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        image = recolour(image, rng)
    if rng.random() < 0.4:
        quality = int(rng.integers(25, 95))
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return image


def stylised(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture (H, W, 3) uint8 RGB in one of the manners below."""
    manner = MANNERS[int(rng.integers(len(MANNERS)))]
    return manner(image, rng)


def one_ink(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sepia or another tint."""
    ink = rng.uniform(0.6, 1.1, 3) if rng.random() < 0.5 else np.array([1.08, 0.93, 0.74])
    return np.clip(grey(image)[..., None] * ink, 0, 255).astype(np.uint8)


def pencil(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture divided by its blurred self, which leaves lines, mixed with its greys."""
    tones = grey(image)
    soft = cv2.GaussianBlur(tones, (0, 0), rng.uniform(1.5, 6)).astype(np.float32)
    lines = np.clip(tones / np.maximum(soft, 1), 0, 1) ** rng.uniform(1, 4) * 255
    share = rng.uniform(0.5, 1)
    return np.repeat((lines * share + tones * (1 - share)).astype(np.uint8)[..., None], 3, axis=2)


def paint(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flat areas with sharp edges, in paler or richer colours."""
    for _ in range(int(rng.integers(1, 4))):
        image = cv2.bilateralFilter(image, 5, 60, 4)
    colours = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.float32)
    colours[..., 1] *= rng.uniform(0.8, 1.8)
    return cv2.cvtColor(np.clip(colours, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)


def few_tones(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Three to seven levels a channel."""
    step = 256 / int(rng.integers(3, 8))
    return np.clip(np.floor(image / step) * step + step / 2, 0, 255).astype(np.uint8)


def inked(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dark outlines over smooth colours."""
    flat = cv2.medianBlur(image, int(rng.choice([3, 5])))
    lines = cv2.adaptiveThreshold(
        cv2.medianBlur(grey(image), 3),
        255,
        cv2.ADAPTIVE_THRESH_MEAN_C,
        cv2.THRESH_BINARY,
        9,
        float(rng.uniform(3, 9)),
    )
    return np.minimum(flat, np.maximum(lines, int(rng.integers(0, 90)))[..., None])


def faded(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Little contrast, light or dark as a whole."""
    contrast, level = rng.uniform(0.3, 0.7), rng.uniform(60, 200)
    return np.clip((image - 127.5) * contrast + level, 0, 255).astype(np.uint8)


def other_hues(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All hues moved alike, so that skin may be blue or green."""
    colours = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    colours[..., 0] += np.uint8(rng.integers(256))
    return cv2.cvtColor(colours, cv2.COLOR_HSV2RGB_FULL)


def grey(image: np.ndarray) -> np.ndarray:
    """(H, W) uint8."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


MANNERS = (one_ink, pencil, paint, few_tones, inked, faded, other_hues)
