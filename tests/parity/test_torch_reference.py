"""The authors' PyTorch code, stage by stage and end to end."""

import pytest
import torch

from fom_core.motion import transfer_motion
from fom_core.networks.config import DiscriminatorConfig
from fom_core.networks.discriminator import ImagePyramid, MultiScaleDiscriminator
from fom_core.pipeline import animate
from tests.golden import cases
from tests.parity.conftest import larger_cases

LARGER = ["vox_128", "vox_64", "voxadv_64", "fashion_rect", "taichi_kp5", "mgif_singlejac", "bair_nojac_noocc"]
LARGER += ["nemo_scale1_pad3", "mixed_scale", "gray_1ch", "no_dense_motion"]
EMBEDDED = [f"authors/{name}" for name in cases.AUTHORS]
CASES = [*EMBEDDED, *larger_cases(*(f"torch/{name}" for name in LARGER))]
DIFFERENT = [f"authors/{name}" for name in cases.AUTHORS if name not in cases.SAME_NETWORKS]
CRITICS = [f"authors/{name}" for name in ("vox", "vox_adv", "taichi", "mixed_scales")]
LARGER_CRITICS = ["vox_128", "vox_64", "voxadv_64", "mgif_singlejac", "bair_nojac_noocc"]
STAGES = {"mask": "map", "sparse_deformed": "picture", "deformation": "map", "occlusion_map": "map"}
STAGES["deformed"] = "picture"


def animation(model, source, driving, transfer):
    return torch.cat([faces[0] for faces in animate(model, [source], driving, transfer, chunk_size=2)])


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
        assert (found.jacobian is not None) == (f"{who}_jacobian" in case)
        if found.jacobian is not None:
            case.assert_close(found.jacobian, f"{who}_jacobian", "jacobian")


@torch.inference_mode()
def test_generator_stages_are_the_originals(case):
    assert case.frame_numbers()
    frames = [(convention, frame) for convention in ("", "acF/") for frame in case.frame_numbers(convention)]
    for prefix, frame in frames:
        stored = f"{prefix}frame{frame}/"
        model = case.model(align_corners=prefix != "acF/")
        source = model.encode_source(case.images("source"), case.keypoints("kp_source"))
        out = model.generate(source, case.keypoints("kp_driving")[frame : frame + 1], details=True)
        case.assert_close(out.prediction, stored + "prediction", "picture")
        moved = case.settings["model_params"]["generator_params"]["dense_motion_params"] is not None
        assert (out.dense_motion is not None) == moved
        for stage, kind in STAGES.items():
            if stored + stage in case:
                value = out.deformed if stage == "deformed" else getattr(out.dense_motion, stage)
                case.assert_close(value, stored + stage, kind)


@torch.inference_mode()
@pytest.mark.parametrize("name", EMBEDDED)
def test_in_float64_all_is_the_originals_to_the_last_stored_digit(golden, name):
    case = golden(name)
    for prefix in ("", "acF/"):
        model = case.networks(torch.float64, align_corners=not prefix)
        still, driving = (model.detect_keypoints(case.images(who, torch.float64)) for who in ("source", "driving"))
        source = model.encode_source(case.images("source", torch.float64), still)
        for frame in case.frame_numbers(prefix):
            out = model.generate(source, driving[frame : frame + 1], details=True)
            found = {stage: getattr(out.dense_motion, stage, None) for stage in STAGES}
            found |= {"deformed": out.deformed, "prediction": out.prediction}
            stored = {stage: case[f"{prefix}frame{frame}/{stage}"] for stage in case.stages(f"{prefix}frame{frame}/")}
            for stage, expected in stored.items():
                limit = 1e-5 if stage in ("deformed", "prediction", "sparse_deformed") else 1e-6
                value = found[stage]
                assert value is not None, stage
                torch.testing.assert_close(value.float(), expected, rtol=0, atol=limit, msg=stage)
        for who, points in (("kp_source", still), ("kp_driving", driving)):
            expected = case.keypoints(who)
            torch.testing.assert_close(points.value.float(), expected.value, rtol=0, atol=1e-6)
            if expected.jacobian is not None:
                assert points.jacobian is not None
                torch.testing.assert_close(points.jacobian.float(), expected.jacobian, rtol=0, atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("name", [*DIFFERENT, *larger_cases(*(f"torch/{name}" for name in LARGER))])
def test_bfloat16_behind_the_keypoints_stays_close_and_is_not_chosen_unasked(golden, name):
    case = golden(name)
    model = case.model(dtype="bfloat16")
    source = model.encode_source(case.images("source"), case.keypoints("kp_source"))
    for frame in case.frame_numbers():
        out = model.generate(source, case.keypoints("kp_driving")[frame : frame + 1])
        # These random networks amplify rounding: they reach 38 to 50 dB, trained ones 57.
        assert case.psnr(out.prediction, f"frame{frame}/prediction") > 35
    assert case.model(dtype="auto").plan.dtype == torch.float32


@torch.inference_mode()
def test_transferred_keypoints_are_the_originals(case, modes):
    driving = case.keypoints("kp_driving")
    held = [mode for mode in modes if f"anim_{mode}/kp_norm_value" in case]
    for mode in held:
        moved = transfer_motion(case.keypoints("kp_source"), driving, driving[:1], modes[mode])
        case.assert_close(moved.value, f"anim_{mode}/kp_norm_value", "value")
        if f"anim_{mode}/kp_norm_jacobian" in case:
            case.assert_close(moved.jacobian, f"anim_{mode}/kp_norm_jacobian", "jacobian")
    assert "abs" in held


def test_animations_are_the_originals_end_to_end(case, modes):
    keys = case.held(*(f"{prefix}anim_{mode}/prediction" for prefix in ("", "acF/") for mode in modes))
    for key in keys:
        model = case.model(align_corners=not key.startswith("acF/"))
        mode = key.removeprefix("acF/").removeprefix("anim_").removesuffix("/prediction")
        frames = animation(model, case.images("source"), case.images("driving"), modes[mode])
        case.assert_close(frames[case.about["prediction_frames"][key]], key, "picture")
    assert keys


@torch.inference_mode()
@pytest.mark.parametrize("name", [*CRITICS, *larger_cases(*(f"torch/{name}" for name in LARGER_CRITICS))])
def test_discriminator_is_the_original(golden, name):
    case = golden(name)
    settings = case.settings["model_params"]
    options = settings["discriminator_params"]
    scales = tuple(float(scale) for scale in options["scales"])
    config = DiscriminatorConfig(
        block_expansion=options["block_expansion"],
        max_features=options["max_features"],
        num_blocks=options["num_blocks"],
        scales=scales,
        spectral_norm=options.get("sn", False),
        use_kp=options.get("use_kp", False),
        num_kp=settings["common_params"]["num_kp"],
        num_channels=settings["common_params"]["num_channels"],
    )
    discriminator = MultiScaleDiscriminator(config).eval()
    discriminator.load_state_dict(torch.load(case.weights, weights_only=True)["discriminator"])

    pyramid = ImagePyramid(scales, config.num_channels)(case.images("driving")[:1])
    critiques = discriminator(pyramid, case.keypoints("kp_driving")[:1])

    for scale, critique in zip(options["scales"], critiques, strict=True):
        case.assert_close(critique.score, f"disc/prediction_map_{scale}", "map")
        for index, features in enumerate(critique.features):
            case.assert_close(features, f"disc/feature_maps_{scale}/{index}", "map")
