"""Which plans suit a device."""

import contextlib

import torch

from fom_core.backends.pytorch import Plan, plan, plans_for

CPU = torch.device("cpu")


def processor(monkeypatch, *, bfloat16, integers):
    monkeypatch.setattr(plan, "has_fast_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(plan, "has_fast_integers", lambda: integers)


def test_processors_take_bfloat16_for_wide_models_alone(monkeypatch):
    processor(monkeypatch, bfloat16=True, integers=False)
    wide = plans_for(CPU, None, plan.WIDE)
    assert [p.dtype for p in wide] == [torch.bfloat16, torch.bfloat16, torch.float32]
    assert {p.keypoint_dtype for p in wide} == {torch.float32}
    assert plans_for(CPU, None, plan.WIDE - 1) == plans_for(CPU, torch.float32) == wide[-1:]


def test_integers_come_first_where_they_are_fast_and_never_where_a_type_is_asked_for(monkeypatch):
    processor(monkeypatch, bfloat16=True, integers=True)
    wide = plans_for(CPU, None, plan.WIDE)
    assert [p.numbers for p in wide] == ["int8 and bfloat16", "int8 and float32", "bfloat16", "bfloat16", "float32"]
    assert {p.keypoint_dtype for p in wide} == {torch.float32} and all(p.half for p in wide[:-1])
    for dtype in (torch.float32, torch.bfloat16):
        assert not any(p.integers for p in plans_for(CPU, dtype, plan.WIDE))
    assert plans_for(CPU, None, plan.WIDE - 1) == wide[-1:]
    processor(monkeypatch, bfloat16=False, integers=True)
    assert [p.numbers for p in plans_for(CPU, None, plan.WIDE)] == ["int8 and float32", "float32"]


def test_integers_give_way_with_the_calls_that_they_need():
    assert plan.plainer(Plan(integers=True, packed=True)) == Plan()


def test_graphics_cards_take_half_precision_first_and_exact_numbers_last():
    half, without_keypoints, tf32, exact = plans_for(torch.device("cuda"), None)
    assert half.keypoint_dtype == half.motion_dtype == half.dtype == torch.float16
    assert without_keypoints.keypoint_dtype == tf32.dtype == torch.float32
    assert tf32.tf32 and not exact.tf32 and plans_for(torch.device("cuda"), torch.float32) == [exact]


def test_cudnn_stays_switched_off_and_deterministic_for_who_wants_that(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "is_available", lambda: True)
    monkeypatch.setattr(cudnn, "enabled", False)
    monkeypatch.setattr(cudnn, "deterministic", True)
    monkeypatch.setattr(torch.cuda, "device", contextlib.nullcontext)
    with plan.settings(Plan(tf32=True), torch.device("cuda")):
        assert not cudnn.enabled and cudnn.deterministic and cudnn.allow_tf32


def test_of_several_graphics_cards_the_one_that_computes_is_the_current_one(monkeypatch):
    current = [0]

    @contextlib.contextmanager
    def device(chosen):
        current.append(chosen.index)
        yield
        current.pop()

    monkeypatch.setattr(torch.backends.cudnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device", device)
    with plan.settings(Plan(graphs=True), torch.device("cuda:1")):
        assert current == [0, 1]
    assert current == [0]
