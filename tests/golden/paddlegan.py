"""What PaddleGAN's code computes for the golden cases, in float32, beside a checkout of it.

Its packages are opened without what their ``__init__`` files import. Its own configuration of ``grid_sample`` and its
border treatment (``inf/``: as its predictor builds the generator; ``noinf/``: without) are left as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tests.golden import cases, formula

FRAME, SHOWN = 1, 2
STAGES = ("mask", "sparse_deformed", "deformation", "occlusion_map")
SHOWN_MODE = "rel_adapt"


def open_checkout(path: Path) -> None:
    """Make PaddleGAN's modules importable, without what else its packages load."""
    empty = ("ppgan.faceutils", "ppgan.faceutils.face_detection", "ppgan.utils.download")
    for name in ("ppgan", "ppgan.models", "ppgan.models.generators", "ppgan.utils", "ppgan.apps", *empty):
        module = sys.modules[name] = ModuleType(name)
        module.__path__ = [str(path / name.replace(".", "/"))]
    sys.modules["ppgan.faceutils"].face_detection = sys.modules["ppgan.faceutils.face_detection"]  # type: ignore[attr-defined]
    sys.modules["ppgan.utils.download"].get_path_from_url = None  # type: ignore[attr-defined]
    for name in ("imageio", "tqdm"):
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules["tqdm"].tqdm = iter  # type: ignore[attr-defined]
    base = sys.modules["ppgan.apps.base_predictor"] = ModuleType("ppgan.apps.base_predictor")
    base.BasePredictor = object  # type: ignore[attr-defined]


def networks(name: str, shapes: dict[str, Any], filters: formula.Arrays, inference: bool) -> tuple[Any, Any]:
    """Generator and keypoint detector of a case with the golden weights, in evaluation mode."""
    import paddle  # type: ignore[import-not-found]
    from ppgan.models.generators.occlusion_aware import OcclusionAwareGenerator  # type: ignore[import-not-found]
    from ppgan.modules.keypoint_detector import KPDetector  # type: ignore[import-not-found]

    params = cases.paddlegan(name)["model"]
    common, nets = params["common_params"], params["generator"]
    both = {
        "generator": OcclusionAwareGenerator(**nets["generator_cfg"], **common, inference=inference),
        "kp_detector": KPDetector(**nets["kp_detector_cfg"], **common),
    }
    for kind, network in both.items():
        own = network.state_dict()
        shapes[kind] = {key: list(value.shape) for key, value in own.items()}
        made = formula.weights(f"paddle_{name}/{kind}", {key: tuple(value.shape) for key, value in own.items()})
        filters |= {f"filters/{kind}/{key}": own[key].numpy() for key in own if key not in made}
        missing, unexpected = network.set_state_dict({key: paddle.to_tensor(value) for key, value in made.items()})
        assert set(missing) <= {key for key in own if key not in made} and not unexpected, (missing, unexpected)
        network.eval()
    return both["generator"], both["kp_detector"]


def case(name: str) -> tuple[formula.Arrays, dict[str, Any]]:
    """A case's arrays, and what has to be known about them."""
    import paddle  # type: ignore[import-not-found]
    from ppgan.utils.animate import normalize_kp  # type: ignore[import-not-found]

    shapes: dict[str, Any] = {}
    results: formula.Arrays = {}
    filters: formula.Arrays = {}
    pair = formula.frames(f"paddle_{name}", 64, 64)
    source, driving = (
        paddle.to_tensor((frames.reshape(-1, 64, 64, 3).transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32))
        for frames in pair
    )
    with paddle.no_grad():
        for border, inference in (("inf", True), ("noinf", False)):
            generator, detector = networks(name, shapes, filters, inference)
            still = detector(source)
            points = [detector(frame) for frame in driving.split(len(driving))]
            out = generator(source, kp_source=still, kp_driving=points[FRAME])
            for stage in ("deformed", "prediction"):
                results[f"{border}/frame{FRAME}/{stage}"] = out[stage].numpy()
            if inference:
                results[f"inf/frame{FRAME}/occlusion_map"] = out["occlusion_map"].numpy()
                continue
            motion = generator.dense_motion_network(source, kp_driving=points[FRAME], kp_source=still)
            results |= {f"frame{FRAME}/{stage}": motion[stage].numpy() for stage in STAGES}
            results |= {f"kp_source_{key}": value.numpy() for key, value in still.items()}
            results |= {f"kp_driving_{key}": np.concatenate([p[key].numpy() for p in points]) for key in still}
        generator, detector = networks(name, shapes, filters, True)
        for mode in ("abs", "rel", SHOWN_MODE):
            movement, jacobian, adapt = cases.MODES[mode]
            moved = [normalize_kp(still, p, points[0], adapt, movement, jacobian) for p in points]
            for key in still:
                results[f"anim_{mode}/kp_norm_{key}"] = np.concatenate([p[key].numpy() for p in moved])
            if mode == SHOWN_MODE:
                out = generator(source, kp_source=still, kp_driving=moved[SHOWN])
                results[f"inf/anim_{mode}/prediction"] = out["prediction"].numpy()
    about = {
        "made_with": f"PaddleGAN on paddlepaddle {paddle.__version__}",
        "shapes": shapes,
        "prediction_frames": {f"inf/anim_{SHOWN_MODE}/prediction": [SHOWN]},
    }
    return filters | results, about
