"""What is handed out: the archives of a release, the node pack, and the page about licences."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from fom_core import version as version_module
from fom_core.weights.catalogue import catalogue

ROOT = Path(__file__).resolve().parents[2]


def script(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(*arguments: str) -> set[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    listed = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


@pytest.fixture(scope="module")
def packed() -> set[str]:
    """What ComfyUI's registry packs: what git tracks less what .comfyignore names."""
    return git("ls-files") - git("ls-files", "-ci", "-X", ".comfyignore")


def test_the_node_pack_has_what_it_needs_and_nothing_else(packed):
    assert {name.split("/")[0] for name in packed} == {
        "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "__init__.py", "fom_core", "install.py", "locales",
        "nodes", "pyproject.toml", "requirements-opencv.txt", "requirements.txt", "subgraphs", "workflows",
    }  # fmt: skip


@pytest.mark.parametrize("folder", ["fom_core", "nodes", "locales", "workflows"])
def test_the_folders_of_the_node_pack_are_whole(packed, folder):
    tracked = {name for name in git("ls-files") if name.startswith(f"{folder}/")}

    assert tracked and tracked <= packed


def test_no_file_of_the_node_pack_is_large(packed):
    sizes = {name: (ROOT / name).stat().st_size for name in packed if (ROOT / name).exists()}

    assert max(sizes.values()) < 8_000_000 and sum(sizes.values()) < 20_000_000


def archive(path: Path, *, mtime: float, mode: int, owner: str, backwards: bool) -> bytes:
    names = ["p", "p/a.py", "p/run"]
    with tarfile.open(path, "w:gz") as tar:
        for name in reversed(names) if backwards else names:
            member = tarfile.TarInfo(name)
            member.mtime, member.uname = mtime, owner
            member.mode = mode | (0o100 if name in ("p", "p/run") else 0)
            body = b"" if name == "p" else name.encode()
            member.type, member.size = (tarfile.DIRTYPE if name == "p" else tarfile.REGTYPE), len(body)
            tar.addfile(member, io.BytesIO(body))
    return path.read_bytes()


def test_source_archives_of_equal_contents_become_equal_bytes(tmp_path):
    normalised = script(".ci/normalise_sdist.py").normalised
    first = archive(tmp_path / "a.tar.gz", mtime=1.5, mode=0o600, owner="anna", backwards=False)
    second = archive(tmp_path / "b.tar.gz", mtime=9e8, mode=0o664, owner="bert", backwards=True)

    result = normalised(first, 1_700_000_000)

    assert first != second and result == normalised(second, 1_700_000_000)
    with tarfile.open(fileobj=io.BytesIO(result)) as tar:
        found = {member.name: (oct(member.mode), member.mtime) for member in tar}
        run = tar.extractfile("p/run")
        assert run is not None and run.read() == b"p/run"
    assert found == {name: (mode, 1_700_000_000) for name, mode in
                     (("p", "0o755"), ("p/a.py", "0o644"), ("p/run", "0o755"))}  # fmt: skip


def test_source_archives_with_links_are_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        link = tarfile.TarInfo("p/link")
        link.type, link.linkname = tarfile.SYMTYPE, "a.py"
        tar.addfile(link)

    with pytest.raises(SystemExit, match="p/link"):
        script(".ci/normalise_sdist.py").normalised((tmp_path / "a.tar.gz").read_bytes(), 0)


def test_the_page_about_licences_lists_every_direct_dependency_and_no_other():
    licences = script("docs/make_licences.py")
    required, extras = licences.requirements()
    text = licences.PAGE.read_text(encoding="utf-8")

    listed = set(licences.packages_of(text))

    assert listed == {*required, *extras}, "run python docs/make_licences.py"
    for name, groups in extras.items():
        assert f"| `{name}` | {', '.join(sorted(groups))} |" in text, "run python docs/make_licences.py"


def test_the_page_about_licences_says_of_weights_what_the_catalogue_says():
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")

    for entry in catalogue().values():
        assert f"| `{entry.name}` | {entry.title} | {entry.licence} |" in text, "run python docs/make_licences.py"


def test_the_page_about_licences_keeps_lines_of_packages_that_are_not_here():
    licences = script("docs/make_licences.py")

    assert licences.package_row("no-such-package-here", "x", {"no-such-package-here": "a line"}) == "a line"
    assert licences.package_row("numpy", "", {}).startswith("| `numpy` | BSD")


def test_the_version_is_that_of_the_checkout_and_not_of_a_strangers_file(tmp_path, monkeypatch):
    monkeypatch.setattr(version_module, "_PYPROJECT", tmp_path / "pyproject.toml")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "9.9.9"\n')

    assert version_module.version.__wrapped__() != "9.9.9"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "fom-face-animation"\nversion = "9.9.9"\n')
    assert version_module.version.__wrapped__() == "9.9.9"
