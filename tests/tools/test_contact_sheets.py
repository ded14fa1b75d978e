"""Contact sheets of a tiny model: what may be shown, what stands where, and how large the file is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fom_core.backends import Backend
from fom_core.errors import MediaError
from fom_core.media import VideoWriter, read_picture, write_picture
from tools.contact_sheets import CELL, GAP, LINE, TONES, Performance, Portrait, Sheets, save

NODS = Performance("nods", "val/clip.mp4", 5)
PORTRAIT = Portrait("val/anna.png")


class Sees:
    """A detector that finds no face: whole pictures move."""

    name = "sees none"

    def detect(self, image: np.ndarray) -> list:
        return []


@pytest.fixture(scope="module")
def clips(clip, tmp_path_factory) -> Path:
    """A clip and two portraits, one of which may not be shown."""
    folder = tmp_path_factory.mktemp("clips")
    with VideoWriter(folder / "val" / "clip.mp4", 25, crf=1) as writer:
        writer.write(np.ascontiguousarray(clip))
    for name in ("anna", "bert"):
        write_picture(folder / "val" / f"{name}.png", clip[0])
    (folder / "index.csv").write_text(
        "file,kind,split,identity,licence_class\n"
        "val/clip.mp4,video,val,carl,permissive\n"
        "val/anna.png,still,val,anna,permissive\n"
        "val/bert.png,still,val,bert,noncommercial\n"
    )
    return folder


def sheets(clips: Path, *models: Backend) -> Sheets:
    return Sheets(clips, models, Sees(), crop="none")


def test_a_sheet_shows_the_driver_then_each_source_beside_what_becomes_of_it(tiny_model, clips):
    sheet = sheets(clips, tiny_model).draw(NODS, [PORTRAIT, Portrait("val/anna.png", "grey")])

    assert sheet.shape == (2 * (LINE + CELL + GAP), 2 * (2 * CELL + GAP), 3)
    source, result = (sheet[2 * LINE + CELL + GAP :][:CELL, left : left + CELL].astype(int) for left in (0, CELL))
    grey = sheet[2 * LINE + CELL + GAP :][:CELL, 2 * CELL + GAP :][:, :CELL].astype(int)
    assert np.ptp(source, axis=2).max() > 20
    assert np.ptp(grey, axis=2).max() == 0
    assert np.abs(source - result).mean() > 0.5


def test_another_model_is_shown_before_this_one(tiny_model, clips):
    sheet = sheets(clips, tiny_model, tiny_model).draw(NODS, [PORTRAIT])

    before, after = (sheet[2 * LINE + CELL + GAP :][:CELL, left : left + CELL] for left in (CELL, 2 * CELL))
    assert sheet.shape[1] == 3 * CELL + GAP
    np.testing.assert_array_equal(before, after)


def test_files_under_other_licences_are_not_shown(tiny_model, clips):
    with pytest.raises(MediaError, match=r"val/bert\.png is not among the clips of the split val under permissive"):
        sheets(clips, tiny_model).draw(NODS, [Portrait("val/bert.png")])


@pytest.mark.parametrize("tone", TONES)
def test_tones_keep_the_size_and_change_the_picture(tone, clip):
    toned = TONES[tone](clip[0])

    assert toned.shape == clip[0].shape
    assert toned.dtype == np.uint8
    assert (toned == clip[0]).all() == (not tone)


def test_a_file_is_as_small_as_it_has_to_be(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)

    save(tmp_path / "new" / "fine.jpg", noise)
    size = (tmp_path / "new" / "fine.jpg").stat().st_size
    save(tmp_path / "coarse.jpg", noise, size - 1)

    assert (tmp_path / "coarse.jpg").stat().st_size < size
    assert read_picture(str(tmp_path / "coarse.jpg")).shape == (200, 200, 3)
    with pytest.raises(SystemExit, match="more than 100 bytes"):
        save(tmp_path / "none.jpg", noise, 100)
    assert not (tmp_path / "none.jpg").exists()
