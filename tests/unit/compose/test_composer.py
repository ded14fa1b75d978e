from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from fom_core.compose.composer import Composer
from fom_core.compose.device import DevicePainter
from fom_core.errors import UsageError
from fom_core.geometry import identity_grid
from fom_core.types import DenseMotion, FaceSet, Generated

N = 32


@pytest.fixture(scope="module")
def picture():
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return cv2.resize(noise, (300, 200), interpolation=cv2.INTER_CUBIC)


FACES = FaceSet.from_crops([(30, 40, 130, 140), (140, 50, 240, 150)], (200, 300))


def generated(shifts, visible=1.0, colour=0.5):
    """T frames whose whole crop moves by these (right, down), painted in one colour."""
    still = identity_grid(N, N, like=torch.zeros(1))
    flow = torch.stack([still + torch.tensor(shift) for shift in shifts])
    count = len(shifts)
    motion = DenseMotion(flow, torch.full((count, 1, N, N), visible), torch.zeros(count, 1, N, N))
    return Generated(torch.full((count, 3, 64, 64), colour), motion)


REST = generated([(0.0, 0.0)])
MOVES = [(0.0, 0.0), (0.1, 0.05), (-0.2, 0.1), (0.05, -0.15)]


def test_at_rest_the_picture_comes_back_bit_by_bit(picture):
    frames = Composer(picture, FACES, [REST, REST])([generated([(0.0, 0.0)] * 3)] * 2)
    assert (frames == picture).all() and frames.shape == (3, *picture.shape)


def test_a_moved_face_is_the_pictures_own_pixels_in_another_place(picture):
    one = FaceSet.from_crops([(80, 50, 180, 150)], (200, 300))
    frame = Composer(picture, one, [REST])([generated([(0.2, 0.0)])])[0]  # colours come from 10 pixels to the right
    np.testing.assert_allclose(
        frame[80:120, 110:150].astype(int), picture[80:120, 120:160].astype(int), atol=3
    )  # little is held back in the middle


def test_the_network_paints_what_the_source_does_not_show(picture):
    one = FaceSet.from_crops([(80, 50, 180, 150)], (200, 300))
    frame = Composer(picture, one, [REST])([generated([(0.0, 0.0)], visible=0.0, colour=0.2)])[0]
    assert (frame[80:120, 110:150] == 51).all()
    assert (frame[:30] == picture[:30]).all()


@pytest.mark.parametrize("sizes", [[1, 1, 1, 1], [3, 1], [2, 2]])
def test_chunks_make_no_difference(picture, sizes):
    whole = Composer(picture, FACES, [REST, REST])([generated(MOVES, 0.5), generated(MOVES[::-1], 0.5)])
    composer, start, parts = Composer(picture, FACES, [REST, REST]), 0, []
    for size in sizes:
        part = slice(start, start + size)
        parts.append(composer([generated(MOVES, 0.5)[part], generated(MOVES[::-1], 0.5)[part]]))
        start += size
    assert (np.concatenate(parts) == whole).all()


def test_a_face_beside_another_moves_as_it_does_alone_away_from_it(picture):
    both = Composer(picture, FACES, [REST, REST])([generated([(0.1, 0.0)]), REST])[0]
    alone = Composer(picture, FaceSet(FACES.faces[:1], FACES.frame_size), [REST])([generated([(0.1, 0.0)])])[0]
    assert (both[60:120, 40:80] == alone[60:120, 40:80]).all()
    assert (both[:, 150:] == picture[:, 150:]).all()  # the other one stands still, and its place is its own


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_depth_and_transparency_are_kept(picture, dtype, channels):
    own = picture.astype(dtype) * (257 if dtype == np.uint16 else 1)
    if channels == 4:
        own = np.dstack([own, own[..., 0][:, ::-1]])
    composer = Composer(own, FACES, [REST, REST])
    moved = composer([generated([(0.2, 0.0)], 0.3)] * 2)[0]
    assert moved.dtype == dtype and moved.shape == own.shape
    assert (composer([REST, REST])[0] == own).all()
    assert (moved[80:100, 70:90] != own[80:100, 70:90]).any()
    if channels == 4:
        assert (moved[..., 3] != own[..., 3]).any()
    shallow = Composer(picture, FACES, [REST, REST])([generated([(0.2, 0.0)], 0.3)] * 2)[0]
    levels = moved[..., :3].astype(float) / (257 if dtype == np.uint16 else 1)
    np.testing.assert_allclose(levels, shallow, atol=1.01)


def test_faces_of_grey_pictures_are_painted_grey(picture):
    grey = np.repeat(picture[..., :1], 3, axis=2)
    blue = generated([(0.0, 0.0)], visible=0.0)
    blue = replace(blue, prediction=blue.prediction * torch.tensor([0.2, 0.4, 1.0])[:, None, None])
    frame = Composer(grey, FACES, [REST, REST])([blue, blue])[0]
    assert (np.ptp(frame.astype(int), axis=2) == 0).all() and (frame != grey).any()


def test_colours_are_matched_to_how_the_still_was_painted(picture):
    flat = np.full_like(picture, 100)
    dark = generated([(0.0, 0.0)], colour=60 / 255)
    later = generated([(0.0, 0.0)], visible=0.0, colour=60 / 255)
    plain, matched = (
        Composer(flat, FACES, [dark, dark], colour_match=strength)([later, later])[0] for strength in (0.0, 1.0)
    )
    assert plain[90, 80].tolist() == [60, 60, 60]
    assert np.abs(matched[90, 80].astype(int) - 100).max() < 8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_graphics_card_composes_what_the_processor_does(picture, dtype, monkeypatch):
    own = picture.astype(dtype) * (257 if dtype == np.uint16 else 1)
    rolled = FaceSet((replace(FACES[0], roll_deg=30.0), FACES[1]), FACES.frame_size)
    chunk = [generated(MOVES, 0.4), generated(MOVES[::-1], 0.4)]
    host = Composer(own, rolled, [REST, REST])
    monkeypatch.setattr(
        "fom_core.compose.composer.HostPainter",
        lambda *args: DevicePainter(args[0], args[1], args[2], torch.device("cpu")),
    )
    device = Composer(own, rolled, [REST, REST])
    expected, found = host(chunk).astype(int), device(chunk).astype(int)
    np.testing.assert_allclose(device.flows(chunk), host.flows(chunk), atol=1e-3)
    assert np.abs(found - expected).max() <= np.iinfo(dtype).max // 100  # OpenCV before 5.0 reads from 1/32 pixels
    assert np.abs(found - expected).mean() < np.iinfo(dtype).max / 1000
    assert (device([REST, REST])[0] == own).all()


def test_a_picture_of_another_size_than_the_faces_is_refused(picture):
    with pytest.raises(UsageError, match="found in a picture of 300x200"):
        Composer(picture[:100], FACES, [REST, REST])


@pytest.mark.parametrize("shape", [(60, 1), (1, 60), (2, 60)])
def test_a_picture_of_one_pixel_across_is_composed_too(shape):
    thin = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    middle = shape[1] // 2, shape[0] // 2
    one = FaceSet.from_crops([(middle[0] - 20, middle[1] - 15, middle[0] + 20, middle[1] + 25)], shape)
    frames = Composer(thin, one, [REST])([generated([(0.0, 0.0), (0.1, 0.1)])])
    assert (frames[0] == thin).all() and frames.shape == (2, *thin.shape)


def test_a_picture_of_two_channels_is_refused(picture):
    with pytest.raises(UsageError, match="Expected a picture"):
        Composer(picture[..., :2], FACES, [REST, REST])
