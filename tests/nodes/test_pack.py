"""What every node of the pack has."""

from __future__ import annotations

import asyncio
import atexit
import re
import sys

import pytest

PROMISED = ["first order motion", "PaddleGAN", "face", "animate"]


@pytest.fixture(scope="session")
def schemas(pack):
    from fom_pack.nodes import NODES

    return {cls.GET_SCHEMA().node_id: cls.GET_SCHEMA() for cls in NODES}


def test_ids_are_prefixed_and_titles_are_plain(schemas):
    assert all("FOM" in node_id for node_id in schemas)
    assert all(re.fullmatch(r"[A-Z][A-Za-z ]+", schema.display_name) for schema in schemas.values())


def test_every_node_is_found_by_the_words_that_people_type(schemas):
    for schema in schemas.values():
        assert set(PROMISED) <= set(schema.search_aliases), schema.node_id


def test_every_node_says_what_it_is_for(schemas):
    for schema in schemas.values():
        assert schema.category == "video/face animation"
        assert len(schema.description) > 40, schema.node_id


def test_every_input_and_output_has_a_tooltip(schemas):
    without = [
        f"{schema.node_id}.{given.id or given.display_name}"
        for schema in schemas.values()
        for given in [*schema.inputs, *schema.outputs]
        if not getattr(given, "tooltip", None)
    ]

    assert without == []


def test_every_widget_value_that_a_new_node_shows_is_allowed(schemas):
    for schema in schemas.values():
        for given in schema.inputs:
            if getattr(given, "default", None) is not None and getattr(given, "options", None):
                assert given.default in given.options, f"{schema.node_id}.{given.id}"


def test_nothing_of_ours_is_importable_under_the_names_of_comfyui(pack):
    import nodes

    assert hasattr(nodes, "NODE_CLASS_MAPPINGS")  # ComfyUI's own
    assert sys.modules["fom_pack.nodes"] is not nodes
    assert not hasattr(pack, "NODE_CLASS_MAPPINGS")  # it would hide the V3 entry point


def test_the_folder_that_people_are_told_to_put_models_into_is_there(pack, comfyui):
    assert (comfyui / "models" / "fom").is_dir()


def test_errors_are_shown_without_the_folder_of_the_pack(pack):
    from fom_pack.fom_core.errors import MediaError
    from fom_pack.nodes.base import told

    def execute(cls):
        raise MediaError("There is no picture.")

    with pytest.raises(MediaError) as raised:
        told(execute)(None)
    assert f"{raised.type.__module__}.{raised.type.__qualname__}" == "FOM.MediaError"


def test_what_a_prompt_has_begun_is_cleared_away_when_comfyui_ends(pack, monkeypatch):
    from fom_pack import nodes
    from fom_pack.fom_core.files.reserved import clear_away

    registered = []
    monkeypatch.setattr(atexit, "register", registered.append)
    for name in ("register_folders", "share_help_pictures"):  # which were called once
        monkeypatch.setattr(nodes.host, name, lambda: None)
    monkeypatch.setattr(nodes.examples, "place", lambda folder: None)
    asyncio.run(nodes.FOMExtension().on_load())

    assert registered == [clear_away]
