"""The frames of one video through Detect Faces, Animate Face and Paste Faces; and Animate Picture with a VIDEO."""

import numpy as np
import pytest
import torch

VIDEO = "frames of one video"
COUNT = 14


@pytest.fixture(scope="module")
def frames(pack) -> torch.Tensor:
    """An IMAGE batch (14, 96, 128, 3): noise, and a bright square that wanders over it."""
    noise = np.random.default_rng(2).integers(0, 120, (96, 128, 3))
    video = np.repeat(noise[None], COUNT, axis=0).astype(np.uint8)
    for t in range(COUNT):
        video[t, 30:54, 20 + 3 * t : 44 + 3 * t] = (250, 230, 210)
        video[t, 36:40, 26 + 3 * t : 38 + 3 * t] = (250, 20, 20)
    return torch.from_numpy(video).float() / 255


@pytest.fixture
def square_finder(pack, monkeypatch) -> None:
    """Detectors take the bright square for a face."""
    from fom_pack.fom_core.faces.detection import Detection
    from fom_pack.nodes import detect_faces, picture_videos

    class Finder:
        name = "squares"

        def detect(self, image):
            there = image.min(axis=2) > 200
            rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
            if not len(rows):
                return []
            return [Detection((float(columns[0]), float(rows[0]), columns[-1] + 1.0, rows[-1] + 1.0), 0.9)]

    for module in (detect_faces, picture_videos):
        monkeypatch.setattr(module, "open_detector", lambda *_, **__: Finder())


@pytest.fixture
def found(execute, frames, square_finder):
    return execute("FOMDetectFaces", image=frames, batch=VIDEO).args


def test_one_face_is_followed_through_all_frames(found, frames):
    faces, bboxes, mask, crops, count, *_ = found
    assert count == len(faces) == len(crops) == 1 and len(faces.sets) == len(bboxes) == COUNT
    lefts = [one[0]["x"] for one in bboxes]
    assert lefts[0] == pytest.approx(20, abs=3) and lefts[-1] == pytest.approx(59, abs=3)
    assert mask.shape == frames.shape[:3]


def test_a_batch_of_pictures_stays_one(execute, frames, square_finder):
    assert execute("FOMDetectFaces", image=frames).args[4] == COUNT


def test_the_chain_gives_one_batch_of_frames_that_are_composed_bit_for_bit(execute, model, found, frames, driving):
    from fom_pack.fom_core.motion import smooth
    from fom_pack.fom_core.source_video import animate_video
    from fom_pack.fom_core.types import MotionTransfer

    faces = found[0]
    animated, occlusion, heads, motions, fps, _ = execute(
        "FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}, gain=2.0
    ).args
    (pasted,), (cover,) = execute("FOMPasteFaces", image=[frames], faces=[faces], animated_faces=animated).args

    network = model.model.network
    expected = np.concatenate(
        list(
            animate_video(
                network, (frames.numpy() * 255).round().astype(np.uint8), faces.tracks, smooth(motions[0], 0.15),
                MotionTransfer(initial_frame="medoid", gain=2.0, fade_in_s=0.3), fps=25.0,
            )
        )
    )  # fmt: skip
    assert len(animated) == 1 and len(animated[0]) == len(pasted) == COUNT and fps == 25
    assert len(occlusion[0]) == COUNT and heads[0].shape[0] == 1
    assert ((pasted * 255).round().to(torch.uint8).numpy() == expected).all()
    assert (pasted != frames).any()
    untouched = cover == 0
    assert untouched.any() and (pasted[untouched] == frames[untouched]).all()


def test_with_a_phase_the_second_face_of_a_video_is_ahead(execute, model, found, driving):
    from dataclasses import replace

    faces = found[0]
    (track,) = faces.tracks
    twins = replace(faces, tracks=replace(faces.tracks, tracks=(track, replace(track, id=1))))
    settings = {"model": model, "faces": twins, "drivers": {"driver1": driving}, "frames": "as painted", "gain": 2.0}
    together, apart = (execute("FOMAnimateFace", **settings, phase_s=phase_s).args[0] for phase_s in (0.0, 0.2))
    assert (together[0] == together[1]).all()
    assert (apart[0][6] - apart[1][6]).abs().max() > 1e-3


def test_painted_faces_are_pasted_where_each_frame_has_them(execute, model, found, frames, driving):
    faces = found[0]
    animated = execute(
        "FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}, frames="as painted"
    ).args[0]
    (pasted,), (cover,) = execute(
        "FOMPasteFaces", image=[frames], faces=[faces], animated_faces=animated, mask=["soft"]
    ).args
    assert animated[0].shape[1:3] == (64, 64)
    left, right = (np.flatnonzero(cover[t].amax(dim=0).numpy() > 0.5)[0] for t in (0, -1))
    assert 30 <= right - left <= 45
    assert (pasted[cover == 0] == frames[cover == 0]).all()


