"""The example workflows in ComfyUI's frontend, in its classic and in its new look."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fom_core.media import read_picture
from tests.comfyui.prompts import WORKFLOWS, Prompt, to_prompt

pytestmark = pytest.mark.browser
SCRIPT = Path(__file__).with_name("open_workflow.mjs")
FILES = sorted(WORKFLOWS.glob("*.json"))


@pytest.mark.parametrize("new_look", [False, True], ids=["classic", "nodes-2.0"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_opens_as_it_was_saved(server, browser, tmp_path, file, new_look):
    picture = (
        Path(os.environ.get("FOM_SCREENSHOTS") or tmp_path) / f"{file.stem}-{'new' if new_look else 'classic'}.png"
    )
    command = ["node", str(SCRIPT), server.url, str(file), str(picture)]

    ended = subprocess.run(
        [*command, f"Comfy.VueNodes.Enabled={json.dumps(new_look)}"],
        env=browser,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert (told["unknown"], told["red"], told["unlinked"], told["raised"]) == ([], [], [], [])
    assert inputs(told["prompt"]) == inputs(to_prompt(json.loads(file.read_text(encoding="utf-8"))))
    assert read_picture(picture).std() > 10


def inputs(prompt: Prompt) -> dict[str, tuple[str, dict[str, Any]]]:
    """What of a prompt decides the result; the frontend also sends what its players are called."""
    return {
        node: (
            content["class_type"],
            {name: value for name, value in content["inputs"].items() if "preview" not in name},
        )
        for node, content in prompt.items()
    }
