"""Raw videos to face clips: fixed squares, scenes apart, reasons for what is dropped, and going on after a stop."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from fom_core.errors import MediaError, UsageError
from fom_core.faces.detection import Detection
from fom_core.media import VideoReader, VideoWriter
from fom_core.preprocess import preprocess as module
from fom_core.preprocess.clip_sources import MetadataRow, VideoJob, jobs_of_metadata, jobs_of_videos
from fom_core.preprocess.face_clips import Piece, Rules, find_pieces
from fom_core.preprocess.preprocess import Recipe, cut_video, preprocess

RULES = Rules(size=32, min_frames=6, min_crop_px=20, every=2)
RED = (250, 0, 0)


class RedSquares:
    """Takes every red square of 20 pixels, each in its own half of the picture, for a face."""

    name = "red"

    def detect(self, image: np.ndarray) -> list[Detection]:
        found = []
        for left in (0, 80):
            half = image[:, left : left + 80].astype(int)
            rows, columns = np.nonzero((half[..., 0] > 180) & (half[..., 1] < 90))
            if len(rows) > 50:
                x0, x1 = columns.min() + left, columns.max() + left + 1
                found.append(Detection((x0, rows.min(), x1, rows.max() + 1), 0.9))
        return found


def frame(*corners: tuple[int, int], ground: int = 60) -> np.ndarray:
    """A picture (120, 160, 3) with a red square at each (x, y)."""
    picture = np.full((120, 160, 3), ground, np.uint8)
    for x, y in corners:
        picture[y : y + 20, x : x + 20] = RED
    return picture


def write(path: Path, frames: list[np.ndarray]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, 25) as writer:
        writer.write(np.stack(frames))
    return path


def pieces_of(frames: list[np.ndarray], rules: Rules = RULES) -> list[Piece]:
    return find_pieces(frames, RedSquares(), rules)


@pytest.fixture(autouse=True)
def red_faces(monkeypatch):
    monkeypatch.setattr(module, "load_detector", lambda name: RedSquares())


def rows_of(report: Path) -> list[dict[str, str]]:
    with report.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_face_gets_a_square_that_holds_it_all_the_time():
    frames = [frame((20 + step // 2, 40), (110, 50)) for step in range(12)]

    left, right = pieces_of(frames)

    assert (left.start, left.stop) == (0, 11)
    assert left.crop_px[0] <= 20
    assert left.crop_px[2] >= 46
    assert left.crop_px[2] - left.crop_px[0] == left.crop_px[3] - left.crop_px[1] == 35
    assert right.crop_px[0] > 80


def test_a_face_that_wanders_off_begins_a_new_clip():
    frames = [frame((2 * step, 40)) for step in range(28)]

    pieces = pieces_of(frames)

    assert len(pieces) > 1
    for piece in pieces:
        assert piece.crop_px[0] <= 2 * piece.start
        assert piece.crop_px[2] >= 2 * (piece.stop - 1) + 20 - 2


def test_a_cut_ends_the_clip_though_the_next_face_is_at_the_same_place():
    frames = [frame((20, 40))] * 10 + [frame((20, 40), ground=200)] * 10
    assert [(piece.start, piece.stop) for piece in pieces_of(frames)] == [(0, 9), (10, 19)]


def test_a_face_missed_once_goes_on_and_one_gone_longer_ends():
    def with_gap(frames: int) -> list[np.ndarray]:
        return [frame((20, 40))] * 10 + [frame()] * frames + [frame((20, 40))] * 10

    assert len(pieces_of(with_gap(2))) == 1
    assert len(pieces_of(with_gap(8))) == 2


def test_two_faces_may_vanish_at_once():
    frames = [frame((20, 40), (110, 50))] * 10 + [frame()] * 10
    assert [(piece.start, piece.stop) for piece in pieces_of(frames)] == [(0, 9), (0, 9)]


def test_long_clips_are_divided():
    pieces = pieces_of([frame((20, 40))] * 30, Rules(max_frames=10, every=2))
    assert max(piece.stop - piece.start for piece in pieces) <= 12


@pytest.mark.parametrize(
    ("form", "name"), [("mp4", "bob#video#000000-000011-0.mp4"), ("png", "bob#video#000000-000011-0")]
)
def test_clips_are_what_training_reads(tmp_path, form, name):
    path = write(tmp_path / "raw" / "bob.mp4", [frame((20, 40))] * 12)

    report = preprocess(jobs_of_videos([path.parent]), tmp_path / "data", Recipe(RULES, form))

    made = tmp_path / "data" / "train" / name
    frames = list(VideoReader(made))
    assert len(frames) == 11
    assert frames[0].shape == (32, 32, 3)
    assert frames[0][16, 16, 0] > 180
    row = rows_of(report)[0]
    assert (row["kept"], row["file"], row["person"]) == ("True", f"train/{name}", "bob")


def test_the_report_says_why_clips_are_dropped(tmp_path):
    raw = tmp_path / "raw"
    write(raw / "good.mp4", [frame((20, 40))] * 12)
    write(raw / "short.mp4", [frame((20, 40))] * 4)
    write(raw / "empty.mp4", [frame()] * 4)
    (raw / "broken.mp4").write_bytes(b"no video")

    report = preprocess(jobs_of_videos([raw]), tmp_path / "data", Recipe(RULES), missing=["gone"])

    whys = {Path(row["video"]).stem: row["why"].partition(":")[0] for row in rows_of(report)}
    assert whys == {
        "good": "",
        "short": "too short",
        "empty": "no face",
        "broken": "unreadable",
        "gone": "the video is not at hand",
    }


def test_a_square_that_would_be_enlarged_too_much_is_dropped():
    assert "too small" in str(Piece(0, 90, (0, 0, 50, 50)).why_not(Rules(min_crop_px=64)))


def test_finished_videos_are_not_read_again(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    for name in ("one", "two"):
        write(raw / f"{name}.mp4", [frame((20, 40))] * 12)
    preprocess(jobs_of_videos([raw / "one.mp4"]), tmp_path / "data", Recipe(RULES))
    seen = []
    monkeypatch.setattr(module, "cut_video", lambda job, *rest: seen.append(job.person) or cut_video(job, *rest))

    report = preprocess(jobs_of_videos([raw]), tmp_path / "data", Recipe(RULES))

    assert seen == ["two"]
    assert sorted(row["person"] for row in rows_of(report)) == ["one", "two"]
    preprocess(jobs_of_videos([raw]), tmp_path / "data", Recipe(Rules(size=64, min_frames=6, min_crop_px=20, every=2)))
    assert seen == ["two", "one", "two"], "another recipe is another data set"


def test_subfolders_name_people_and_people_are_divided_by_name(tmp_path):
    for name in ("id1/a/1.mp4", "id1/b/1.mp4", "id2#x.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    jobs = jobs_of_videos([tmp_path], test_share=1.0)

    assert [(job.person, job.name, job.split) for job in jobs] == [
        ("id1", "a-1", "test"),
        ("id1", "b-1", "test"),
        ("id2_x", "video", "test"),
    ]


METADATA = "video_id,start,end,bbox,fps,width,height,partition,person_id\n"


def test_metadata_is_in_its_own_frames_and_pixels(tmp_path):
    write(tmp_path / "raw" / "v1.mp4", [frame((20, 40))] * 20)
    table = tmp_path / "meta.csv"
    table.write_text(METADATA + "v1,10,40,20-60-80-140,50,320,240,test,id7\ngone,0,9,0-0-9-9,25,99,99,train,id8\n")

    jobs, missing = jobs_of_metadata(table, tmp_path / "raw")
    report = preprocess(jobs, tmp_path / "data", Recipe(RULES), missing=missing)

    row = rows_of(report)[0]
    assert missing == ["gone"]
    assert (row["start"], row["stop"], row["crop_px"]) == ("5", "20", "5 30 45 70")
    assert row["file"] == "test/id7#v1#000005-000020-0.mp4"
    assert len(list(VideoReader(tmp_path / "data" / row["file"]))) == 15


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("video_id,start,end\n", "no column bbox"),
        (METADATA + "v,9,3,0-0-9-9,25,,,,\n", "line 2: a part ends after it starts"),
        (METADATA + "v,1,3,0-0-9,25,,,,\n", "line 2: a box is left-top-right-bottom"),
        (METADATA + "v,1,inf,0-0-9-9,25,,,,\n", "line 2: numbers are from 0 to 1000000000, found 'inf'"),
        (METADATA + "v,1,3,0-0-9-9,0,,,,\n", "line 2: fps, width and height are above 0"),
        (METADATA + "v,1,3,0-0-9-9,25\n", "line 2: has 5 fields, and there are 9 columns"),
        (METADATA + "v,1,3,0-0-9-9,25,,,,\nv,one,3,0-0-9-9,25,,,,\n", "line 3: could not convert"),
    ],
)
def test_a_mistake_in_metadata_is_named_with_its_line(tmp_path, text, reason):
    table = tmp_path / "meta.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(MediaError, match=reason):
        jobs_of_metadata(table, tmp_path)


def test_a_part_beyond_the_end_is_dropped(tmp_path):
    path = write(tmp_path / "v.mp4", [frame((20, 40))] * 8)
    job = VideoJob(path, "bob", "v", rows=(MetadataRow(50, 90, (0, 0, 60, 60)),))
    assert [row["kept"] for row in cut_video(job, tmp_path / "data", Recipe(RULES), None)] == [False]


def test_what_cannot_be_done_is_refused(tmp_path):
    path = write(tmp_path / "v.mp4", [frame()] * 3)
    with pytest.raises(MediaError, match="No clip was kept"):
        preprocess([VideoJob(path, "bob", "v")], tmp_path / "data", Recipe(RULES))
    with pytest.raises(MediaError, match="at hand"):
        preprocess([], tmp_path / "data", Recipe(RULES))
    with pytest.raises(UsageError, match="Two videos"):
        preprocess([VideoJob(path, "bob", "v")] * 2, tmp_path / "data", Recipe(RULES))
    with pytest.raises(MediaError, match="found none"):
        jobs_of_videos([tmp_path / "data"])
    with pytest.raises(MediaError, match=r"The video or folder .*nowhere does not exist\. Check the path"):
        jobs_of_videos([tmp_path / "nowhere"])


@pytest.mark.slow
def test_processes_make_the_same_clips_of_real_videos_as_one(tmp_path, shared, monkeypatch):
    monkeypatch.undo()
    media = [shared / "data" / "media" / name for name in ("talk_audio_524.mp4", "expressive_512x480.mp4")]
    recipe = Recipe(Rules(size=128, min_frames=20, min_crop_px=64, every=15), detector="embedded")

    alone = preprocess(jobs_of_videos(media), tmp_path / "alone", recipe)
    together = preprocess(jobs_of_videos(media), tmp_path / "together", recipe, workers=2)

    assert rows_of(alone) == rows_of(together)
    kept = [row for row in rows_of(alone) if row["kept"] == "True"]
    assert {row["person"] for row in kept} == {"talk_audio_524", "expressive_512x480"}
    for row in kept:
        files = [folder / row["file"] for folder in (tmp_path / "alone", tmp_path / "together")]
        assert files[0].read_bytes() == files[1].read_bytes()
