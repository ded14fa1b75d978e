"""Writes ``licences.md``: under which terms the packages, weights and programs stand that this project uses.

    python docs/make_licences.py

Packages: what their installed metadata say; one that is not installed keeps the line it has. Weights: the catalogue and
the model cards. ffmpeg: what the bundled program says of itself.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

import imageio_ffmpeg

from fom_core.version import DISTRIBUTION
from fom_core.weights.catalogue import catalogue

PAGE = Path(__file__).resolve().with_name("licences.md")
ROOT = PAGE.parents[1]
ROW = re.compile(r"^\| `([^`]+)` \|.*$", re.MULTILINE)

TEXT = """# Licences

Written by `python docs/make_licences.py` from installed metadata, the weights' catalogue and ffmpeg itself. It tells
what the authors say; it is no legal advice. The code of this project is under the [MIT licence](../LICENSE).

## Packages that are always needed

{required}

PyTorch for NVIDIA cards brings NVIDIA's libraries (`nvidia-*`) from PyPI, which are proprietary. The complete list,
with what these packages need in turn, is the CycloneDX file of each release.

## Packages of the extras

{extras}

## ffmpeg

`imageio-ffmpeg` is under BSD-2-Clause, but its wheels carry a build of ffmpeg that is not: the program of version
{ffmpeg} of the package on {system} says that it is {terms}{options}.
This project starts it as a program of its own and neither contains nor changes it. Who hands on an installation hands
on that program, under its terms. The environment variable `IMAGEIO_FFMPEG_EXE` puts another ffmpeg in its place.

## Weights

Embedded ones come with the project; all others are downloaded when somebody asks, after these terms were shown.

{weights}

What the embedded ones were trained on, repository by repository, stands in their cards:
[mini](../fom_core/assets/mini.md), [face detector](../fom_core/assets/face_detector.md),
[check frames](../fom_core/assets/check_frames.md).

## The page, the program in C++ and the app

The built [page](browser.md), and so the [app for Android](mobile.md#an-app-for-android), holds `onnxruntime-web`, and
with it the libraries that ONNX Runtime names in its `ThirdPartyNotices.txt`; the other packages of
`deploy/web/package.json` only build and test it. The demo's picture in it is of NASA, in the public domain. The
[program](mobile.md#without-python) is linked with ONNX Runtime (MIT), and takes in the headers of nlohmann-json (MIT)
and stb (MIT or public domain). Nothing built is in the repository.

{page}
"""


def main() -> None:
    """Write the page."""
    known = packages_of(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    PAGE.write_text(page(known), encoding="utf-8")


def packages_of(text: str) -> dict[str, str]:
    """The lines about packages on a page, by their names."""
    return {row[1]: row[0] for row in ROW.finditer(text.split("## Weights", maxsplit=1)[0])}


def page(known: dict[str, str]) -> str:
    """The text; ``known`` has the lines of packages that may not be installed here."""
    required, extras = requirements()
    listed = [package_row(name, "", known) for name in required]
    optional = [package_row(name, ", ".join(sorted(groups)), known) for name, groups in sorted(extras.items())]
    entries = sorted(catalogue().values(), key=lambda entry: entry.name)
    weights = [f"| `{entry.name}` | {entry.title} | {entry.licence} |" for entry in entries]
    terms, options = ffmpeg_terms()
    return TEXT.format(
        required="\n".join(["| package | licence |", "| --- | --- |", *listed]),
        extras="\n".join(["| package | extra | licence |", "| --- | --- | --- |", *optional]),
        weights="\n".join(["| name | what | licence |", "| --- | --- | --- |", *weights]),
        ffmpeg=metadata.version("imageio-ffmpeg"),
        system=platform.system(),
        page="\n".join(["| package of the page | licence |", "| --- | --- |", *page_rows()]),
        terms=terms,
        options=options,
    )


def requirements() -> tuple[list[str], dict[str, set[str]]]:
    """Names of the packages that are always needed, and of the others with the extras that need them."""
    required: list[str] = []
    extras: dict[str, set[str]] = {}
    for line in metadata.requires(DISTRIBUTION) or []:
        name, extra = re.match(r"[\w.-]+", line), re.search(r"extra == ['\"](\w+)", line)
        assert name is not None
        if extra is None:
            required.append(name[0])
        else:
            extras.setdefault(name[0], set()).add(extra[1])
    return sorted(required, key=str.lower), extras


def page_rows() -> list[str]:
    """The packages that the page names, after its lock file."""
    held = json.loads((ROOT / "deploy" / "web" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = {**held[""].get("dependencies", {}), **held[""].get("devDependencies", {})}
    return [f"| `{name}` | {held[f'node_modules/{name}']['license']} |" for name in sorted(wanted)]


def package_row(name: str, groups: str, known: dict[str, str]) -> str:
    """One line of a table."""
    try:
        terms = licence_of(name)
    except metadata.PackageNotFoundError:
        return known[name]
    return f"| `{name}` | {groups} | {terms} |" if groups else f"| `{name}` | {terms} |"


def licence_of(name: str) -> str:
    """What a package says of itself: an expression, a short name, or else its classifiers."""
    about = metadata.metadata(name)
    expression, words = ((about.get_all(key) or [""])[0] for key in ("License-Expression", "License"))
    if expression:
        return expression
    if words and len(words) < 40 and "\n" not in words:
        return words
    classifiers = [line.split(" :: ")[-1] for line in about.get_all("Classifier") or [] if line.startswith("License")]
    return ", ".join(classifiers) or "not stated"


def ffmpeg_terms() -> tuple[str, str]:
    """The terms that the bundled ffmpeg names, and the options of its build that chose them."""
    said = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-L"], capture_output=True, text=True, check=True)
    words = " ".join((said.stdout + said.stderr).split())
    options = [f"`{name}`" for name in ("--enable-gpl", "--enable-version3", "--enable-nonfree") if name in words]
    found = re.search(r"under the terms of the (GNU .*?) as published.*?either version (\d)", words)
    terms = f"under the {found[1]}, version {found[2]} or later" if found else "under terms that `ffmpeg -L` shows"
    return terms, f" (built with {', '.join(options)})" if options else ""


if __name__ == "__main__":
    main()
