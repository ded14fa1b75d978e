"""Preview Animation: one moment or a sheet of all, and its values for the nodes that make the video."""

from __future__ import annotations

import pytest
import torch

PLAIN = {"initial_frame": {"initial_frame": "first"}, "driving_crop": "none", "smoothing": 0.0}


@pytest.fixture
def preview(execute, model, faces):
    def run(driver, **inputs):
        settings = {"model": model, "faces": faces, "driver": driver} | PLAIN | inputs
        return execute("FOMPreviewAnimation", **settings)

    return run


def test_a_moment_is_the_frame_that_animate_face_and_paste_faces_make(preview, execute, model, faces, picture, driving):
    frames = execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}, gain=0.7, **PLAIN).args[
        0
    ]
    whole = execute("FOMPasteFaces", image=[picture], faces=[faces], animated_faces=frames).args[0][0]

    _, _, frame, count = preview(driving, moment=7 / 11, gain=0.7).args

    assert count == 12
    assert (frame[0] - whole[7]).abs().max() < 1.1 / 255
    assert (frame[0] - whole[2]).abs().max() > 4 / 255


def test_it_shows_source_driver_result_and_the_whole_picture(preview, driving):
    result = preview(driving)

    _, shown, *_ = result.args
    assert len(result.ui.as_dict()["images"]) == 1
    height, width = shown.shape[1] // 2, shown.shape[2] // 2
    four = [shown[0, top : top + height, left : left + width] for top in (0, height) for left in (0, width)]
    assert all(panel.std() > 0.05 for panel in four)
    assert all((four[0] - other).abs().mean() > 0.01 for other in four[1:])


def test_a_contact_sheet_shows_the_whole_clip(preview, driving):
    few, all_of_it = (preview(driving[:count], show="contact sheet").args for count in (4, 12))

    assert all_of_it[1].shape[1] * all_of_it[1].shape[2] > 2 * few[1].shape[1] * few[1].shape[2]
    assert few[2].shape == (1, 96, 128, 3)


def test_a_motion_and_a_video_can_be_tuned_too(preview, execute, model, faces, driving, sound_clip):
    from comfy_api.latest import InputImpl

    motion = execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}, **PLAIN).args[3][0]

    assert preview(motion).args[3] == 12
    assert preview(motion, show="contact sheet").args[1].std() > 0.02
    assert preview(InputImpl.VideoFromFile(str(sound_clip)), moment=1.0).args[3] == 60


def test_its_tuning_takes_the_place_of_the_nodes_own_values(preview, execute, model, faces, picture, driving):
    tuning = preview(driving, gain=0.4, relative_motion=False, fps=10.0, **{"smoothing": 0.6}).args[0]
    asked = {"model": model, "faces": faces, "drivers": {"driver1": driving}}
    own = PLAIN | {"gain": 0.4, "relative_motion": False, "smoothing": 0.6, "fps": 10.0}

    by_tuning, by_hand, neither = (
        execute("FOMAnimateFace", **asked, **given).args for given in (PLAIN | {"tuning": tuning}, own, PLAIN)
    )

    assert torch.equal(by_tuning[0][0], by_hand[0][0])
    assert by_tuning[4] == 10.0
    assert not torch.equal(by_tuning[0][0], neither[0][0])
    video = execute("FOMAnimatePicture", model=model, image=picture, faces=faces, driver=driving, tuning=tuning).args[0]
    assert float(video.get_frame_rate()) == 10.0


def test_what_it_does_not_show_is_left_to_animate_face(preview, execute, model, faces, driving):
    tuning = preview(driving).args[0]
    asked = {"model": model, "faces": faces, "drivers": {"driver1": driving}} | PLAIN

    by_tuning, by_hand, on = (
        execute("FOMAnimateFace", **asked, **given).args[0][0]
        for given in ({"tuning": tuning, "relative_jacobian": False}, {"relative_jacobian": False}, {})
    )

    assert torch.equal(by_tuning, by_hand)
    assert not torch.equal(by_tuning, on)


def test_frames_are_counted_as_the_nodes_input_counts_them(preview, driving, monkeypatch):
    from fom_pack.fom_core import stills

    told, sheet = [], stills.sheet
    monkeypatch.setattr(stills, "sheet", lambda tiles, captions: told.extend(captions) or sheet(tiles, captions))
    preview(driving, moment=1.0, fps=10.0)

    assert told[-1] == "frame 11 (0 to 11), 1.10 s"


def test_a_face_that_is_not_there_is_refused(preview, driving):
    with pytest.raises(Exception, match="no face 3"):
        preview(driving, face_number=3)


def test_the_second_pictures_face_is_shown_in_its_picture(execute, model, picture, driving):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    both = torch.cat([picture, picture.flip(2)])
    sets = tuple(FaceSet.from_crops([(4, 20, 52, 68)], (96, 128)) for _ in range(2))
    frame = execute(
        "FOMPreviewAnimation", model=model, faces=PictureFaces(both, sets), driver=driving, face_number=2, **PLAIN
    ).args[2]

    assert (frame[0, :, 80:] - both[1, :, 80:]).abs().max() < 1 / 255  # beyond the face's reach


@pytest.mark.parametrize("room", [0, 16 << 20], ids=["nothing kept", "all kept"])
def test_what_was_not_kept_of_a_long_driver_is_looked_at_again(execute, model, faces, sound_clip, monkeypatch, room):
    """Small pictures are kept of a driver's first minutes alone."""
    from comfy_api.latest import InputImpl

    from fom_pack.fom_core.media import VideoReader
    from fom_pack.nodes import host, readings
    from fom_pack.nodes.drivers import open_driver

    monkeypatch.setattr(readings, "MOST_VIEW_BYTES", room)
    network, frames = host.motion_model(model, 8), list(VideoReader(sound_clip))
    with open_driver(InputImpl.VideoFromFile(str(sound_clip))) as driver:
        read = readings.read_and_watch(network, driver, 30.0, box=None, chunk_size=8, progress=None)
        views = readings.views_of(network, driver, read, [50, 3, 50])

    assert (len(read.views) == 0) == (room == 0)
    for view, number in zip(views, (50, 3, 50), strict=True):
        own, other = (abs(readings.look_at(network, frames[each], None) - view.astype(int)) for each in (number, 20))
        assert own.mean() < 12
        assert 1.5 * own.mean() < other.mean()
