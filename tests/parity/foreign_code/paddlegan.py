"""Runs PaddleGAN's networks as its predictor builds them: CHECKOUT WEIGHTS YAML IN.npz OUT.npz."""

import sys
import types

import numpy as np
import yaml

checkout, weights, settings, given, result = sys.argv[1:]
for package in ("ppgan", "ppgan.models", "ppgan.models.generators"):  # without what their __init__ files import
    module = types.ModuleType(package)
    module.__path__ = [f"{checkout}/{package.replace('.', '/')}"]
    sys.modules[package] = module
import paddle  # noqa: E402  # type: ignore[import-not-found]
from ppgan.models.generators.occlusion_aware import OcclusionAwareGenerator  # noqa: E402  # type: ignore
from ppgan.modules.keypoint_detector import KPDetector  # noqa: E402  # type: ignore

with open(settings, encoding="utf-8") as file:  # noqa: PTH123
    params = yaml.safe_load(file)["model"]
common, nets = params["common_params"], params["generator"]
generator = OcclusionAwareGenerator(**nets["generator_cfg"], **common, inference=True)
detector = KPDetector(**nets["kp_detector_cfg"], **common)
checkpoint = paddle.load(weights)
for network, name in ((generator, "generator"), (detector, "kp_detector")):
    missing, unexpected = network.set_state_dict(checkpoint[name])
    assert not missing and not unexpected, (missing, unexpected)
    network.eval()

frames = np.load(given)
source, driving = paddle.to_tensor(frames["source"]), paddle.to_tensor(frames["driving"])
predictions, found = [], []
with paddle.no_grad():
    still = detector(source)
    for frame in driving.split(len(driving)):
        points = detector(frame)
        found.append({name: value.numpy() for name, value in points.items()})
        predictions.append(generator(source, kp_source=still, kp_driving=points)["prediction"].numpy())
joined = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
joined |= {f"still_{name}": value.numpy() for name, value in still.items()}
joined["prediction"] = np.concatenate(predictions)
np.savez(result, **joined)  # type: ignore[arg-type]
