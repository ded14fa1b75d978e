"""No result takes the place of an input or of another result, whatever the place is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fom_core.errors import UsageError
from fom_core.files import places
from fom_core.files.places import Work, keep_apart
from fom_core.media.write import target_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clips" / "a.mp4"
    path.parent.mkdir()
    path.write_text("a")
    return path


@pytest.mark.parametrize("form", ["dots", "symbolic link", "link to the folder", "hard link", "relative"])
def test_other_names_of_an_input_are_seen_through(file, tmp_path, monkeypatch, form):
    output = tmp_path / "b.mp4"
    if form == "dots":
        output = file.parent / ".." / "clips" / "." / "a.mp4"
    elif form == "symbolic link":
        output.symlink_to(file)
    elif form == "link to the folder":
        (tmp_path / "other").symlink_to(file.parent)
        output = tmp_path / "other" / "a.mp4"
    elif form == "hard link":
        os.link(file, output)
    else:
        monkeypatch.chdir(tmp_path)
        output = Path("clips/a.mp4")
    with pytest.raises(UsageError) as refusal:
        keep_apart([Work([file], [output])])
    assert str(refusal.value) == (
        f"the output {output} would replace the input {file}. Choose another name for the output."
    )


def test_neighbours_are_left_alone(file, tmp_path):
    keep_apart([Work([file, file], [file.with_name("b.mp4"), file.with_suffix(".mkv"), tmp_path / "new" / "a.mp4"])])


def test_results_that_do_not_exist_yet_are_told_apart(tmp_path):
    with pytest.raises(UsageError, match="would take the place of another result"):
        keep_apart([Work([], [tmp_path / "new" / "a.json", tmp_path / "new" / "b" / ".." / "a.json"])])
    with pytest.raises(UsageError, match=r"^line 2: the output .* would take the place of the results of line 1 "):
        keep_apart([Work([], [tmp_path / "a"], "line 1"), Work([], [tmp_path / "a"], "line 2")])


def test_a_result_is_not_the_input_of_another_job(tmp_path):
    jobs = [Work([tmp_path / "a.png"], [tmp_path / "b.mp4"], "line 1"), Work([tmp_path / "b.mp4"], [], "line 2")]
    with pytest.raises(UsageError, match=r"^line 1: the output .*b\.mp4 would replace the input .*b\.mp4 of line 2\."):
        keep_apart(jobs)


@pytest.mark.parametrize("tells", [True, False])
def test_capitals_count_where_the_file_system_tells_them_apart(tmp_path, monkeypatch, tells):
    monkeypatch.setattr(places, "_tells_capitals", lambda folder: tells)
    works = [Work([], [tmp_path / "Füße.mp4"], "1"), Work([], [tmp_path / "füsse.MP4"], "2")]
    if tells:
        keep_apart(works)
    else:
        with pytest.raises(UsageError, match="would take the place"):
            keep_apart(works)


def test_this_file_system_is_asked_by_a_name_that_is_there(file, monkeypatch):
    assert places._tells_capitals(file.parent) is not file.with_name("A.MP4").exists()
    exists, samefile = Path.exists, Path.samefile
    monkeypatch.setattr(Path, "exists", lambda path: exists(path) or exists(path.with_name(path.name.swapcase())))
    monkeypatch.setattr(Path, "samefile", lambda path, other: path.name != other.name or samefile(path, other))
    assert not places._tells_capitals(file.parent)


@pytest.mark.parametrize("source", ["frame_000007.png", "", "link.png"])
def test_numbered_pictures_keep_off_a_folder_and_its_pictures(tmp_path, source):
    (tmp_path / "frame_000007.png").write_text("a picture")
    (tmp_path / "link.png").symlink_to(tmp_path / "frame_000007.png")
    target = target_of(tmp_path / "frame.png")
    assert target == tmp_path / "frame_%06d.png"
    with pytest.raises(UsageError, match="would replace the input"):
        keep_apart([Work([tmp_path / source], [target])])
    keep_apart([Work([tmp_path / "frame_a.png", tmp_path / "other_000007.png"], [target])])
    with pytest.raises(UsageError, match="would take the place of"):
        keep_apart([Work([], [target, tmp_path / "frame_000001.png"])])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("m/a.mp4", "m/a.mp4/b.mp4", "the output m/a.mp4/b.mp4 would lie in the results of 1 (m/a.mp4), which is"),
        ("m/a.mp4/x/b.mp4", "m/a.mp4", "the output m/a.mp4 would be a file, and the results of 1 would lie in it (m"),
        ("f_%06d.png", "f_000001.png/b.mp4", "the output f_000001.png/b.mp4 would lie in the results of 1 (f_%06d.p"),
    ],
)  # fmt: skip
def test_no_result_lies_below_another_one(tmp_path, monkeypatch, first, second, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as refusal:
        keep_apart([Work([], [first], "1"), Work([], [second], "2")])
    assert f"2: {message}" in str(refusal.value)
    keep_apart([Work([], ["a/x.mp4", "a/b/x.mp4", "a/b/y.mp4"])])


def test_a_folder_of_results_holds_them_and_is_no_file(tmp_path):
    keep_apart([Work([], [tmp_path / "out" / "a.onnx"], folders=[tmp_path / "out"])])
    with pytest.raises(UsageError, match=r"out would lie in another result \(.*out\), which is a file"):
        keep_apart([Work([], [tmp_path / "out"], folders=[tmp_path / "out"])])
    with pytest.raises(UsageError, match=r"the output .*out.a\.onnx would replace the input .*out\."):
        keep_apart([Work([tmp_path / "out"], [tmp_path / "out" / "a.onnx"], folders=[tmp_path / "out"])])


@pytest.mark.parametrize(("name", "replaced"), [("f_%02d.png", True), ("f_%02d.webp", True), ("f_%02d.mp4", False)])
def test_a_number_in_the_name_of_a_video_is_no_pattern(tmp_path, name, replaced):
    work = [Work([tmp_path / name.replace("%02d", "07")], [tmp_path / name])]
    if not replaced:
        keep_apart(work)
        return
    with pytest.raises(UsageError, match="would replace the input"):
        keep_apart(work)
