"""PaddleGAN's mobile networks at their published widths, through the nodes."""

import json
import shutil

import numpy as np
import pytest
import torch

NAME = "vox_mobile_256_full"
LARGEST, MEAN = 2e-3, 1e-4  # of pictures in [0, 1], as for all results of the original code
NOISE_FACTOR = 5  # or this many times the rounding of float32, of which random weights have much


@pytest.fixture(scope="module")
def paddle(shared):
    folder = shared / "golden" / "paddle"
    if not (folder / f"{NAME}.pdparams").is_file():
        pytest.skip(f"{NAME}.pdparams not found in {folder}; set FOM_SHARED to the folder with reference results")
    return folder


@pytest.fixture
def mobile(paddle, pack):
    """PaddleGAN's file in ComfyUI's models/fom, under its name there."""
    from fom_pack.nodes import host

    folder = host.folder("fom")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(paddle / f"{NAME}.pdparams", folder)
    yield f"{NAME}.pdparams"
    for path in folder.glob(f"{NAME}*"):
        path.unlink()


def as_image(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).float() / 255


def rounding(file, source: torch.Tensor, driving: torch.Tensor) -> torch.Tensor:
    """How far the library's plain networks in float32 are from float64, for every pixel."""
    from fom_pack.fom_core.pipeline import animate
    from fom_pack.fom_core.types import MotionTransfer
    from fom_pack.fom_core.weights.load import load_module

    def run(dtype: torch.dtype) -> torch.Tensor:
        model = load_module(file).to(dtype)
        source_, driving_ = (images.movedim(-1, 1).to(dtype) for images in (source, driving))
        chunks = animate(model, [source_], driving_, MotionTransfer(adapt_movement_scale=False))
        return torch.cat([faces[0] for faces in chunks])

    return (run(torch.float32) - run(torch.float64)).abs()


def test_paddlegans_mobile_file_paints_paddlegans_frames_in_animate_face(mobile, paddle, execute):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    given, wanted = (np.load(paddle / f"{NAME}.{kind}.npz") for kind in ("input", "golden"))
    key = "inf/anim_rel/prediction"
    numbers = json.loads((paddle / "manifest.json").read_text())[NAME]["prediction_frames"][key]
    expected = torch.from_numpy(wanted[key].astype(np.float32) / 65535).movedim(1, -1)

    (model,) = execute("LoadFOMModel", model_name=mobile, precision="fp32").args
    assert model.model.network.config.generator.mobile
    whole = FaceSet.from_crops([(0, 0, 256, 256)], (256, 256))
    source, driving = as_image(given["source"])[None], as_image(given["driving"])[: max(numbers) + 1]
    frames = execute(
        "FOMAnimateFace",
        model=model,
        faces=PictureFaces(source, (whole,)),
        drivers={"driver1": driving},
        driving_crop="none",
        adapt_movement_scale=False,
        initial_frame={"initial_frame": "first"},
        smoothing=0.0,
        frames="as painted",
    ).args[0]

    assert [tuple(face.shape) for face in frames] == [(len(driving), 256, 256, 3)]
    assert (frames[0][0] - frames[0][-1]).abs().mean() > 1e-3
    difference, noise = (frames[0][numbers] - expected).abs(), rounding(paddle / mobile, source, driving)
    assert difference.max() <= max(LARGEST, NOISE_FACTOR * float(noise.max()))
    assert difference.mean() <= max(MEAN, NOISE_FACTOR * float(noise.mean()))
