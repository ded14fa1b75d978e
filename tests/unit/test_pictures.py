from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from fom_core.pictures import PicturesToCome, resize_picture, to_batch, to_levels, to_pictures, to_uint8


def test_pictures_survive_the_trip_to_a_batch_and_back():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    batch = to_batch(pictures, channels=3, device="cpu")
    assert batch.shape == (3, 3, 5, 7) and batch.dtype == torch.float32
    assert (to_pictures(batch) == pictures).all()


def test_a_grey_model_sees_the_mean_and_gives_grey_pictures():
    pictures = np.full((1, 4, 4, 3), (30, 60, 90), np.uint8)
    batch = to_batch(pictures, channels=1, device="cpu")
    assert batch.shape == (1, 1, 4, 4)
    assert (to_pictures(batch) == 60).all()


def test_values_are_rounded_and_clamped():
    batch = torch.tensor([-0.2, 0.5, 1.4]).view(1, 3, 1, 1)
    assert to_pictures(batch).ravel().tolist() == [0, 128, 255]


def test_every_level_survives_as_a_float_rounded_or_truncated():
    levels = torch.arange(256.0)
    assert torch.equal(to_levels(levels / 255), levels)
    assert torch.equal(to_levels(levels / 255, truncate=True), levels)
    assert (to_uint8(levels.numpy() / 255) == levels.numpy()).all()


def test_truncating_cuts_fractions_off_that_rounding_keeps():
    value = torch.tensor([100.7 / 255])
    assert (float(to_levels(value)), float(to_levels(value, truncate=True))) == (101, 100)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_resizing_keeps_the_channels(channels):
    picture = np.zeros((10, 12, channels), np.uint8)
    assert resize_picture(picture, (5, 6)).shape == (5, 6, channels)
    assert resize_picture(picture, (20, 30)).shape == (20, 30, channels)


def test_pictures_are_awaited_on_the_graphics_card_that_they_come_from(monkeypatch):
    awaited = []
    event = SimpleNamespace(record=awaited.append)
    monkeypatch.setattr(torch.cuda, "Event", lambda: event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: device)
    frames: Any = SimpleNamespace(is_cuda=True, device="cuda:1", to=lambda *_, **__: torch.zeros(1, 2, 2, 3))
    frames.contiguous = lambda: frames

    PicturesToCome.of_bytes(frames)

    assert awaited == ["cuda:1"]