def test_enlarged_faces_go_back_to_their_places(execute, model, found, frames, driving):
    faces = found[0]
    (batch,) = execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}).args[0]
    larger = batch.repeat_interleave(2, 1).repeat_interleave(2, 2)
    (plain,), _ = execute("FOMPasteFaces", image=[frames], faces=[faces], animated_faces=[batch]).args
    (pasted,), _ = execute("FOMPasteFaces", image=[frames], faces=[faces], animated_faces=[larger]).args
    assert (plain - pasted).abs().mean() < 0.01


def test_animate_picture_takes_a_video(execute, model, frames, driving, square_finder, tmp_path):
    from comfy_api.latest import InputImpl

    from fom_pack.fom_core.media import VideoWriter

    with VideoWriter(tmp_path / "source.mkv", 30, synthetic=False) as writer:
        writer.write((frames.numpy() * 255).round().astype(np.uint8))
    source = InputImpl.VideoFromFile(str(tmp_path / "source.mkv"))

    made = execute("FOMAnimatePicture", model=model, image=source, driver=driving).args[0]

    assert made.get_frame_count() == COUNT and float(made.get_frame_rate()) == 30
    assert made.get_dimensions() == (128, 96)


def test_animate_picture_takes_followed_frames(execute, model, found, frames, driving):
    made = execute("FOMAnimatePicture", model=model, image=frames, faces=found[0], driver=driving).args[0]
    assert made.get_frame_count() == COUNT


@pytest.fixture
def looks(model, monkeypatch) -> list[int]:
    """How many pictures the model was to find keypoints in, call by call."""
    network, asked = model.model.network, []
    detect = network.detect_keypoints
    monkeypatch.setattr(network, "detect_keypoints", lambda images: asked.append(len(images)) or detect(images))
    return asked


def test_a_changed_gain_reads_the_faces_of_followed_frames_no_more(
    execute, model, frames, driving, square_finder, looks
):
    faces = execute("FOMDetectFaces", image=frames.clone(), batch=VIDEO).args[0]

    def animated(gain):
        return execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}, gain=gain).args[0][0]

    first = animated(2.0)
    read = sum(looks)
    changed, again = animated(1.0), animated(2.0)

    assert read > COUNT // 2 and sum(looks) == read
    assert torch.equal(again, first) and not torch.equal(changed, first)


def test_other_frames_and_other_places_are_read_anew(execute, model, frames, driving, square_finder, looks):
    for image, margin in ((frames.clone(), 0.75), (frames.clone(), 0.75), (frames, 0.5)):
        faces = execute("FOMDetectFaces", image=image, batch=VIDEO, margin=margin).args[0]
        before = sum(looks)
        execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving})
        assert sum(looks) > before


def test_a_changed_gain_follows_the_faces_of_a_video_no_more(
    execute, model, frames, driving, square_finder, looks, tmp_path, monkeypatch
):
    from comfy_api.latest import InputImpl

    from fom_pack.fom_core.media import VideoWriter, read_video
    from fom_pack.nodes import picture_videos

    with VideoWriter(tmp_path / "source.mkv", 30, synthetic=False) as writer:
        writer.write((frames.numpy() * 255).round().astype(np.uint8))
    follow, followed = picture_videos.follow_faces, []
    monkeypatch.setattr(
        picture_videos, "follow_faces", lambda *given, **options: followed.append(1) or follow(*given, **options)
    )

    def animated(gain):
        source = InputImpl.VideoFromFile(str(tmp_path / "source.mkv"))
        video = execute("FOMAnimatePicture", model=model, image=source, driver=driving, gain=gain).args[0]
        return torch.from_numpy(read_video(video.get_stream_source())[0])

    first = animated(2.0)
    read = sum(looks)
    changed, again = animated(1.0), animated(2.0)

    assert len(followed) == 1 and sum(looks) == read > 0
    assert torch.equal(again, first) and not torch.equal(changed, first)


