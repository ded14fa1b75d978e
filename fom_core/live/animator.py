"""A picture that follows a driver while the driver moves: frames in, frames out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..backends import Backend
from ..compose import Composition, Finisher, open_finisher
from ..driver import look_at, needs_face
from ..errors import UsageError
from ..faces.detect import load_detector
from ..faces.detection import Detector
from ..faces.live_view import LiveView
from ..faces.regions import as_face_set, crop_face, to_rgb
from ..faces.tracking import DrivingCrop
from ..motion import FADE_IN_S, OneEuro, eased, transfer_motion
from ..pictures import require_picture, to_batch
from ..pipeline import encode_face
from ..types import Box, FaceRegion, FaceSet, Keypoints, MotionTransfer, SourceFeatures

SMOOTHING = 0.3  # strength of the One Euro filter, unless told
HOLD_S, HOME_S = 0.5, 0.5  # the face waits so long for a driver who is gone, and then goes home in so long
CALIBRATE_S = 0.3  # over which another neutral pose takes the place of the last one


@dataclass(frozen=True)
class _Prepared:
    picture: np.ndarray
    sources: list[SourceFeatures]
    finisher: Finisher


class LiveAnimator:
    """Gives for every frame of a driver the picture, whose faces move like the driver's; knows nothing of what comes.

    model:      any that :func:`fom_core.load_model` gives.
    pictures:   each (H, W, 3) uint8 RGB, or with an alpha that is left out, and its faces as
                :func:`fom_core.detect_faces` and :func:`fom_core.select_faces` give them. All are made ready, so that
                changing takes no time.
    detector:   what finds the driver's face, or its name; None looks at whole frames.
    crop:       the part of the frames to look at, see :class:`~fom_core.faces.live_view.LiveView`.
    transfer:   how motion is given to the faces. The pose in which the driver is first seen corresponds to the
                picture, whatever its initial frame says, until :meth:`calibrate`.
    smoothing:  strength of the One Euro filter, 0 to 1; 0 is off.
    shown:      number of the picture that is shown, from 0.
    Raises UsageError for no pictures.
    """

    def __init__(
        self,
        model: Backend,
        pictures: Sequence[tuple[np.ndarray, FaceSet | FaceRegion | Sequence[FaceRegion]]],
        detector: Detector | str | None = "auto",
        *,
        crop: DrivingCrop = "auto",
        transfer: MotionTransfer | None = None,
        composition: Composition | None = None,
        smoothing: float = SMOOTHING,
    ) -> None:
        if not pictures:
            raise UsageError("A live animation needs a picture with its faces; got none.")
        if isinstance(detector, str):
            detector = load_detector(detector) if needs_face(model, crop) else None
        self._model = model
        self._transfer = transfer or MotionTransfer()
        self._view = LiveView(detector, crop)
        self._filter = OneEuro(smoothing)
        self._pictures = [self._prepare(*each, composition or Composition()) for each in pictures]
        self.shown = 0
        self._driving: Keypoints | None = None  # as seen last
        self._neutral: Keypoints | None = None
        self._neutral_before: tuple[Keypoints, float] | None = None  # and when it was left
        self._seen_s = self._moment_s = -np.inf
        self._presence = 0.0  # of the motion, from 0 at home

    @property
    def seen(self) -> bool:
        """Whether the driver was there at the last look."""
        return self._view.seen

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames that it gives now; every picture has its own."""
        height, width = self._pictures[self.shown].picture.shape[:2]
        return height, width

    def calibrate(self) -> None:
        """Let the driver's pose of now correspond to the picture; before there is a driver, the first one does."""
        if self._driving is not None and self._neutral is not None:
            self._neutral_before = self._neutral_at(self._moment_s), self._moment_s
            self._neutral = self._driving

    def switch(self, step: int = 1) -> None:
        """Show the next picture, or the one so many further; after the last one comes the first."""
        self.shown = (self.shown + step) % len(self._pictures)

    @torch.inference_mode()
    def __call__(self, frame: np.ndarray, at_s: float | None = None) -> np.ndarray:
        """The picture (H, W, 3) uint8 for the driver's next frame (H, W, 3) uint8 RGB.

        at_s: when the frame was taken, on any clock that goes forward; None for now.
        """
        now_s = time.monotonic() if at_s is None else at_s
        box = self._view(frame)
        if self._view.seen:
            if now_s - self._seen_s > HOLD_S:
                self._filter.reset()
            self._driving = self._filter(self._keypoints(frame, box), now_s)
            self._seen_s = now_s
            if self._neutral is None:
                self._neutral = self._driving
        self._follow(now_s)
        shown = self._pictures[self.shown]
        if self._driving is None:
            return shown.picture.copy()
        chunk = [self._model.generate(source, self._moved(source, now_s)) for source in shown.sources]
        return shown.finisher.begin(chunk)()[0]

    def _prepare(
        self, picture: np.ndarray, faces: FaceSet | FaceRegion | Sequence[FaceRegion], composition: Composition
    ) -> _Prepared:
        require_picture(picture)
        picture = to_rgb(picture)
        chosen, size = as_face_set(faces, picture.shape[:2]), self._model.config.image_size
        sources = [encode_face(self._model, crop_face(picture, face, size)) for face in chosen]
        return _Prepared(picture, sources, open_finisher(self._model, picture, chosen, sources, composition))

    def _keypoints(self, frame: np.ndarray, box: Box | None) -> Keypoints:
        view = look_at(self._model, frame, box)[None]
        channels = self._model.config.num_channels
        return self._model.detect_keypoints(to_batch(view, channels=channels, device=self._model.device))

    def _follow(self, now_s: float) -> None:
        """Let the motion come in while the driver is seen, and go home once the driver is gone."""
        step_s = max(0.0, now_s - self._moment_s) if np.isfinite(self._moment_s) else 0.0
        self._moment_s = now_s
        if self._view.seen:
            self._presence += step_s / FADE_IN_S
        elif now_s - self._seen_s > HOLD_S:
            self._presence -= step_s / HOME_S
        self._presence = min(max(self._presence, 0.0), 1.0)

    def _moved(self, source: SourceFeatures, now_s: float) -> Keypoints:
        """Where a source's keypoints are now."""
        assert self._driving is not None
        moved = transfer_motion(source.keypoints, self._driving, self._neutral_at(now_s), self._transfer)
        return eased(source.keypoints, moved, torch.tensor([self._presence]))

    def _neutral_at(self, now_s: float) -> Keypoints:
        """The neutral pose, on its way from the last one."""
        assert self._neutral is not None
        if self._neutral_before is None:
            return self._neutral
        before, left_s = self._neutral_before
        return eased(before, self._neutral, torch.tensor([(now_s - left_s) / CALIBRATE_S]))
