"""What a training wants to be given, and what it says where that is not here."""

from dataclasses import replace

import pytest

from fom_core.errors import MediaError, UnsupportedModel
from fom_core.training.data.augment import AugmentConfig
from fom_core.training.given import TrainingInputs, find_clips, open_labeller, open_matte, open_mesh
from fom_core.training.settings import LossWeights, TrainConfig


@pytest.mark.parametrize(
    ("streamed", "told"), [(False, "no pairs are chosen by pose. Better: fom weights download yunet"),
                           (True, "--yunet, pose_share and the loss weights anchor, mouth and eyes have no effect")],
)  # fmt: skip
def test_pairs_chosen_by_pose_alone_want_to_know_where_faces_are(stage, tmp_path, monkeypatch, caplog, streamed, told):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path))
    stage = replace(stage, weights=LossWeights(), pose_share=0.0)
    inputs = TrainingInputs("mine.yaml")

    assert open_labeller(TrainConfig("mine", (stage,), streamed=streamed), inputs) is None
    assert not caplog.records
    by_pose = TrainConfig("mine", (replace(stage, pose_share=0.3),), streamed=streamed)
    assert open_labeller(by_pose, inputs) is None

    assert told in caplog.text


@pytest.mark.parametrize("asks", [{"weights": LossWeights(mesh=1)}, {"augment": AugmentConfig(turn=1)}])
def test_a_training_that_learns_from_meshes_says_what_finds_them(stage, caplog, asks):
    plain = TrainConfig("mine", (replace(stage, weights=LossWeights()),))
    asking = TrainConfig("mine", (replace(stage, **{"weights": LossWeights(), **asks}),))

    assert open_mesh(plain, TrainingInputs("mine.yaml"), None) is None
    assert not caplog.records
    assert open_mesh(asking, TrainingInputs("mine.yaml"), None) is None
    assert len(caplog.records) == 1 and "Better: --mesh face_landmark.tflite" in caplog.text
    assert open_mesh(replace(asking, streamed=True), TrainingInputs("mine.yaml"), None) is None
    assert "--mesh, the loss weight mesh and turn have no effect" in caplog.text


def test_a_mesh_file_that_is_not_there_is_told_and_is_one_of_the_files(stage, tmp_path):
    inputs = TrainingInputs("mine.yaml", mesh=tmp_path / "none.tflite")

    with pytest.raises(MediaError, match=r"The mesh file .*none\.tflite does not exist"):
        open_mesh(TrainConfig("mine", (stage,)), inputs, None)
    (tmp_path / "none.tflite").write_bytes(b"x")
    assert tmp_path / "none.tflite" in inputs.files


def test_a_mesh_file_without_what_finds_faces_is_told_to_find_nothing(stage, tmp_path, caplog):
    path = tmp_path / "none.tflite"
    path.write_bytes(b"x")

    with pytest.raises(UnsupportedModel):
        open_mesh(TrainConfig("mine", (stage,)), TrainingInputs("mine.yaml", mesh=path), None)
    assert "--mesh finds no meshes without YuNet" in caplog.text


@pytest.mark.parametrize("asks", [AugmentConfig(turn=1, layered=0.5), AugmentConfig(behind=0.5)])
def test_a_training_that_exchanges_backgrounds_says_what_finds_people(stage, caplog, asks):
    plain, asking = (TrainConfig("mine", (replace(stage, augment=each),)) for each in (AugmentConfig(), asks))

    assert open_matte(plain, TrainingInputs("mine.yaml"), None) is None
    assert not caplog.records
    assert open_matte(asking, TrainingInputs("mine.yaml"), None) is None
    assert asking.needs_landmarks
    assert len(caplog.records) == 1 and "Better: --matte selfie_segmentation.tflite" in caplog.text
    assert open_matte(replace(asking, streamed=True), TrainingInputs("mine.yaml"), None) is None
    assert "--matte, layered and behind have no effect" in caplog.text


def test_a_matte_file_that_is_not_there_is_told_and_is_one_of_the_files(stage, tmp_path, caplog):
    path, plain = tmp_path / "none.tflite", TrainConfig("mine", (stage,))
    config = TrainConfig("mine", (replace(stage, augment=AugmentConfig(behind=0.5)),))
    inputs = TrainingInputs("mine.yaml", matte=path)

    with pytest.raises(MediaError, match=r"The matte file .*none\.tflite does not exist"):
        open_matte(config, inputs, None)
    path.write_bytes(b"x")
    assert path in inputs.files
    with pytest.raises(UnsupportedModel, match=r"Give selfie_segmentation\.tflite out of a wheel of mediapipe"):
        open_matte(config, inputs, None)
    assert "--matte is of no use without YuNet" in caplog.text
    with pytest.raises(UnsupportedModel):
        open_matte(plain, inputs, None)
    assert "--matte has no effect: layered and behind of mine.yaml are 0." in caplog.text


@pytest.mark.parametrize(
    ("option", "what"), [("yunet", "YuNet"), ("vgg", "VGG19"), ("mesh", "mesh"), ("matte", "matte")]
)
def test_a_missing_file_is_called_what_it_is_for(stage, tmp_path, option, what):
    inputs = TrainingInputs("mini", tmp_path, **{option: tmp_path / "none.bin"})
    with pytest.raises(MediaError, match=rf"^The {what} file .*none\.bin does not exist"):
        find_clips(TrainConfig(name="mini", stages=(stage,)), inputs)
