"""The nodes in ComfyUI's queue: cancelling, the cache, progress and previews."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from tests.comfyui.prompts import Prompt, add, of_type, workflow
from tests.comfyui.server import Listener, Server


def long_run(server: Server, ffmpeg, name: str, frames: int) -> Prompt:
    """One node that animates the group picture by a driver of so many frames."""
    source = server.base / "input" / "fom_driving.mp4"
    ffmpeg("-stream_loop", -1, "-i", source, "-frames:v", frames, "-an", "-c", "copy", server.base / "input" / name)
    prompt = workflow("long_video_in_one_node")
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = name
    return prompt


def left_files(server: Server) -> set[str]:
    """Names of all results, finished or not."""
    folders = (server.base / name for name in ("output", "temp"))
    return {str(file) for folder in folders for file in folder.rglob("*") if file.is_file() and file.suffix != ".png"}


def test_an_interrupted_run_leaves_no_file_and_a_queue_that_works(server, ffmpeg):
    prompt = long_run(server, ffmpeg, "interrupted.mp4", 600)
    before = left_files(server)
    with Listener(server, "interrupter") as listener:
        running = server.submit(prompt, "interrupter")
        animate = of_type(prompt, "FOMAnimatePicture")
        until = time.monotonic() + 120
        while not at_work(listener, animate):
            assert time.monotonic() < until, listener.messages[-5:]
            time.sleep(0.1)
        asked = time.monotonic()
        server.ask("/interrupt", {})
        with pytest.raises(InterruptedError):
            server.finish(running)
        took = time.monotonic() - asked

    assert left_files(server) == before
    assert took < 10
    quick: Prompt = {}
    picture = add(quick, "LoadImage", image="fom_portrait.jpg")
    add(quick, "PreviewImage", images=[picture, 0])
    assert server.run(quick).outputs


def at_work(listener: Listener, node: str) -> bool:
    """Whether some frames are done."""
    for kind, data in listener.messages:
        state = data.get("nodes", {}).get(node, {}) if kind == "progress_state" else {}
        if state.get("state") == "running" and 8 <= state["value"] < state["max"]:
            return True
    return False


def test_a_second_run_comes_from_the_cache(server):
    prompt = workflow("single_portrait")
    server.run(prompt)

    again = server.run(prompt)

    assert again.cached == set(prompt)


def test_the_node_shows_progress_and_pictures_while_it_works(server, ffmpeg):
    prompt = long_run(server, ffmpeg, "watched.mp4", 90)
    with Listener(server, "watcher") as listener:
        server.finish(server.submit(prompt, "watcher"))
    animate = of_type(prompt, "FOMAnimatePicture")

    states = [data["nodes"].get(animate) for kind, data in listener.messages if kind == "progress_state"]
    done = [state["value"] for state in states if state]
    shown = [moment for moment, size in listener.previews if size > 1000]
    assert done == sorted(done)
    assert len(set(done)) > 5
    assert len(shown) >= 2
    assert all(later - earlier > 0.2 for earlier, later in pairwise(shown))


@pytest.mark.slow
def test_memory_after_1500_frames_is_that_after_200(server, ffmpeg):
    """Up to what the memory allocator keeps: it moves by some tens of megabytes from run to run, up as well as down."""
    server.run(long_run(server, ffmpeg, "warm.mp4", 16))
    before = server.memory_mb()
    server.run(long_run(server, ffmpeg, "short.mp4", 200))
    after_200 = server.memory_mb()
    server.run(long_run(server, ffmpeg, "long.mp4", 1500), timeout_s=3000)
    after_1500 = server.memory_mb()

    assert after_1500 - before < 100, (before, after_200, after_1500)
    assert after_1500 - after_200 < 50, (before, after_200, after_1500)
