"""The motions that come with the project."""

import pytest
import torch

from fom_core.errors import FomError
from fom_core.files.paths import ASSETS
from fom_core.motion import (
    EMBEDDED_MOTIONS,
    embedded_motion,
    embedded_names,
    load_motion,
    motion_path,
    open_motion,
    save_motion,
)

NAMES = ["talk", "sing", "nod", "shake", "smile", "surprise", "look around", "sleepy"]


def test_eight_motions_are_there_and_small_together():
    assert embedded_names() == list(EMBEDDED_MOTIONS) == NAMES
    assert sum(path.stat().st_size for path in ASSETS.glob("motion_*")) <= 200_000


@pytest.mark.parametrize("name", NAMES)
def test_each_is_of_the_embedded_model_and_tells_where_it_comes_from(name):
    motion = embedded_motion(name)
    assert (motion.model, motion.keypoints.value.shape[1:]) == ("mini", (16, 2))
    assert 2 <= len(motion) / motion.fps <= 6
    assert "licence" in motion.metadata["origin"] or motion.metadata["origin"].startswith("made by --pose")
    assert motion.keypoints.value.diff(dim=0).norm(dim=-1).max() < 0.2


@pytest.mark.parametrize("name", NAMES[1:])
def test_each_but_the_first_begins_and_ends_at_rest_so_that_it_loops(name):
    motion = embedded_motion(name)
    assert motion.neutral is not None
    for frame in (0, -1):
        torch.testing.assert_close(motion.keypoints.value[frame], motion.neutral.value[0], rtol=0, atol=0.01)


def test_a_name_is_written_in_any_way():
    assert motion_path("Look_Around") == motion_path("look-around") == ASSETS / "motion_look_around.safetensors"


def test_a_file_of_that_name_is_meant_with_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    motion = embedded_motion("nod")
    save_motion(motion, tmp_path / "talk")
    assert len(open_motion("./talk")) == len(motion)
    assert len(open_motion("talk")) == 128


@pytest.mark.parametrize("opened", [open_motion, embedded_motion])
def test_an_unknown_name_is_told_the_known_ones(opened):
    with pytest.raises(FomError, match="talk, sing, nod"):
        opened("juggle")


@pytest.mark.parametrize("name", ["nod", "Look_Around"])
def test_a_name_given_as_a_file_is_told_how_to_open_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FomError, match=rf'embedded_motion\("{name.lower().replace("_", " ")}"\)'):
        load_motion(name)
