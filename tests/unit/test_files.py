import os
import stat
import sys

import pytest
import torch

from fom_core.errors import WriteError
from fom_core.files import replacing, write_tensors


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


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX systems")
def test_tensors_are_written_for_everybody_whom_the_system_lets_read(tmp_path):
    before = os.umask(0o027)
    try:
        write_tensors(tmp_path / "new folder" / "a.safetensors", {"a": torch.zeros(2, 3).T}, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new folder" / "a.safetensors").stat().st_mode) == 0o640
