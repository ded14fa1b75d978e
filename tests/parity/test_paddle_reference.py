"""PaddleGAN's code: standard and mobile networks, with and without its border treatment."""

from functools import cache, partial

import pytest
import torch

from fom_core.motion import transfer_motion
from fom_core.pipeline import animate
from tests.golden import cases
from tests.parity.conftest import larger_cases

LARGER = ["std_64", "std_128_nb5", "kpmobile_64", "genmobile_64", "bothmobile_128", "vox_mobile_256_full"]
CASES = [*(f"paddlegan/{name}" for name in cases.PADDLEGAN), *larger_cases(*(f"paddle/{name}" for name in LARGER))]
BORDER = {"inf": True, "noinf": False}


@pytest.fixture(params=CASES)
def case(request, golden, path):
    case = golden(request.param)
    case.plan = path
    return case


@torch.inference_mode()
def test_keypoints_are_the_originals(case):
    model = case.model()
    for who, images in (("kp_source", case.images("source")), ("kp_driving", case.images("driving"))):
        found = model.detect_keypoints(images)
        case.assert_close(found.value, f"{who}_value", "value")
        case.assert_close(found.jacobian, f"{who}_jacobian", "jacobian")


def stages(case, border, frame, dtype):
    """All that is compared of one frame, by stored name: the value and its kind. float64 is computed plainly."""
    networks = case.networks(dtype, border_blend=BORDER[border])
    model = networks if dtype == torch.float64 else case.model(border_blend=BORDER[border])
    source = model.encode_source(case.images("source").to(dtype), case.keypoints("kp_source", dtype))
    out = model.generate(source, case.keypoints("kp_driving", dtype)[frame : frame + 1], details=True)
    motion = out.dense_motion
    assert motion is not None
    found = {
        f"frame{frame}/mask": (motion.mask, "map"),
        f"frame{frame}/sparse_deformed": (motion.sparse_deformed, "picture"),
        f"frame{frame}/deformation": (motion.deformation, "map"),
        f"frame{frame}/occlusion_map": (motion.occlusion_map, "map"),
        f"{border}/frame{frame}/deformed": (out.deformed, "picture"),
        f"{border}/frame{frame}/prediction": (out.prediction, "picture"),
    }
    if f"{border}/frame{frame}/occlusion_map" in case:
        size = tuple(case[f"{border}/frame{frame}/occlusion_map"].shape[2:])
        found[f"{border}/frame{frame}/occlusion_map"] = (networks.generator.visibility(motion, size), "map")
    return {key: value for key, value in found.items() if key in case}


@torch.inference_mode()
@pytest.mark.parametrize("border", BORDER)
def test_generator_stages_are_the_originals(case, border):
    compared = 0
    for frame in case.frame_numbers():
        precise = cache(partial(stages, case, border, frame, torch.float64))
        for key, (actual, kind) in stages(case, border, frame, torch.float32).items():
            case.assert_close(actual, key, kind, precise=lambda key=key, precise=precise: precise()[key][0])
            compared += 1
    assert compared >= 5


@torch.inference_mode()
def test_transferred_keypoints_are_the_originals(case, modes):
    driving = case.keypoints("kp_driving")
    for mode in ("abs", *(mode for mode in ("rel", "rel_adapt") if f"anim_{mode}/kp_norm_value" in case)):
        moved = transfer_motion(case.keypoints("kp_source"), driving, driving[:1], modes[mode])
        case.assert_close(moved.value, f"anim_{mode}/kp_norm_value", "value")
        case.assert_close(moved.jacobian, f"anim_{mode}/kp_norm_jacobian", "jacobian")


def test_animations_are_the_originals_end_to_end(case, modes):
    keys = case.held(*(f"{border}/anim_{mode}/prediction" for border in BORDER for mode in modes))
    for key in keys:
        border, animation = key.split("/")[:2]
        transfer = modes[animation.removeprefix("anim_")]

        def run(dtype, border=border, transfer=transfer):
            options = {"border_blend": BORDER[border]}
            model = case.networks(dtype, **options) if dtype == torch.float64 else case.model(**options)
            driving = case.images("driving").to(dtype)
            chunks = animate(model, [case.images("source").to(dtype)], driving, transfer, chunk_size=2)
            return torch.cat([faces[0] for faces in chunks])

        numbers = case.about["prediction_frames"][key]
        precise = partial(lambda run, numbers: run(torch.float64)[numbers], run, numbers)
        case.assert_close(run(torch.float32)[numbers], key, "picture", precise=precise)
    assert keys


def test_weights_from_paddlegan_blend_the_border_unless_told_otherwise(case):
    assert case.model().config.border_blend
    assert not case.model(border_blend=False).config.border_blend
