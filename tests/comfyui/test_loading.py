"""ComfyUI takes the pack in, whatever its folder is called."""

from __future__ import annotations

import json
import os
import re
import subprocess
from urllib.parse import urljoin

import pytest

from tests.comfyui import snapshot
from tests.comfyui.server import COLOUR, FOLDERS, PACK, TROUBLE, command, environment

PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")


def test_the_log_has_no_trouble(server):
    assert PACK in server.start_log
    assert trouble(server.start_log) == []


def trouble(log: str) -> list[str]:
    """The lines that nobody wants to see."""
    return [line for line in log.splitlines() if TROUBLE.search(line)]


@pytest.mark.parametrize("name", ["comfyui_fom", "fom.face-animation"])
def test_any_folder_name_will_do(checkout, python, install_pack, tmp_path, name):
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()
    install_pack(tmp_path, name)

    ended = subprocess.run(
        [*command(checkout, python, tmp_path, port=0), "--quick-test-for-ci"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=300,
    )

    log = COLOUR.sub("", ended.stdout.decode("utf-8", "replace"))
    assert ended.returncode == 0, log
    assert name in log
    assert trouble(log) == []


def test_ids_inputs_types_and_outputs_are_those_of_the_snapshot(object_info):
    """They never change once released. FOM_WRITE_SNAPSHOT=1 writes the file anew, for what is added on purpose."""
    found = {node: snapshot.skeleton(info) for node, info in sorted(object_info.items())}
    assert found, "ComfyUI has none of the nodes; its log says why"
    if os.environ.get("FOM_WRITE_SNAPSHOT"):
        snapshot.FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    assert found == snapshot.stored()


@pytest.mark.parametrize("word", ["face", "animate", "first order", "PaddleGAN"])
def test_every_node_is_found_by_what_people_type(object_info, word):
    for node, info in object_info.items():
        text = " ".join([info["display_name"], node, *info["search_aliases"]])
        assert word.lower() in text.lower(), node


def test_help_pages_are_served_for_every_node(server, object_info):
    for node in object_info:
        page = server.fetch(f"/extensions/{PACK}/docs/{node}.md").decode("utf-8")
        assert page.startswith("# "), node


def test_the_pictures_of_help_pages_are_served_where_the_frontend_asks_for_them(server, object_info):
    for node in object_info:
        for language in ("", "/zh"):
            page = server.fetch(f"/extensions/{PACK}/docs/{node}{language}.md").decode("utf-8")
            for picture in PICTURE.findall(page):  # the frontend takes every page's addresses from the folder docs
                address = urljoin(f"/extensions/{PACK}/docs/", picture)
                assert server.fetch(address).startswith((b"\xff\xd8", b"RIFF")), address  # JPEG, WebP


def test_blueprints_are_offered_as_the_packs(server):
    offered = server.ask("/global_subgraphs")
    ours = {entry["name"]: name for name, entry in offered.items() if entry["info"]["node_pack"].endswith(PACK)}

    assert sorted(ours) == ["Animate a group photo", "One driver per face", "Talking portrait"]
    for name, number in ours.items():
        blueprint = json.loads(server.ask(f"/global_subgraphs/{number}")["data"])
        assert blueprint["definitions"]["subgraphs"][0]["name"] == name


@pytest.mark.parametrize("language", ["zh", "zh-TW", "ja", "ko"])
def test_texts_are_served_in_every_language(server, object_info, language):
    served = server.ask("/i18n")[language]

    assert set(object_info) <= set(served["nodeDefs"])
    assert served["nodeCategories"]["face animation"]


def test_the_node_that_does_it_all_stands_among_the_essentials(object_info):
    assert object_info["FOMAnimatePicture"]["essentials_category"] == "Video Tools"
