"""Animate Face: lists of frames and masks, one per face, from drivers of any kind."""

from dataclasses import replace

import pytest
import torch


@pytest.fixture
def video(pack, sound_clip):
    """A VIDEO of 60 frames at 29.97 a second, with a tone."""
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(sound_clip))


PLAIN = {"initial_frame": {"initial_frame": "first"}, "smoothing": 0.0}


@pytest.fixture
def animate(execute, model, faces):
    """Runs the node on both faces with these drivers, whole frames and all; gives what is painted, moved plainly."""

    def run(*drivers, **inputs):
        given = {f"driver{index}": driver for index, driver in enumerate(drivers, 1)}
        settings = {"model": model, "faces": faces, "driving_crop": "none", "frames": "as painted"} | PLAIN | inputs
        return execute("FOMAnimateFace", drivers=given, **settings).args

    return run


def test_every_face_becomes_a_batch_with_masks(animate, driving):
    frames, occlusion, head, motions, fps, audio = animate(driving)
    assert [tuple(each.shape) for each in frames] == [(12, 64, 64, 3)] * 2
    assert [tuple(each.shape) for each in occlusion] == [(12, 64, 64)] * 2
    assert [tuple(each.shape) for each in head] == [(1, 64, 64)] * 2
    assert (len(motions), fps, audio) == (1, 25.0, None)
    for each in (*frames, *occlusion, *head):
        assert each.isfinite().all() and each.min() >= 0 and each.max() <= 1
    assert (frames[0][0] - frames[0][6]).abs().max() > 1e-3


def test_the_frames_are_those_of_the_library(animate, model, faces, driving, clip):
    from fom_pack.fom_core.faces.regions import crop_face
    from fom_pack.fom_core.pipeline import animate as expected_chunks

    frames = animate(driving)[0]
    network = model.model.network
    bytes_ = (faces.pictures[0] * 255).round().to(torch.uint8).numpy()
    crops = [crop_face(bytes_, face, (64, 64)) for _, face in faces]
    chunks = list(expected_chunks(network, crops, clip))
    for index in range(2):
        expected = torch.cat([chunk[index] for chunk in chunks]).movedim(1, -1)
        assert torch.equal(frames[index], expected.to(frames[index].device))


def test_a_video_gives_its_rate_and_its_sound(animate, video):
    frames, _, _, motions, fps, audio = animate(video)
    assert len(frames[0]) == 60
    assert fps == pytest.approx(30000 / 1001)
    assert motions[0].fps == pytest.approx(fps)
    seconds = audio["waveform"].shape[-1] / audio["sample_rate"]
    assert audio["waveform"].ndim == 3
    assert seconds == pytest.approx(60 / fps, abs=0.05)


def test_a_trimmed_video_drives_with_its_part_alone(animate, video):
    frames, *_, audio = animate(video.as_trimmed(start_time=0.5, duration=1.0))
    assert len(frames[0]) == 30
    assert audio["waveform"].shape[-1] / audio["sample_rate"] == pytest.approx(1.0, abs=0.05)


def test_a_motion_drives_like_the_frames_it_was_read_from(animate, driving):
    frames, _, _, motions, *_ = animate(driving, fps=10.0)
    again, _, _, passed, fps, _ = animate(motions[0])
    assert fps == 10.0
    assert passed[0] is motions[0]
    assert all(torch.equal(one, other) for one, other in zip(frames, again, strict=True))


def test_each_driver_moves_its_face_and_the_rate_is_the_first_videos(animate, driving, video):
    frames, _, _, motions, fps, audio = animate(driving, video, fps=10.0)
    assert fps == pytest.approx(30000 / 1001)
    assert [len(motion) for motion in motions] == [12, 60]
    assert [len(each) for each in frames] == [60, 60]
    assert audio is not None
    held = frames[0][36:]  # 12 frames at 10 a second last 36 at 29.97
    assert (held - held[:1]).abs().max() < 1e-5
    assert (frames[1][36:] - frames[1][36:37]).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("length", "expected"), [("longest, hold the last frame", 12), ("longest, loop", 12), ("shortest", 5)]
)
def test_drivers_of_different_length(animate, driving, length, expected):
    frames = animate(driving[:5], driving, length=length)[0]
    assert [len(each) for each in frames] == [expected, expected]
    if length == "longest, loop":
        torch.testing.assert_close(frames[0][5:10], frames[0][:5])


