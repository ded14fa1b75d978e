"""What a training wants to be given, and what it says where that is not here."""

from dataclasses import replace

import pytest

from fom_core.training.given import TrainingInputs, open_labeller
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
