"""The Python that the pages show runs as it stands."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from textwrap import dedent

import pytest

import fom_core
from fom_core.pictures import resize_picture

ROOT = Path(__file__).resolve().parents[2]
INPUTS = ROOT / "workflows" / "inputs"
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FRAMES = 5


def snippets() -> list[tuple[str, str]]:
    """(where it stands, the code) of all pages."""
    return [
        (f"{page.name}-{number}", dedent(code))
        for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
        for number, (_, code) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1)
    ]


def missing_packages(code: str) -> set[str]:
    """What it imports that is not here."""
    imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name.name for node in imports if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module for node in imports if isinstance(node, ast.ImportFrom) and node.module}
    return {name for name in (name.partition(".")[0] for name in names) if find_spec(name) is None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The files that the pages speak of, small."""
    path = tmp_path_factory.mktemp("snippets")
    picture = fom_core.read_picture(INPUTS / "fom_portrait.jpg")
    scale = 256 / max(picture.shape[:2])
    small = resize_picture(picture, (round(picture.shape[0] * scale), round(picture.shape[1] * scale)))
    fom_core.write_picture(path / "group.jpg", small)
    for name, source in (("driver.mp4", "fom_driving.mp4"), ("talk.mp4", "fom_driving_2.mp4")):
        with (
            fom_core.VideoReader(INPUTS / source) as video,
            fom_core.VideoWriter(path / name, video.rate) as short,
        ):
            for frame in islice(video, FRAMES):
                short.write(frame[None])
    return path


@pytest.mark.parametrize("code", [pytest.param(code, id=where) for where, code in snippets()])
def test_a_snippet_runs_and_leaves_what_it_says(code, folder, monkeypatch):
    lacking = missing_packages(code)
    if lacking:
        pytest.skip(f"{', '.join(sorted(lacking))} not installed")
    monkeypatch.chdir(folder)
    named = r'(?:VideoWriter\(|write_picture\(|save_motion\(\w+, )"([^"]+)"'
    written = [Path(name) for name in re.findall(named, code)]
    for path in written:
        path.unlink(missing_ok=True)

    exec(compile(code, "snippet", "exec"), {})

    assert written
    driven = "VideoReader" in code  # motions that come along, and poses, are longer

    def is_whole(count: int) -> bool:
        return count == FRAMES if driven else count > FRAMES

    for path in written:
        if path.suffix == ".safetensors":
            assert is_whole(len(fom_core.load_motion(path)))
            continue
        read = fom_core.read_picture(path) if path.suffix == ".png" else None
        if read is None:
            with fom_core.VideoReader(path) as video:
                assert is_whole(len(list(video)))
        else:
            sheet = path.name == "sheet.png"
            assert read.shape[1:] == (1600, 3) if sheet else read.shape == fom_core.read_picture("group.jpg").shape


def test_the_pages_show_python():
    assert {where for where, _ in snippets()} >= {"README.md-1", "python.md-1", "python.md-2"}
