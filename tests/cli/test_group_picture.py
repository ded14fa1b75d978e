"""The main job on real media: every face of a group picture, with the driver's frames, rate and sound."""

from __future__ import annotations

import numpy as np
import pytest

from fom_core.faces.detect import detect_faces
from fom_core.faces.regions import pixel_box
from fom_core.media import VideoReader, read_picture

OPTIONS = ["--ratio", 0.4, "--relative", "--adapt_scale", "--image_size", 512, "--multi_person", "--cpu"]


@pytest.mark.slow
@pytest.mark.parametrize(("driver", "sound"), [("fom_dv.mp4", False), ("talk_audio_524.mp4", True)])
def test_a_group_picture_moves_with_the_whole_driver(fom, shared, tmp_path, driver, sound):
    media = shared / "data" / "media"
    picture, video = media / "fom_source_image_multi_person.jpg", VideoReader(media / driver)

    outcome = fom(
        "animate", "--driving_video", media / driver, "--source_image", picture, *OPTIONS, "--output", tmp_path
    )

    result = VideoReader(tmp_path / "result.mp4")
    assert outcome.status == 0
    assert outcome.messages[-1].startswith("5 faces")
    assert (result.frame_count, result.rate, result.has_audio) == (video.frame_count, video.rate, sound)
    assert result.size == (900, 1200)


@pytest.mark.slow
def test_every_face_moves_and_the_rest_is_bit_identical(fom, shared, tmp_path, ffmpeg):
    media = shared / "data" / "media"
    picture = media / "fom_source_image_multi_person.jpg"
    ffmpeg("-ss", 4, "-i", media / "fom_dv.mp4", "-frames:v", 40, tmp_path / "short.mp4")

    words = ["--driving_video", tmp_path / "short.mp4", "--source_image", picture, *OPTIONS]
    fom("animate", *words, "--output", tmp_path / "frames" / "f.png")

    source = read_picture(picture)
    frames = np.stack([read_picture(path) for path in sorted((tmp_path / "frames").iterdir())])
    faces = detect_faces(source)
    outside = np.ones(source.shape[:2], bool)
    for x0, y0, x1, y1 in (pixel_box(face.crop_px) for face in faces):
        outside[max(y0, 0) : y1, max(x0, 0) : x1] = False
    assert len(frames) == 40 and len(faces) == 5
    assert (frames[:, outside] == source[outside]).all()
    for x0, y0, x1, y1 in (pixel_box(face.box_px) for face in faces):
        moved = np.abs(frames[1:, y0:y1, x0:x1].astype(int) - frames[:1, y0:y1, x0:x1]).mean(axis=(1, 2, 3))
        assert moved.max() > 2