@pytest.mark.parametrize(
    ("length", "frame_count"), [("longest, hold the last frame", 60), ("longest, loop", 60), ("shortest", 18)]
)
def test_three_faces_by_drivers_of_three_lengths_and_rates(animate, driving, video, picture, length, frame_count):
    """12 pictures at 10 a second, a video of 60 at 29.97, a motion of 9 at 15: the video's rate is the result's."""
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    crops = [(2, 20, 42, 60), (44, 24, 84, 64), (86, 20, 126, 60)]
    faces = PictureFaces(picture, (FaceSet.from_crops(crops, (96, 128)),))
    read = animate(driving)[3][0]
    motion = replace(read, keypoints=read.keypoints[:9], fps=15.0)

    frames, _, _, motions, fps, _ = animate(driving, video, motion, faces=faces, fps=10.0, length=length)

    assert fps == pytest.approx(30000 / 1001)
    assert [len(each) for each in motions] == [12, 60, 9]
    assert [len(each) for each in frames] == [frame_count] * 3
    alone = [animate(driver, faces=faces, fps=10.0)[0][face] for face, driver in ((1, video), (2, motion))]
    torch.testing.assert_close(frames[1], alone[0][:frame_count], rtol=0, atol=1e-5)
    torch.testing.assert_close(frames[2][0:18:2], alone[1], rtol=0, atol=1e-5)  # at 15 a second, each frame twice
    if length == "longest, hold the last frame":
        assert (frames[2][18:] - frames[2][17]).abs().max() < 1e-5
        assert (frames[0][36:] - frames[0][35]).abs().max() < 1e-5
    if length == "longest, loop":
        torch.testing.assert_close(frames[2][18:54], frames[2][:18].repeat(2, 1, 1, 1), rtol=0, atol=1e-5)
        torch.testing.assert_close(frames[0][36:], frames[0][:24], rtol=0, atol=1e-5)


def test_a_medoid_lets_the_motion_come_in_from_the_face_as_it_is(animate, driving):
    still = animate(driving, gain=0.0)[0][0]
    medoid = animate(driving, initial_frame={"initial_frame": "medoid"})[0][0]
    first = animate(driving, initial_frame={"initial_frame": "first"})[0][0]
    torch.testing.assert_close(medoid[0], still[0], rtol=0, atol=1e-4)
    assert (medoid[8] - still[8]).abs().max() > 1e-3
    assert (medoid[8] - first[8]).abs().max() > 1e-3


def test_a_motion_that_returns_ends_as_it_begins_with_the_face_as_it_is(animate, driving):
    still = animate(driving, gain=0.0)[0][0]
    first = {"initial_frame": "number", "frame_number": 6}
    away, home = (animate(driving, initial_frame=first, return_s=seconds)[0][0] for seconds in (0.0, 0.2))
    torch.testing.assert_close(home[[0, -1]], still[[0, -1]], rtol=0, atol=1e-4)
    assert (away[-1] - still[-1]).abs().max() > 1e-3


def test_head_and_expression_have_gains_of_their_own(animate, driving):
    plain, calm, loud = (
        animate(driving, **gains)[0][0] for gains in ({}, {"head_gain": 0.3}, {"expression_gain": 2.0})
    )
    assert (plain - calm).abs().max() > 1e-3
    assert (plain - loud).abs().max() > 1e-3


def test_the_initial_frame_can_be_chosen_or_sought(animate, driving):
    results = [
        animate(driving, initial_frame=choice)[0][0]
        for choice in (
            {"initial_frame": "first"},
            {"initial_frame": "number", "frame_number": 6},
            {"initial_frame": "best"},
        )
    ]
    assert (results[0] - results[1]).abs().max() > 1e-3
    assert len(results[2]) == 12


def test_no_gain_leaves_the_face_in_its_pose(animate, driving):
    frames = animate(driving, gain=0.0)[0][0]
    torch.testing.assert_close(frames, frames[:1].expand_as(frames), rtol=1e-4, atol=1e-5)


def test_chunks_and_lack_of_memory_leave_the_frames_unchanged(animate, driving, model, monkeypatch):
    expected = animate(driving, chunk_size=12)
    network = model.model.network
    generate = type(network).generate

    def cramped(self, source, keypoints, details=False):
        if len(keypoints) > 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return generate(self, source, keypoints, details)

    monkeypatch.setattr(type(network), "generate", cramped)
    for one, other in zip(expected[:3], animate(driving, chunk_size=8)[:3], strict=True):
        for face in range(2):
            torch.testing.assert_close(one[face], other[face], rtol=1e-4, atol=1e-5)


