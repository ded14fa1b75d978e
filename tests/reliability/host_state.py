"""What a running ComfyUI holds, from Linux's /proc, and the prompts that it is given over and over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fom_core.media import VideoReader, read_picture
from tests.comfyui.conftest import checkout, install_pack, python
from tests.comfyui.prompts import Prompt, of_type, workflow
from tests.comfyui.server import PACK, Finished, Server

__all__ = [
    "State",
    "Watched",
    "animates",
    "checkout",
    "graph",
    "install_pack",
    "one_node",
    "pixels",
    "python",
    "watched",
]
SETTLE_S = 2.0  # in which what a prompt left behind ends


@dataclass(frozen=True)
class State:
    """Resident memory in MB, and numbers: of threads, open descriptors, child processes and temporary files."""

    memory_mb: float
    threads: int
    descriptors: int
    children: int
    temporary: int


@dataclass(frozen=True)
class Watched:
    """A server, and the folder of its temporary files."""

    server: Server
    temporary: Path

    def state(self) -> State:
        """What it holds once it has come to rest."""
        time.sleep(SETTLE_S)
        process = Path(f"/proc/{self.server.pid}")
        tasks = list((process / "task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
        unfinished = [file for name in ("output", "temp") for file in (self.server.base / name).rglob(".*")]
        left = len(unfinished) + len(list(self.temporary.rglob("*")))
        return State(self.server.memory_mb(), len(tasks), len(list((process / "fd").iterdir())), len(children), left)


@pytest.fixture(scope="module")
def watched(
    checkout: Path, python: str, install_pack: Any, ffmpeg: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """ComfyUI with the pack, of which is told what it holds; its temporary files lie in a folder of its own."""
    base = tmp_path_factory.mktemp("comfyui")
    install_pack(base, PACK)
    temporary = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        with Server(checkout, python, base) as server:
            source = base / "input" / "fom_driving.mp4"
            for frames in (4, 60):
                clip = base / "input" / f"{frames}.mp4"
                ffmpeg("-i", source, "-frames:v", frames, "-an", "-c", "copy", clip)
            yield Watched(server, temporary)


def graph(gain: float = 1.0, frames: int = 4) -> Prompt:
    """Detect Faces, Animate Face and Paste Faces on the portrait. Another ``gain`` is not in ComfyUI's cache."""
    prompt = workflow("single_portrait")
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = f"{frames}.mp4"
    prompt[of_type(prompt, "FOMAnimateFace")]["inputs"]["gain"] = gain
    return prompt


def one_node(gain: float = 1.0, frames: int = 4) -> Prompt:
    """Animate Picture on the group."""
    prompt = workflow("long_video_in_one_node")
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = f"{frames}.mp4"
    prompt[of_type(prompt, "FOMAnimatePicture")]["inputs"]["gain"] = gain
    return prompt


def animates(prompt: Prompt) -> str:
    """The id of the node that animates."""
    (found,) = [node for node, content in prompt.items() if content["class_type"].startswith("FOMAnimate")]
    return found


def pixels(finished: Finished) -> np.ndarray:
    """All frames of what a prompt saved."""
    (path,) = [file for files in finished.files.values() for file in files if "temp" not in file.parts[-2:-1]]
    return np.stack(list(VideoReader(path))) if path.suffix == ".mp4" else read_picture(path)
