"""The node Paste Faces."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

SIZE = (96, 128)


@pytest.fixture
def batches(faces):
    """Frames of two faces as Animate Face gives them: floats that are no whole bytes."""
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(3, 40, 40, 3, generator=generator) for _ in range(len(faces))]


@pytest.fixture
def paste(execute, faces):
    """Runs the node on its lists; gives the first picture's frames and mask."""

    def run(image, batches, found=faces, **inputs):
        output = execute("FOMPasteFaces", image=[image], faces=[found], animated_faces=batches, **inputs)
        return output.args[0][0], output.args[1][0]

    return run


def as_bytes(images):
    return (images.float() * 255).round().to(torch.uint8).numpy()


def several(picture, sets):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    return PictureFaces(picture, tuple(FaceSet.from_crops(crops, SIZE) for crops in sets))


@pytest.fixture
def refused(execute, faces):
    """Runs the node, which must fail; gives the message."""
    from fom_pack.fom_core.errors import FomError

    def run(image, batches, found=faces, **inputs):
        with pytest.raises(FomError) as error:
            execute("FOMPasteFaces", image=[image], faces=[found], animated_faces=batches, **inputs)
        return str(error.value)

    return run


@pytest.mark.parametrize(
    "options",
    [{"mask": mask, "colour_match": match} for mask in ("soft", "ellipse", "box", "paddlegan") for match in (0.0, 1.0)],
)
def test_the_result_is_that_of_the_command_line(paste, picture, faces, batches, options):
    from fom_pack.fom_core.compose.paste import paste as core_paste

    source = torch.from_numpy(as_bytes(picture)).float() / 255
    expected = core_paste(as_bytes(picture)[0], faces.sets[0], batches, feather=0.5, **options)

    frames, _ = paste(source, batches, feather=[0.5], **{name: [value] for name, value in options.items()})

    np.testing.assert_array_equal(as_bytes(frames), expected)


def test_pixels_outside_the_mask_keep_the_pictures_floats(paste, picture, batches):
    frames, mask = paste(picture, batches)

    outside = mask[0] == 0
    assert 0.2 < outside.float().mean() < 0.9
    assert not torch.equal(picture, torch.from_numpy(as_bytes(picture)) / 255)  # floats that bytes cannot hold
    assert torch.equal(frames[:, outside], picture[:, outside].expand(3, -1, -1))
    assert (frames[:, ~outside] != picture[:, ~outside]).float().mean() > 0.9


def test_one_mask_tells_for_all_frames_where_they_differ(paste, picture, batches):
    _, mask = paste(picture, batches, mask=["box"])

    assert mask.shape == (1, *SIZE)
    assert mask[0, 20:68, 4:52].min() == 1 and mask[0, :20].max() == 0


@pytest.mark.parametrize("channels", [3, 4])
def test_the_mark_lies_over_every_frame_and_in_the_mask(paste, picture, batches, channels):
    from fom_pack.fom_core.media.mark import mark_for, marked

    source = torch.cat([picture, torch.zeros(1, *SIZE, 1)], dim=-1)[..., :channels]
    plain, cover = paste(source, batches)
    frames, marked_cover = paste(source, batches, mark=["bottom right"])

    x0, y0, x1, y1 = mark_for(*SIZE, "bottom right").place
    outside = torch.ones(SIZE, dtype=torch.bool)
    outside[y0:y1, x0:x1] = False
    assert torch.equal(frames[:, outside], plain[:, outside])
    expected = marked(as_bytes(plain), "bottom right").astype(int)
    assert abs(as_bytes(frames) - expected).max() <= 1
    assert torch.equal(marked_cover[:, outside], cover[:, outside])
    assert (marked_cover[:, y0:y1, x0:x1] == 1).float().mean() > 0.8


def test_without_a_mark_nothing_changes(paste, picture, batches):
    expected, _ = paste(picture, batches)

    assert torch.equal(paste(picture, batches, mark=["none"])[0], expected)


def test_a_transparent_picture_keeps_its_alpha(paste, picture, batches):
    alpha = torch.rand(1, *SIZE, 1, generator=torch.Generator().manual_seed(0))

    frames, _ = paste(torch.cat([picture, alpha], dim=-1), batches)

    assert torch.equal(frames[..., 3:], alpha.expand(3, -1, -1, -1))
    assert torch.equal(frames[..., :3], paste(picture, batches)[0])


def test_a_grey_picture_becomes_colourful_where_the_faces_are(paste, picture, batches):
    frames, _ = paste(picture[..., :1], batches)

    assert torch.equal(frames, paste(picture[..., :1].expand(-1, -1, -1, 3), batches)[0])


