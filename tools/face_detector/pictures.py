"""Pictures with many labelled faces, composed from portraits: what the embedded face detector is trained on.

Group photographs with free licences are rare, single faces are not. So crops are pasted at all sizes on made-up scenes;
parts of whole photographs are mixed in, and every picture is then degraded a little.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .photographs import Photograph, mirrored, part_of
from .scenes import Portrait, background, face_pixels, flipped, pick, recolour, rotated
from .styles import degrade

WHOLE = 0.6  # share of training pictures that are parts of photographs, where these are given
EMPTY = 0.3  # how often a photograph is taken in which neither a face was seen nor a mistake made
FACE, IGNORE = 1.0, 0.0  # labels; IGNORE is too doubtful to teach either way


class Composer:
    """Makes training pictures (size, size, 3) uint8. Backgrounds take longest, so a number of them is made once."""

    def __init__(
        self,
        portraits: list[Portrait],
        size: int,
        seed: int,
        backgrounds: int = 400,
        photographs: Sequence[Photograph] = (),
    ):
        self.portraits, self.size, self.seed, self.count = portraits, size, seed, backgrounds
        self.photographs = photographs
        wanted = np.array([1.0 if len(photo.boxes) + len(photo.mistakes) else EMPTY for photo in photographs])
        self.shares = wanted / wanted.sum() if len(wanted) else wanted
        self.made: dict[int, np.ndarray] = {}

    def __call__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture of that index and its boxes (N, 5); the seed and the index alone decide it."""
        rng = np.random.default_rng([self.seed, index])
        if self.photographs and rng.random() < WHOLE:
            number = int(rng.choice(len(self.photographs), p=self.shares))
            return from_photograph(self.photographs[number], self.size, rng)
        scene = int(rng.integers(self.count))
        if scene not in self.made:
            self.made[scene] = background(self.portraits, self.size, np.random.default_rng([self.seed, 1, scene]))
        turned = np.rot90(self.made[scene], int(rng.integers(4)))[:, :: int(rng.choice([1, -1]))]
        return compose(self.portraits, recolour(np.ascontiguousarray(turned), rng), rng)


def compose(portraits: list[Portrait], scene: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Put people into a scene: the picture and its boxes."""
    canvas = Canvas(scene)
    layouts = (group, mosaic, closeup, empty)
    layouts[rng.choice(4, p=[0.5, 0.13, 0.23, 0.14])](canvas, portraits, rng)
    image = degrade(canvas.image, rng)
    return image, canvas.labels(image)


def from_photograph(photograph: Photograph, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A part of a photograph: the picture and its boxes."""
    part, boxes = part_of(mirrored(photograph) if rng.random() < 0.5 else photograph, size, rng)
    canvas = Canvas(recolour(part, rng))
    canvas.boxes = [(0, box) for box in boxes]
    image = degrade(canvas.image, rng)
    return image, canvas.labels(image)


class Canvas:
    """A picture under construction; remembers which paste owns each pixel, to know how much of a face is still seen."""

    def __init__(self, image: np.ndarray):
        self.image = image
        self.owner = np.zeros(image.shape[:2], np.int16)
        self.boxes: list[tuple[int, np.ndarray]] = []
        self.pastes = 0

    def paste(self, patch: np.ndarray, alpha: np.ndarray, x: int, y: int, boxes: np.ndarray) -> None:
        """Blend a patch with its top-left corner at (x, y), which may lie outside; boxes are in patch pixels."""
        self.pastes += 1
        height, width = self.image.shape[:2]
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + patch.shape[1], width), min(y + patch.shape[0], height)
        if x1 <= x0 or y1 <= y0:
            return
        part = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
        target = self.image[y0:y1, x0:x1]
        share = alpha[part][..., None]
        target[:] = np.rint(target * (1 - share) + patch[part] * share)
        self.owner[y0:y1, x0:x1][alpha[part] > 0.5] = self.pastes
        self.boxes += [(self.pastes, box + np.array([x, y, x, y, 0])) for box in boxes]

    def labels(self, image: np.ndarray) -> np.ndarray:
        """Boxes of faces still seen in the final image; half-hidden and faint ones become IGNORE, hidden ones go."""
        kept = []
        for owner, box in self.boxes:
            x0, y0, x1, y1 = np.rint(box[:4]).astype(int)
            inside = slice(max(y0, 0), max(y1, 0)), slice(max(x0, 0), max(x1, 0))
            seen = np.count_nonzero(self.owner[inside] == owner) / max(1, (x1 - x0) * (y1 - y0))
            if seen > 0.25:
                clear = seen > 0.6 and image[inside].std() > 14
                kept.append([*box[:4], box[4] if clear else IGNORE])
        return np.array(kept, np.float32).reshape(-1, 5)


def group(canvas: Canvas, portraits: list[Portrait], rng: np.random.Generator) -> None:
    """Up to 14 people of similar size, far ones first."""
    size = canvas.image.shape[0]
    typical = np.exp(rng.uniform(np.log(11), np.log(110)))
    wanted = typical * np.exp(
        rng.uniform(-0.4, 0.4, min(14, 1 + int(rng.uniform(0.2, 1) * (size / (1.8 * typical)) ** 2)))
    )
    distractors(canvas, portraits, typical, rng)
    taken: list[tuple[float, float, float]] = []
    for face_px in sorted(wanted):
        x, y = rng.uniform(0, size, 2)
        if all(np.hypot(x - tx, y - ty) > 0.62 * (face_px + side) for tx, ty, side in taken):
            taken.append((x, y, face_px))
            paste_portrait(canvas, pick(portraits, rng), face_px, (x, y), rng)


