"""The node Enhance Face."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

FILE = "GFPGANv1.4.pth"  # of the catalogue: the menu shows it whether it is here or not
AS_INPUT = ["as the input"]


class Negative(nn.Module):
    """Stands in for a restorer: gives the negative of each face, and has room for so many at a time."""

    def __init__(self, room: int = 100) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))
        self.room = room

    def forward(self, faces: Tensor) -> Tensor:
        if len(faces) > self.room:
            raise torch.cuda.OutOfMemoryError("no room")
        return 1 - faces


class Middle:
    """A detector that sees one face in the middle of pictures that are not black."""

    name = "middle"

    def detect(self, image):
        from fom_pack.fom_core.faces.detection import Detection

        height, width = image.shape[:2]
        box = (0.3 * width, 0.25 * height, 0.7 * width, 0.75 * height)
        return [Detection(box, 0.9)] if image.max() else []


@pytest.fixture
def restorers(comfyui: Path, pack):
    """The folder of restorers; files that a test leaves there are removed."""
    folder = comfyui / "models" / "facerestore_models"
    folder.mkdir(exist_ok=True)
    before = set(folder.iterdir())
    yield folder
    for path in set(folder.iterdir()) - before:
        path.unlink()


@pytest.fixture
def stand_in(restorers: Path, monkeypatch: pytest.MonkeyPatch):
    """Faces in the middle, and a file in the menu that opens as :class:`Negative`; gives the list of files opened."""
    from fom_pack.nodes import enhance_face

    (restorers / FILE).touch()
    opened = []
    monkeypatch.setattr(enhance_face, "open_detector", lambda name, **_: Middle())
    monkeypatch.setattr(enhance_face, "load_restorer", lambda path: opened.append(path) or Negative())
    return opened


def enhance(execute, *batches: Tensor, **inputs):
    return execute("FOMEnhanceFace", images=list(batches), **inputs).args[0]


def test_every_batch_of_a_list_is_restored_and_the_file_opened_once(execute, stand_in, restorers, driving):
    results = enhance(execute, driving[:3], driving[3:5], size=AS_INPUT)
    assert stand_in == [restorers / FILE]
    assert [len(each) for each in results] == [3, 2]
    assert all(each.shape[1:] == driving.shape[1:] for each in results)
    assert (results[0][0, 40, 40] - driving[0, 40, 40]).abs().max() > 0.1


def test_pixels_away_from_the_face_and_the_input_stay_as_they_are(execute, stand_in, driving):
    before = driving.clone()
    (restored,) = enhance(execute, driving, size=AS_INPUT)
    assert torch.equal(driving, before)
    assert torch.equal(restored[:, :2], driving[:, :2]) and torch.equal(restored[:, :, -2:], driving[:, :, -2:])


def test_frames_grow_to_the_restorers_resolution_by_default(execute, stand_in, driving):
    (restored,) = enhance(execute, driving[:1])
    assert restored.shape[1] == restored.shape[2] > 3 * driving.shape[1]


@pytest.mark.parametrize("chunk_size", [1, 5])
def test_the_result_is_that_of_the_library_whatever_the_chunk_size(execute, stand_in, driving, chunk_size):
    from fom_pack.fom_core.enhance import find_alignment, restore
    from fom_pack.nodes import host

    place = find_alignment(lambda index: host.to_pictures(driving)[index], len(driving), Middle())
    expected = restore(Negative(), driving.movedim(-1, 1), place, strength=0.6).movedim(1, -1)
    (restored,) = enhance(execute, driving, size=AS_INPUT, strength=[0.6], chunk_size=[chunk_size])
    torch.testing.assert_close(restored, expected, rtol=0, atol=1e-6)


def test_the_result_is_filled_chunk_by_chunk_without_a_second_copy(execute, stand_in, driving, monkeypatch):
    from fom_pack.nodes import host

    converted = []
    monkeypatch.setattr(
        host, "to_images", lambda frames, to=host.to_images: converted.append(len(frames)) or to(frames)
    )
    enhance(execute, driving, chunk_size=[5])

    assert converted == [5, 5, 2]


def test_when_memory_runs_short_the_result_stays_the_same(execute, stand_in, driving, monkeypatch):
    from fom_pack.nodes import enhance_face

    (expected,) = enhance(execute, driving, size=AS_INPUT)
    monkeypatch.setattr(enhance_face, "load_restorer", lambda path: Negative(room=1))
    (restored,) = enhance(execute, driving, size=AS_INPUT)
    torch.testing.assert_close(restored, expected, rtol=0, atol=1e-6)


def test_transparency_is_kept_and_grey_becomes_colour(execute, stand_in, driving):
    with_alpha = torch.cat([driving[:1], torch.full((1, 80, 80, 1), 0.5)], dim=-1)
    rgba, grey = enhance(execute, with_alpha, driving[:1, ..., :1], size=AS_INPUT)
    assert torch.equal(rgba[..., 3], with_alpha[..., 3])
    assert grey.shape == (1, 80, 80, 3)


def test_frames_without_a_face_are_refused_before_the_restorer_is_opened(execute, stand_in):
    from fom_pack.fom_core.errors import NoFaceFound

    with pytest.raises(NoFaceFound, match="No face to restore"):
        enhance(execute, torch.zeros(3, 64, 64, 3))
    assert not stand_in


def test_cancelling_stops_between_two_chunks(execute, stand_in, driving, monkeypatch):
    import comfy.model_management as mm

    mm.interrupt_current_processing(True)
    with pytest.raises(mm.InterruptProcessingException):
        enhance(execute, driving, size=AS_INPUT, chunk_size=[1])
    mm.interrupt_current_processing(False)


def test_pixels_that_are_no_numbers_are_refused_by_the_number_of_the_face(execute, stand_in, driving):
    from fom_pack.fom_core.errors import MediaError

    with pytest.raises(MediaError, match="The face 2 has pixels that are not numbers"):
        enhance(execute, driving, torch.full_like(driving, float("nan")))


def test_the_menu_offers_the_catalogues_restorer_and_files_that_may_be_one(node, restorers, comfyui):
    for folder, name in (("facerestore_models", "mine.pth"), ("upscale_models", "RestoreFormer.pth")):
        (comfyui / "models" / folder).mkdir(exist_ok=True)
        (comfyui / "models" / folder / name).touch()
    (comfyui / "models" / "upscale_models" / "4x-UltraSharp.pth").touch()
    (menu,) = (each for each in node("FOMEnhanceFace").GET_SCHEMA().inputs if each.id == "restorer")
    assert menu.options[0] == FILE
    assert {"mine.pth", "RestoreFormer.pth"} < set(menu.options)
    assert "4x-UltraSharp.pth" not in menu.options and len(menu.options) == len(set(menu.options))


def test_a_restorer_that_is_not_here_is_downloaded_among_the_restorers(execute, stand_in, restorers, monkeypatch):
    from fom_pack.nodes import host

    (restorers / FILE).unlink()
    monkeypatch.setenv("FOM_MODELS", str(restorers / "none"))
    monkeypatch.setattr(host, "download", lambda entry, folder, progress: folder / entry.file)
    enhance(execute, torch.full((1, 64, 64, 3), 0.5))
    assert stand_in == [restorers / FILE]


@pytest.mark.comfyui  # which brings spandrel
def test_a_real_restorer_of_spandrel_runs_from_its_file(execute, restorers, shared):
    from fom_pack.fom_core import read_picture

    build = importlib.import_module("spandrel.architectures.RestoreFormer").RestoreFormer
    torch.manual_seed(0)
    small = build(n_embed=16, embed_dim=32, ch=32, ch_mult=(1,) * 6, num_res_blocks=1, z_channels=32)
    save_file(small.state_dict(), restorers / "small.safetensors")
    picture = read_picture(shared / "data" / "media" / "two_people.jpg")
    picture = torch.from_numpy(picture)[None].float() / 255
    (restored,) = enhance(execute, picture, restorer=["small.safetensors"], size=AS_INPUT, detector=["embedded"])
    changed = (restored != picture).any(-1).float().mean()
    assert restored.shape == picture.shape and restored.isfinite().all()
    assert 0.001 < changed < 0.5


@pytest.mark.comfyui  # which brings spandrel
def test_an_upscaler_turns_the_node_red_with_a_sentence(execute, restorers, driving, monkeypatch):
    from fom_pack.fom_core.errors import UnsupportedModel
    from fom_pack.nodes import enhance_face

    monkeypatch.setattr(enhance_face, "open_detector", lambda name, **_: Middle())
    build = importlib.import_module("spandrel.architectures.ESRGAN").ESRGAN
    torch.save(build(num_filters=8, num_blocks=1).state_dict(), restorers / "upscaler.pth")
    with pytest.raises(UnsupportedModel, match=r"upscaler\.pth is no face restorer"):
        enhance(execute, driving, restorer=["upscaler.pth"])
