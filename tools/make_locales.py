"""Writes ``locales/ja``, ``ko`` and ``zh-TW``: the nodes' texts in further languages, from the same source.

python -m tools.make_locales

Japanese and Korean come from ``locales/en`` by a table of sentences for each, ``tools/locales/LANGUAGE.json``: one that
two nodes share is translated once. Traditional Chinese is ``locales/zh`` in the characters and words of Taiwan, by
OpenCC (``pip install opencc-python-reimplemented``).
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCALES, TABLES = ROOT / "locales", Path(__file__).with_name("locales")
LANGUAGES = ("ja", "ko")
TAIWAN = "zh-TW"
WORDS = {  # of Taiwan, beyond what OpenCC knows
    "影象": "影像", "畫素": "像素", "檢測": "偵測", "許可": "授權", "列表": "清單", "釋出": "發佈",
    "“": "「", "”": "」",
}  # fmt: skip
CATEGORY = {"ja": "顔アニメーション", "ko": "얼굴 애니메이션", TAIWAN: "人臉動畫"}


def main() -> int:
    """Write the files; a sentence without a translation is told, and then nothing of its language is written."""
    missing = 0
    for language in LANGUAGES:
        table = table_of(language)
        untold = sorted(set(sentences(english())) - set(table))
        for sentence in untold:
            print(f"tools/locales/{language}.json lacks: {sentence}", file=sys.stderr)
        if not untold:
            write(language, translated(english(), table.__getitem__))
        missing += len(untold)
    write(TAIWAN, translated(read("zh"), of_taiwan()))
    return 1 if missing else 0


def of_taiwan() -> Callable[[str], str]:
    """Turns simplified Chinese into what is read in Taiwan."""
    convert = importlib.import_module("opencc").OpenCC("s2twp").convert

    def turned(text: str) -> str:
        text = convert(text)
        for found, word in WORDS.items():
            text = text.replace(found, word)
        return text

    return turned


def english() -> dict[str, Any]:
    """The texts that the schemas have."""
    return read("en")


def read(language: str) -> dict[str, Any]:
    """A language's texts of the nodes."""
    return json.loads((LOCALES / language / "nodeDefs.json").read_text(encoding="utf-8"))


def table_of(language: str) -> dict[str, str]:
    """English sentences and what they are in a language."""
    return json.loads((TABLES / f"{language}.json").read_text(encoding="utf-8"))


def sentences(part: Any) -> list[str]:
    """All texts in a tree of them."""
    return [part] if isinstance(part, str) else [text for inner in part.values() for text in sentences(inner)]


def translated(part: Any, convert: Callable[[str], str]) -> Any:
    """The same tree with every text converted."""
    return convert(part) if isinstance(part, str) else {key: translated(inner, convert) for key, inner in part.items()}


def write(language: str, texts: dict[str, Any]) -> None:
    """Write a language's two files."""
    folder = LOCALES / language
    folder.mkdir(exist_ok=True)
    categories = {"nodeCategories": {"face animation": CATEGORY[language]}}
    for name, content in (("nodeDefs.json", texts), ("main.json", categories)):
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
