"""The picture with its faces in motion: its own pixels moved by the flow, the network's where it has none to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from ..errors import UsageError
from ..types import DenseMotion, FaceSet, Generated
from .canvas import canvases
from .device import DevicePainter
from .flow import CanvasFlow, Follower
from .host import HostPainter
from .paste import coloured
from .tint import Tint


class Composer:
    """Everything about composing that does not change from frame to frame.

    picture: (H, W, 3) uint8 or uint16 RGB; RGBA keeps its alpha, which moves like the colours; grey comes back as RGB.
    faces:   those that are animated. They and ``faces.others`` leave one another's place alone.
    stills:  what the network gives for each face in its own pose.
    flow_unit:    half sides of a crop by which a flow of 1 moves; see :attr:`~fom_core.ModelConfig.flow_unit`.
    colour_match: how much of the difference in colour between the painted and the real still is taken out of what the
                  network paints, 0 to 1. Faces of grey pictures are painted grey in any case.

    Every frame stands for itself: in which chunks they come makes no difference. Pixels outside the canvases are the
    picture's, bit for bit; so is all of a frame in which nothing moves. Raises UsageError for what is no picture.
    """

    def __init__(
        self,
        picture: np.ndarray,
        faces: FaceSet,
        stills: Sequence[Generated],
        *,
        flow_unit: float = 1.0,
        colour_match: float = 0.0,
    ) -> None:
        if picture.ndim == 3 and picture.shape[2] not in (1, 3, 4):
            raise UsageError(f"Expected a picture (H, W, 3) of uint8, found {picture.shape} of {picture.dtype}.")
        own = coloured(picture, faces, depths=(np.uint8, np.uint16))
        places = canvases(faces)
        devices = [generated.prediction.device for generated in stills]
        on_card = len(devices) > 0 and devices[0].type == "cuda"  # others lack what composing takes
        self._device = devices[0] if on_card else torch.device("cpu")
        motions = [self._motion(still) for still in stills]
        self._followers = [Follower(*each, flow_unit) for each in zip(places, motions, strict=True)]
        self._tints = [Tint(own, *each, colour_match) for each in zip(faces, stills, strict=True)]
        self._painter = DevicePainter(own, faces, places, self._device) if on_card else HostPainter(own, faces, places)

    def __call__(self, chunk: Sequence[Generated]) -> np.ndarray:
        """The next T frames: (T, H, W, C), as wide and deep as the picture. ``chunk`` has what each face became."""
        return self.begin(chunk)()

    @torch.inference_mode()
    def begin(self, chunk: Sequence[Generated]) -> Callable[[], np.ndarray]:
        """Start on the next T frames; the call that comes back, from any thread, waits for them or makes them."""
        canvas_flows = self._canvas_flows(chunk)
        painted = [tint(generated.prediction) for tint, generated in zip(self._tints, chunk, strict=True)]
        return self._painter.begin(canvas_flows, painted)

    @torch.inference_mode()
    def flows(self, chunk: Sequence[Generated]) -> np.ndarray:
        """Where the next T frames take their pixels: (T, H, W, 2) float32, the way from each pixel to its source."""
        canvas_flows = self._canvas_flows(chunk)
        return np.stack(
            [self._painter.flow(frame) for frame in zip(*map(CanvasFlow.frames, canvas_flows), strict=True)]
        )

    def _canvas_flows(self, chunk: Sequence[Generated]) -> list[CanvasFlow]:
        return [follower(self._motion(each)) for follower, each in zip(self._followers, chunk, strict=True)]

    def _motion(self, generated: Generated) -> DenseMotion:
        """Flow and visibility, where they are followed."""
        motion = generated.dense_motion
        assert motion is not None, "composing takes a model with a dense motion network"
        hidden = None if motion.occlusion_map is None else motion.occlusion_map.to(self._device)
        return DenseMotion(motion.deformation.to(self._device), hidden, motion.mask)


def can_compose(still: Generated) -> bool:
    """Whether a model tells what composing takes: a flow, and what of the source can be seen."""
    return still.dense_motion is not None and still.dense_motion.occlusion_map is not None
