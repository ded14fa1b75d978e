"""The choice of a plan that is kept from one start to the next."""

import copy
import os

import pytest
import torch

from fom_core.backends.pytorch import Plan, remembered
from fom_core.backends.pytorch.remembered import Remembered

PLANS = [Plan(dtype=torch.bfloat16), Plan()]


@pytest.fixture
def kept(tiny_model):
    return Remembered(tiny_model, PLANS)


def test_a_choice_is_found_again(tiny_model, kept):
    assert kept.recall() is None
    kept.keep(PLANS[0], {"bfloat16": 12.3})
    assert Remembered(copy.deepcopy(tiny_model), PLANS).recall() == PLANS[0]
    kept.forget()
    assert kept.recall() is None
    kept.forget()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"plan": 3}', '{"plan": ["a"]}', '{"plan": "fast"}', "\0\xff", "9" * 20_000]
)
def test_a_damaged_file_is_no_choice(kept, text):
    kept.keep(PLANS[0], {})
    kept.path.write_text(text, encoding="latin-1")
    assert kept.recall() is None
    kept.keep(PLANS[1], {})
    assert kept.recall() == PLANS[1]


def test_another_machine_other_weights_and_other_plans_have_a_choice_of_their_own(tiny_model, kept, monkeypatch):
    other = copy.deepcopy(tiny_model)
    other.generator.final.bias.data += 1
    paths = {kept.path, Remembered(other, PLANS).path, Remembered(tiny_model, PLANS[::-1]).path}
    monkeypatch.setattr(remembered, "processor_name", lambda: "another")
    paths.add(Remembered(tiny_model, PLANS).path)
    monkeypatch.setattr(remembered, "cores", lambda: 999)
    paths.add(Remembered(tiny_model, PLANS).path)
    monkeypatch.setattr(torch, "__version__", "9.9")
    paths.add(Remembered(tiny_model, PLANS).path)
    assert len(paths) == 6


def test_where_nothing_can_be_written_it_is_done_without(tiny_model, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FOM_MODELS", str(tmp_path / "file"))
    kept = Remembered(tiny_model, PLANS)
    kept.keep(PLANS[0], {})
    assert kept.recall() is None
    kept.forget()


def test_of_ever_new_models_the_choices_used_last_are_kept(tiny_model, kept, engines, monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 3)
    kept.keep(PLANS[0], {})
    (engines / "notes.json").write_text("{}")
    os.utime(kept.path, (1, 1))
    others = []
    for number in range(4):
        assert kept.recall() == PLANS[0]
        model = copy.deepcopy(tiny_model)
        model.generator.final.bias.data += 1 + number
        others.append(Remembered(model, PLANS))
        others[-1].keep(PLANS[1], {})
        os.utime(others[-1].path, (10 + number, 10 + number))
    assert len(list(engines.iterdir())) == 3 + 1
    assert kept.recall() == PLANS[0]
    assert [other.recall() for other in others] == [None, None, PLANS[1], PLANS[1]]
