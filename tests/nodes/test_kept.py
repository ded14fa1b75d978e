"""What is kept between runs: drivers are read and faces encoded once for each content."""

from __future__ import annotations

import numpy as np
import pytest
import torch

PLAIN = {"initial_frame": {"initial_frame": "first"}, "driving_crop": "none"}


@pytest.fixture
def managed(pack, tiny_model, tmp_path):
    """A FOM_MODEL of its own for each test, and lists of what its network was asked for."""
    from fom_core.weights.load import save_model
    from fom_pack.fom_core.backends.fingerprint import fingerprint
    from fom_pack.fom_core.backends.load import load_model
    from fom_pack.nodes import host

    patcher = host.manage_model(load_model(str(save_model(tiny_model, tmp_path / "tiny.safetensors")), device="cpu"))
    network, asked = patcher.model.network, {"seen": 0, "encoded": 0}
    fingerprint(network)  # looks at pictures of its own, once for a model
    detect, encode = network.detect_keypoints, network.encode_source

    def detect_keypoints(images):
        asked["seen"] += len(images)
        return detect(images)

    def encode_source(image, keypoints=None):
        asked["encoded"] += 1
        return encode(image, detect(image) if keypoints is None else keypoints)

    network.detect_keypoints, network.encode_source = detect_keypoints, encode_source
    return patcher, asked


@pytest.fixture
def animate(execute, managed, faces):
    def run(driver, **inputs):
        settings = {"model": managed[0], "faces": faces, "drivers": {"driver1": driver}} | PLAIN | inputs
        return execute("FOMAnimateFace", **settings).args

    return run


@pytest.mark.parametrize("change", [{"gain": 0.5}, {"smoothing": 0.7}, {"head_gain": 0.6}, {"frames": "as painted"}])
def test_tuning_reads_neither_the_driver_nor_the_picture_again(animate, managed, driving, change):
    first = animate(driving)
    asked = dict(managed[1])
    second = animate(driving.clone(), **change)

    assert asked == {"seen": 12, "encoded": 2}
    assert managed[1] == asked
    assert first[0][0].shape != second[0][0].shape or not torch.equal(first[0][0], second[0][0])


def test_what_is_kept_gives_the_same_result(animate, driving):
    first, again = animate(driving)[0], animate(driving)[0]

    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))


def test_another_content_is_read_anew(animate, managed, driving):
    animate(driving)
    changed = driving.clone()
    changed[3, 4, 5] = 0.25
    animate(changed)

    assert managed[1]["seen"] == 24


def test_another_way_to_look_is_read_anew_and_another_rate_is_not(animate, managed, driving):
    animate(driving, fps=10.0)
    *_, motions, fps, _ = animate(driving, fps=20.0)

    assert managed[1]["seen"] == 12
    assert (fps, motions[0].fps) == (20.0, 20.0)


def test_a_file_that_was_replaced_is_read_anew(animate, managed, sound_clip, tmp_path):
    from comfy_api.latest import InputImpl

    file = tmp_path / "driver.mp4"
    file.write_bytes(sound_clip.read_bytes())
    for _ in range(2):
        animate(InputImpl.VideoFromFile(str(file)))
    assert managed[1]["seen"] == 60
    file.write_bytes(sound_clip.read_bytes() + b"\0" * 8)
    animate(InputImpl.VideoFromFile(str(file)))
    assert managed[1]["seen"] == 120


def test_a_run_that_was_cancelled_leaves_nothing_half_read(animate, managed, driving):
    from comfy import model_management

    model_management.interrupt_current_processing()
    with pytest.raises(model_management.InterruptProcessingException):
        animate(driving)
    animate(driving)

    assert managed[0].model.kept.size > 0
    assert len(animate(driving)[0][0]) == 12


def test_unloading_gives_up_pictures_on_the_device_and_keeps_motions(animate, managed, driving):
    animate(driving)
    before = managed[0].model.kept.size
    managed[0].detach()
    after = managed[0].model.kept.size
    animate(driving)

    assert 0 < after < before
    assert managed[1] == {"seen": 12, "encoded": 4}


def test_no_more_is_held_than_was_agreed(pack):
    from fom_pack.nodes.kept import Shelf

    kept = Shelf(most_bytes=100)
    for name in "abc":
        kept.get(name, lambda: "value", lambda _: 40)
    made = []
    kept.get("b", lambda: made.append("b"), lambda _: 40)
    kept.get("a", lambda: made.append("a"), lambda _: 40)

    assert made == ["a"]
    assert kept.size == 80


