"""Commands that open weights say in one line what a file from elsewhere is, and run nothing in it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

SCRIPTED = {"m/data.pkl": b"\x80\x02}.", "m/code/__torch__.py": b"", "m/constants.pkl": b"\x80\x02)."}
PROGRAM = {"m/archive_format": b"pt2", "m/models/model.json": b"{}"}


@pytest.fixture(params=[(SCRIPTED, "is a scripted model (TorchScript)"), (PROGRAM, "is an exported program (.pt2)")])
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A file, and what it is."""
    entries, what = request.param
    path = tmp_path / "vox-cpk.pth.tar"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path, f"{path.name} {what}"


@pytest.mark.parametrize(
    "words",
    [
        ["weights", "info", "FILE"],
        ["weights", "info", "FILE", "--json"],
        ["weights", "convert", "FILE", "OUT.safetensors"],
        ["weights", "convert", "FILE", "OUT.pdparams"],
        ["export", "FILE", "--output", "OUT"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_commands_refuse_it(fom, foreign, tmp_path, words):
    path, what = foreign
    given = [str(path) if word == "FILE" else word.replace("OUT", str(tmp_path / "out")) for word in words]

    outcome = fom(*given)

    assert (outcome.status, outcome.results) == (1, [])
    assert len(outcome.messages) == 1 and what in outcome.messages[0]
    assert list(tmp_path.iterdir()) == [path]


def test_so_does_an_animation(fom, foreign, whole_picture, tmp_path):
    path, what = foreign
    words = list(whole_picture)
    words[words.index("--model") + 1] = path

    outcome = fom(*words, "--output", tmp_path / "out")

    assert outcome.status == 1
    assert what in outcome.messages[-1] and "Traceback" not in "".join(outcome.messages)
