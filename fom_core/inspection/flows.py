"""How the flow of a face fares under a driver: where it folds, and how far the head turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..backends import Backend
from ..compose.canvas import FACE, Ellipse
from ..compose.flow import cell_places, displacements, hidden_share, unlike_a_plane
from ..evaluation.looks import folded_share
from ..geometry import resize_map
from ..motion import initial_frame, transfer_sequence
from ..resources.memory import in_chunks
from ..types import CHUNK_SIZE, DenseMotion, Generated, Keypoints, Motion, MotionTransfer, Progress, SourceFeatures

GAINS = tuple(round(0.1 * step, 1) for step in range(1, 21))  # that are tried: 0.1 to 2


@dataclass(frozen=True)
class Course:
    """What the flow of a face is like over a driver.

    frames: (N,) numbers of the driver's frames that were looked at.
    folded: (N,) share of the face that folds there and is not painted.
    turned: (N,) movement unlike that of a plane, in half sides of the crop: how far the head turns.
    """

    frames: np.ndarray
    folded: np.ndarray
    turned: np.ndarray

    def parts(self, marked: np.ndarray) -> tuple[tuple[int, int], ...]:
        """The frames that are ``marked`` (N,), those next to one another as first and last one of a part."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(int)))
        return tuple(
            (int(self.frames[first]), int(self.frames[after - 1]))
            for first, after in zip(edges[::2], edges[1::2], strict=True)
        )

    @property
    def usual(self) -> float:
        """The mean folded share."""
        return float(self.folded.mean())

    @property
    def worst(self) -> float:
        """The largest folded share."""
        return float(self.folded.max())


class FaceFlow:
    """An encoded face and the motion that it is to take over, on the model's device.

    motion: of the driver; before it is first seen and after the last time, the face stands still.
    face:   where in its crop the face is, which alone counts: see :func:`~fom_core.compose.canvas.face_in_crop`.
    """

    def __init__(
        self,
        model: Backend,
        source: SourceFeatures,
        motion: Motion,
        chunk_size: int = CHUNK_SIZE,
        progress: Progress | None = None,
        *,
        face: Ellipse = FACE,
    ) -> None:
        self.model, self.source, self.motion, self.face = model, source, motion, face
        self._chunk_size, self._progress, self._painted = chunk_size, progress, 0

    def first(self, transfer: MotionTransfer) -> int:
        """The initial frame. Raises UsageError beyond the video's end."""
        return initial_frame(self.source.keypoints, self.motion.keypoints, transfer, self.motion.seen)

    def keypoints(self, transfer: MotionTransfer, frames: Sequence[int]) -> Keypoints:
        """Where the face's keypoints are in these frames."""
        return transfer_sequence(self.source.keypoints, self.motion, transfer).pick(frames)

    def generated(self, transfer: MotionTransfer, frames: Sequence[int]) -> Iterator[Generated]:
        """What the model makes of the face in these frames, chunk by chunk."""
        moved = self.keypoints(transfer, frames)

        def generate(part: slice) -> Generated:
            return self.model.generate(self.source, moved[part])

        for generated in in_chunks(generate, len(frames), self._chunk_size):
            self._painted += len(generated.prediction)
            if self._progress:
                self._progress(self._painted, None)
            yield generated

    def course(self, transfer: MotionTransfer, frames: Sequence[int]) -> Course:
        """What the flow is like in these frames."""
        folded, turned = [], []
        for generated in self.generated(transfer, frames):
            if generated.dense_motion is not None:
                moved = displacements(generated.dense_motion, self.model.config.flow_unit)
                painted = painted_cells(generated.dense_motion)
                folded += [
                    folded_share(d, cell_places(d), unseen=cells, face=self.face)
                    for d, cells in zip(moved, painted, strict=True)
                ]
                turned += [unlike_a_plane(d, self.face) for d in moved]
        return Course(np.array(frames), np.array(folded), np.array(turned))

    def largest_gain(
        self, transfer: MotionTransfer, frames: Sequence[int], worst: Sequence[int], bound: float
    ) -> float | None:
        """One of :data:`GAINS` at which no more than ``bound`` of the flow folds in any frame; None for none.

        It is sought as the largest that does in the ``worst`` frames, and held against all of them: which ones fold
        most changes with the gain, for opened further, a mouth is painted where it folded.
        """
        most = len(GAINS)
        while most := self._gains_that_do(transfer, worst, bound, most):
            course = self.course(replace(transfer, gain=GAINS[most - 1]), frames)
            if course.worst <= bound:
                return GAINS[most - 1]
            worst = course.frames[course.folded.argsort()[::-1][: len(worst)]].tolist()
            most -= 1
        return None

    def _gains_that_do(self, transfer: MotionTransfer, frames: Sequence[int], bound: float, most: int) -> int:
        """How many of the first ``most`` gains do in these frames, found by halving as if folds grew with the gain."""
        low = 0
        while low < most:
            middle = (low + most + 1) // 2
            course = self.course(replace(transfer, gain=GAINS[middle - 1]), frames)
            low, most = (middle, most) if course.worst <= bound else (low, middle - 1)
        return low


def painted_cells(motion: DenseMotion) -> np.ndarray:
    """Cells (T, h, w) of the flow that show more of the network's painting than of the source, as opened mouths do.

    Nobody sees a fold behind that, nor around a head, where a wall stretches.
    """
    size = motion.deformation.shape[1], motion.deformation.shape[2]
    if motion.occlusion_map is None:
        return np.zeros((len(motion.deformation), *size), bool)
    seen = resize_map(motion.occlusion_map.float(), size)[:, 0]
    whole = torch.ones_like(seen)
    return (hidden_share(seen, whole, whole) > 0.5).cpu().numpy()