def test_a_value_that_is_too_large_by_itself_drives_no_other_out(pack):
    from fom_pack.nodes.kept import Shelf

    kept = Shelf(most_bytes=100)
    kept.get("a", lambda: "value", lambda _: 40)

    assert kept.get("huge", lambda: "too much", lambda _: 200) == "too much"
    assert kept.get("a", lambda: pytest.fail("made anew"), lambda _: 40) == "value"
    assert kept.size == 40


def test_large_faces_never_cost_a_driver(animate, managed, driving, monkeypatch):
    from fom_pack.nodes import kept

    monkeypatch.setattr(kept, "MOST_SOURCES", 1)
    managed[0].model.kept = kept.Kept()
    animate(driving)
    animate(driving, gain=0.5)

    assert managed[1] == {"seen": 12, "encoded": 4}
    assert kept.MOST_DRIVERS + (64 << 20) == 96 << 20  # as the help page says


def test_batches_are_told_apart_by_content_shape_and_type(pack):
    from fom_pack.nodes.kept import digest

    batch = torch.rand(2, 8, 8, 3)
    other = batch.clone()
    other[1, 7, 7, 2] += 0.001

    assert digest(batch) == digest(batch.clone()) == digest(batch[:, :, :, [0, 1, 2]])
    assert len({digest(each) for each in (batch, other, batch.half(), batch.reshape(2, 4, 16, 3))}) == 4


def test_a_batch_is_looked_through_once_while_it_lives(animate, driving, monkeypatch):
    from fom_pack.nodes import kept

    looked = []
    look = kept._digest
    monkeypatch.setattr(kept, "_digest", lambda images: looked.append(images.shape) or look(images))
    batch = driving.clone()
    animate(batch)
    animate(batch, gain=0.5)

    assert looked == [driving.shape]
    animate(driving.clone())
    assert len(looked) == 2


def test_a_batch_that_a_node_changed_in_place_is_read_anew(animate, managed, driving):
    batch = driving.clone()
    animate(batch)
    batch[7, 20:30, 20:30] = 0
    animate(batch)

    assert managed[1]["seen"] == 24


@pytest.mark.parametrize("frames", [1, 100])
def test_a_batch_that_was_changed_in_place_is_another_one(pack, frames):
    from fom_pack.nodes.kept import identity_of

    batch = torch.rand(frames, 64, 64, 3)
    first, again = identity_of(batch), identity_of(batch)
    batch[-1, 3:6, 3:6] += 0.1

    assert first == again != identity_of(batch)


def test_what_is_remembered_of_a_batch_goes_with_it(pack):
    from fom_pack.nodes.kept import Remembered

    remembered = Remembered()
    batch, other = torch.zeros(1), torch.zeros(1)
    numbers = [remembered.get(each, lambda: len(remembered._values)) for each in (batch, other, batch)]
    del batch

    assert numbers == [0, 1, 0]
    assert len(remembered._values) == 1


def test_a_picture_is_searched_for_faces_once(execute, managed, picture, driving, faces, monkeypatch):
    from fom_pack.nodes import animate_picture

    searched = []

    def detect_faces(image, detector):
        searched.append(image.shape)
        return faces.sets[0]

    monkeypatch.setattr(animate_picture, "is_for_faces", lambda _: True)
    monkeypatch.setattr(animate_picture, "detect_faces", detect_faces)
    for image, gain in ((picture, 1.0), (picture.clone(), 0.5), (1 - picture, 0.5)):
        execute("FOMAnimatePicture", model=managed[0], image=image, driver=driving, gain=gain, driving_crop="none")

    assert searched == [(96, 128, 3)] * 2


def test_auto_looks_again_once_there_is_a_better_detector(execute, managed, picture, driving, faces, monkeypatch):
    from fom_pack.nodes import animate_picture, detectors, motions

    best, asked, looked = ["embedded"], [], []
    monkeypatch.setattr(detectors, "best_detector", lambda folders: best[0])
    monkeypatch.setattr(animate_picture, "is_for_faces", lambda _: True)
    monkeypatch.setattr(animate_picture, "open_detector", asked.append)
    monkeypatch.setattr(animate_picture, "detect_faces", lambda *_: faces.sets[0])
    monkeypatch.setattr(motions, "open_detector", lambda name, **_: looked.append(name))
    monkeypatch.setattr(motions, "needs_face", lambda *_: True)
    for name in ("embedded", "embedded", "yunet"):
        best[0] = name
        execute("FOMAnimatePicture", model=managed[0], image=picture, driver=driving, driving_crop="none")

    assert asked == ["embedded", "yunet"]
    assert len(looked) == 2


