"""Training files: every published one is usable, other layouts are taken as they are, mistakes are named by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fom_core.errors import UsageError
from fom_core.files.paths import CONFIGS
from fom_core.training.config import load_config
from fom_core.training.data.pair_augment import Flips, Jitter
from fom_core.training.settings import Stage, TrainConfig
from fom_core.weights.config_file import read_config

VOX = CONFIGS / "vox-256.yaml"

PADDLEGAN = """
epochs: 100
output_dir: output_dir
dataset:
  train:
    name: FirstOrderDataset
    batch_size: 8
    num_workers: 4
    dataroot: data/Voxceleb/
    frame_shape: [64, 64, 3]
    id_sampling: True
    pairs_list: None
    time_flip: True
    num_repeats: 75
    create_frames_folder: False
    transforms:
      - name: PairedRandomHorizontalFlip
        prob: 0.5
        keys: [image, image]
      - name: PairedColorJitter
        brightness: 0.1
        hue: 0.05
        keys: [image, image]
  test: {name: FirstOrderDataset, dataroot: data/Voxceleb/, phase: test}
model:
  name: FirstOrderModelMobile
  mode: both
  common_params: {num_kp: 4, num_channels: 3, estimate_jacobian: True}
  generator:
    name: FirstOrderGenerator
    kp_detector_cfg: {temperature: 0.1, block_expansion: 8, max_features: 16, num_blocks: 2, scale_factor: 0.25}
    generator_cfg:
      block_expansion: 8
      max_features: 16
      num_down_blocks: 1
      num_bottleneck_blocks: 1
      estimate_occlusion_map: True
      mobile_net: True
      dense_motion_params: {block_expansion: 8, max_features: 16, num_blocks: 2, scale_factor: 0.25}
  discriminator:
    name: FirstOrderDiscriminator
    discriminator_cfg: {scales: [1], block_expansion: 8, max_features: 16, num_blocks: 4, sn: True}
  train_params:
    scales: [1, 0.5]
    loss_weights: {generator_gan: 1, perceptual: [10, 10, 10, 10, 10]}
lr_scheduler:
  name: MultiStepDecay
  epoch_milestones: [1000, 2000]
  lr_generator: 2.0e-4
  lr_kp_detector: 1.0e-4
optimizer: {name: Adam}
log_config: {interval: 10}
export_model:
  - {}
