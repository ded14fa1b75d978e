"""Pairs read while training: a function of seed and number, alike on both frames, whatever is damaged."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fom_core.errors import MediaError
from fom_core.media import write_picture
from fom_core.networks.config import ModelConfig
from fom_core.training.data.clips import find_entries
from fom_core.training.data.pair_augment import (
    Crop,
    Flips,
    Jitter,
    PairAugmentation,
    Resize,
    Rotation,
    augment_pair,
    jittered,
)
from fom_core.training.data.stream import ClipData, PairDataset, StreamFeed, readers
from fom_core.training.loop import train
from fom_core.training.settings import DatasetConfig, LossWeights, Stage, TrainConfig

NONE = PairAugmentation()
SIZE = (32, 32)


def write_clip(folder: Path, red: int, count: int = 8) -> None:
    """Frames whose red tells the clip and whose green tells the time."""
    folder.mkdir(parents=True)
    for number in range(count):
        frame = np.zeros((32, 32, 3), np.uint8)
        frame[:], frame[:, 16:, 2] = (red, 20 * number, 0), 200
        write_picture(folder / f"{number}.png", frame)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, red in (("anna#1", 10), ("anna#2", 20), ("bert#1", 100), ("carl#1", 200)):
        write_clip(tmp_path / "data" / name, red)
    return tmp_path / "data"


def pairs_of(data: Path, config: PairAugmentation = NONE, **options) -> PairDataset:
    return PairDataset(find_entries(data), SIZE, config, data.parent / "packs", **options)


def test_the_source_is_the_earlier_frame_of_the_same_clip(data):
    pairs = pairs_of(data)
    for number in range(24):
        source, driving = pairs[number].pair[:, 0, 0].astype(int)
        assert source[0] == driving[0]
        assert source[1] <= driving[1]


def test_every_pass_draws_each_clip_once_in_another_order(data):
    pairs = pairs_of(data, seed=3)
    passes = [[pairs[4 * turn + place].name for place in range(4)] for turn in range(6)]
    assert all(sorted(names) == sorted(passes[0]) for names in passes)
    assert len({tuple(names) for names in passes}) > 1


def test_with_id_sampling_people_are_drawn_equally_often(data):
    pairs = pairs_of(data, id_sampling=True)
    names = [pairs[number].name for number in range(30)]
    assert len(pairs) == 3
    assert sum(name.startswith("anna") for name in names) == 10
    assert {"anna#1", "anna#2"} <= set(names)


def test_a_pair_depends_on_seed_and_number_alone(data):
    config = PairAugmentation(Flips(True, True), jitter_param=Jitter(0.1, 0.1, 0.1, 0.1))
    one, other = pairs_of(data, config, seed=5), pairs_of(data, config, seed=5)
    expected = [one[number].pair for number in range(6)]

    for number in reversed(range(6)):
        assert np.array_equal(other[number].pair, expected[number])
    assert not all(np.array_equal(pairs_of(data, config, seed=6)[n].pair, expected[n]) for n in range(6))


def test_flips_happen_to_half_of_the_pairs_and_to_both_frames():
    pair = np.zeros((2, 32, 32, 3), np.uint8)
    pair[:, :, :8, 0], pair[1, :, :, 1] = 255, 255
    random = np.random.default_rng(0)

    flipped = [augment_pair(pair, PairAugmentation(Flips(True, True)), SIZE, random) for _ in range(200)]

    mirrored = [bool(result[0, 0, -1, 0]) for result in flipped]
    assert mirrored == [bool(result[1, 0, -1, 0]) for result in flipped]
    assert 70 < sum(mirrored) < 130
    assert 70 < sum(bool(result[0, 0, 0, 1]) for result in flipped) < 130, "turned in time"


@pytest.mark.parametrize(
    "config",
    [
        PairAugmentation(rotation_param=Rotation((-10, 10))),
        PairAugmentation(resize_param=Resize((0.8, 1.2)), crop_param=Crop(SIZE)),
        PairAugmentation(jitter_param=Jitter(0.4, 0.4, 0.4, 0.3)),
        PairAugmentation(resize_param=Resize((0.5, 0.5)), crop_param=Crop(SIZE)),
    ],
    ids=["rotation", "resize and crop", "jitter", "padding"],
)
def test_both_frames_change_alike(config):
    frame = np.random.default_rng(1).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    result = augment_pair(np.stack([frame, frame]), config, SIZE, np.random.default_rng(2))

    assert result.shape == (2, *SIZE, 3)
    assert result.dtype == np.uint8
    assert np.array_equal(result[0], result[1])
    assert not np.array_equal(result[0], cv2.resize(frame, SIZE))


def test_jitter_moves_what_it_names():
    frame = np.random.default_rng(1).integers(40, 200, (2, 16, 16, 3), dtype=np.uint8)

    def change(**strength: float) -> np.ndarray:
        return jittered(frame, Jitter(**strength), np.random.default_rng(8)).astype(float)

    grey = frame @ np.array([0.299, 0.587, 0.114])
    bright, saturated, contrast = change(brightness=0.2), change(saturation=0.5), change(contrast=0.5)
    ratio = (bright / frame).ravel()
    assert ratio.std() < 0.01
    assert abs(ratio.mean() - 1) > 0.02
    assert np.abs(saturated @ np.array([0.299, 0.587, 0.114]) - grey).max() < 2, "brightness stays"
    assert abs(contrast.mean() - frame.mean()) < 3
    assert abs(contrast.std() / frame.std() - 1) > 0.05
    assert np.abs(change(hue=0.5).max(-1) - frame.max(-1)).max() <= 3, "the value of HSV stays"
    assert np.array_equal(change(), frame)


def test_damaged_clips_are_replaced_and_reported_once(data, tiny_config, caplog):
    (data / "dora#1.mp4").write_bytes(b"no video")
    (data / "anna#1" / "2.png").write_bytes(b"no picture")
    feed = new_feed(data, tiny_config)

    with caplog.at_level(logging.WARNING):
        for _ in range(40):
            assert len(feed.draw()[0].source) == 2

    lines = [record.message for record in caplog.records]
    assert sum("dora#1.mp4" in line for line in lines) == 1
    assert sum("2.png" in line for line in lines) == 1
    assert len(lines) == 2


def test_a_data_set_of_damaged_clips_ends_the_training(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"no video")
    with pytest.raises(MediaError, match="cannot be read"):
        pairs_of(tmp_path)[0]


def new_feed(data: Path, model: ModelConfig, workers: int = 0, **processes: int) -> StreamFeed:
    stage = Stage("tiny", model, steps=4, batch_size=processes.pop("batch_size", 2))
    dataset = DatasetConfig(num_workers=workers, augmentation_params=PairAugmentation(Flips(True, True)))
    return StreamFeed(ClipData(find_entries(data), dataset, data.parent / "packs"), stage, 7, **processes)


def sources(feed: StreamFeed, batches: int) -> torch.Tensor:
    return torch.cat([feed.draw()[0].to("cpu").source for _ in range(batches)])


def test_batches_are_what_networks_take(data, tiny_config):
    pairs, names = new_feed(data, tiny_config).draw()

    placed = pairs.to("cpu")
    assert placed.source.shape == (2, 3, 64, 64)
    assert placed.source.dtype == torch.float32
    assert 0.5 < placed.driving.max() <= 1
    assert placed.source_landmarks.isnan().all()
    assert not placed.still.any()
    assert names.startswith("frames of ")


def test_models_of_one_channel_get_grey_frames(data, tiny_config):
    detector = replace(tiny_config.keypoint_detector, num_channels=1)
    grey = sources(new_feed(data, replace(tiny_config, keypoint_detector=detector)), 1)

    colour = sources(new_feed(data, tiny_config), 1)

    assert grey.shape == (2, 1, 64, 64)
    torch.testing.assert_close(grey, colour.mean(dim=1, keepdim=True), atol=0.003, rtol=0)


def test_a_stopped_feed_goes_on_where_it_was(data, tiny_config):
    whole, stopped, resumed = (new_feed(data, tiny_config) for _ in range(3))
    expected = sources(whole, 5)
    sources(stopped, 2)

    resumed.restore(stopped.state())

    assert torch.equal(sources(resumed, 3), expected[4:])


def test_readers_change_nothing(data, tiny_config):
    assert torch.equal(sources(new_feed(data, tiny_config, workers=2), 3), sources(new_feed(data, tiny_config), 3))


def test_two_processes_share_what_one_would_draw(data, tiny_config):
    expected = sources(new_feed(data, tiny_config, batch_size=4), 2)
    first, second = (new_feed(data, tiny_config, rank=rank, processes=2) for rank in (0, 1))

    shared = torch.cat([sources(feed, 1) for _ in range(2) for feed in (first, second)])

    assert torch.equal(shared, expected)


def test_readers_leave_a_processor_to_each_training(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert (readers(None), readers(0), readers(20)) == (3, 0, 20)


def test_a_training_reads_its_pairs_from_the_clips(data, tiny_config, tmp_path):
    weights = LossWeights(perceptual=(1.0,))
    stage = Stage("tiny", tiny_config, num_epochs=1, num_repeats=2, batch_size=4, scales=(1.0,), weights=weights)
    dataset = DatasetConfig(num_workers=0)
    config = TrainConfig("tiny", (stage,), dataset, perceptual_widths=(4,), streamed=True)
    lines: list[str] = []

    train(
        config, ClipData(find_entries(data), dataset, tmp_path / "packs"), None, tmp_path / "run", report=lines.append
    )

    assert any("tiny 2/2" in line for line in lines), "four clips, twice, in batches of four"
    assert (tmp_path / "run" / "1-tiny" / "step-000002").is_dir()
