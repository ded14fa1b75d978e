"""What animation makes of a picture, frame by frame, with the flow by which it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import torch

from ..backends import Backend
from ..compose import Paster, open_composer
from ..compose.rolled import turned_crop
from ..errors import UnsupportedModel
from ..faces.regions import crop_face, crop_matrix
from ..geometry import identity_grid, resize_flow
from ..networks import ModelConfig
from ..networks.generator import border_weight
from ..pictures import to_pictures
from ..pipeline import Drivings, animate_details, encode_face
from ..types import CHUNK_SIZE, FaceRegion, FaceSet, Generated, MotionTransfer


class AnimatedPicture:
    """A picture (H, W, 3) uint8 and its faces, to be moved as animation moves them unless told.

    Raises UnsupportedModel for a model that knows no flow.
    """

    def __init__(self, model: Backend, picture: np.ndarray, faces: FaceSet) -> None:
        if model.config.generator.dense_motion is None:
            raise UnsupportedModel(f"{model.name} has no dense motion network: its pictures do not move.")
        self.model, self.picture, self.faces = model, picture, faces
        self.sources = [encode_face(model, crop_face(picture, face, model.config.image_size)) for face in faces]

    def frames(
        self,
        driving: Drivings,
        numbers: Sequence[int],
        *,
        transfer: MotionTransfer | None = None,
        chunk_size: int = CHUNK_SIZE,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Chunk by chunk (t, H, W, 3) uint8 and their own flows (t, H, W, 2) in pixels, as in :mod:`.view`.

        numbers: of driving frames, one course of time: what is held over from frame to frame starts anew with a call.
        """
        compose = self._composing()
        for chunk in animate_details(
            self.model, self.sources, driving, transfer, chunk_size=chunk_size, frames=numbers
        ):
            yield compose(chunk)

    def _composing(self) -> Callable[[Sequence[Generated]], tuple[np.ndarray, np.ndarray]]:
        """Makes frames and flows of what the model gives for each face, the way that ``fom animate`` does."""
        composer = open_composer(self.model, self.picture, self.faces, self.sources)
        if composer is not None:
            return lambda chunk: (composer(chunk), composer.flows(chunk))
        paster = Paster(self.picture, self.faces)

        def compose(chunk: Sequence[Generated]) -> tuple[np.ndarray, np.ndarray]:
            flows = [
                generator_flow(generated.dense_motion.deformation, self.model.config, face)
                for generated, face in zip(chunk, self.faces, strict=True)
                if generated.dense_motion is not None
            ]
            return paster([to_pictures(generated.prediction) for generated in chunk]), np.sum(flows, axis=0)

        return compose


def generator_flow(deformation: torch.Tensor, config: ModelConfig, face: FaceRegion) -> np.ndarray:
    """By how much the generator moves the features of a face, on the whole picture: (T, H, W, 2) pixels.

    deformation: (T, h, w, 2) of the dense motion network. Outside of the crop nothing moves.
    """
    height, width = size = features_size(config)
    given = deformation.detach().float().cpu()
    flow = resize_flow(given, size, displacement=config.resizes_displacement)
    identity = identity_grid(height, width, like=flow)
    if config.border_blend:
        flow = torch.lerp(identity, flow, border_weight(height, width, like=flow)[..., None])
    half = torch.tensor([width - 1, height - 1] if config.align_corners else [width, height]) / 2
    matrix = crop_matrix(face, size)
    shifts = ((flow - identity) * half).numpy() @ matrix[:, :2].T.astype(np.float32)
    rows, columns = face.frame_size
    within = turned_crop(face, (0, 0, columns, rows))[..., None] > 0.5
    flags, outside = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    placed = [cv2.warpAffine(one, matrix, (columns, rows), flags=flags, borderMode=outside) for one in shifts]
    return np.stack(placed) * within


def features_size(config: ModelConfig) -> tuple[int, int]:
    """Height and width of what the generator warps."""
    height, width = (side // 2 ** len(config.generator.down) for side in config.image_size)
    return height, width