def test_another_look_neither_opens_the_parser_nor_parses_heads_again(video_of, monkeypatch):
    from fom_pack.nodes import animate_picture, face_parts, host

    opened, views = [], []

    def load_parser(name, *_, **__):
        opened.append(name)
        return lambda view: views.append(view) or np.ones((512, 512), np.uint8)

    monkeypatch.setattr(animate_picture, "is_for_faces", lambda _: True)
    monkeypatch.setattr(host, "weights", lambda entry: None)
    monkeypatch.setattr(face_parts, "load_parser", load_parser)
    for feather, parsing in ((0.1, "parsenet"), (0.9, "parsenet"), (0.9, "bisenet")):
        video_of(mask="soft", feather=feather, parsing=parsing)

    assert opened == ["parsenet", "bisenet"]
    assert len(views) == 4


@pytest.fixture
def video_of(execute, managed, picture, faces, driving, monkeypatch):
    """Animate Picture's frames with these settings, and how many frames the generator has painted so far."""
    from fom_pack.fom_core.media import read_video

    network, painted = managed[0].model.network, []
    generate = network.generate

    def counted(source, keypoints, details=False):
        painted.append(len(keypoints))
        return generate(source, keypoints, details)

    monkeypatch.setattr(network, "generate", counted)

    def run(**settings):
        common = {"image": picture, "faces": faces, "driver": driving, "driving_crop": "none", "quality_crf": 0}
        video = execute("FOMAnimatePicture", model=managed[0], **common | settings).args[0]
        return torch.from_numpy(read_video(video.get_stream_source())[0]), sum(painted)

    return run


@pytest.mark.parametrize("change", [{"feather": 0.9}, {"mask": "ellipse"}, {"mask": "box"}, {"mark": "bottom right"}])
def test_another_look_paints_no_face_again(video_of, managed, change):
    _, before = video_of(mask="soft")
    changed, after = video_of(**{"mask": "soft"} | change)
    managed[0].model.kept.clear()
    anew, _ = video_of(**{"mask": "soft"} | change)

    assert after == before >= 24
    assert torch.equal(changed, anew)


def test_composing_what_was_pasted_paints_only_what_it_is_measured_by(video_of, managed, monkeypatch):
    from fom_pack.nodes import animate_picture

    monkeypatch.setattr(animate_picture, "is_for_faces", lambda _: True)
    _, before = video_of(mask="soft")
    composed, after = video_of(mask="flow")
    managed[0].model.kept.clear()
    anew, _ = video_of(mask="flow")

    assert after == before + 2  # each face in its own pose
    assert torch.equal(composed, anew)


@pytest.mark.parametrize("change", [{"gain": 0.5}, {"mask": "paddlegan"}, {"colour_match": 0.5}])
def test_what_bytes_cannot_tell_is_painted_anew(video_of, managed, change):
    _, before = video_of(mask="soft")
    changed, after = video_of(**{"mask": "soft"} | change)
    managed[0].model.kept.clear()
    anew, _ = video_of(**{"mask": "soft"} | change)

    assert after >= before + 24
    assert torch.equal(changed, anew)


def test_paintings_give_way_to_faces(video_of, animate, managed, driving, monkeypatch):
    from fom_pack.nodes import kept

    video_of(mask="soft")
    held = managed[0].model.kept
    assert held.painted.size > 0
    monkeypatch.setattr(kept, "MOST_SOURCES", held.sources.size + held.painted.size - 1)
    animate(driving)

    assert held.painted.size == 0 < held.sources.size


def test_heads_that_lie_otherwise_are_read_anew(pack):
    from fom_pack.fom_core.faces.tracks import FaceTrack, FaceTracks
    from fom_pack.nodes.kept import Kept, source_motions

    boxes, shown, read = np.full((4, 4), 10, np.float32), np.ones(4, np.float32), []
    kept = Kept()
    for roll in (None, 40, 40, -40):
        rolls = None if roll is None else np.full(4, roll, np.float32)
        tracks = FaceTracks((FaceTrack(0, boxes, shown, 0.9, rolls),), (96, 128), 4)
        source_motions(kept, "video", tracks, 25.0, lambda roll=roll: read.append(roll) or [])

    assert read == [None, 40, -40]
