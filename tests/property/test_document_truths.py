"""Whatever a document holds, it is read, or refused by an error of ours in one short line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fom_core.backends import MANIFEST, read_package
from fom_core.cli.animate_options import declare
from fom_core.cli.manifest import jobs_of
from fom_core.cli.progress import one_line
from fom_core.errors import FomError
from fom_core.evaluation.evaluate import _listed
from fom_core.files.paths import CONFIGS
from fom_core.preprocess.clip_sources import jobs_of_metadata
from fom_core.training.config import load_config
from fom_core.training.data.clips import find_entries
from fom_core.weights.config_file import read_config
from fom_core.weights.load import _stated_config

MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ODD = st.sampled_from([
    "[", "]", "{", "}", ":", ": ", ",", "\n", "\n  ", "\n- ", "\t", '"', "'", "\\", "#", "|", ">", "?", "? [a]\n", "-",
    "[" * 200, "{a: " * 200, "- " * 200, '{"a":' * 2000, "9" * 5000, "-" + "9" * 30, "0x" + "f" * 99, "1:2:3", "1e999",
    ".nan", "-.inf", "NaN", "Infinity", "null", "None", "true", "2024-99-99", "2024-01-01", "&a ", "*a", "<<: *a",
    "!!int x", "!!binary x", "!!set", "!!timestamp x", "!!python/name:os.system", "\ufeff", "\0", "\u2028", "\x85", "é",
    "a", "steps", "name", "model_params", "source_image", "file", "x,y", "x" * 132_000, "%TAG ! a", "---", "...", "@",
])  # fmt: skip


@st.composite
def documents(draw, whole: str) -> bytes:
    """A right document with odd pieces put in the place of others; or any bytes."""
    data = whole
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 40)))
        data = data[:start] + draw(ODD) + data[stop:]
    odd = draw(st.lists(ODD, max_size=12).map("".join))
    return draw(st.sampled_from([data.encode(), odd.encode(), data.encode("utf-16"), data.encode() + b"\xff"]))


def read_or_told(read, *arguments: object) -> None:
    try:
        read(*arguments)
    except FomError as error:
        assert 10 < len(one_line(str(error))) < 2100


@MANY
@given(documents((CONFIGS / "vox-256.yaml").read_text(encoding="utf-8")))
def test_any_training_file(tmp_path: Path, data):
    (tmp_path / "a.yaml").write_bytes(data)
    read_or_told(load_config, tmp_path / "a.yaml")
    read_or_told(read_config, tmp_path / "a.yaml")


@MANY
@given(st.lists(ODD, max_size=6).map("".join))
def test_any_override(text):
    read_or_told(load_config, CONFIGS / "vox-256.yaml", [f"train_params.batch_size={text}"])


@MANY
@given(
    documents('{"source_image": "a.jpg", "driving_video": ["b.mp4"], "output": "c.mp4", "gain": 1.5, "cpu": true}\n')
)
def test_any_manifest(tmp_path: Path, data):
    (tmp_path / "a.jsonl").write_bytes(data)
    read_or_told(jobs_of, argparse.Namespace(manifest=str(tmp_path / "a.jsonl")), declare)


@MANY
@given(documents("file,kind,split,identity\na.mp4,video,val,a\n"), st.sampled_from(["index.csv", "pairs.csv"]))
def test_any_list_of_clips_or_pairs(tmp_path: Path, data, name):
    (tmp_path / name).write_bytes(data)
    read_or_told(find_entries, tmp_path, "val")
    read_or_told(_listed, tmp_path / name, [], tmp_path)


@MANY
@given(documents("video_id,start,end,bbox,fps\na,0,50,1-2-30-40,25\n"))
def test_any_metadata(tmp_path: Path, data):
    (tmp_path / "a.csv").write_bytes(data)
    read_or_told(jobs_of_metadata, tmp_path / "a.csv", tmp_path)


@pytest.fixture(scope="module")
def header(tiny_config) -> str:
    return json.dumps(tiny_config.to_dict())


@MANY
@given(st.data())
def test_any_exported_models_list_or_header(tmp_path: Path, header, data):
    parts = '{"format": "fom-export-1", "name": "a", "opset": 17, "parts": {}, "config": '
    drawn = data.draw(documents(f"{parts}{header}}}"))
    (tmp_path / MANIFEST).write_bytes(drawn)
    read_or_told(read_package, tmp_path)
    stated = data.draw(documents(header)).decode("utf-8", "replace")
    read_or_told(_stated_config, stated, Path("a.safetensors"))
