"""Several pictures in one call: one result each."""

from __future__ import annotations

import os
import shutil
from argparse import Namespace

import pytest
import torch

from fom_core.cli.jobs import left_to_do
from fom_core.files.places import Work
from fom_core.media import VideoReader
from fom_core.networks import create_model
from fom_core.weights.load import save_model

NAMES = ("anna", "bert")


@pytest.fixture
def album(tmp_path, picture_file):
    """A folder of three pictures, one of them no picture inside."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("anna.png", "bert.png"):
        shutil.copyfile(picture_file, folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def words(sound_clip, tiny_weights):
    crops = ["--source_crop", "none", "--driving_crop", "none"]
    return ["--driving_video", sound_clip, "--model", tiny_weights, *crops, "--image_size", 64, "--cpu"]


def test_every_picture_of_a_folder_gives_a_result_named_after_it(fom, album, words, tmp_path):
    outcome = fom("animate", "--source_image", album, *words, "--output", tmp_path / "out", "--filename", "x.mkv")

    results = [tmp_path / "out" / name for name in ("anna.mkv", "bert.mkv")]
    assert (outcome.status, outcome.results) == (0, list(map(str, results)))
    assert [VideoReader(path).frame_count for path in results] == [60, 60]


@pytest.mark.parametrize(
    ("filename", "names"),
    [
        (".gif", ["anna.gif", "bert.gif"]),
        ("x_%02d.jpg", [f"{name}_{number:02}.jpg" for name in ("anna", "bert") for number in range(3)]),
    ],
)
def test_of_several_pictures_the_ending_of_the_filename_counts(fom, album, words, tmp_path, filename, names):
    fom("animate", "-s", album, *words, "--duration", 0.1, "--output", tmp_path / "out", "--filename", filename)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


@pytest.mark.parametrize("filename", ["gif", "x.jpg", ".bmp", "x.mp44"])
def test_of_several_pictures_a_filename_that_names_no_result_is_refused(fom, album, words, tmp_path, filename):
    outcome = fom("animate", "-s", album, *words, "--output", tmp_path / "out", "--filename", filename)
    assert outcome.status == 2 and outcome.messages[-1].startswith(f"fom: --filename {filename} ")
    assert not (tmp_path / "out").exists()


def test_many_give_the_frames_of_one_and_the_driver_is_read_once(fom, album, words, tmp_path, monkeypatch):
    from fom_core.cli import drivers

    fom("animate", "--source_image", album / "bert.png", *words, "--output", tmp_path / "one.png")
    reads = []
    read = drivers.read_driver
    monkeypatch.setattr(drivers, "read_driver", lambda *args, **options: reads.append(1) or read(*args, **options))

    pictures = ["--source_image", album / "anna.png", album / "bert.png"]
    outcome = fom("animate", *pictures, *words, "--output", tmp_path / "out", "--filename", ".png", "--gain", 1)

    assert outcome.status == 0
    assert len(reads) == 1
    one, many = sorted(tmp_path.glob("one_*.png")), sorted((tmp_path / "out").rglob("*.png"))
    assert len(one) == 60
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in many[-60:]]


def test_a_picture_that_fails_is_listed_at_the_end_and_the_others_go_on(fom, album, words, tmp_path):
    (album / "broken.png").write_text("no picture")

    outcome = fom("animate", "--source_image", album, *words, "--output", tmp_path)

    assert outcome.status == 1
    assert outcome.results == [str(tmp_path / "anna.mp4"), str(tmp_path / "bert.mp4")]
    assert outcome.messages[-2] == "fom: 1 of 3 jobs failed; the results of the others are there."
    assert outcome.messages[-1].count("broken.png") == 1


def test_failed_jobs_count_neither_as_done_nor_for_the_time_left(fom, album, words, tmp_path):
    (album / "aaa.png").write_text("no picture")

    outcome = fom("animate", "--source_image", album, *words, "--output", tmp_path)

    first, second = [line for line in outcome.messages if " jobs done" in line]
    assert first == "0 of 3 jobs done, 1 failed."
    assert second.startswith("1 of 3 jobs done, 1 failed, about ")


def test_a_second_call_goes_on_where_the_first_stopped(fom, album, words, tmp_path):
    command = ["animate", "--source_image", album, *words, "--output", tmp_path / "out"]
    fom(*command)
    (tmp_path / "out" / "bert.mp4").unlink()

    again = fom(*command)
    assert again.results == [str(tmp_path / "out" / "bert.mp4")]
    assert "1 of 2 results are there and newer" in again.messages[0]
    assert "options given now were not looked at: " in again.messages[0]
    assert "anna.mp4. --overwrite makes them anew." in again.messages[0]

    later = (tmp_path / "out" / "anna.mp4").stat().st_mtime + 10
    os.utime(album / "anna.png", (later, later))
    assert fom(*command).results == [str(tmp_path / "out" / "anna.mp4")]
    assert len(fom(*command, "--overwrite").results) == 2


def test_a_preview_of_many_is_always_made_anew(fom, album, words, tmp_path):
    command = ["animate", "-s", album, *words, "--preview", 2, "--output", tmp_path / "out"]
    assert fom(*command).results == fom(*command).results == [str(tmp_path / "out" / f"{name}.png") for name in NAMES]


def test_a_picture_that_is_named_twice_is_taken_once(fom, album, words, tmp_path):
    anna, part = album / "anna.png", ["--duration", 0.1]

    one = fom("animate", "-s", anna, album / ".." / "album" / "anna.png", *words, *part, "--output", tmp_path / "a.mp4")
    two = fom("animate", "-s", anna, album, anna, *words, *part, "--output", tmp_path / "out")

    assert one.results == [str(tmp_path / "a.mp4")]
    assert two.results == [str(tmp_path / "out" / f"{name}.mp4") for name in NAMES]


@pytest.mark.parametrize("how", [["--filename", ".png"], ["--filename", "x_%06d.jpg"], ["--preview"]])
def test_pictures_into_the_folder_that_they_are_read_from_are_refused(fom, album, words, how):
    outcome = fom("animate", "-s", album, *words, *how, "--output", album)

    assert outcome.status == 2
    assert f"{album} is the folder that the pictures are read from" in outcome.messages[-1]
    assert {path.name for path in album.iterdir()} == {"anna.png", "bert.png", "notes.txt"}


def test_what_a_killed_run_left_beside_results_that_are_there_goes(fom, album, words, tmp_path, monkeypatch):
    command = ["animate", "--source_image", album, *words, "--output", tmp_path / "out"]
    fom(*command)
    (tmp_path / "out" / ".anna.mp4.fom-lock").touch()
    monkeypatch.setattr("fom_core.files.leftovers._swept", {})
    fom(*command)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"anna.mp4", "bert.mp4"}


def test_pictures_of_one_name_keep_their_endings(fom, album, picture_file, words, tmp_path):
    shutil.copyfile(picture_file, album / "anna.PNG.png")
    shutil.copyfile(picture_file, album / "Anna.jpg")

    outcome = fom("animate", "--source_image", album, *words, "--output", tmp_path / "out")

    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert outcome.status == 0
    assert names == {"Anna.jpg.mp4", "anna.PNG.mp4", "anna.png.mp4", "bert.mp4"}


def test_several_pictures_want_a_folder(fom, album, words, tmp_path):
    outcome = fom("animate", "--source_image", album, *words, "--output", tmp_path / "one.mp4")
    assert outcome.status == 2
    assert "2 pictures give as many results: --output names their folder" in outcome.messages[-1]


def test_a_folder_of_one_picture_wants_a_folder_too(fom, album, words, tmp_path):
    (album / "bert.png").unlink()
    outcome = fom("animate", "-s", album, *words, "--output", tmp_path / "one.mp4")
    assert outcome.status == 2 and "A folder gives many results: --output names their folder" in outcome.messages[-1]


def test_a_folder_without_pictures_is_told(fom, words, tmp_path):
    (tmp_path / "empty").mkdir()
    outcome = fom("animate", "--source_image", tmp_path / "empty", *words)
    assert outcome.status == 1
    assert "empty holds no pictures: looked for .avif, .bmp, " in outcome.messages[-1]
    assert "It is empty. Give a folder with pictures" in outcome.messages[-1]


def test_a_folder_of_other_files_tells_what_was_looked_for_and_what_is_there(fom, words, sound_clip, tmp_path):
    folder = tmp_path / "films"
    (folder / "below").mkdir(parents=True)
    shutil.copyfile(sound_clip, folder / "a.mp4")
    outcome = fom("animate", "--source_image", folder, *words)
    assert outcome.status == 1
    assert ".webp. In it lies a.mp4 and 1 more; folders below it are not looked into." in outcome.messages[-1]
    assert (
        "a.mp4 is a video: name it itself, as --driving_video, or what moves as --source_video." in outcome.messages[-1]
    )


def test_progress_of_many_names_the_picture(fom, album, words, tmp_path, monkeypatch):
    monkeypatch.setattr("fom_core.cli.progress.FIRST_S", 0)
    monkeypatch.setattr("fom_core.cli.progress.LINE_S", 0)
    (album / "bert.png").rename(album / f"{'b' * 60}.png")
    outcome = fom("animate", "-s", album, *words, "--duration", 0.1, "--output", tmp_path / "out")
    lines = [line for line in outcome.messages if line.startswith("animating ")]
    assert any(line.startswith("animating 1 of 2, anna.png [") for line in lines)
    assert any(line.startswith(f"animating 2 of 2, {'b' * 29}… [") for line in lines)


def test_a_warning_that_holds_for_all_results_is_given_once(fom, album, words, tmp_path):
    words = [*words, "--duration", 0.1, "--output", tmp_path / "out", "--filename", ".gif"]
    told = [fom("animate", "-s", album, *words, "--overwrite").messages for _ in range(2)]
    for messages in told:  # in each call
        assert sum("hold no sound" in line for line in messages) == 1


def test_a_line_of_a_manifest_may_name_several_pictures(fom, album, words, tmp_path):
    path = tmp_path / "jobs.jsonl"
    path.write_text(
        f'{{"source_image": ["{(album / "anna.png").as_posix()}", "none.png"], "output": "{tmp_path.as_posix()}"}}\n'
    )

    outcome = fom("animate", "--manifest", path, *words)

    assert (outcome.status, outcome.results) == (1, [str(tmp_path / "anna.mp4")])
    assert "jobs.jsonl, line 1, none.png: " in outcome.messages[-1]


@pytest.mark.parametrize(
    ("name", "first"),
    [("a 50% off %04d.png", "a 50% off 0000.png"), ("f_%d.webp", "f_0.webp"), ("%04d.mp4", "%04d.mp4")],
)
def test_a_result_with_a_number_in_its_name_is_found_again(tmp_path, name, first):
    source = tmp_path / "anna.jpg"
    source.touch()
    os.utime(source, (1, 1))
    jobs = [("anna", Namespace(overwrite=False, preview=None))]

    def left():
        return left_to_do(jobs, lambda *_: Work([source], [tmp_path / name]))

    assert left() == jobs
    (tmp_path / first).touch()
    assert left() == []


def test_a_motion_of_a_namesake_is_warned_of_once(fom, album, sound_clip, tiny_weights, tiny_config, tmp_path):
    motion, other = tmp_path / "m.safetensors", tmp_path / "other.safetensors"
    assert fom("motion", sound_clip, "--model", tiny_weights, "--duration", 0.1, "--output", motion).status == 0
    torch.manual_seed(7)
    save_model(create_model(tiny_config), other, name="tiny")
    words = ["--motion", motion, "--source_crop", "none", "--image_size", 64, "--cpu", "--output", tmp_path / "out"]

    own, others = (
        fom("animate", "-s", album, *words, "--model", file, "--overwrite") for file in (tiny_weights, other)
    )

    told = [line for line in others.messages if "another model that is called 'tiny' as well" in line]
    assert (own.status, others.status, len(told)) == (0, 0, 1)
    assert not any("another model" in line for line in own.messages)
