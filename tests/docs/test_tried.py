"""The table of what was tried tells the numbers that the tests have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.media.test_codecs import CASES
from tests.unit.media.test_colour import PROFILES
from tests.unit.media.test_still_pictures import STILLS
from tests.unit.media.test_time import COURSES

ROOT = Path(__file__).resolve().parents[2]
ROWS = dict(
    re.findall(r"^\| ([\w' ]+?) \| .* \| ([^|]+) \| `", (ROOT / "docs" / "formats.md").read_text("utf-8"), re.MULTILINE)
)
FORMATS = len(list((ROOT / "tests" / "golden" / "formats").iterdir()))


@pytest.mark.parametrize(
    ("row", "count"),
    [
        ("colour profiles of stills", len(PROFILES)),
        ("containers and codecs", len(CASES)),
        ("time bases", len(COURSES)),
        ("stills", len(STILLS)),
        ("PaddleGAN's own files", FORMATS),
    ],
)
def test_a_row_has_the_number_of_its_cases(row, count):
    assert int(ROWS[row].split()[0]) == count
