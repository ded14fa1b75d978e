"""The help page that ComfyUI shows for each node, in English and in Chinese."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fom_core.weights.catalogue import catalogue, size_text

DOCS = Path(__file__).resolve().parents[2] / "nodes" / "web" / "docs"
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
FIRST_CELL = re.compile(r"^\| `([^`]+)`", re.MULTILINE)  # of a row in a table of inputs or outputs
MOST_BYTES = 60_000


@pytest.fixture(scope="module")
def schemas(pack):
    from fom_pack.nodes import NODES

    return [cls.GET_SCHEMA() for cls in NODES]


def pages_of(node_id: str) -> list[Path]:
    """ComfyUI asks for the page in its own language first, then for the one without: English."""
    return [DOCS / f"{node_id}.md", DOCS / node_id / "zh.md"]


def test_every_node_has_a_page_that_names_all_its_inputs_and_outputs(schemas):
    missing = []
    for schema in schemas:
        for page in pages_of(schema.node_id):
            text = page.read_text(encoding="utf-8")
            names = [given.id for given in schema.inputs] + [given.display_name for given in schema.outputs]
            missing += [f"{page.relative_to(DOCS)}: {name}" for name in names if f"`{name}`" not in text]

    assert missing == []


def test_no_page_explains_an_input_or_output_that_is_gone(schemas):
    for schema in schemas:
        names = {given.id for given in schema.inputs} | {given.display_name for given in schema.outputs}
        for page in pages_of(schema.node_id):
            told = FIRST_CELL.findall(page.read_text(encoding="utf-8"))
            assert set(told) - set(catalogue()) <= names, page


def test_the_page_of_load_fom_model_names_every_model_with_its_size(schemas):
    models = [entry for entry in catalogue().values() if entry.kind == "model"]
    for page in pages_of("LoadFOMModel"):
        text = page.read_text(encoding="utf-8")
        for entry in models:
            assert f"`{entry.name}`" in text, page
            assert entry.size is None or size_text(entry.size) in text, page


def test_every_page_belongs_to_a_node(schemas):
    expected = {page for schema in schemas for page in pages_of(schema.node_id)}

    assert set(DOCS.rglob("*.md")) == expected


def test_every_page_shows_a_small_picture_that_is_there(schemas):
    for page in (page for schema in schemas for page in pages_of(schema.node_id)):
        pictures = PICTURE.findall(page.read_text(encoding="utf-8"))
        assert pictures, page
        for picture in pictures:
            assert 0 < (page.parent / picture).stat().st_size <= MOST_BYTES, f"{page}: {picture}"


def test_all_pictures_are_shown(schemas):
    shown = {
        (page.parent / picture).resolve()
        for schema in schemas
        for page in pages_of(schema.node_id)
        for picture in PICTURE.findall(page.read_text(encoding="utf-8"))
    }

    assert set((DOCS / "images").iterdir()) == shown