"""


def written(tmp_path: Path, old: str = "", new: str = "", text: str | None = None) -> Path:
    """A training file: vox-256 with one change, or ``text``."""
    path = tmp_path / "mine.yaml"
    base = VOX.read_text(encoding="utf-8")
    assert old in base
    path.write_text(text or base.replace(old, new, 1), encoding="utf-8")
    return path


def complaint(path: Path, *overrides: str) -> str:
    with pytest.raises(UsageError) as refusal:
        load_config(path, overrides)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_can_be_trained(path):
    config = load_config(path)

    last = config.stages[-1]
    assert config.name == path.stem
    assert last.steps or last.num_epochs
    assert last.model.image_size[0] in (128, 256, 512)
    assert config.streamed == (path.stem not in ("mini", "vox-128"))
    assert config.streamed is False or last.model == read_config(path), "loading weights reads the same networks"


def test_the_authors_schedule_is_counted_in_epochs_until_the_data_is_known():
    stage = load_config(VOX).stages[0]

    counted = stage.in_steps(items=400, processes=2)

    assert (stage.num_epochs, stage.num_repeats, stage.epoch_milestones) == (100, 75, (60, 90))
    assert counted.steps == 100 * 375
    assert counted.step_milestones == (60 * 375, 90 * 375)


def test_the_embedded_model_learns_its_flow_as_animation_resizes_it_and_last_for_the_composed_picture():
    stages = load_config(CONFIGS / "mini.yaml").stages

    assert all(stage.model.displacement_flow for stage in stages)
    assert not load_config(CONFIGS / "vox-128.yaml").stages[0].model.displacement_flow
    last = stages[-1]
    assert min(last.weights.composed, last.weights.evidence, last.weights.fold, last.weights.singular) > 0
    assert last.fixed == ()


def test_the_embedded_model_learns_motion_from_meshes_without_painting():
    config = load_config(CONFIGS / "mini.yaml")
    stage = next(stage for stage in config.stages if stage.name == "mesh")

    assert config.needs_mesh and config.needs_landmarks
    assert stage.fixed == ("painter",)
    assert min(stage.weights.mesh, stage.weights.still_flow, stage.augment.turn, stage.augment.layered) > 0
    assert config.needs_matte and not load_config(CONFIGS / "vox-128.yaml").needs_matte
    assert not load_config(CONFIGS / "vox-128.yaml").needs_mesh


MESH_STAGE = "stages.mesh."
OF_PORTRAITS = ("augmentation_params.turn", "augmentation_params.layered")


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["motion_lr=0"], "mesh.loss_weights.mesh has no effect: the motion stays as it is. Set it to 0."),
        (["learns=keypoint_detector", "fixed=[keypoint_detector]"], "has no effect: the motion stays as it is"),
        (["still_share=0"], "stages.mesh.video_still_share has no effect: no pairs are made of portraits"),
        (["still_share=0", "video_still_share=0"], "stages.mesh.augmentation_params.turn has no effect: no pairs"),
        (
            ["still_share=0", "video_still_share=0", "augmentation_params.turn=0"],
            "stages.mesh.augmentation_params.layered has no effect: no pairs are made of portraits (still_share: 0).",
        ),
        (["augmentation_params.turn=0"], "augmentation_params.layered has no effect: no heads turn (turn: 0)."),
        (["augmentation_params.behind=1.5"], "augmentation_params.behind has to be from 0 to 1, found 1.5."),
        (["augmentation_params.occlude=2"], "augmentation_params.occlude has to be from 0 to 1, found 2."),
        (["augmentation_params.saturation=1.5"], "augmentation_params.saturation has to be from 0 to 1, found 1.5."),
        (["augmentation_params.reshape=1.5"], "augmentation_params.reshape has to be from 0 to 1, found 1.5."),
        (["augmentation_params.gamma=-1"], "augmentation_params.gamma has to be from 0 to 1, found -1."),
        (
            [f"{name}=0" for name in ("still_share", "video_still_share", *OF_PORTRAITS)],
            "stages.mesh.loss_weights.still_flow has no effect: no pairs are made of portraits (still_share: 0).",
        ),
        (["fixed=[keypoint_detector, painter]"], "loss_weights.still_value has no effect: the keypoint detector stays"),
        (["video_still_share=2"], "stages.mesh.video_still_share has to be from 0 to 1, found 2."),
        (["augmentation_params.apart=1.5"], "augmentation_params.apart has to be from 0 to 1, found 1.5."),
        (["augmentation_params.turn=-1"], "augmentation_params.turn has to be 0 or above, found -1."),
        (["loss_weights.mesh=-1"], "loss_weights.mesh has to be 0 or above, found -1."),
    ],
)
def test_what_a_stage_cannot_learn_from_meshes_is_refused(overrides, reason):
    assert reason in complaint(CONFIGS / "mini.yaml", *(MESH_STAGE + each for each in overrides))


@pytest.mark.parametrize("loss", ["mesh", "still_flow"])
def test_meshes_and_portraits_want_a_flow(loss):
    off = [f"train_params.loss_weights.{name}=0" for name in ("equivariance_value", "equivariance_jacobian")]
    told = complaint(VOX, *NO_FLOW, *off, "train_params.still_share=0.2", f"train.loss_weights.{loss}=1")
    assert f"loss_weights.{loss} wants a flow, and dense_motion_params are missing." in told


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("train_params.fixed=[mouth]", "fixed lists mouth, and the parts are keypoint_detector, painter, statistics."),
        ("train_params.pose_share=0.9", "pose_share and mouth_share are"),
        ("train_params.pose_share=1.5", "pose_share has to be from 0 to 1"),
    ],
)
def test_what_a_stage_cannot_leave_as_it_is_is_named(override, reason):
    assert reason in complaint(VOX, "train_params.mouth_share=0.5", override)


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("loss_weights.evidence=-1", "loss_weights.evidence has to be 0 or above, found -1."),
        ("loss_weights.perceptual=[1, -2, 1, 1, 1]", "loss_weights.perceptual has to be 0 or above, found -2."),
        ("loss_weights.warp_trust=2", "loss_weights.warp_trust has to be from 0 to 1, found 2."),
        ("augmentation_params.tone=1.5", "augmentation_params.tone has to be from 0 to 1, found 1.5."),
        ("augmentation_params.damage=-0.5", "augmentation_params.damage has to be from 0 to 1, found -0.5."),
        ("augmentation_params.zoom=-1", "augmentation_params.zoom has to be 0 or above, found -1."),
        ("transform_params.sigma_affine=-1", "transform_params.sigma_affine has to be 0 or above, found -1."),
    ],
)
def test_values_that_make_no_sense_are_refused(override, reason):
    assert reason in complaint(CONFIGS / "mini.yaml", f"stages.motion.{override}")


@pytest.mark.parametrize("loss", ["composed", "evidence"])
def test_losses_of_the_occlusion_map_want_one(loss):
    without = "model_params.generator_params.estimate_occlusion_map=false"

    assert "wants an occlusion map" in complaint(VOX, without, f"train_params.loss_weights.{loss}=1")


NO_JACOBIANS = (
    "model_params.common_params.estimate_jacobian=false",
    "train_params.loss_weights.equivariance_jacobian=0",
)
NO_FLOW = (
    "model_params.generator_params.dense_motion_params=null",
    "model_params.generator_params.estimate_occlusion_map=false",
)


@pytest.mark.parametrize(
    ("overrides", "loss", "reason"),
    [
        (NO_JACOBIANS, "singular", "wants jacobians, and estimate_jacobian is false."),
        (NO_FLOW, "fold", "wants a flow, and dense_motion_params are missing."),
        (("train_params.fixed=[keypoint_detector]",), "anchor", "has no effect: the keypoint detector stays as it is"),
        (("train_params.fixed=[keypoint_detector]",), "singular", "has no effect: the keypoint detector stays"),
        (("train_params.fixed=[keypoint_detector]",), "equivariance_value", "has no effect: the keypoint detector"),
        (("train_params.fixed=[painter]",), "l1", "has no effect: the painter stays as it is (fixed). Set it to 0."),
    ],
)
def test_losses_that_would_do_nothing_are_refused_and_with_0_they_are_not(overrides, loss, reason):
    off = [f"train_params.loss_weights.{name}=0" for name in ("equivariance_value", "equivariance_jacobian")]
    plain = [*off, "train_params.loss_weights.perceptual=[0, 0, 0, 0, 0]", *overrides]

    assert getattr(changed(*plain).stages[0].weights, loss) == 0
    assert f"train_params.loss_weights.{loss} {reason}" in complaint(VOX, *plain, f"train.loss_weights.{loss}=1")


def test_of_features_that_nothing_can_learn_from_the_line_is_told():
    off = [f"train_params.loss_weights.{name}=0" for name in ("equivariance_value", "equivariance_jacobian")]

    told = complaint(VOX, *off, "train_params.fixed=[painter]")

    assert ", line " in told and "train_params.loss_weights.perceptual has no effect: the painter" in told


def test_a_stage_may_take_over_losses_that_do_nothing_in_it_and_not_set_them():
    mini, fixed = CONFIGS / "mini.yaml", "stages.composed.fixed=[keypoint_detector, painter, statistics]"
    off = [f"stages.composed.loss_weights.{name}=0" for name in ("anchor", "singular")]

    last = changed(fixed, *off, path=mini).stages[-1]

    assert last.weights.l1 and last.weights.equivariance_value
    assert "stages.composed.loss_weights.anchor has no effect" in complaint(mini, fixed)


def test_a_change_for_all_stages_that_does_something_in_none_is_refused():
    mini, flow = CONFIGS / "mini.yaml", [f"stages.composed.loss_weights.{name}=0" for name in ("anchor", "singular")]
    fixed = [f"stages.{name}.fixed=[keypoint_detector]" for name in ("motion", "picture", "mesh", "composed")]
    flow += [f"stages.mesh.loss_weights.{name}=0" for name in ("anchor", "singular", "still_value", "still_jacobian")]
    off = [*fixed, *flow, "stages.picture.loss_weights.anchor=0"]

    assert changed(*off, path=mini).stages[0].weights.equivariance_value == 10
    told = complaint(mini, *off, "train_params.loss_weights.equivariance_value=3")
    assert "-o train_params.loss_weights.equivariance_value=3: train_params.loss_weights.equivariance_value has" in told


def test_without_a_weight_for_it_there_is_no_discriminator():
    assert load_config(VOX).stages[0].discriminator is None
    discriminator = load_config(CONFIGS / "vox-adv-256.yaml").stages[0].discriminator
    assert discriminator is not None
    assert (discriminator.use_kp, discriminator.spectral_norm, discriminator.num_kp) == (True, False, 10)


def test_a_training_of_the_authors_does_nothing_they_do_not_do():
    stage = load_config(VOX).stages[0]

    assert (stage.warm_up, stage.decay_share, stage.clip_norm, stage.ema, stage.still_share) == (0, 0, 0, 0, 0)


def test_paddlegans_layout_is_taken_as_it_is(tmp_path):
    config = load_config(written(tmp_path, text=PADDLEGAN))

    stage, dataset = config.stages[0], config.dataset
    assert (dataset.root_dir, dataset.pairs_list, dataset.num_workers) == ("data/Voxceleb/", None, 4)
    assert dataset.augmentation_params.flip_param == Flips(horizontal_flip=True, time_flip=True)
    assert dataset.augmentation_params.jitter_param == Jitter(brightness=0.1, hue=0.05)
    assert (stage.num_epochs, stage.num_repeats, stage.batch_size) == (100, 75, 8)
    assert stage.step_milestones == (1000, 2000), "its scheduler counts steps"
    assert (stage.lr_generator, stage.lr_kp_detector, stage.lr_discriminator) == (2e-4, 1e-4, None)
    assert stage.model.generator.mobile
    assert stage.discriminator is not None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "batch_size: 40",
            "batch_sice: 40",
            "line 45: unknown option train_params.batch_sice. Did you mean batch_size?",
        ),
        ("temperature: 0.1", "temprature: 0.1", "line 15: unknown option model_params.kp_detector_params.temprature"),
        ("hue: 0.1", "hu: 0.1", "jitter_param.hu. Did you mean hue?"),
        ("train_params:", "training:", "unknown option training. Did you mean train_params?"),
        ("batch_size: 40", "batch_size: many", "train_params.batch_size has to be a whole number, found 'many'."),
        ("batch_size: 40", "batch_size: 0", "train_params.batch_size has to be at least 1, found 0."),
        ("id_sampling: true", "id_sampling: 3", "line 4: dataset_params.id_sampling has to be true or false, found 3."),
        ("scales: [1, 0.5", "scales: [1, a", "train_params.scales has to be a list of a number, found 'a'."),
        ("  num_epochs: 100\n", "", "train_params.num_epochs is missing"),
        ("num_epochs: 100", "num_epochs: 100\n  steps: 7", "train_params.steps contradicts num_epochs 100."),
        (
            "num_epochs: 100",
            "num_epochs: 80",
            "train_params.epoch_milestones goes up to 90, and the training ends after 80",
        ),
        ("[256, 256, 3]", "[256, 256, 1]", "line 3: dataset_params.frame_shape has 1 channels"),
        ("[256, 256, 3]", "[250, 250, 3]", "250 pixels at scale 0.25 cannot be halved 5 times"),
        ("[256, 256, 3]", "[256, 256]", "dataset_params.frame_shape has to be a list of 3"),
        (
            "generator_gan: 0",
            "generator_gan: 1\n    feature_matching: [1]",
            "feature_matching was given already in line",
        ),
        ("estimate_jacobian: true", "estimate_jacobian: false", "equivariance_jacobian wants jacobians"),
        ("brightness: 0.1", "brightness: 3", "jitter_param.brightness has to be from 0 to 1, found 3."),
        ("dataset_params:", "dataset_params: 4\nother:", "unknown option other"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, old, new, reason):
    message = complaint(written(tmp_path, old, new))

    assert message.startswith("mine.yaml")
    assert reason in message


def test_feature_matching_has_one_weight_per_block(tmp_path):
    path = written(tmp_path, "feature_matching: [10, 10, 10, 10]", "feature_matching: [10]")
    assert "1 weights, and the discriminator has 4 blocks" in complaint(path, "train.loss_weights.generator_gan=1")


def test_every_layer_of_features_has_its_weight():
    assert len(load_config(VOX).perceptual_widths) == 5
    assert "has 2 layers, and the stage vox-256 has 5 weights" in complaint(VOX, "perceptual_widths=[8, 8]")


@pytest.mark.parametrize("text", ["- 1", "7", "", "a: [1"])
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert complaint(path).startswith(("mine.yaml ", "mine.yaml, line 1: is not YAML"))


@pytest.mark.parametrize("stages", ["3", "[]", "[7]", "[[a]]"])
def test_stages_are_sections(tmp_path, stages):
    message = complaint(written(tmp_path, "train_params:", f"stages: {stages}\ntrain_params:"))
    assert "stages has to be a list of sections" in message


def test_an_unknown_option_of_a_stage_is_named(tmp_path):
    text = (CONFIGS / "mini.yaml").read_text(encoding="utf-8").replace("motion_lr: 0.7", "motion_rl: 0.7")
    assert "stages.picture.motion_rl. Did you mean motion_lr?" in complaint(written(tmp_path, text=text))


def changed(*overrides: str, path: Path = VOX) -> TrainConfig:
    return load_config(path, overrides)


def first(*overrides: str) -> Stage:
    return changed(*overrides).stages[0]


def test_options_of_the_command_line_win():
    assert first("train_params.batch_size=4").batch_size == 4
    assert first("train.batch_size=4").batch_size == 4, "_params may be left out"
    assert first("train_params.lr_generator=5e-5").lr_generator == 5e-5
    assert first("train_params.scales=[1, 0.5]").scales == (1.0, 0.5)
    assert first("train.loss_weights.perceptual=[1, 2]").weights.perceptual == (1.0, 2.0)
    assert (
        changed("dataset_params.augmentation_params.jitter_param.hue=0.2").dataset.augmentation_params.jitter_param.hue
        == 0.2
    )
    assert changed("stages.picture.steps=5", path=CONFIGS / "mini.yaml").stages[1].steps == 5
    assert changed("stages.0.steps=5", path=CONFIGS / "mini.yaml").stages[0].steps == 5
    with pytest.raises(UsageError, match=r"no item first in a list of 4: motion, picture, mesh, composed\."):
        changed("stages.first.steps=5", path=CONFIGS / "mini.yaml")


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("batch_size", "an override looks like train_params.batch_size=4"),
        ("train_params.batch_sice=4", "-o train_params.batch_sice=4: unknown option train_params.batch_sice"),
        ("train_params.batch_size=four", "-o train_params.batch_size=four: train_params.batch_size has to be a whole"),
        ("train_params.lr=1e-5", "train_params.lr has no effect beside lr_generator"),
        ("train_params.batch_size=[4", "the value is not YAML"),
        ("seed.more.x=1", "-o seed.more.x=1"),
    ],
)
def test_a_wrong_override_is_named(override, reason):
    assert reason in complaint(VOX, override)


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        (
            "train_params.batch_size=4",
            "-o train_params.batch_size=4: train_params.batch_size has no effect: every stage",
        ),
        ("train.batch_size=4", "Change stages.motion.batch_size and stages.picture.batch_size and stages.mesh.batch_"),
        ("train_params.loss_weights.warp=2", "Change stages.motion.loss_weights.warp and stages.picture.loss_weights"),
        (
            "train_params.loss_weights={warp: 2}",
            "-o train_params.loss_weights={warp: 2}: train_params.loss_weights.warp",
        ),
    ],
)
def test_a_change_that_every_stage_overrides_again_is_refused(override, reason):
    assert reason in complaint(CONFIGS / "mini.yaml", override)


def test_a_change_that_only_some_stages_override_again_holds_for_the_others():
    stages = changed("train_params.loss_weights.anchor=7", path=CONFIGS / "mini.yaml").stages
    assert [stage.weights.anchor for stage in stages] == [7, 3, 3, 3]


def test_files_are_utf_8_whatever_the_locale(tmp_path):
    path = written(tmp_path, "# Talking", "# Größe – Talking")
    assert load_config(path).name == "mine"
    path.write_bytes(b"name: \xff")
    assert "line 1: is no text in UTF-8 (byte 0xff)" in complaint(path)
