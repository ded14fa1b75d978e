"""Videos that the host shows otherwise than they lie on the disk: cropped, resized, trimmed, in memory."""

from __future__ import annotations

import gc
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest
import torch

from tests.nodes.edited_videos import cropped, resized


@pytest.fixture
def opened(pack):
    from fom_pack.nodes.drivers import open_driver

    return open_driver


@pytest.fixture(scope="module")
def plain(sound_clip):
    """The frames as they lie on the disk."""
    from fom_core.media import VideoReader

    return np.stack(list(VideoReader(sound_clip)))


def kept_files(comfyui):
    gc.collect()
    return {path.name for path in (comfyui / "temp").iterdir() if path.name.startswith("fom_")}


def difference(found, expected):
    return np.abs(np.stack(found).astype(int) - expected).mean()


@pytest.fixture(params=["out of memory", "out of a copy"])
def way(request, pack, monkeypatch):
    """Frames of short videos are taken as the host hands them out, those of long ones from a file that it writes."""
    from fom_pack.nodes import videos

    monkeypatch.setattr(videos, "IN_MEMORY", 1.0 if request.param == "out of memory" else 0.0)
    return request.param


def test_a_cropped_driver_is_read_as_it_is_shown_with_its_rate_and_sound(opened, way, sound_clip, plain):
    video = cropped(sound_clip, (16, 8, 48, 40))
    with opened(video) as driver:
        frames, again, sound = list(driver), list(driver), driver.audio(2.0)

    assert driver.size == (40, 48)
    assert driver.rate == Fraction(30000, 1001)
    assert difference(frames, plain[:, 8:48, 16:64]) <= (0 if way == "out of memory" else 4)
    assert np.array_equal(frames, again)
    assert sound is not None and sound["waveform"].abs().max() > 0.01
    assert video.saved == (way == "out of a copy")


def test_a_crop_and_a_trim_hold_together(opened, way, sound_clip, plain):
    with opened(cropped(sound_clip, (0, 0, 40, 40), part=(0.5, 1.0))) as driver:
        frames = list(driver)

    assert len(frames) == 30
    assert difference(frames, plain[15:45, :40, :40]) < 4


def test_a_size_that_the_host_cannot_write_is_read_too(opened, way, sound_clip, plain):
    with opened(resized(sound_clip, 41, 39)) as driver:
        frames, sound = list(driver), driver.audio(2.0)

    assert len(frames) == len(plain)
    assert driver.size == frames[0].shape[:2] == (39, 41)
    assert sound is not None


def run_through(opened, video):
    """What tells its frames from others', after a look at them all."""
    with opened(video) as driver:
        list(driver)
        return driver.key


def test_the_copy_of_a_long_video_is_written_once_and_gone_with_the_video(opened, sound_clip, comfyui, monkeypatch):
    from fom_pack.nodes import videos

    monkeypatch.setattr(videos, "IN_MEMORY", 0.0)
    before = kept_files(comfyui)
    video = cropped(sound_clip, (0, 0, 40, 40))
    keys = {run_through(opened, video) for _ in range(2)}

    assert (video.saved, len(keys)) == (1, 1)
    assert len(kept_files(comfyui) - before) == 1
    for name in kept_files(comfyui) - before:
        (comfyui / "temp" / name).unlink()  # as its user does
    run_through(opened, video)
    assert video.saved == 2
    del video
    assert kept_files(comfyui) <= before


def test_how_a_video_is_read_is_decided_once(opened, sound_clip, monkeypatch):
    from fom_pack.nodes import videos

    monkeypatch.setattr(videos.host, "free_memory", lambda: 0)
    video = cropped(sound_clip, (0, 0, 40, 40))
    with opened(video) as driver:
        first = list(driver)
        monkeypatch.setattr(videos.host, "free_memory", lambda: 1 << 40)
        again = list(driver)

    assert video.saved == 1
    assert np.array_equal(first, again)


def test_a_copy_that_passes_is_known_by_no_key(opened, sound_clip, comfyui):
    from comfy_api.latest import InputImpl

    class Unknown(InputImpl.VideoFromFile):
        __hash__ = None

    before = kept_files(comfyui)
    keys = [run_through(opened, Unknown(BytesIO(sound_clip.read_bytes()))) for _ in range(2)]

    assert keys == [None, None]
    assert kept_files(comfyui) <= before


def test_two_crops_of_one_file_are_told_apart(opened, sound_clip):
    videos = [cropped(sound_clip, (x, 0, 40, 40)) for x in (0, 40)]

    assert len({run_through(opened, video) for video in videos}) == 2


def test_a_video_in_memory_is_read_with_its_trim(opened, sound_clip, comfyui):
    from comfy_api.latest import InputImpl

    before = kept_files(comfyui)
    video = InputImpl.VideoFromFile(BytesIO(sound_clip.read_bytes()), start_time=0.5, duration=1.0)
    with opened(video) as driver:
        assert len(list(driver)) == 30
    del video, driver
    assert kept_files(comfyui) <= before


def test_the_person_in_the_crop_drives_and_not_the_one_outside(execute, model, faces, sound_clip):
    settings = {"model": model, "faces": faces, "driving_crop": "none", "frames": "as painted"}
    video = cropped(sound_clip, (16, 8, 48, 40))
    by_crop = execute("FOMAnimateFace", drivers={"driver1": video}, **settings).args[3][0].keypoints.value
    shown = video.get_components().images
    expected = execute("FOMAnimateFace", drivers={"driver1": shown}, **settings).args[3][0].keypoints.value

    assert torch.equal(by_crop, expected)
