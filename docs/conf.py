"""How Sphinx makes a site of these pages, the README and the nodes' help pages:

    sphinx-build -E -W --keep-going -c docs . site

The source folder is the whole repository, so that links are those that GitHub follows; a broken one is an error.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx  # type: ignore[import-not-found]

project = "ComfyUI-FOM"
author = "the ComfyUI-FOM authors"
project_copyright = f"2026, {author}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
root_doc = "README"
include_patterns = [
    "README.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/*.md", "docs/*.md", "fom_core/assets/*.md",
    "nodes/web/docs/**", "tests/golden/*.md",
]  # fmt: skip
exclude_patterns = [".*", "build", "dist", "output", "runs", "site", "deploy"]

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = "ComfyUI-FOM"
html_favicon = "icon.svg"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "source_repository": "https://github.com/ComfyUI-FOM/ComfyUI-FOM/",
    "source_branch": "main",
    "source_directory": "",
}

NAMED = re.compile(r"^([a-z_]\w*(?:, [a-z_]\w*)*): +(\S.*)$")

# The order of the pages beside each: a page, and what stands below it. GitHub's pages need none of this.
BELOW = {
    "README": {
        "Use": ["command-line", "motions", "nodes", "chains", "python", "formats", "weights"],
        "Know": ["results", "looks", "performance", "reliability", "responsible-use", "licences", "peers"],
        "Make models": ["training", "compression", "export", "browser"],
        "The project": ["architecture", "decisions", "contributing", "releasing", "/CHANGELOG", "/SECURITY"],
    },
    "docs/command-line": {"": ["options"]},
    "docs/nodes": {"": ["/nodes/web/docs/*"], "中文": ["/nodes/web/docs/*/zh"]},
    "docs/architecture": {"": ["/tests/golden/*"]},
    "docs/python": {"": ["api"]},
    "docs/weights": {"": ["/fom_core/assets/*"]},
    "docs/performance": {"": ["/benchmarks/*"]},
    "docs/export": {"": ["mobile"]},
}


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the list of the pages below one at its end."""
    for caption, names in BELOW.get(page, {}).items():
        paths = "\n".join(name if name.startswith("/") else f"/docs/{name}" for name in names)
        options = ":hidden:\n:glob:" + (f"\n:caption: {caption}" if caption else "")
        source[0] += f"\n\n```{{toctree}}\n{options}\n\n{paths}\n```\n"


def add_first_page(app: Sphinx, error: Exception | None) -> None:
    """Servers show index.html."""
    if error is None and app.builder.format == "html":
        shutil.copy(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def list_names(*told: Any) -> None:
    """Make lists of what docstrings say of parameters and fields, a name and a colon at the start of a line."""
    lines: list[str] = told[-1]
    listed: list[str] = []
    inside = False
    for line in lines:
        named = NAMED.match(line)
        goes_on = inside and line.startswith(" ")
        if inside != bool(named or goes_on) and listed and listed[-1]:
            listed.append("")
        inside = bool(named or goes_on)
        if named:
            listed.append(f"* {', '.join(f'``{each}``' for each in named[1].split(', '))}: {named[2]}")
        else:
            listed.append(f"  {line.strip()}" if goes_on else line)
    lines[:] = listed


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", list_names)
    app.connect("build-finished", add_first_page)
