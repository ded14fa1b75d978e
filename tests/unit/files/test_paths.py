import os
import socket
import stat
import sys
from pathlib import Path

import pytest
import torch

from fom_core.errors import FomError, MediaError, WriteError
from fom_core.files.paths import replacing, require_file, require_name, write_tensors
from fom_core.media import VideoReader, VideoWriter, read_picture
from fom_core.motion import load_motion
from fom_core.training.data.clips import decode_picture
from fom_core.weights.load import load_module


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_place_is_explained_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"Cannot write .*a\.json"), replacing(tmp_path / "file" / "a.json"):
        pytest.fail("work has started")


def test_a_folder_that_another_process_takes_away_meanwhile_is_made_again(tmp_path, monkeypatch):
    """Such as one that makes results there as well, and whose first one fails."""
    touch = Path.touch
    takers = iter([lambda folder: folder.rmdir()])

    def touched(path, **options):
        next(takers, lambda folder: None)(path.parent)
        touch(path, **options)

    monkeypatch.setattr(Path, "touch", touched)

    with replacing(tmp_path / "new" / "result.txt") as temporary:
        temporary.write_text("whole")

    assert (tmp_path / "new" / "result.txt").read_text() == "whole"


def test_a_place_below_a_file_or_a_broken_link_is_told_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, what in (("file", "a file"), ("link", "a link that leads nowhere")):
        with pytest.raises(WriteError) as refusal:
            require_name(tmp_path / name / "new" / "a.json")
        assert str(refusal.value) == (
            f"Cannot write {tmp_path / name / 'new' / 'a.json'}: {tmp_path / name} is {what}, not a folder. "
            "Choose another place, or move that away."
        )


def test_the_current_folder_can_be_read_and_a_name_that_is_empty_cannot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert require_file(".", "The video", folder=True) == Path()
    for name, folder in (("", True), (".", False)):
        with pytest.raises(MediaError, match="its name is empty, or the current folder's"):
            require_file(name, "The video", folder=folder)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX systems")
def test_tensors_are_written_for_everybody_whom_the_system_lets_read(tmp_path):
    before = os.umask(0o027)
    try:
        write_tensors(tmp_path / "new folder" / "a.safetensors", {"a": torch.zeros(2, 3).T}, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new folder" / "a.safetensors").stat().st_mode) == 0o640


@pytest.fixture(params=["pipe", "socket", "device"])
def odd_path(request, tmp_path):
    """What can be opened but is no file."""
    if sys.platform == "win32":
        pytest.skip("kinds of files of POSIX systems")
    path = tmp_path / "odd.png"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    return path, {"device": "a device", "pipe": "a pipe", "socket": "a socket"}[request.param]


@pytest.mark.parametrize("read", [read_picture, VideoReader, load_motion, load_module, decode_picture])
def test_pipes_sockets_and_devices_are_refused_at_once(odd_path, read):
    path, kind = odd_path
    with pytest.raises(FomError, match=f"is {kind}, not a file") as error:
        read(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("read", [read_picture, load_motion, load_module])
def test_folders_are_refused_where_a_file_is_wanted(tmp_path, read):
    with pytest.raises(FomError, match="is a folder"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["a\0b.png", "", "half \ud800.png", "long" * 100 + ".png"])
def test_impossible_names_are_refused_in_one_line(name):
    for read in (read_picture, VideoReader, load_motion):
        with pytest.raises(FomError) as error:
            read(name)
        assert "\n" not in str(error.value) and "\0" not in str(error.value)
    if name:
        with pytest.raises(WriteError) as refusal, replacing(Path(name)):
            pytest.fail("work has started")
        assert "\n" not in str(refusal.value) and "\0" not in str(refusal.value)


def test_the_longest_name_that_the_disk_takes_can_be_written(tmp_path):
    for name in ("n" * 251 + ".png", "顔" * 83 + ".mp4", "n." + "s" * 253):
        with replacing(tmp_path / name) as temporary:
            temporary.write_text("done")
        assert (tmp_path / name).read_text() == "done"


def test_a_name_one_longer_is_refused_before_the_work(tmp_path):
    for write in (lambda path: VideoWriter(path, 25), lambda path: replacing(path).__enter__()):
        with pytest.raises(WriteError, match=r"too long.*shorter"):
            write(tmp_path / ("n" * 252 + ".mp4"))
    with pytest.raises(WriteError, match=r"too long.*shorter"):
        VideoWriter(tmp_path / ("n" * 245 + ".png"), 25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="kinds of files of POSIX systems")
def test_a_result_never_takes_the_place_of_a_pipe_or_device(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WriteError, match="is a pipe"), replacing(tmp_path / "pipe"):
        pytest.fail("work has started")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
