"""Scenes without a face, made of what surrounds the faces of portraits and of drawn shapes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Portrait:
    """A small picture with its face boxes (N, 5): x0, y0, x1, y1, FACE or IGNORE (too doubtful to teach)."""

    image: np.ndarray  # (h, w, 3) uint8 RGB
    boxes: np.ndarray

    @property
    def main(self) -> np.ndarray:
        """The largest face."""
        return self.boxes[np.argmax((self.boxes[:, 2] - self.boxes[:, 0]) * self.boxes[:, 4])]


def background(portraits: list[Portrait], size: int, rng: np.random.Generator) -> np.ndarray:
    """Something without a face: surroundings of faces, a patchwork of them, overlapping shapes or a gradient."""
    kind = rng.random()
    if kind < 0.2:
        image = recolour(surroundings(portraits, size, rng), rng)
    elif kind < 0.45:
        image = patchwork(portraits, size, rng)
    elif kind < 0.85:
        image = dead_leaves(portraits, size, rng)
    else:
        image = gradient(size, rng)
    if rng.random() < 0.25:
        image = with_shapes(image, rng)
    return np.ascontiguousarray(image)


def patchwork(portraits: list[Portrait], size: int, rng: np.random.Generator) -> np.ndarray:
    """Square pieces of surroundings side by side, a few of them repeated; sharp or blurred as a whole."""
    tile = int(rng.choice([24, 32, 40, 64, 80, 107, 160]))
    count = -(-size // tile)
    pieces = [recolour(surroundings(portraits, tile, rng), rng) for _ in range(min(24, count * count))]
    rows = [
        np.concatenate([pieces[int(index)] for index in rng.integers(0, len(pieces), count)], axis=1)
        for _ in range(count)
    ]
    image = np.concatenate(rows)[:size, :size]
    return cv2.GaussianBlur(image, (0, 0), rng.uniform(1, 6)) if rng.random() < 0.25 else image


def dead_leaves(portraits: list[Portrait], size: int, rng: np.random.Generator) -> np.ndarray:
    """Shapes of all sizes over one another, in colours of the portraits: edges and scales as in real scenes.

    The model of Lee, Mumford and Huang (IJCV 2001): the chance of a radius falls with its third power.
    """
    image = recolour(surroundings(portraits, size, rng), rng)
    texture = patchwork(portraits, size, rng)
    least = np.exp(rng.uniform(np.log(3), np.log(18)))
    for _ in range(min(300, int(rng.uniform(0.1, 0.5) * (size / least) ** 2))):
        radius = least / np.sqrt(1 - rng.random() * (1 - (least / (0.45 * size)) ** 2))
        x, y = rng.uniform(0, size, 2)
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.choice([3, 4, 5, 6, 24]))))
        reach = radius * (1.0 if len(angles) == 24 else rng.uniform(0.6, 1.2, len(angles)))
        stretch = np.array([1.0, rng.uniform(0.2, 1.0)])[:: int(rng.choice([1, -1]))]
        outline_px = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], axis=1) * stretch + (x, y)
        points = [np.rint(outline_px * 8).astype(np.int32)]
        if radius > 8 and rng.random() < 0.35:
            mask = np.zeros((size, size), np.uint8)
            cv2.fillPoly(mask, points, 255, cv2.LINE_8, 3)
            cv2.copyTo(texture, mask, image)
        else:
            source = pick(portraits, rng).image
            tone = source[rng.integers(source.shape[0]), rng.integers(source.shape[1])] * rng.uniform(0.6, 1.3)
            cv2.fillPoly(image, points, [float(value) for value in tone], cv2.LINE_AA, 3)
    grain = rng.normal(1, rng.uniform(0, 0.12), (size, size, 1)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.3, 2))[..., None]
    return np.clip(image * grain, 0, 255).astype(np.uint8)


def surroundings(portraits: list[Portrait], size: int, rng: np.random.Generator) -> np.ndarray:
    """A piece of a portrait beside its faces, stretched to (size, size, 3)."""
    for _ in range(8):
        portrait = pick(portraits, rng)
        height, width = portrait.image.shape[:2]
        w, h = (int(v) for v in rng.integers(16, 90, 2))
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
        boxes = portrait.boxes
        apart = (boxes[:, 0] >= x + w) | (boxes[:, 2] <= x) | (boxes[:, 1] >= y + h) | (boxes[:, 3] <= y)
        if apart.all():
            piece = portrait.image[y : y + h, x : x + w]
            if rng.random() < 0.5:
                piece = piece[::-1]
            return cv2.resize(np.ascontiguousarray(piece), (size, size), interpolation=cv2.INTER_LINEAR)
    return np.full((size, size, 3), rng.integers(0, 256, 3), np.uint8)


def gradient(size: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth gradient with noise of several grain sizes."""
    corners = rng.uniform(0, 255, (2, 2, 3)).astype(np.float32)
    image = cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)
    for grain in (4, 16, 64):
        noise = rng.normal(0, rng.uniform(0, 30), (size // grain + 1, size // grain + 1, 1)).astype(np.float32)
        image += cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def with_shapes(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ellipses, bars, polygons and letters drawn over a picture."""
    size = image.shape[0]
    image = np.ascontiguousarray(image)
    for _ in range(rng.integers(3, 25)):
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        x, y = (int(v) for v in rng.integers(0, size, 2))
        extent = int(np.exp(rng.uniform(np.log(4), np.log(size / 3))))
        thickness = int(rng.choice([-1, 1, 2, 5]))
        shape = rng.integers(4)
        if shape == 0:
            axes = extent, max(1, int(extent * rng.uniform(0.3, 1)))
            cv2.ellipse(image, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, thickness, cv2.LINE_AA)
        elif shape == 1:
            cv2.rectangle(image, (x, y), (x + extent, y + int(extent * rng.uniform(0.1, 2))), colour, thickness)
        elif shape == 2:
            points = (rng.integers(-extent, extent + 1, (5, 2)) + np.array([x, y])).astype(np.int32)
            cv2.fillPoly(image, [points], colour, cv2.LINE_AA)
        else:
            text = "".join(chr(int(c)) for c in rng.integers(33, 127, 6))
            cv2.putText(image, text, (x, y), int(rng.integers(0, 8)), extent / 40 + 0.3, colour, max(1, thickness))
    return image


def recolour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another light: gain, offset and gamma per picture, a little tint, sometimes grey."""
    levels = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.uniform(-0.45, 0.45))
    levels = levels * rng.uniform(0.65, 1.25) * rng.uniform(0.88, 1.12, 3) + rng.uniform(-0.12, 0.12)
    table = np.clip(levels * 255, 0, 255).astype(np.uint8)
    out = cv2.LUT(image, table[None])
    if rng.random() < 0.12:
        out = np.repeat(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return out


def pick(portraits: list[Portrait], rng: np.random.Generator) -> Portrait:
    return portraits[int(rng.integers(len(portraits)))]


def face_pixels(portrait: Portrait) -> np.ndarray:
    """The main face alone."""
    height, width = portrait.image.shape[:2]
    x0, y0, x1, y1 = np.rint(portrait.main[:4]).astype(int).clip(0, (width, height, width, height))
    return portrait.image[y0:y1, x0:x1]


def flipped(portrait: Portrait, rng: np.random.Generator) -> Portrait:
    """Mirrored every other time."""
    if rng.random() < 0.5:
        return portrait
    boxes = portrait.boxes.copy()
    boxes[:, [0, 2]] = portrait.image.shape[1] - portrait.boxes[:, [2, 0]]
    return Portrait(np.ascontiguousarray(portrait.image[:, ::-1]), boxes)


def rotated(portrait: Portrait, rng: np.random.Generator, most_deg: float = 20.0) -> Portrait:
    """Tilted around the main face now and then; boxes keep their size and follow with their centres."""
    if rng.random() < 0.5:
        return portrait
    x0, y0, x1, y1 = portrait.main[:4]
    matrix = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), rng.uniform(-most_deg, most_deg), 1.0)
    height, width = portrait.image.shape[:2]
    image = cv2.warpAffine(portrait.image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    boxes = portrait.boxes.copy()
    centres = (boxes[:, :2] + boxes[:, 2:4]) / 2
    moved = centres @ matrix[:, :2].T + matrix[:, 2]
    boxes[:, :4] += np.tile(moved - centres, 2)
    return Portrait(image, boxes)
