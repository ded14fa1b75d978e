"""Which part of a head each pixel of a face's crop shows, by facexlib's parsing networks: ParseNet and BiSeNet.

Both learnt from CelebAMask-HQ and know the same parts, in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ..errors import UsageError
from ..pictures import require_picture
from ..types import FaceRegion, FaceSet
from ..weights.catalogue import catalogue
from ..weights.store import require_on_disk
from .facexlib_networks import facexlib_class, fill_network
from .regions import as_face_set, crop_face, crop_matrix, pixel_box, to_rgb

PARTS = (
    "background", "skin", "nose", "glasses", "left eye", "right eye", "left brow", "right brow", "left ear",
    "right ear", "mouth", "upper lip", "lower lip", "hair", "hat", "earring", "necklace", "neck", "clothes",
)  # fmt: skip
"""What the numbers of a parsed head mean; left and right as CelebAMask-HQ has them."""
NOT_HEAD = ("background", "necklace", "neck", "clothes")
VIEW_PX = 512  # side of what the networks look at
GROWN, SOFT = 0.03, 0.015  # of the crop's longer side: by which a head's mask is wider than the head, and blurred


@dataclass(frozen=True)
class _Way:
    """How facexlib runs one of its networks: its class, what colours in [0, 1] are brought to, and its parts."""

    title: str
    module: str
    type: str
    options: dict[str, Any]
    mean: tuple[float, float, float]
    spread: tuple[float, float, float]
    order: tuple[int, ...]  # for each class of the network its number among PARTS


_WAYS = {
    "parsenet": _Way(
        "ParseNet", "parsing.parsenet", "ParseNet", {"in_size": VIEW_PX, "out_size": VIEW_PX, "parsing_ch": 19},
        (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), tuple(range(19)),
    ),
    "bisenet": _Way(
        "BiSeNet", "parsing.bisenet", "BiSeNet", {"num_class": 19},
        (0.485, 0.456, 0.406), (0.229, 0.224, 0.225),
        (0, 1, 6, 7, 4, 5, 3, 8, 9, 15, 2, 10, 11, 12, 17, 16, 18, 13, 14),
    ),
}  # fmt: skip
PARSERS = tuple(_WAYS)


class NamesParts(Protocol):
    """Names the part of the head at each pixel."""

    def __call__(self, view: np.ndarray) -> np.ndarray:
        """A face (h, w, 3) uint8 RGB → the numbers of :data:`PARTS` (512, 512) uint8."""
        ...


class HeadParser:
    """Names the part of the head at each pixel, by one of :data:`PARSERS`.

    network: in place of facexlib's: (1, 3, 512, 512) → scores (1, 19, 512, 512), or several results of which they are
             the first.
    Raises UnsupportedModel for weights of another network, MissingPackage without facexlib.
    """

    def __init__(self, name: str, weights: Path | None, device: str = "cpu", network: nn.Module | None = None) -> None:
        self.name = name
        self._way = way = _WAYS[name]
        if network is None:
            assert weights is not None
            made: nn.Module = facexlib_class(way.module, way.type, f"{way.title}, which parses heads,")(**way.options)
            fill_network(made, weights, way.title, name)
            network = made
        self._network = network.to(device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, view: np.ndarray) -> np.ndarray:
        """A face (h, w, 3) uint8 RGB → the numbers of :data:`PARTS` (512, 512) uint8."""
        small = cv2.resize(view, (VIEW_PX, VIEW_PX), interpolation=cv2.INTER_LINEAR)  # as facexlib resizes it
        colours = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
        mean, spread = (colours.new_tensor(each)[:, None, None] for each in (self._way.mean, self._way.spread))
        scores: Tensor | Sequence[Tensor] = self._network(((colours - mean) / spread).to(self._device))
        scores = scores if isinstance(scores, Tensor) else scores[0]
        return np.array(self._way.order, np.uint8)[scores[0].argmax(dim=0).cpu().numpy()]


def load_parser(
    name: str = "parsenet",
    weights: Path | None = None,
    *,
    device: str = "cpu",
    folders: Sequence[Path] | None = None,
) -> HeadParser:
    """Open a network that parses heads: parsenet or bisenet.

    weights: the file, where it is not the catalogue's in the usual folder or in ``folders``.
    Raises UnsupportedModel with the command that downloads missing weights, DownloadError for a file that is not the
    catalogue's, MissingPackage without facexlib, UsageError for another name.
    """
    if name not in PARSERS:
        raise UsageError(f"Heads are parsed by {' or '.join(PARSERS)}, not {name!r}.")
    return HeadParser(name, weights or require_on_disk(catalogue()[name], folders), device)


def parse_heads(
    picture: np.ndarray, faces: FaceSet | FaceRegion | Sequence[FaceRegion], parser: NamesParts | str = "parsenet"
) -> list[np.ndarray]:
    """The parts of each head of a picture: (h, w) uint8 over its crop, upright, numbers of :data:`PARTS`.

    parser: one that is open, or its name. The network sees the square around the crop. What lies past the picture's
    border counts as reflected. Raises what :func:`load_parser` raises, and UsageError for what is no picture.
    """
    require_picture(picture)
    opened = load_parser(parser) if isinstance(parser, str) else parser
    return [_parsed(to_rgb(picture), face, opened) for face in as_face_set(faces, picture.shape[:2])]


def _parsed(picture: np.ndarray, face: FaceRegion, parser: NamesParts) -> np.ndarray:
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    height, width = y1 - y0, x1 - x0
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    around = (float(x0 - left), float(y0 - top), float(x0 - left + side), float(y0 - top + side))
    square = face if height == width else replace(face, crop_px=around)
    labels = parser(crop_face(picture, square, (side, side)))
    whole = cv2.resize(labels, (side, side), interpolation=cv2.INTER_NEAREST)
    return whole[top : top + height, left : left + width]


def on_picture(labels: np.ndarray, face: FaceRegion) -> np.ndarray:
    """A parsed crop where it lies in the picture: (H, W) uint8, 0 elsewhere."""
    height, width = face.frame_size
    return cv2.warpAffine(labels, crop_matrix(face, labels.shape[:2]), (width, height), flags=cv2.INTER_NEAREST)


def head_mask(labels: np.ndarray) -> np.ndarray:
    """Where a parsed crop (h, w) shows the head, hair and hat with it: (h, w) float32, softly from 1 to 0 around it."""
    wanted = np.array([part not in NOT_HEAD for part in PARTS])
    head = wanted[labels].astype(np.float32)
    side = max(labels.shape)
    reach = 2 * max(1, round(GROWN * side)) + 1
    wider = cv2.dilate(head, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return cv2.GaussianBlur(wider, (0, 0), max(1.0, SOFT * side), borderType=cv2.BORDER_REPLICATE).clip(0, 1)


def head_masks(picture: np.ndarray, faces: FaceSet, parser: NamesParts | None) -> list[np.ndarray] | None:
    """A mask of each head of a picture over its crop, see :func:`head_mask`; None without a parser."""
    return None if parser is None else [head_mask(labels) for labels in parse_heads(picture, faces, parser)]


def shares(labels: np.ndarray) -> dict[str, float]:
    """Which part of a parsed crop each part takes up, those that are there, largest first."""
    counts = np.bincount(labels.ravel(), minlength=len(PARTS)) / max(labels.size, 1)
    return {PARTS[index]: float(counts[index]) for index in np.argsort(-counts, kind="stable") if counts[index]}
