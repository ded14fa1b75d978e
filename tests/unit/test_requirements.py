"""The oldest versions that are declared are those that ``.ci/floors`` installs, and that the tests then run on."""

import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

try:
    import tomllib  # type: ignore[import-not-found]
except ImportError:  # Python 3.10
    import tomli as tomllib  # type: ignore[import-not-found]

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
REQUIRED = [
    line
    for name in PROJECT["tool"]["setuptools"]["dynamic"]["dependencies"]["file"]
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def floor(line: str) -> tuple[str, Version]:
    """The package and the oldest version of it that a requirement allows."""
    requirement = Requirement(line)
    (bound,) = requirement.specifier
    assert bound.operator == ">=", line
    return requirement.name, Version(bound.version)


@pytest.mark.parametrize("line", sorted({*REQUIRED, *(line for lines in EXTRAS.values() for line in lines)}))
def test_every_requirement_has_an_oldest_version_and_nothing_else(line):
    name, oldest = floor(line)
    assert name and oldest > Version("0")


def test_extras_agree_on_the_oldest_version_of_a_package():
    told: dict[str, set[Version]] = {}
    for line in (line for lines in [REQUIRED, *EXTRAS.values()] for line in lines):
        name, oldest = floor(line)
        told.setdefault(name, set()).add(oldest)
    assert {name: floors for name, floors in told.items() if len(floors) > 1} == {}


def test_the_lane_of_the_oldest_installs_what_is_declared_and_has_no_list_of_its_own():
    script = (ROOT / ".ci" / "floors").read_text(encoding="utf-8")
    named = re.search(r"^extras=(\S+)$", script, re.MULTILINE)
    assert named is not None and set(EXTRAS) - set(named[1].split(",")) == {
        "facexlib", "gfpgan", "coreml", "executorch", "litert", "mnn", "ncnn",
    }  # fmt: skip
    assert "--resolution lowest-direct" in script and not re.search(r"[><=]=\s*\d", script)


@pytest.mark.skipif("FOM_FLOORS" not in os.environ, reason="runs in .ci/floors")
def test_the_oldest_of_everything_is_installed():
    lines = [*REQUIRED, *(line for extra in os.environ["FOM_FLOORS"].split(",") for line in EXTRAS[extra])]
    found = {name: Version(version(name)).release[:2] for name, _ in map(floor, lines)}
    wanted = {name: (*oldest.release, 0)[:2] for name, oldest in map(floor, lines)}
    assert found == wanted
