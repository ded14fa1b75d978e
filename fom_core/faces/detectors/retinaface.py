"""RetinaFace on facexlib's network. The weights are opened here, so that nothing downloads or unpickles unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import MissingPackage, UnsupportedModel
from ...weights.read import read_state_dict
from ..detection import Detection, detect_at_sizes

LONG_SIDES = (1280, 480)
NETWORKS = {"retinaface": "resnet50", "retinaface-mobile": "mobile0.25"}


class RetinaFaceDetector:
    """Detector protocol on facexlib's RetinaFace (Deng et al., CVPR 2020); ``name`` chooses its backbone.

    Raises UnsupportedModel for weights of another network, MissingPackage without facexlib.
    """

    def __init__(self, name: str, weights: Path, threshold: float = 0.7, device: str = "cpu"):
        self.name = name
        self.threshold = threshold
        self._network = _network_class()(network_name=NETWORKS[name], device=torch.device(device))
        state = read_state_dict(weights)
        try:
            self._network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
        except RuntimeError as error:  # other names or shapes
            raise UnsupportedModel(
                f"{weights} does not hold the RetinaFace {NETWORKS[name]} weights: {str(error).splitlines()[0]} "
                f"Delete it and run `fom weights download {name}`."
            ) from error
        self._network.eval()

    def detect(self, image: np.ndarray) -> list[Detection]:
        return detect_at_sizes(image[..., ::-1], LONG_SIDES, self._detect_once)

    @torch.inference_mode()
    def _detect_once(self, bgr: np.ndarray) -> list[Detection]:
        rows = self._network.detect_faces(bgr, conf_threshold=self.threshold)  # box, score, five landmarks
        return [
            Detection((x0, y0, x1, y1), score, tuple((marks[i], marks[i + 1]) for i in range(0, 10, 2)))
            for x0, y0, x1, y1, score, *marks in np.asarray(rows).tolist()
        ]


def _network_class() -> Any:
    try:
        from facexlib.detection.retinaface import RetinaFace  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    except Exception as error:  # a torchvision that does not fit torch fails with a RuntimeError
        raise MissingPackage(
            f"RetinaFace needs the package facexlib and a torchvision that fits torch ({error}). "
            "Run `pip install facexlib torchvision`, or choose another face detector."
        ) from error
    return RetinaFace