def test_a_batch_is_a_background_that_moves(paste, picture, batches):
    backgrounds = torch.cat([picture, picture.flip(1), picture * 0.5])

    frames, mask = paste(backgrounds, batches)

    assert len(mask) == 1
    for time in range(3):
        still, _ = paste(backgrounds[time : time + 1], [batch[time : time + 1] for batch in batches])
        assert torch.equal(frames[time], still[0])


@pytest.mark.parametrize(("pictures", "moments"), [(5, 3), (2, 3)])
def test_what_is_shorter_holds_its_last_frame(paste, picture, batches, pictures, moments):
    backgrounds = torch.cat([picture * (0.5 + 0.1 * time) for time in range(pictures)])

    frames, _ = paste(backgrounds, batches)

    assert len(frames) == max(pictures, moments)
    last, _ = paste(backgrounds[-1:], [batch[-1:] for batch in batches])
    assert torch.equal(frames[-1], last[0])


def test_several_pictures_come_back_as_a_list_each_with_its_own_faces(execute, picture, batches):
    pictures = torch.cat([picture, picture.flip(2), picture.flip(1)])
    found = several(pictures, [[(4, 20, 52, 68)], [], [(70, 24, 122, 76)]])

    images, masks = execute("FOMPasteFaces", image=[pictures], faces=[found], animated_faces=batches).args

    assert [len(image) for image in images] == [3, 1, 3]
    assert [mask.max().item() > 0 for mask in masks] == [True, False, True]
    assert torch.equal(images[1], pictures[1:2])
    first, _ = execute(
        "FOMPasteFaces",
        image=[pictures[:1]],
        faces=[several(pictures[:1], [[(4, 20, 52, 68)]])],
        animated_faces=batches[:1],
    ).args
    assert torch.equal(images[0], first[0])


def test_pictures_of_several_sizes_come_as_lists(execute, picture, faces, batches):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    small = torch.rand(1, 50, 60, 3)
    other = PictureFaces(small, (FaceSet.from_crops([(10, 10, 40, 40)], (50, 60)),))

    images, _ = execute(
        "FOMPasteFaces", image=[picture, small], faces=[faces, other], animated_faces=[*batches, batches[0]]
    ).args

    assert [tuple(image.shape) for image in images] == [(3, *SIZE, 3), (3, 50, 60, 3)]


def test_face_masks_narrow_the_mask(paste, picture, batches):
    top = torch.cat([torch.ones(1, 20, 40), torch.zeros(1, 20, 40)], dim=1)

    _, whole = paste(picture, batches, mask=["box"])
    _, upper = paste(picture, batches, mask=["box"], face_masks=[top])
    _, one = paste(picture, batches, mask=["box"], face_masks=[top, torch.ones(1, 8, 8)])

    assert whole[0, 60, 30] == 1 and upper[0, 60, 30] == 0 and upper[0, 30, 30] == 1
    assert upper[0, 65, 100] == 0 and one[0, 65, 100] == 1


def test_moving_face_masks_give_one_mask_a_frame(paste, picture, batches):
    frames, mask = paste(picture, batches, face_masks=[torch.stack([torch.ones(8, 8), torch.zeros(8, 8)])])

    assert mask.shape == (3, *SIZE)
    assert mask[0].max() > 0 and mask[1:].max() == 0
    assert torch.equal(frames[2], picture[0])


def test_the_inputs_stay_as_they_were(paste, picture, batches):
    before = picture.clone(), [batch.clone() for batch in batches]
    paste(picture, batches, colour_match=[1.0])
    assert torch.equal(picture, before[0]) and all(map(torch.equal, batches, before[1]))


def test_cancelling_stops_at_the_next_frame(paste, picture, batches, monkeypatch):
    import comfy.model_management as mm

    mm.interrupt_current_processing()
    with pytest.raises(mm.InterruptProcessingException):
        paste(picture, batches)


def test_what_does_not_fit_is_refused_with_the_reason(refused, picture, batches):
    assert "Expected 2 batches of animated faces, one for each face, found 1" in refused(picture, batches[:1])
    assert "face 1 has 3, face 2 has 2" in refused(picture, [batches[0], batches[1][:2]])
    assert "128x96 pixels, this one has 120x96" in refused(picture[:, :, :120], batches)
    assert "found in 2 pictures, but image has 1" in refused(
        picture, batches, several(picture.expand(2, -1, -1, -1), [[(4, 20, 52, 68)], [(70, 24, 122, 76)]])
    )
    assert "one face mask for all 2 faces" in refused(picture, batches, face_masks=[torch.ones(1, 8, 8)] * 3)
    assert re.search(r"Animated face 2 .*not numbers", refused(picture, [batches[0], batches[1] * torch.nan]))
    assert "The image is an empty batch" in refused(picture[:0], batches)
