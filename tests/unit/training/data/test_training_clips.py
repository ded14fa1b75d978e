"""Clips of every form, their frames by number, damaged files, and the cache of decoded frames."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from fom_core.errors import MediaError, WriteError
from fom_core.media import VideoWriter, write_picture
from fom_core.training.data.clips import (
    ClipEntry,
    ClipReader,
    find_entries,
    has_split,
    read_frames,
    without_photographs,
)
from fom_core.training.data.frame_cache import FrameCache

SIZE = (32, 32)


@pytest.fixture
def frames() -> np.ndarray:
    """Six frames (T, 32, 32, 3) that grow brighter."""
    ramp = np.linspace(0, 60, 32)[None, :, None] + np.zeros((32, 32, 3))
    return np.stack([ramp + 30 * step for step in range(6)]).astype(np.uint8)


def write_folder(path: Path, frames: np.ndarray) -> Path:
    for number, frame in enumerate(frames):
        path.mkdir(parents=True, exist_ok=True)
        write_picture(path / f"{number}.png", frame)
    return path


def write_strip(path: Path, frames: np.ndarray) -> Path:
    write_picture(path, np.concatenate(frames, axis=1))
    return path


def write_video(path: Path, frames: np.ndarray) -> Path:
    with VideoWriter(path, 25) as writer:
        writer.write(frames)
    return path


FORMS = {"folder": write_folder, "strip.png": write_strip, "clip.mp4": write_video, "clip.gif": write_video}


@pytest.mark.parametrize("name", FORMS)
def test_a_clip_of_any_form_gives_its_frames_by_number(tmp_path, frames, name):
    path = FORMS[name](tmp_path / name, frames)
    clip = ClipReader(path, SIZE, SIZE, tmp_path / "cache")

    far = 0 if name in ("folder", "strip.png") else 6
    assert len(clip) == 6
    for index in (5, 0, 3):
        assert np.abs(clip[index].astype(int) - frames[index]).max() <= far
    assert [frame.shape for frame in read_frames(path)] == [(32, 32, 3)] * 6


def test_frames_are_brought_to_the_wanted_size_or_kept(tmp_path, frames):
    path = write_folder(tmp_path / "a", frames)
    assert ClipReader(path, (16, 16), (16, 16), tmp_path)[0].shape == (16, 16, 3)
    assert ClipReader(path, None, (16, 16), tmp_path)[0].shape == (32, 32, 3)


def test_a_video_is_decoded_once_until_it_changes(tmp_path, frames):
    path, cache = write_video(tmp_path / "a.mp4", frames), tmp_path / "cache"

    first = ClipReader(path, SIZE, SIZE, cache)[0]
    packs = list(cache.iterdir())
    again = ClipReader(path, SIZE, SIZE, cache)[0]
    assert list(cache.iterdir()) == packs
    assert np.array_equal(first, again)

    write_video(path, frames[:, ::-1, ::-1][:4])
    assert len(ClipReader(path, SIZE, SIZE, cache)) == 4


def test_strips_may_have_frames_that_are_not_square(tmp_path, frames):
    path = write_strip(tmp_path / "a.png", frames[:, :, :16])

    assert len(list(read_frames(path, (32, 16)))) == 6
    with pytest.raises(MediaError, match="no row of frames"):
        list(read_frames(path, (32, 20)))


def test_a_cut_pack_is_removed_and_made_anew(tmp_path, frames):
    path, cache = write_video(tmp_path / "a.mp4", frames), tmp_path / "cache"
    assert len(ClipReader(path, SIZE, SIZE, cache)) == 6
    pack = next(cache.iterdir())
    pack.write_bytes(pack.read_bytes()[:-9])

    with pytest.raises(MediaError, match="made anew"):
        len(ClipReader(path, SIZE, SIZE, cache))
    assert len(ClipReader(path, SIZE, SIZE, cache)) == 6


def test_without_room_for_packs_clips_are_read_all_the_same(tmp_path, frames, caplog):
    path = write_video(tmp_path / "a.mp4", frames)
    (tmp_path / "cache").write_text("a file where the folder should be")

    with caplog.at_level(logging.WARNING):
        assert len(ClipReader(path, SIZE, SIZE, tmp_path / "cache")) == 6
    assert "every process decodes" in caplog.text


def test_split_folders_and_names_before_the_hash_are_understood(tmp_path, frames):
    for name in ("train/anna#1.mp4", "train/anna#2.mp4", "test/bert.gif"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    write_folder(tmp_path / "train" / "carl#x", frames[:2])
    (tmp_path / "train" / "notes.txt").touch()

    train, val = find_entries(tmp_path, "train"), find_entries(tmp_path, "val")

    assert [entry.identity for entry in train] == ["anna", "anna", "carl"]
    assert [entry.identity for entry in val] == ["bert"]
    assert has_split(tmp_path, "val")
    assert not has_split(tmp_path / "train", "val")


def test_test_is_a_split_and_others_are_answered_with_those_there_are(tmp_path):
    (tmp_path / "folders" / "test").mkdir(parents=True)
    (tmp_path / "folders" / "test" / "bert.gif").touch()
    (tmp_path / "index.csv").write_text(
        "file,kind,split,identity\na.mp4,video,val,a\nb.mp4,video,train,b\n", encoding="utf-8"
    )

    assert [entry.identity for entry in find_entries(tmp_path / "folders", "test")] == ["bert"]
    with pytest.raises(MediaError, match=r"found none\. The splits there: test\."):
        find_entries(tmp_path / "folders", "tset")
    with pytest.raises(MediaError, match=r"found none\. The splits there: train, val\."):
        find_entries(tmp_path, "test")


def test_an_empty_folder_of_a_split_is_named(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()

    with pytest.raises(MediaError, match=r"test holds no clips and is empty\. Clips there are the split val: put"):
        find_entries(tmp_path, "val")


def test_clips_for_learning_alone_are_measured_by_their_own_split(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.mp4").touch()

    with pytest.raises(MediaError, match=r"The splits there: train\. .* `fom evaluate --split train` takes that one"):
        find_entries(tmp_path, "val")


@pytest.mark.parametrize("sizes", [[(8, 8), (6, 9)], [(8, 20)]])
def test_photographs_alone_are_refused(tmp_path, sizes):
    for number, size in enumerate(sizes):
        write_picture(tmp_path / f"{number}.png", np.zeros((*size, 3), np.uint8))

    with pytest.raises(MediaError, match=rf"{len(sizes)} pictures and no clips"):
        without_photographs(tmp_path, find_entries(tmp_path))


def test_photographs_beside_clips_are_left_out_in_one_line(tmp_path, caplog):
    for name, size in {"one": (8, 8), "other": (9, 6), "row": (8, 24)}.items():
        write_picture(tmp_path / f"{name}.png", np.zeros((*size, 3), np.uint8))
    (tmp_path / "talk.mp4").touch()

    kept = without_photographs(tmp_path, find_entries(tmp_path))

    assert [entry.path.name for entry in kept] == ["row.png", "talk.mp4"]
    (record,) = caplog.records
    assert record.message.startswith("2 pictures in ") and record.message.endswith("no clips; they are left out.")


def test_an_index_without_a_column_is_explained(tmp_path):
    (tmp_path / "index.csv").write_text("file,kind\na.mp4,video\n", encoding="utf-8")
    with pytest.raises(MediaError, match="no column identity"):
        find_entries(tmp_path)


def entries_of(folder: Path) -> list[ClipEntry]:
    return find_entries(folder)


def test_damaged_clips_are_left_out_of_the_cache_with_a_line(tmp_path, frames, caplog):
    data = tmp_path / "data"
    write_folder(data / "whole", frames)
    write_folder(data / "broken", frames)
    (data / "broken" / "3.png").write_bytes(b"no picture")
    (data / "empty.mp4").touch()
    (data / "noise.mp4").write_bytes(bytes(range(256)) * 9)
    write_strip(data / "single.png", frames[:1])

    with caplog.at_level(logging.WARNING):
        cache = FrameCache.build(tmp_path / "cache", entries_of(data), 32)

    assert {clip.name: clip.length for clip in cache.clips} == {"whole": 6, "broken": 3}
    for clip in cache.clips:
        assert np.array_equal(cache.frames[clip.start : clip.start + clip.length], frames[: clip.length])
    assert len(cache.landmarks) == len(cache.frames)
    assert len(caplog.records) == 4
    assert "single frame" in caplog.text


def test_a_cache_of_nothing_is_refused(tmp_path, frames):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.mp4").touch()
    with pytest.raises(MediaError, match="None of the clips"):
        FrameCache.build(tmp_path / "cache", entries_of(tmp_path / "data"), 32)


def test_caches_follow_their_source(tmp_path, frames):
    data = tmp_path / "data"
    write_folder(data / "a", frames)
    small = FrameCache.build(tmp_path / "cache", entries_of(data), 32).resized(tmp_path / "small", 16)
    assert small.frames.shape == (6, 16, 16, 3)

    write_folder(data / "b", frames)
    cache = FrameCache.build(tmp_path / "cache", entries_of(data), 32)

    assert len(cache.clips) == 2
    assert len(cache.resized(tmp_path / "small", 16).clips) == 2
    assert len(small.frames) == 6, "whoever reads the old one goes on"


def test_a_place_without_room_for_the_cache_is_told(tmp_path, frames):
    write_folder(tmp_path / "data" / "a", frames)
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="file"):
        FrameCache.build(tmp_path / "file" / "cache", entries_of(tmp_path / "data"), 32)
