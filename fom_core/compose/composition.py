"""How animated faces get into their picture: the choices that travel from the command line and the nodes down here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..errors import UsageError
from ..types import FaceRegion
from .masks import Look

Enhance = Callable[[Tensor, FaceRegion], Tensor]
"""Takes frames (t, C, h, w) in [0, 1] of a face's crop, and the face, and gives better ones of any size."""


@dataclass(frozen=True)
class Composition:
    """What is done with the frames that a model makes of each face.

    mask:         "flow" composes, the others paste through a mask; see :func:`fom_core.animate_picture`.
    ratio:        radius of the circle of the mask "paddlegan", in crop heights.
    feather:      part of the way from the face's middle to the mask's outline over which it fades, 0 to 1.
    colour_match: how much of the difference in colour from the picture is taken out of the faces, 0 to 1.
    enhance:      makes the faces better, such as :class:`~fom_core.enhance.FaceEnhancer`.
    face_masks:   one per face or one for all, (h, w) in [0, 1] over the crop, of any size, such as
                  :func:`~fom_core.faces.parsing.head_mask` makes: where they are black the picture stays as it is.
    """

    mask: Look = "flow"
    ratio: float = 0.4
    feather: float = 0.3
    colour_match: float = 0.0
    enhance: Enhance | None = None
    face_masks: Sequence[np.ndarray] | None = None

    def check(self, masks: Sequence[str]) -> None:
        """Raise UsageError for a mask that is not among ``masks``, and for numbers that cannot be."""
        if self.mask not in masks:
            raise UsageError(f"The mask is one of {', '.join(masks)}, not {self.mask!r}.")
        if not self.ratio > 0:
            raise UsageError(
                f"The ratio is a circle's radius in crop heights: above 0, usually {Composition.ratio}. "
                f"Got {self.ratio}."
            )
        for name, value in (("feather", self.feather), ("colour match", self.colour_match)):
            if not 0 <= value <= 1:
                raise UsageError(f"The {name} is a number from 0 to 1. Got {value}.")
