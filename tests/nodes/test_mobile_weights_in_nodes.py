"""PaddleGAN's mobile networks through the nodes; the larger case has their published widths."""

import shutil

import numpy as np
import pytest
import torch

from tests.parity import conftest as reference

LARGEST, MEAN = 2e-3, 1e-4  # of pictures in [0, 1], as for all results of the original code
NOISE_FACTOR = 5  # or this many times the rounding of float32, of which random weights have much


@pytest.fixture(params=["paddlegan/mobile", *reference.larger_cases("paddle/vox_mobile_256_full")])
def case(request, tmp_path):
    family, name = request.param.split("/")
    if family == "paddlegan":
        return reference.embedded(tmp_path, family, name)
    return reference.larger(request.getfixturevalue("shared"), family, name)


@pytest.fixture
def mobile(case, pack):
    """PaddleGAN's file and its configuration in ComfyUI's models/fom, under their names there."""
    from fom_pack.nodes import host

    folder = host.folder("fom")
    folder.mkdir(parents=True, exist_ok=True)
    for path in (case.weights, case.yaml):
        shutil.copy(path, folder)
    yield {"model_name": case.weights.name, "config_name": case.yaml.name}
    for path in folder.glob(f"{case.yaml.stem}*"):
        path.unlink()


def as_image(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).float() / 255


def rounding(case, source: torch.Tensor, driving: torch.Tensor, adapts: bool) -> torch.Tensor:
    """How far the library's plain networks in float32 are from float64, for every pixel."""
    from fom_pack.fom_core.pipeline import animate
    from fom_pack.fom_core.types import MotionTransfer
    from fom_pack.fom_core.weights.load import load_module

    def run(dtype: torch.dtype) -> torch.Tensor:
        model = load_module(case.weights, config=case.yaml).to(dtype)
        source_, driving_ = (images.movedim(-1, 1).to(dtype) for images in (source, driving))
        chunks = animate(model, [source_], driving_, MotionTransfer(adapt_movement_scale=adapts))
        return torch.cat([faces[0] for faces in chunks])

    return (run(torch.float32) - run(torch.float64)).abs()


def test_paddlegans_mobile_file_paints_paddlegans_frames_in_animate_face(mobile, case, execute):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    key = "inf/anim_rel/prediction" if "inf/anim_rel/prediction" in case else "inf/anim_rel_adapt/prediction"
    numbers, adapts = case.about["prediction_frames"][key], "adapt" in key
    expected = case[key].movedim(1, -1)

    (model,) = execute("LoadFOMModel", **mobile, precision="fp32").args
    assert model.model.network.config.generator.mobile
    driving = as_image(case.input["driving"])[: max(numbers) + 1]
    size = driving.shape[1]
    source = as_image(case.input["source"].reshape(1, size, size, 3))
    whole = FaceSet.from_crops([(0, 0, size, size)], (size, size))
    frames = execute(
        "FOMAnimateFace",
        model=model,
        faces=PictureFaces(source, (whole,)),
        drivers={"driver1": driving},
        driving_crop="none",
        adapt_movement_scale=adapts,
        initial_frame={"initial_frame": "first"},
        smoothing=0.0,
        frames="as painted",
    ).args[0]

    assert [tuple(face.shape) for face in frames] == [(len(driving), size, size, 3)]
    assert (frames[0][0] - frames[0][-1]).abs().mean() > 1e-3
    difference, noise = (frames[0][numbers] - expected).abs(), rounding(case, source, driving, adapts)
    assert difference.max() <= max(LARGEST, NOISE_FACTOR * float(noise.max()))
    assert difference.mean() <= max(MEAN, NOISE_FACTOR * float(noise.mean()))