def test_faces_of_several_pictures_are_animated_in_their_order(animate, driving, faces, picture):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    left, right = faces.sets[0]
    both = torch.cat([picture, picture.flip(0)])
    sets = tuple(FaceSet((face,), (96, 128)) for face in (right, left))
    swapped = animate(driving, faces=PictureFaces(both, sets))[0]
    straight = animate(driving)[0]
    assert torch.equal(swapped[0], straight[1]) and torch.equal(swapped[1], straight[0])


def test_inputs_are_left_as_they_were(animate, driving, picture):
    before = driving.clone(), picture.clone()
    animate(driving)
    assert torch.equal(driving, before[0]) and torch.equal(picture, before[1])


def test_the_node_shows_progress_up_to_its_end_and_can_be_cancelled(animate, driving, monkeypatch):
    import comfy.model_management as mm

    from fom_pack.nodes import host

    steps, previews = [], []

    def note(self, value, total=None, preview=None):
        steps.append(value / total)
        previews.append(preview)

    monkeypatch.setattr(host.new_bar, "update_absolute", note)
    animate(driving, chunk_size=4)
    assert steps == sorted(steps) and steps[-1] == 1
    assert any(preview is not None for preview in previews)

    mm.interrupt_current_processing(True)
    with pytest.raises(mm.InterruptProcessingException):
        animate(driving)
    mm.interrupt_current_processing(False)


def test_more_drivers_than_faces_are_refused(animate, driving):
    with pytest.raises(Exception, match=r"3 drivers for 2 face"):
        animate(driving, driving, driving)


def test_a_socket_left_free_between_drivers_counts_as_none(animate, driving):
    expected, *_ = animate(driving, driving.flip(0))
    actual, *_ = animate(driving, None, driving.flip(0))
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_no_driver_and_no_face_say_what_to_do(animate, driving, picture):
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    with pytest.raises(Exception, match="Connect a VIDEO"):
        animate()
    with pytest.raises(Exception, match="if_none"):
        animate(driving, faces=PictureFaces(picture, (FaceSet((), (96, 128)),)))


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (torch.zeros(0, 64, 64, 3), "empty batch"),
        (torch.full((2, 64, 64, 3), float("nan")), "NaN"),
        (torch.zeros(2, 1, 1, 3), "1x1"),
        ("a text", "must be an IMAGE batch"),
    ],
)
def test_what_is_no_driver_is_refused_in_a_sentence(animate, driver, words):
    from fom_pack.fom_core.errors import FomError

    with pytest.raises(FomError, match=words):
        animate(driver)


def test_a_motion_of_another_model_is_refused(animate, driving):
    motion = replace(animate(driving)[3][0], model="vox-adv-256", fingerprint=None)
    with pytest.raises(Exception, match="vox-adv-256"):
        animate(motion)


def test_a_driver_without_a_face_is_refused_where_one_was_asked_for(animate, driving):
    from fom_pack.fom_core.errors import NoFaceFound

    with pytest.raises(NoFaceFound, match="driving crop"):
        animate(driving, driving_crop="face")
    assert len(animate(driving, driving_crop="auto")[0][0]) == 12


class TwoPeople:
    """Sees a small face on the left of every frame and a large one on the right."""

    name = "fake"

    def detect(self, image):
        from fom_pack.fom_core.faces.detection import Detection

        return [Detection((40, 10, 75, 50), 0.9), Detection((5, 30, 25, 50), 0.9)]


def test_whose_face_drives_is_chosen_from_the_left_and_is_the_largest_otherwise(animate, driving, monkeypatch):
    from fom_pack.nodes import motions

    monkeypatch.setattr(motions, "open_detector", lambda name, **_: TwoPeople())
    largest, left, right = (animate(driving, driving_crop="face", driving_face=number)[0][0] for number in (0, 1, 2))
    assert torch.equal(largest, right) and not torch.equal(largest, left)
    with pytest.raises(Exception, match="no face 3 from the left"):
        animate(driving, driving_crop="face", driving_face=3)


def test_transparent_and_grey_pictures_drive_and_are_driven(animate, driving, faces, picture):
    rgba = torch.cat([picture, torch.ones_like(picture[..., :1])], dim=-1)
    frames = animate(
        torch.cat([driving, torch.ones_like(driving[..., :1])], dim=-1), faces=replace(faces, pictures=rgba)
    )
    assert torch.equal(frames[0][0], animate(driving)[0][0])
    assert animate(driving.mean(-1, keepdim=True))[0][0].shape == (12, 64, 64, 3)
