"""RetinaFace on facexlib's network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..detection import Detection, detect_at_sizes
from ..facexlib_networks import facexlib_class, fill_network

LONG_SIDES = (1280, 480)
NETWORKS = {"retinaface": "resnet50", "retinaface-mobile": "mobile0.25"}


class RetinaFaceDetector:
    """Detector protocol on facexlib's RetinaFace (Deng et al., CVPR 2020); ``name`` chooses its backbone.

    Raises UnsupportedModel for weights of another network, MissingPackage without facexlib.
    """

    def __init__(self, name: str, weights: Path, threshold: float = 0.7, device: str = "cpu"):
        self.name = name
        self.threshold = threshold
        network = facexlib_class("detection.retinaface", "RetinaFace", "RetinaFace")
        self._network = network(network_name=NETWORKS[name], device=torch.device(device))
        fill_network(self._network, weights, f"RetinaFace {NETWORKS[name]}", name)

    def detect(self, image: np.ndarray) -> list[Detection]:
        return detect_at_sizes(image[..., ::-1], LONG_SIDES, self._detect_once)

    @torch.inference_mode()
    def _detect_once(self, bgr: np.ndarray) -> list[Detection]:
        rows = self._network.detect_faces(bgr, conf_threshold=self.threshold)  # box, score, five landmarks
        return [
            Detection((x0, y0, x1, y1), score, tuple((marks[i], marks[i + 1]) for i in range(0, 10, 2)))
            for x0, y0, x1, y1, score, *marks in np.asarray(rows).tolist()
        ]
