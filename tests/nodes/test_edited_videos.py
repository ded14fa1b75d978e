"""Videos that the host shows otherwise than they lie on the disk: cropped, resized, trimmed, in memory."""

from __future__ import annotations

import gc
from io import BytesIO

import numpy as np
import pytest

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


def test_a_cropped_driver_is_read_as_it_is_shown_with_its_rate_and_sound(opened, sound_clip, plain):
    with opened(cropped(sound_clip, (16, 8, 48, 40))) as driver:
        frames, sound = list(driver), driver.audio(2.0)

    assert driver.size == (40, 48)
    assert driver.rate == pytest.approx(30000 / 1001)
    assert difference(frames, plain[:, 8:48, 16:64]) < 4
    assert sound is not None and sound["waveform"].abs().max() > 0.01


def test_a_crop_and_a_trim_hold_together(opened, sound_clip, plain):
    with opened(cropped(sound_clip, (0, 0, 40, 40), part=(0.5, 1.0))) as driver:
        frames = list(driver)

    assert len(frames) == 30
    assert difference(frames, plain[15:45, :40, :40]) < 4


def test_a_size_that_the_host_cannot_write_is_read_too(opened, sound_clip, plain):
    with opened(resized(sound_clip, 41, 39)) as driver:
        frames, sound = list(driver), driver.audio(2.0)

    assert len(frames) == len(plain)
    assert all(abs(side - wanted) <= 1 for side, wanted in zip(driver.size, (39, 41), strict=True))
    assert sound is not None


def key_of(opened, video):
    with opened(video) as driver:
        return driver.key


def test_it_is_written_once_and_gone_with_the_video(opened, sound_clip, comfyui):
    before = kept_files(comfyui)
    video = cropped(sound_clip, (0, 0, 40, 40))
    keys = [key_of(opened, video) for _ in range(2)]

    assert (video.saved, keys[0]) == (1, keys[1])
    assert len(kept_files(comfyui) - before) == 1
    del video
    assert kept_files(comfyui) <= before


def test_a_copy_that_was_cleaned_away_is_written_again(opened, sound_clip, comfyui):
    before = kept_files(comfyui)
    video = cropped(sound_clip, (0, 0, 40, 40))
    opened(video).__exit__(None, None, None)
    for name in kept_files(comfyui) - before:
        (comfyui / "temp" / name).unlink()

    with opened(video) as driver:
        assert len(list(driver)) == 60
    assert video.saved == 2


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

    assert (by_crop - expected).abs().max() < 0.05
