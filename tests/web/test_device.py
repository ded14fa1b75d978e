"""The page as an app of a phone: kept after the first visit, played without a network, brought up to date."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from fom_core.faces.detect import detect_faces
from fom_core.faces.regions import pixel_box
from fom_core.media import VideoReader, read_picture
from tests.web.conftest import DATA, Drive, served

pytestmark = pytest.mark.browser


def test_after_the_first_visit_a_phone_animates_and_records_without_a_network(drive: Drive, site: Path, tmp_path: Path):
    with served(site) as address:
        first = drive("visit", url=address)
    later = drive("touch", url=address)  # nothing is served there any more

    assert "works without a network" in first["kept"]
    assert first["icons"] == ["192x192", "512x512", "512x512"]
    assert "works without a network" in later["kept"]
    assert (first["isolated"], later["isolated"]) == (False, True)  # which the host does not send, the kept page has
    with VideoReader(tmp_path / "recording.webm") as video:
        frames = [frame.astype(np.float32) for frame in video]
    assert len(frames) > 5
    assert max(float(np.abs(frames[0] - frame).mean()) for frame in frames) > 1


def test_browsers_offer_to_install_the_page(drive: Drive, site: Path):
    with served(site) as address:
        told = drive("visit", url=address)

    assert told["manifest"]["display"] == "standalone"
    assert told["uninstallable"] in ([], ["in-incognito"])


def test_a_newer_version_takes_over_when_the_user_says_so(drive: Drive, site: Path, tmp_path: Path):
    changing = tmp_path / "changing"
    shutil.copytree(site, changing)
    with served(changing) as address:
        drive("visit", url=address)
        rewrite(changing, "index.html", "<h1>Faces in motion</h1>", "<h1>Faces in motion, again</h1>")

        told = drive("update", url=address)

    assert (told["before"], told["after"]) == ("Faces in motion", "Faces in motion, again")
    assert told["indices"] == 1  # of the older version nothing is left


def test_a_face_tapped_in_the_picture_keeps_still(drive: Drive, tmp_path: Path, site: Path):
    path = DATA / "pictures" / "wall.png"
    wall = read_picture(path)
    boxes = [pixel_box(face.crop_px) for face in detect_faces(wall, "embedded")]
    x0, y0, x1, y1 = boxes[1]

    told = drive("choice", path, (x0 + x1) / 2, (y0 + y1) / 2)

    assert told["ticked"] == told["rings"] == [True, False, True]
    shown = read_picture(tmp_path / "frame-45.png")[..., :3]
    moved = [
        np.abs(shown[top:bottom, left:right].astype(float) - wall[top:bottom, left:right]).max()
        for left, top, right, bottom in map(heart, boxes)
    ]
    assert moved[1] == 0
    assert min(moved[0], moved[2]) > 20


def test_the_page_tells_what_it_computes_from_what_it_replays(drive: Drive):
    told = drive("rates")

    assert float(told["first"]["computed"]) > 0
    assert float(told["later"]["replayed"]) > 0
    assert "computed 0/s" in told["later"]["text"]
    assert "ms each" in told["later"]["text"]


def rewrite(site: Path, name: str, old: str, new: str) -> None:
    """Change a file of a built page, as the next build would."""
    text = (site / name).read_text(encoding="utf-8")
    assert old in text
    changed = text.replace(old, new)
    worker = (site / "sw.js").read_text(encoding="utf-8")
    assert digest(text) in worker
    (site / name).write_text(changed, encoding="utf-8")
    (site / "sw.js").write_text(worker.replace(digest(text), digest(changed)), encoding="utf-8")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def heart(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The middle half of a box."""
    x0, y0, x1, y1 = box
    across, down = (x1 - x0) // 4, (y1 - y0) // 4
    return x0 + across, y0 + down, x1 - across, y1 - down