@pytest.mark.parametrize(
    ("node_id", "inputs", "words"),
    [
        ("FOMDetectFaces", {"bboxes": [{"x": 1, "y": 2, "width": 20, "height": 20}]}, "followed by the detector"),
        ("FOMDetectFaces", {"face_choice": "2"}, "asks for face 2, .* the preview of Detect Faces"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(execute, frames, square_finder, node_id, inputs, words):
    from fom_pack.fom_core.errors import UsageError

    with pytest.raises(UsageError, match=words):
        execute(node_id, image=frames, batch=VIDEO, **inputs)


@pytest.mark.parametrize("points", [3, 4])
@pytest.mark.parametrize("node_id", ["FOMAnimateFace", "FOMAnimatePicture"])
def test_a_motion_of_another_model_is_refused_before_the_source_is_read(
    execute, model, found, frames, monkeypatch, node_id, points
):
    from fom_pack.fom_core.errors import UsageError
    from fom_pack.fom_core.types import Keypoints, Motion
    from fom_pack.nodes import picture_videos, source_videos

    for module in (picture_videos, source_videos):
        monkeypatch.setattr(module, "read_source_motions", lambda *_, **__: pytest.fail("read the source"))
    eyes = torch.eye(2).expand(5, points, 2, 2)
    motion = Motion(Keypoints(torch.rand(5, points, 2), eyes), 25.0, "before", (64, 64))
    driver = {"drivers": {"driver1": motion}} if node_id == "FOMAnimateFace" else {"driver": motion, "image": frames}

    with pytest.raises(UsageError, match="This motion was read with the model 'before'"):
        execute(node_id, model=model, faces=found[0], **driver)


def test_an_initial_frame_beyond_the_driver_is_refused_though_the_source_is_longer(execute, model, found, driving):
    from fom_pack.fom_core.errors import UsageError

    number = {"initial_frame": "number", "frame_number": 12}
    with pytest.raises(UsageError, match="one of the 12 driving frames, 0 to 11"):
        execute("FOMAnimateFace", model=model, faces=found[0], drivers={"driver1": driving}, initial_frame=number)


def test_frames_of_another_video_are_refused(execute, found, frames, model, driving):
    from fom_pack.fom_core.errors import UsageError

    batch = [frames[:, :40, :40]]
    with pytest.raises(UsageError, match="14 frames, but image has 5"):
        execute("FOMPasteFaces", image=[frames[:5]], faces=[found[0]], animated_faces=batch)


def test_a_video_without_faces_stops_or_takes_the_middle(execute, square_finder):
    from fom_pack.fom_core.errors import NoFaceFound

    dark = torch.zeros(5, 64, 96, 3)
    with pytest.raises(NoFaceFound):
        execute("FOMDetectFaces", image=dark, batch=VIDEO)
    faces = execute("FOMDetectFaces", image=dark, batch=VIDEO, if_none="pass through").args[0]
    assert [one[0].crop_px for one in faces.sets] == [(16, 0, 80, 64)] * 5


def test_many_pictures_are_told_of_before_they_are_animated(execute, model, frames, driving, square_finder, caplog):
    faces = execute("FOMDetectFaces", image=frames).args[0]
    execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving})
    assert "168 pictures in all" in caplog.text and VIDEO in caplog.text


def test_a_face_of_a_video_can_be_tuned_in_the_frame_that_shows_it_largest(execute, model, found, frames, driving):
    faces = found[0]
    shown, members = next(faces.shown())
    frame = execute("FOMPreviewAnimation", model=model, faces=faces, driver=driving, driving_crop="none").args[2][0]

    assert len(members) == 1
    assert frame.shape == shown.shape
    assert (frame[-4:] - shown[-4:]).abs().max() < 1.1 / 255  # beyond the face's reach


def test_heads_of_a_video_are_shown_kept_as_they_will_be(execute, model, found, faces, driving):
    def shown(of, head_gain):
        asked = {"model": model, "faces": of, "driver": driving, "driving_crop": "none", "head_gain": head_gain}
        tuning, _, frame, _ = execute("FOMPreviewAnimation", **asked, moment=0.5).args
        return tuning.transfer.head_gain, frame

    (gain, moved), (_, kept) = (shown(found[0], head_gain) for head_gain in (1.0, 0.0))
    assert gain == 1.0  # for those who switch keep_head off
    assert torch.equal(moved, kept)
    (_, moved), (_, kept) = (shown(faces, head_gain) for head_gain in (1.0, 0.0))
    assert not torch.equal(moved, kept)


def test_odd_frames_of_a_video_are_made_even_where_it_is_asked(execute, model, frames, driving, square_finder):
    odd = frames[:, :95, :127]
    faces = execute("FOMDetectFaces", image=odd, batch=VIDEO).args[0]
    canvases = execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}).args[0]
    asked = {"image": [odd], "faces": [faces], "animated_faces": canvases}
    whole = execute("FOMPasteFaces", **asked, frame_size=["as the picture"]).args[0][0]
    even, mask = (each[0] for each in execute("FOMPasteFaces", **asked, frame_size=["even"]).args)

    assert whole.shape == (COUNT, 95, 127, 3)
    assert even.shape == (COUNT, 94, 126, 3) and mask.shape == (COUNT, 94, 126)
    assert torch.equal(even, whole[:, :94, :126])
