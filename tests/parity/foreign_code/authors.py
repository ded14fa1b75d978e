"""Runs the authors' networks on given frames: CHECKOUT WEIGHTS YAML IN.npz OUT.npz."""

import sys

import numpy as np
import torch
import yaml

checkout, weights, settings, given, result = sys.argv[1:]
sys.path.insert(0, checkout)
from modules.generator import OcclusionAwareGenerator  # noqa: E402  # type: ignore[import-not-found]
from modules.keypoint_detector import KPDetector  # noqa: E402  # type: ignore[import-not-found]

with open(settings, encoding="utf-8") as file:  # noqa: PTH123
    params = yaml.safe_load(file)["model_params"]
common = params["common_params"]
generator = OcclusionAwareGenerator(**params["generator_params"], **common).eval()
detector = KPDetector(**params["kp_detector_params"], **common).eval()
checkpoint = torch.load(weights, map_location="cpu", weights_only=True)
generator.load_state_dict(checkpoint["generator"])
detector.load_state_dict(checkpoint["kp_detector"])

frames = np.load(given)
source, driving = torch.from_numpy(frames["source"]), torch.from_numpy(frames["driving"])
with torch.no_grad():
    points = detector(driving)
    still = detector(source)
    repeated = {name: value.expand(len(driving), *value.shape[1:]) for name, value in still.items()}
    out = generator(source.expand(len(driving), -1, -1, -1), kp_source=repeated, kp_driving=points)
found = {f"still_{name}": value.numpy() for name, value in still.items()}
found |= {name: value.numpy() for name, value in points.items()}
found["prediction"] = out["prediction"].numpy()
np.savez(result, **found)  # type: ignore[arg-type]