def mosaic(canvas: Canvas, portraits: list[Portrait], rng: np.random.Generator) -> None:
    """Whole portraits side by side, as in a video call."""
    size = canvas.image.shape[0]
    cells = int(rng.integers(1, 7))
    cell = size // cells + 1
    for row in range(cells):
        for column in range(cells):
            if rng.random() < 0.85:
                portrait = flipped(pick(portraits, rng), rng)
                scale = cell / portrait.image.shape[0]
                patch = cv2.resize(portrait.image, (cell, cell), interpolation=cv2.INTER_AREA)
                boxes = portrait.boxes * (scale, scale, scale, scale, 1)
                canvas.paste(recolour(patch, rng), np.ones((cell, cell), np.float32), column * cell, row * cell, boxes)


def closeup(canvas: Canvas, portraits: list[Portrait], rng: np.random.Generator) -> None:
    """One large face, perhaps cut by the border."""
    size = canvas.image.shape[0]
    face_px = np.exp(rng.uniform(np.log(0.3 * size), np.log(1.15 * size)))
    reach = max(0.08 * size, (size - face_px) / 2 + 0.12 * face_px)
    centre = size / 2 + rng.uniform(-reach, reach, 2)
    paste_portrait(canvas, pick(portraits, rng), face_px, (centre[0], centre[1]), rng)


def empty(canvas: Canvas, portraits: list[Portrait], rng: np.random.Generator) -> None:
    """No face at all."""
    distractors(canvas, portraits, np.exp(rng.uniform(np.log(15), np.log(200))), rng, count=8)


def paste_portrait(
    canvas: Canvas, portrait: Portrait, face_px: float, centre: tuple[float, float], rng: np.random.Generator
) -> None:
    """Put a portrait so that its main face has that height and centre."""
    portrait = rotated(flipped(portrait, rng), rng)
    x0, y0, x1, y1 = portrait.main[:4]
    scale = face_px / max(x1 - x0, y1 - y0)
    side = max(8, round(portrait.image.shape[0] * scale))
    scale = side / portrait.image.shape[0]
    patch = cv2.resize(portrait.image, (side, side), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    boxes = portrait.boxes * (scale, scale, scale, scale, 1)
    corner = round(centre[0] - (x0 + x1) / 2 * scale), round(centre[1] - (y0 + y1) / 2 * scale)
    canvas.paste(recolour(patch, rng), outline(side, rng), *corner, boxes)


def outline(side: int, rng: np.random.Generator) -> np.ndarray:
    """How a pasted portrait ends: at a hard or soft square, or around head and shoulders. (side, side) in [0, 1]."""
    kind = rng.random()
    if kind < 0.35:
        return np.ones((side, side), np.float32)
    if kind < 0.65:
        feather = max(1, int(side * rng.uniform(0.02, 0.15)))
        ramp = np.minimum(np.arange(side) + 1, np.arange(side)[::-1] + 1) / feather
        return np.minimum.outer(ramp, ramp).clip(0, 1).astype(np.float32)
    mask = np.zeros((side, side), np.float32)
    head = (round(0.5 * side), round(0.5 * side)), (round(0.33 * side), round(0.46 * side))
    cv2.ellipse(mask, head[0], head[1], 0, 0, 360, 1.0, -1)
    if rng.random() < 0.8:
        cv2.ellipse(mask, (side // 2, side), (round(0.5 * side), round(0.25 * side)), 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), max(0.3, side * rng.uniform(0.004, 0.02)))


def distractors(
    canvas: Canvas, portraits: list[Portrait], typical: float, rng: np.random.Generator, count: int = 4
) -> None:
    """Things with a face's colours or parts that are none: heads upside down, permuted tiles, skin-coloured blobs."""
    size = canvas.image.shape[0]
    for _ in range(rng.integers(0, count + 1)):
        side = max(8, int(typical * np.exp(rng.uniform(-0.6, 0.8))))
        portrait = pick(portraits, rng)
        face = face_pixels(portrait)
        kind = rng.random()
        if kind < 0.5:
            side = round(1.75 * side)  # a whole portrait, so that its face is as large as the others
            turned = np.ascontiguousarray(portrait.image[::-1])
            patch = recolour(cv2.resize(turned, (side, side), interpolation=cv2.INTER_AREA), rng)
            alpha = np.ascontiguousarray(outline(side, rng)[::-1])
        elif kind < 0.75:
            patch = scrambled(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), rng)
            alpha = np.ones((side, side), np.float32)
        else:
            tone = face[rng.integers(face.shape[0]), rng.integers(face.shape[1])]
            shade = np.linspace(rng.uniform(0.6, 1.3), rng.uniform(0.6, 1.3), side)[:, None, None]
            patch = np.clip(np.ones((side, side, 1)) * shade * tone, 0, 255).astype(np.uint8)
            alpha = np.zeros((side, side), np.float32)
            axes = max(1, int(side * rng.uniform(0.15, 0.5))), max(1, int(side * rng.uniform(0.3, 0.5)))
            cv2.ellipse(alpha, (side // 2, side // 2), axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
        x, y = rng.integers(-side // 2, size - side // 2, 2)
        canvas.paste(patch, alpha, int(x), int(y), np.zeros((0, 5)))


def scrambled(patch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The patch with its tiles permuted, turned over or both."""
    tiles = int(rng.integers(2, 5))
    step = patch.shape[0] // tiles
    out = patch.copy()
    cells = [(row, column) for row in range(tiles) for column in range(tiles)]
    order = np.roll(rng.permutation(len(cells)), 1) if rng.random() < 0.5 else np.arange(len(cells))[::-1]
    for target, source in zip(cells, order, strict=True):
        row, column = (step * v for v in cells[source])
        out[target[0] * step : (target[0] + 1) * step, target[1] * step : (target[1] + 1) * step] = patch[
            row : row + step, column : column + step
        ]
    return out
