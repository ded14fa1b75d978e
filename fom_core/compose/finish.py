"""From what the network gives for each face to whole frames: composed, or pasted through a mask."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, get_args

import numpy as np
import torch

from ..backends import Backend
from ..faces.regions import crop_face, pixel_box
from ..pictures import PicturesToCome, to_batch
from ..types import FaceSet, Generated, SourceFeatures
from .canvas import canvas_box
from .composer import Composer, can_compose
from .composition import Composition, Enhance
from .held import HeldBack
from .masks import Look, Rect, around_all
from .paste import Paster

log = logging.getLogger(__name__)


class Finisher(Protocol):
    """Makes whole frames of chunks in their order."""

    def begin(self, chunk: Sequence[Generated]) -> Callable[[], np.ndarray]:
        """Start on the frames of a chunk, which has what each face became.

        The call that comes back waits for them, or makes them, in any thread: (t, H, W, C), as the picture.
        """
        ...

    @property
    def hull(self) -> Rect:
        """The pixels of the picture that may change."""
        ...


def open_finisher(
    model: Backend,
    picture: np.ndarray,
    faces: FaceSet,
    sources: Sequence[SourceFeatures],
    composition: Composition,
) -> Finisher:
    """The way to finish that its mask names: "flow" composes, the others paste as :class:`~.paste.Paster` describes.

    Models that tell nothing of what can be seen of the source cannot be composed; their faces are pasted softly.
    """
    composition.check(get_args(Look))
    stills = stills_of(model, sources) if needs_stills(composition) else []
    return finisher_at(picture, faces, stills, composable(model, stills, composition), model.config.flow_unit)


def needs_stills(composition: Composition) -> bool:
    """Whether finishing takes what the model makes of each face in its own pose."""
    return composition.mask == "flow" or composition.colour_match > 0


def composable(model: Backend, stills: Sequence[Generated], composition: Composition) -> Composition:
    """A composition that the model can be finished with: pasted softly where it cannot be composed, with a line."""
    if composition.mask != "flow" or all(map(can_compose, stills)):
        return composition
    log.info("The model %s tells nothing of what it hides: faces are pasted with the mask soft.", model.name)
    return replace(composition, mask="soft")


def finisher_at(
    picture: np.ndarray, faces: FaceSet, stills: Sequence[Generated], composition: Composition, flow_unit: float
) -> Finisher:
    """:func:`open_finisher` where it is known what the model makes of each face in its own pose, if that is needed."""
    mask, enhance, colour_match = composition.mask, composition.enhance, composition.colour_match
    if mask == "flow":
        composer = Composer(picture, faces, stills, flow_unit=flow_unit, colour_match=colour_match)
        held = None if composition.face_masks is None else HeldBack(picture, faces, composition.face_masks)
        return _Composing(composer, picture, faces, enhance, held)
    at_rest = None
    if colour_match:
        at_rest = [generated.prediction for generated in stills]
        if enhance is not None:
            at_rest = [enhance(*pair) for pair in zip(at_rest, faces, strict=True)]
    paster = Paster(
        picture, faces, mask, composition.ratio,
        feather=composition.feather, colour_match=colour_match, colours_of=at_rest, face_masks=composition.face_masks,
    )  # fmt: skip
    return _Pasting(paster, faces, enhance)


def open_composer(
    model: Backend,
    picture: np.ndarray,
    faces: FaceSet,
    sources: Sequence[SourceFeatures],
    *,
    colour_match: float = 0.0,
) -> Composer | None:
    """A composer for encoded faces of a picture; None for a model that does not tell what composing takes."""
    stills = stills_of(model, sources)
    if not all(map(can_compose, stills)):
        return None
    return Composer(picture, faces, stills, flow_unit=model.config.flow_unit, colour_match=colour_match)


@torch.inference_mode()
def stills_of(model: Backend, sources: Sequence[SourceFeatures]) -> list[Generated]:
    """What the model makes of each face in its own pose."""
    return [model.generate(source, source.keypoints) for source in sources]


class _Composing:
    def __init__(
        self,
        composer: Composer,
        picture: np.ndarray,
        faces: FaceSet,
        enhance: Enhance | None,
        held: HeldBack | None,
    ) -> None:
        self._composer, self._faces, self._enhance, self._held = composer, faces, enhance, held
        self._paster = None if enhance is None else Paster(picture, faces)

    @property
    def hull(self) -> Rect:
        return around_all([canvas_box(face) for face in self._faces])

    def begin(self, chunk: Sequence[Generated]) -> Callable[[], np.ndarray]:
        frames = self._composer.begin(chunk)
        device = chunk[0].prediction.device if chunk else torch.device("cpu")
        better = frames if self._enhance is None else lambda: self._enhanced(frames(), device)
        held = self._held
        return better if held is None else lambda: held(better())

    def _enhanced(self, frames: np.ndarray, device: torch.device) -> np.ndarray:
        """The frames with each face enhanced where it lies: what is not its face stays as it was composed."""
        assert self._enhance is not None and self._paster is not None
        better = []
        for face in self._faces:
            x0, y0, x1, y1 = pixel_box(face.crop_px)
            crops = np.stack([crop_face(frame, face, (y1 - y0, x1 - x0)) for frame in frames])
            better.append(self._enhance(to_batch(crops, channels=3, device=device), face))
        return self._paster(better, pictures=frames)


class _Pasting:
    def __init__(self, paster: Paster, faces: FaceSet, enhance: Enhance | None) -> None:
        self._paster, self._faces, self._enhance = paster, faces, enhance

    @property
    def hull(self) -> Rect:
        return around_all([rect for rect, _ in self._paster.parts()])

    def begin(self, chunk: Sequence[Generated]) -> Callable[[], np.ndarray]:
        pictures = [generated.prediction for generated in chunk]
        if self._enhance is not None:
            pictures = [self._enhance(*pair) for pair in zip(pictures, self._faces, strict=True)]
        coming = [PicturesToCome(frames, truncate=self._paster.truncate) for frames in pictures]
        return lambda: self._paster([frames.wait() for frames in coming])
