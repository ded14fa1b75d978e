"""Whether a device computes what the processor does: ``python -m tools.gpu_checks CHECK --device cuda``.

Every check prints its figures as a line of JSON and fails, with status 1, where one is beyond its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping

import numpy as np
import torch

from fom_core.backends.load import load_model
from fom_core.backends.pytorch.model import PyTorchModel
from fom_core.compose.composer import Composer
from fom_core.pictures import to_batch, to_pictures
from fom_core.types import DenseMotion, FaceSet, Generated, SourceFeatures

FRAMES = 4
BOUNDS = {  # largest figures that are right: differences of keypoints, of values in [0, 1], of levels of 255
    "keypoints": 1e-3, "flow": 2e-3, "picture": 5e-3, "composed_mean": 0.5, "replayed": 1e-4, "half_keypoints": 1e-3,
    "half_picture_mean": 0.02, "unrecorded": 0,
}  # fmt: skip


def pictures(size: tuple[int, int]) -> torch.Tensor:
    """A source and :data:`FRAMES` drivers (1 + FRAMES, 3, H, W): blobs that wander, of waves of colour."""
    height, width = size
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    frames = []
    for time in range(1 + FRAMES):
        away = (x - 0.06 * time).square() + (y + 0.04 * time).square()
        blob = torch.exp(-3 * away)
        frames.append(torch.stack([blob, 0.5 + 0.4 * torch.sin(4 * x + time) * blob, 0.3 + 0.5 * blob * y]).clamp(0, 1))
    return torch.stack(frames)


def animated(model: PyTorchModel, frames: torch.Tensor) -> tuple[SourceFeatures, Generated, torch.Tensor]:
    """The encoded source, what becomes of it, and the drivers' keypoints; on the model's device."""
    frames = frames.to(model.device)
    source = model.encode_source(frames[:1])
    keypoints = model.detect_keypoints(frames[1:])
    return source, model.generate(source, keypoints), keypoints.value


def apart(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Differences of two results from anywhere."""
    return (ours.float().cpu() - theirs.float().cpu()).abs()


def core(name: str, device: str) -> dict[str, float]:
    """Keypoints, flow and picture in float32 beside the processor's."""
    theirs, ours = (load_model(name, device=each, dtype="float32") for each in ("cpu", device))
    frames = pictures(theirs.config.image_size)
    (_, wanted, points), (_, found, own_points) = animated(theirs, frames), animated(ours, frames)
    assert found.dense_motion is not None and wanted.dense_motion is not None
    return {
        "keypoints": float(apart(own_points, points).max()),
        "flow": float(apart(found.dense_motion.deformation, wanted.dense_motion.deformation).max()),
        "picture": float(apart(found.prediction, wanted.prediction).max()),
    }


def compose(name: str, device: str) -> dict[str, float]:
    """The composed picture beside that of the processor, both from what the processor generated."""
    model = load_model(name, device="cpu", dtype="float32")
    frames, shown = pictures(model.config.image_size), []
    picture = to_pictures(frames[:1])[0]
    whole = FaceSet.from_crops([(0, 0, picture.shape[1], picture.shape[0])], picture.shape[:2])
    source = model.encode_source(to_batch(picture[None], channels=3, device="cpu"))
    still = model.generate(source, source.keypoints)
    generated = model.generate(source, model.detect_keypoints(frames[1:]))
    for each in ("cpu", device):
        composer = Composer(picture, whole, [moved(still, each)], flow_unit=model.config.flow_unit)
        shown.append(composer([moved(generated, each)]).astype(np.float32))
    return {"composed_mean": float(np.abs(shown[0] - shown[1]).mean())}


def moved(generated: Generated, device: str) -> Generated:
    """What was generated, on another device."""
    motion = generated.dense_motion
    assert motion is not None and motion.occlusion_map is not None, "this model tells nothing to compose with"
    there = DenseMotion(motion.deformation.to(device), motion.occlusion_map.to(device), motion.mask.to(device))
    return Generated(generated.prediction.to(device), there)


def graphs(name: str, device: str) -> dict[str, float]:
    """The pass that is replayed from a recording beside the first one, and whether CUDA, which can, recorded none."""
    model = load_model(name, device=device, dtype="float32")
    frames = pictures(model.config.image_size)
    passes = [animated(model, frames)[1].prediction.clone() for _ in range(6)]
    recorded = len(model._ready().graphs.recordings)
    return {
        "recorded": float(recorded),
        "unrecorded": float(device.startswith("cuda") and not recorded),
        "replayed": float(apart(passes[-1], passes[0]).max()),
    }


def half(name: str, device: str) -> dict[str, float]:
    """Half precision beside float32, both on the device."""
    exact, quick = (load_model(name, device=device, dtype=each) for each in ("float32", "float16"))
    frames = pictures(exact.config.image_size)
    (_, wanted, points), (_, found, own_points) = animated(exact, frames), animated(quick, frames)
    return {
        "half_keypoints": float(apart(own_points, points).max()),
        "half_picture_mean": float(apart(found.prediction, wanted.prediction).mean()),
    }


def look(name: str, device: str) -> dict[str, object]:
    """What machine this is, and how the model computes on it."""
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    plan = str(load_model(name, device=device).plan)
    return {"torch": torch.__version__, "card": card, "processors": os.cpu_count(), "plan": plan}


CHECKS: dict[str, Callable[[str, str], Mapping[str, object]]] = {
    each.__name__: each for each in (look, core, compose, graphs, half)
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.gpu_checks", description=__doc__)
    parser.add_argument("check", choices=sorted(CHECKS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", default="mini")
    args = parser.parse_args()
    with torch.inference_mode():
        figures = CHECKS[args.check](args.model, args.device)
    print(json.dumps(figures))
    beyond = [name for name, value in figures.items() if is_beyond(name, value)]
    for name in beyond:
        print(f"{name} is beyond its bound: {figures[name]:.3g}, at most {BOUNDS[name]:g}", file=sys.stderr)
    return 1 if beyond else 0


def is_beyond(name: str, value: object) -> bool:
    """Whether a figure is beyond its bound; NaN always is."""
    return name in BOUNDS and not float(str(value)) <= BOUNDS[name]


if __name__ == "__main__":
    raise SystemExit(main())
