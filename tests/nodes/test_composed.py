"""Composed faces on their way from Animate Face to Paste Faces, and what Animate Picture makes of the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

MEDOID = {"initial_frame": {"initial_frame": "medoid"}, "smoothing": 0.2}


@pytest.fixture(scope="module")
def picture(pack):
    """An IMAGE (1, 96, 128, 3) of blocks, so that movement is seen everywhere."""
    noise = np.random.default_rng(3).integers(0, 255, (24, 32, 3))
    return torch.from_numpy(np.kron(noise, np.ones((4, 4, 1)))[None]).float() / 255


@pytest.fixture(scope="module")
def faces(picture):
    """Two faces close to one another, and one that was found and not chosen."""
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    found = FaceSet.from_crops([(4, 20, 52, 68), (50, 24, 98, 72), (100, 30, 128, 58)], (96, 128))
    return PictureFaces(picture, (FaceSet(found.faces[:2], found.frame_size, others=found.faces[2:]),))


@pytest.fixture
def animate(execute, model, faces, driving):
    def run(found=faces, **inputs):
        settings = {"model": model, "faces": found, "driving_crop": "none"} | MEDOID | inputs
        return execute("FOMAnimateFace", drivers={"driver1": driving}, **settings).args

    return run


@pytest.fixture
def paste(execute, faces):
    def run(image, batches, found=faces, **inputs):
        output = execute("FOMPasteFaces", image=[image], faces=[found], animated_faces=batches, **inputs)
        return output.args[0][0], output.args[1][0]

    return run


@pytest.fixture
def written(execute, model, faces, picture, driving, monkeypatch):
    """The frames that Animate Picture hands to the encoder."""
    from fom_pack.nodes import animate_picture as module

    def run(mask):
        frames, write = [], module.VideoWriter.write
        with monkeypatch.context() as patch:
            patch.setattr(module.VideoWriter, "write", lambda self, few: frames.append(few.copy()) or write(self, few))
            settings = {"model": model, "image": picture, "faces": faces, "driving_crop": "none", "mask": mask}
            execute("FOMAnimatePicture", driver=driving, **settings | MEDOID)
        return np.concatenate(frames)

    return run


@pytest.fixture
def expected(model, driving):
    """What the library makes of a picture (H, W, C) and its faces: (T, H, W, C) uint8."""
    from fom_pack.fom_core.driver import align_drivers
    from fom_pack.fom_core.motion import FADE_IN_S
    from fom_pack.fom_core.pipeline import animate_picture, read_motion
    from fom_pack.fom_core.types import MotionTransfer

    def run(picture, faces, **finishing):
        network = model.model.network
        frames = (driving * 255).round().to(torch.uint8).numpy()
        motions = align_drivers([read_motion(network, frames, 25.0)], 25.0, smoothing=0.2)
        transfer = MotionTransfer(initial_frame="medoid", fade_in_s=FADE_IN_S)
        return np.concatenate(list(animate_picture(network, picture, faces, motions, transfer, **finishing)))

    return run


def as_bytes(images):
    return (images.float() * 255).round().to(torch.uint8).numpy()


def with_alpha(picture):
    """The picture, half transparent in waves."""
    wave = torch.sin(torch.arange(128) / 5)[None, None, :, None].expand(1, 96, 128, 1) / 2 + 0.5
    return torch.cat([picture, wave], dim=-1)


def test_canvases_are_cut_out_of_the_composed_picture(animate, faces, picture, expected):
    from fom_pack.fom_core.compose import canvas_box

    frames, occlusion, head, *_ = animate()

    whole = expected(as_bytes(picture)[0], faces.sets[0])
    for batch, (_, face) in zip(frames, faces, strict=True):
        x0, y0, x1, y1 = canvas_box(face)
        assert np.array_equal(as_bytes(batch), whole[:, y0:y1, x0:x1])
    assert [tuple(each.shape) for each in occlusion] == [(12, 64, 64)] * 2
    assert [tuple(each.shape) for each in head] == [(1, 64, 64)] * 2


@pytest.mark.parametrize("mask", [{}, {"mask": ["flow"]}])
def test_pasted_they_are_what_the_command_line_composes(animate, paste, faces, picture, expected, mask):
    frames, cover = paste(picture, animate()[0], **mask)

    whole = expected(as_bytes(picture)[0], faces.sets[0])
    assert np.array_equal(as_bytes(frames), whole)
    assert (as_bytes(frames) != as_bytes(picture)).any()
    assert torch.equal(frames[:, cover[0] == 0], picture[:, cover[0] == 0].expand(12, -1, -1))


@pytest.mark.parametrize("mask", ["flow", "soft"])
def test_animate_picture_makes_the_same_frames(written, animate, paste, picture, mask):
    made = written(mask)

    whole = mask == "flow"
    graph = animate(frames="composed" if whole else "as painted")[0]
    frames, _ = paste(picture, graph, mask=[mask], frames_cover=["canvas" if whole else "crop"])
    assert np.array_equal(made, as_bytes(frames))


def test_transparency_moves_with_the_face_and_goes_back_with_it(animate, paste, faces, picture, expected):
    clear = with_alpha(picture)
    found = replace(faces, pictures=clear)

    canvases = animate(found)[0]
    frames, _ = paste(clear, canvases, found)
    kept, _ = paste(clear, [batch[..., :3] for batch in canvases], found)

    whole = expected(as_bytes(clear)[0], faces.sets[0])
    assert [batch.shape[-1] for batch in canvases] == [4, 4]
    assert np.array_equal(as_bytes(frames), whole)
    assert (whole[..., 3] != as_bytes(clear)[..., 3]).any()
    assert np.array_equal(as_bytes(kept)[..., :3], whole[..., :3])
    assert (as_bytes(kept)[..., 3] == as_bytes(clear)[..., 3]).all()


def test_faces_of_several_pictures_are_composed_picture_by_picture(execute, animate, faces, picture, expected):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    pictures = torch.cat([picture, picture.flip(0), picture.flip(1)])
    sets = (faces.sets[0], FaceSet((), (96, 128)), FaceSet.from_crops([(40, 30, 88, 78)], (96, 128)))
    found = PictureFaces(pictures, sets)

    batches = animate(found)[0]
    images, _ = execute("FOMPasteFaces", image=[pictures], faces=[found], animated_faces=batches).args

    assert len(batches) == 3 and [len(image) for image in images] == [12, 1, 12]
    for index in (0, 2):
        assert np.array_equal(as_bytes(images[index]), expected(as_bytes(pictures)[index], sets[index]))


def test_an_old_graph_pastes_the_crop_out_of_the_canvas(animate, paste, faces, picture, expected):
    """Its mask is soft and it knows nothing of canvases."""
    from fom_pack.fom_core import compose

    canvases = animate()[0]
    frames, _ = paste(picture, canvases, mask=["soft"])

    pairs = zip(canvases, faces.sets[0], strict=True)
    cut = [np.stack([compose.cut_crop(frame, face) for frame in as_bytes(batch)]) for batch, face in pairs]
    assert np.array_equal(as_bytes(frames), compose.paste(as_bytes(picture)[0], faces.sets[0], cut, "soft"))
    whole = expected(as_bytes(picture)[0], faces.sets[0])
    assert np.abs(as_bytes(frames)[:, 34:54, 18:38].astype(int) - whole[:, 34:54, 18:38]).max() <= 1


@pytest.mark.parametrize("mask", ["flow", "soft"])
@pytest.mark.parametrize("size", [(384, 384), (200, 150)])
def test_canvases_that_were_enlarged_or_squeezed_find_their_place(animate, paste, picture, mask, size):
    canvases = animate()[0]
    resized = [F.interpolate(batch.movedim(-1, 1), size=size, mode="bicubic").movedim(1, -1) for batch in canvases]

    plain, _ = paste(picture, canvases, mask=[mask])
    frames, _ = paste(picture, [batch.clamp(0, 1) for batch in resized], mask=[mask])

    moved = (plain - picture).abs().mean()
    assert (frames - plain).abs().mean() < moved / 2


def test_what_is_painted_is_pasted_softly_under_flow(animate, paste, picture):
    painted = animate(frames="as painted")[0]
    assert [tuple(batch.shape) for batch in painted] == [(12, 64, 64, 3)] * 2

    frames, _ = paste(picture, painted, frames_cover=["crop"])
    softly, _ = paste(picture, painted, mask=["soft"], frames_cover=["crop"])

    assert torch.equal(frames, softly)


def test_models_that_cannot_be_composed_or_are_not_for_faces_paint(animate, monkeypatch):
    from fom_pack.fom_core.compose import finish
    from fom_pack.nodes import animate_face

    painted = animate(frames="as painted")[0]
    with monkeypatch.context() as patch:
        patch.setattr(finish, "can_compose", lambda still: False)
        assert all(map(torch.equal, animate()[0], painted))
    with monkeypatch.context() as patch:
        patch.setattr(animate_face, "is_for_faces", lambda name: False)
        assert all(map(torch.equal, animate()[0], painted))


def test_what_the_frames_cover_can_be_said(animate, paste, picture):
    canvases = animate()[0]
    seen, said, wrong = (paste(picture, canvases, frames_cover=[cover])[0] for cover in ("auto", "canvas", "crop"))
    assert torch.equal(seen, said) and not torch.equal(seen, wrong)


def test_a_background_that_moves_goes_on_around_the_faces(animate, paste, picture):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    found = PictureFaces(picture, (FaceSet.from_crops([(44, 28, 84, 68)], (96, 128)),))
    scenes = torch.stack([torch.roll(picture[0], shift, dims=0) for shift in range(12)])

    frames, _ = paste(scenes, animate(found)[0], found)
    still, _ = paste(picture, animate(found)[0], found)

    assert torch.equal(frames[:, :, :30], scenes[:, :, :30])
    assert torch.equal(frames[:, 40:56, 56:72], still[:, 40:56, 56:72])
