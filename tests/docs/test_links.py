"""Every link and picture of the pages leads somewhere, on the pages' own paths, as GitHub follows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "nodes" / "web" / "docs").rglob("*.md")),
    *sorted((ROOT / "fom_core" / "assets").glob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
    *sorted((ROOT / "deploy").glob("*/README.md")),
]
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[str]:
    """Where a page's links and pictures lead; code is none."""
    text = re.sub(r"`[^`\n]*`", "", FENCED.sub("", page.read_text(encoding="utf-8")))
    return (unquote(found[1] or found[2]) for found in LINK.finditer(text))


@cache
def anchors(page: Path) -> set[str]:
    """What GitHub calls a page's headings."""
    headings = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page):
    assert broken(page) == []


def test_links_to_files_and_headings_that_are_missing_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `b` heading\n[a](page.md#a-b-heading) [b](#none) ![c](none.png) [d](https://x.org) `[e](f)`\n")

    assert broken(page) == ["#none", "none.png"]


def test_every_page_of_the_documentation_is_reached_from_the_readme():
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop()
        reached.add(page)
        targets = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        left += sorted(target for target in targets if target.suffix == ".md" and target not in {*reached, *left})

    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= reached
