"""The texts of the nodes in ``locales``: English says what the schemas say, the other languages say all of it.

``FOM_UPDATE=1`` writes the English file anew.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from fom_core.compose.masks import FADING
from tools import make_locales

LANGUAGES = ["en", "zh", "zh-TW", "ja", "ko"]
HAN = r"[\u4e00-\u9fff]"
SCRIPTS = {"zh": HAN, "zh-TW": HAN, "ja": r"[\u3040-\u30ff\u4e00-\u9fff]", "ko": r"[\uac00-\ud7a3]"}
SIMPLIFIED = set("这为图来对动视频预览关键点检测脸驱选择设从个时间别将当应权网络运")  # which Taiwan does not write
LOCALES = Path(__file__).resolve().parents[2] / "locales"
ON_THIS_MACHINE = {("LoadFOMModel", "model_name")}  # tooltips that tell which weights are here: no file can know it


@pytest.fixture(scope="module")
def english(pack) -> dict[str, Any]:
    """What the schemas say, in the layout of nodeDefs.json."""
    from fom_pack.nodes import NODES

    return {cls.GET_SCHEMA().node_id: texts_of(cls.GET_SCHEMA()) for cls in NODES}


def texts_of(schema: Any) -> dict[str, Any]:
    texts: dict[str, Any] = {"display_name": schema.display_name, "description": schema.description}
    texts["inputs"] = {
        name.replace(".", "_"): {"name": shown} | told(schema.node_id, name, tooltip)
        for given in schema.inputs
        for name, shown, tooltip in names_of(given)
    }
    if schema.outputs:
        texts["outputs"] = {
            str(index): {"name": output.display_name, "tooltip": output.tooltip}
            for index, output in enumerate(schema.outputs)
        }
    return texts


def told(node_id: str, name: str, tooltip: str | None) -> dict[str, str]:
    return {"tooltip": tooltip} if tooltip and (node_id, name) not in ON_THIS_MACHINE else {}


def names_of(given: Any) -> list[tuple[str, str, str | None]]:
    """An input and those inside it: the frontend's name, the shown name, and the tooltip."""
    from comfy_api.latest import io

    names = [(given.id, given.display_name or given.id, given.tooltip)]
    if isinstance(given, io.Autogrow.Input):
        names += [(f"{given.id}.{name}", name, given.tooltip) for name in given.template.names]
    if isinstance(given, io.DynamicCombo.Input):
        names += [
            (f"{given.id}.{inner.id}", inner.display_name or inner.id, inner.tooltip)
            for option in given.options
            for inner in option.inputs
        ]
    return names


def read(language: str, file: str = "nodeDefs.json") -> dict[str, Any]:
    return json.loads((LOCALES / language / file).read_text(encoding="utf-8"))


def test_english_says_what_the_schemas_say(english):
    if os.environ.get("FOM_UPDATE"):
        text = json.dumps(english, indent=2, ensure_ascii=False) + "\n"
        (LOCALES / "en" / "nodeDefs.json").write_text(text, encoding="utf-8")

    assert read("en") == english, (
        "run with FOM_UPDATE=1, translate the change in locales/zh/nodeDefs.json and tools/locales/*.json, "
        "and run python -m tools.make_locales"
    )


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_language_says_everything_and_nothing_else(english, language):
    def keys(texts: Any, path: str = "") -> set[str]:
        if not isinstance(texts, dict):
            return {path}
        return {key for name, part in texts.items() for key in keys(part, f"{path}/{name}")}

    machine = {f"/{node_id}/inputs/{name}/tooltip" for node_id, name in ON_THIS_MACHINE}
    assert keys(read(language)) - machine == keys(english)


@pytest.mark.parametrize("language", make_locales.LANGUAGES)
def test_languages_with_a_table_are_written_by_it(language):
    table = make_locales.table_of(language)

    assert read(language) == make_locales.translated(read("en"), lambda text: table.get(text, "")), (
        "run python -m tools.make_locales"
    )


def test_traditional_chinese_is_the_simplified_one_in_other_characters():
    pytest.importorskip("opencc", reason="OpenCC makes the file")

    expected = make_locales.translated(read("zh"), make_locales.of_taiwan())
    assert read("zh-TW") == expected, "run python -m tools.make_locales"


def test_traditional_chinese_holds_no_simplified_characters():
    held = SIMPLIFIED & set("".join(make_locales.sentences(read("zh-TW"))))

    assert SIMPLIFIED & set("".join(make_locales.sentences(read("zh"))))
    assert held == set()


@pytest.mark.parametrize("node_id", ["FOMPasteFaces", "FOMAnimatePicture"])
def test_every_mask_that_fades_is_named_at_the_feather(node_id):
    pages = [LOCALES.parent / "nodes" / "web" / "docs" / name for name in (f"{node_id}.md", f"{node_id}/zh.md")]
    rows = [
        line
        for page in pages
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `feather`")
    ]
    texts = [read("zh")[node_id]["inputs"]["feather"]["tooltip"], *rows]

    assert len(texts) == 3
    assert [name for name in FADING for text in texts if name not in text] == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_texts_are_written_in_the_script_of_their_language(language):
    without = [text for text in make_locales.sentences(read(language)) if not re.search(SCRIPTS[language], text)]

    assert [text for text in without if text.lower() != "fps"] == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_language_names_every_choice_of_the_menus(pack, language):
    """The choices themselves are not translated, so what explains them has to use their words."""
    from comfy_api.latest import io

    from fom_pack.nodes import NODES, host

    own_files = {name for key in (*host.FOLDERS, "upscale_models") for name in host.files(key)}
    texts, missing = read(language), []
    for schema in (cls.GET_SCHEMA() for cls in NODES):
        for given in schema.inputs:
            told = texts[schema.node_id]["inputs"][given.id].get("tooltip", "")
            if isinstance(given, io.Combo.Input) and told:
                options = [option for option in given.options if option not in own_files]
                missing += [f"{schema.node_id}.{given.id}: {option}" for option in options if option not in told]

    explained_by_itself = {"FOMLoadMotion.motion_name"}
    assert [each for each in missing if each.split(":")[0] not in explained_by_itself] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_and_descriptions_are_free_of_what_the_frontend_takes_for_placeholders(language):
    """It reads them as messages, in which these signs mean something; tooltips are taken as they are."""
    for texts in read(language).values():
        parts = [*texts["inputs"].values(), *texts.get("outputs", {}).values()]
        for text in [texts["display_name"], texts["description"], *(part["name"] for part in parts)]:
            assert not set(text) & set("{}@|$"), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_category_has_a_name(pack, language):
    from fom_pack.nodes.sockets import CATEGORY

    assert CATEGORY.split("/")[-1] in read(language, "main.json")["nodeCategories"]
