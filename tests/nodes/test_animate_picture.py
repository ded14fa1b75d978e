"""Animate Picture: picture and driver in, a temporary video out."""

import gc
from pathlib import Path

import pytest
import torch


@pytest.fixture
def video(pack, sound_clip):
    """A VIDEO of 60 frames at 29.97 a second, with a tone."""
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(sound_clip))


@pytest.fixture
def animate(execute, model, picture, faces):
    """Runs the node on both faces of the picture, with drivers' whole frames."""

    def run(driving, **inputs):
        settings = {"model": model, "image": picture, "faces": faces, "driving_crop": "none"} | inputs
        return execute("FOMAnimatePicture", driver=driving, **settings)

    return run


def temporary_files(comfyui) -> set[str]:
    return {path.name for path in (comfyui / "temp").iterdir() if path.name.startswith("fom_")}


def test_the_video_has_the_drivers_frames_rate_and_sound_and_the_pictures_size(animate, video, comfyui):
    before = temporary_files(comfyui)
    result = animate(video)
    made = result.args[0]
    assert made.get_dimensions() == (128, 96)
    assert made.get_frame_count() == 60
    assert float(made.get_frame_rate()) == pytest.approx(30000 / 1001)
    assert made.get_components().audio is not None
    (name,) = temporary_files(comfyui) - before
    assert Path(made.get_stream_source()).name == name
    assert result.ui.as_dict()["images"][0]["filename"] == name


@pytest.mark.comfyui
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_save_video_keeps_the_label_beside_the_graph(animate, driving, tmp_path, suffix):
    import av
    from comfy_api.latest import Types

    from fom_pack.fom_core.media.label import comment

    made = animate(driving).args[0]
    target = tmp_path / f"saved{suffix}"
    made.save_to(str(target), format=Types.VideoContainer(suffix[1:]), metadata={"prompt": {"1": "a graph"}})

    with av.open(str(target)) as saved:
        told = {key.lower(): value for key, value in saved.metadata.items()}
    assert told["comment"] == comment()
    assert "a graph" in told["prompt"]


def test_the_mark_is_shown_only_when_asked(animate, driving):
    from fom_pack.fom_core.media import VideoReader
    from fom_pack.fom_core.media.mark import mark_for

    videos = [animate(driving, **mark).args[0].get_stream_source() for mark in ({}, {"mark": "top left"})]
    plain, marked = (torch.stack([torch.from_numpy(frame) for frame in VideoReader(video)]) for video in videos)

    x0, y0, x1, y1 = mark_for(*plain.shape[1:3], "top left").place
    changed = (plain.int() - marked.int()).abs().amax(dim=(0, 3)) > 30
    assert changed[y0:y1, x0:x1].float().mean() > 0.5
    assert not changed[y1 + 16 :].any() and not changed[:, x1 + 16 :].any()  # beyond what the encoder smears


def test_the_frames_are_those_of_the_library_before_compression(animate, driving, clip, faces, model):
    from fom_pack.fom_core.media import VideoReader
    from fom_pack.fom_core.pipeline import animate_picture

    made = animate(driving, quality_crf=0, smoothing=0.0, initial_frame={"initial_frame": "first"}).args[0]
    bytes_ = (faces.pictures[0] * 255).round().to(torch.uint8).numpy()
    expected = torch.from_numpy(
        next(iter(animate_picture(model.model.network, bytes_, faces.sets[0], clip, chunk_size=12)))
    ).float()
    frames = torch.stack([torch.from_numpy(frame) for frame in VideoReader(made.get_stream_source())]).float()
    assert frames.shape == expected.shape
    assert (frames - expected).abs().mean() < 2.5  # chroma is stored at half the resolution


def test_faces_are_chosen_by_number(animate, driving, picture):
    from fom_pack.fom_core.media import VideoReader

    made = animate(driving, face_choice="2", quality_crf=0, mask="box").args[0]
    last = [torch.from_numpy(frame) for frame in VideoReader(made.get_stream_source())][-1].float() / 255
    moved = (last - picture[0]).abs().amax(dim=-1) > 0.1
    assert moved[24:76, 70:122].any()
    assert not moved[:, :60].any()


def test_a_motion_and_pictures_drive_too(animate, driving, execute, model, faces):
    drivers = {"driver1": driving}
    motion = execute("FOMAnimateFace", model=model, faces=faces, drivers=drivers, driving_crop="none").args[3][0]
    silent = animate(motion).args[0]
    assert silent.get_frame_count() == 12
    assert float(silent.get_frame_rate()) == 25
    assert animate(driving, fps=10.0).args[0].get_duration() == pytest.approx(1.2)


def test_a_transparent_picture_of_odd_size_is_taken(animate, driving, picture):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    odd = torch.cat([picture, torch.ones_like(picture[..., :1])], dim=-1)[:, :95, :127]
    faces = PictureFaces(odd, (FaceSet.from_crops([(4, 20, 52, 68)], (95, 127)),))
    assert animate(driving, image=odd, faces=faces).args[0].get_dimensions() == (128, 96)


def test_a_failure_leaves_no_file(animate, driving, comfyui, monkeypatch):
    from fom_pack.nodes import host

    before = temporary_files(comfyui)

    def fail(*_, **__):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(host.Progress, "show", fail)
    with pytest.raises(RuntimeError, match="on fire"):
        animate(driving)
    assert temporary_files(comfyui) == before


def test_cancelling_in_the_middle_leaves_no_file(animate, video, comfyui, monkeypatch):
    import comfy.model_management as mm

    from fom_pack.nodes import animate_picture as module

    before = temporary_files(comfyui)
    write = module.VideoWriter.write

    def write_and_cancel(self, frames):
        write(self, frames)
        assert temporary_files(comfyui) != before or list((comfyui / "temp").iterdir())
        mm.interrupt_current_processing(True)

    monkeypatch.setattr(module.VideoWriter, "write", write_and_cancel)
    with pytest.raises(mm.InterruptProcessingException):
        animate(video)
    mm.interrupt_current_processing(False)
    gc.collect()
    assert temporary_files(comfyui) == before


def test_no_face_several_pictures_and_wrong_faces_say_what_to_do(animate, driving, picture, faces):
    from dataclasses import replace

    from fom_pack.fom_core.errors import NoFaceFound, UsageError

    with pytest.raises(NoFaceFound, match="pass through"):
        animate(driving, faces=None)
    with pytest.raises(UsageError, match="one picture"):
        animate(driving, image=picture.repeat(2, 1, 1, 1))
    with pytest.raises(UsageError, match="belong to 2 pictures"):
        animate(driving, faces=replace(faces, sets=faces.sets * 2))
    with pytest.raises(UsageError, match=r"asks for face 3, .* the preview of Detect Faces"):
        animate(driving, face_choice="3")
    with pytest.raises(UsageError, match="Give the picture"):
        animate(driving, image=picture[:, :80])
    with pytest.raises(UsageError, match="initial frame"):
        animate(driving, initial_frame={"initial_frame": "number", "frame_number": 12})
