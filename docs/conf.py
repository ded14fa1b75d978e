"""How Sphinx makes a site of these pages, the README and the nodes' help pages:

    sphinx-build -W --keep-going -c docs . site

The source folder is the whole repository, so that links are those that GitHub follows; a broken one is an error.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx  # type: ignore[import-not-found]

project = "ComfyUI-FOM"
author = "the ComfyUI-FOM authors"
project_copyright = f"2026, {author}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
root_doc = "README"
include_patterns = [
    "README.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/*.md", "docs/*.md", "fom_core/assets/*.md",
    "nodes/web/docs/**",
]  # fmt: skip
exclude_patterns = [".*", "build", "dist", "output", "runs", "site", "deploy", "tests"]
suppress_warnings = ["misc.highlighting_failure"]  # of a line in a fence that is shorter than its language wants

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

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

# The order of the pages beside each: a page, and what stands below it. GitHub's pages need none of this.
BELOW = {
    "README": {
        "Use": ["command-line", "nodes", "python", "formats", "weights"],
        "Know": ["looks", "performance", "reliability", "responsible-use", "licences"],
        "Make models": ["training", "compression", "export", "browser"],
        "The project": ["architecture", "contributing", "releasing", "/CHANGELOG", "/SECURITY"],
    },
    "docs/command-line": {"": ["options"]},
    "docs/nodes": {"": ["/nodes/web/docs/*"], "中文": ["/nodes/web/docs/*/zh"]},
    "docs/python": {"": ["api"]},
    "docs/weights": {"": ["/fom_core/assets/*"]},
    "docs/performance": {"": ["/benchmarks/*"]},
    "docs/export": {"": ["mobile"]},
}


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the list of the pages below one at its end."""
    for caption, names in BELOW.get(page, {}).items():
        paths = "\n".join(name if name.startswith("/") else f"/docs/{name}" for name in names)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{paths}\n```\n"


def add_first_page(app: Sphinx, error: Exception | None) -> None:
    """Servers show index.html."""
    if error is None and app.builder.format == "html":
        shutil.copy(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_first_page)
