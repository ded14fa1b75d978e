"""``torchrun … -m fom_core animate``: several processes make what one makes, and end together."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fom_core import scaleout
from fom_core.errors import MediaError
from fom_core.media import VideoReader, read_picture, read_sound, write_picture
from fom_core.parallel.distributed import Team
from fom_core.scaleout import _in_order
from fom_core.types import Keypoints, RunOptions

ROOT = Path(__file__).resolve().parents[2]


def run(
    processes: int, *words: object, program: Sequence[object] = ("-m", "fom_core")
) -> subprocess.CompletedProcess[str]:
    """Run a command by torchrun, or without it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ["--nproc-per-node", processes, "--master-addr", "127.0.0.1", "--master-port", port]
    launcher = ["-m", "torch.distributed.run", *place] if processes > 1 else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = list(map(str, [sys.executable, *launcher, *program, *words]))
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)


def ours(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What our commands said, without the launcher's report."""
    return [line for line in done.stderr.splitlines() if line.startswith("fom: ")]


@pytest.mark.parametrize(("length", "chunk"), [(60, 8), (3, 8), (17, 4), (16, 4)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_shares_are_whole_chunks_and_all_frames_once(length, chunk, size):
    shares = [Team(rank, size).share(length, chunk) for rank in range(size)]
    assert sorted(frame for share in shares for frame in share) == list(range(length))
    for share in shares:  # in pieces of the chunk's size, the share has the same chunks as the whole
        pieces = [share[start : start + chunk] for start in range(0, len(share), chunk)]
        assert all(piece[0] % chunk == 0 and piece[-1] - piece[0] == len(piece) - 1 for piece in pieces)


def test_keypoints_of_all_shares_come_back_in_order():
    import torch

    whole = Keypoints(torch.arange(17.0)[:, None, None].expand(17, 2, 2))
    parts = [whole.pick(Team(rank, 3).share(17, 4)) for rank in range(3)]
    assert torch.equal(_in_order(Team(0, 3), parts, 17, 4).value, whole.value)


@pytest.mark.parametrize(("chunk", "pieces"), [(5, 2), (8, 4), (7, 3)])
def test_pieces_of_chunks_come_in_order(monkeypatch, chunk, pieces):
    """Where memory runs short, a process halves its chunks, and a piece may reach into the next one."""
    length = 23

    def painted(rank):
        share = np.array(Team(rank, 2).share(length, chunk), np.uint8)
        return iter([share[start : start + pieces] for start in range(0, len(share), pieces)])

    other = painted(1)
    monkeypatch.setattr(scaleout, "_receive", lambda owner: next(other))
    got = scaleout._gathered(Team(0, 2), painted(0), length, RunOptions(chunk))
    assert np.concatenate(list(got)).tolist() == list(range(length))


def test_a_damaged_video_is_told_by_every_process(tiny_model, monkeypatch):
    def frames():
        yield from np.zeros((20, 64, 64, 3), np.uint8)
        raise MediaError("The video breaks off.")

    monkeypatch.setattr(scaleout, "team", lambda: Team(1, 2))
    with pytest.raises(MediaError, match="breaks off"):
        scaleout.read_motion_in_team(tiny_model, frames(), 25.0, chunk_size=8)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_make_the_same_frames_and_sound_as_one(whole_picture, tmp_path, processes):
    results = {}
    for count in (1, processes):
        for target in (tmp_path / f"{count}.mkv", tmp_path / f"frames{count}" / "f.png"):
            done = run(count, *whole_picture, "--output", target, "--chunk_size", 7)
            assert done.returncode == 0, done.stderr
            assert len(done.stdout.splitlines()) == 1
        results[count] = np.stack([read_picture(path) for path in sorted((tmp_path / f"frames{count}").iterdir())])
    assert len(results[1]) == 60
    assert (results[1] == results[processes]).all()
    videos = [VideoReader(tmp_path / f"{count}.mkv") for count in (1, processes)]
    assert all((a == b).all() for a, b in zip(*videos, strict=True))
    sounds = [read_sound(video, 10) for video in videos]
    assert sounds[0] is not None and sounds[1] is not None and (sounds[0][0] == sounds[1][0]).all()


MEASURES_DIFFERENTLY = """
import os, sys
from dataclasses import replace
import torch
from fom_core.backends.pytorch import bounds, choice
from fom_core.__main__ import main

def plans(device, precision, widest):
    exact = plans_for(device, torch.float32)[0]
    return [replace(exact, dtype=torch.bfloat16), exact]

def ms(self, form):
    return 1.0 if form.plan.half == (os.environ.get("RANK") == "1") else 2.0

plans_for, choice.plans_for, bounds.Reference.picture_ms = choice.plans_for, plans, ms
sys.exit(main())
"""


@pytest.mark.slow
def test_processes_that_measure_differently_paint_one_job_by_one_plan(whole_picture, tmp_path, monkeypatch):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path / "models"))
    (tmp_path / "program.py").write_text(MEASURES_DIFFERENTLY)
    results = []
    for count in (2, 1):  # the one goes by what the two kept
        target = tmp_path / f"frames{count}" / "f.png"
        words = [*whole_picture, "--output", target, "--chunk_size", 7, "--duration", 1]
        done = run(count, *words, program=[tmp_path / "program.py"])
        assert done.returncode == 0, done.stderr
        results.append(np.stack([read_picture(path) for path in sorted(target.parent.iterdir())]))
    assert (results[0] == results[1]).all()


@pytest.mark.slow
def test_a_mistake_that_all_make_is_told_once(whole_picture, tmp_path):
    done = run(2, *whole_picture, "--source_image", tmp_path / "none.png", "--output", tmp_path / "out.mp4")
    assert done.returncode != 0
    assert len(ours(done)) == 1 and "none.png does not exist" in ours(done)[0]
    assert 'Traceback (most recent call last):\n  File "' + str(ROOT) not in done.stderr
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.slow
def test_a_preview_by_two_processes_is_that_of_one(whole_picture, tmp_path):
    for count in (1, 2):
        done = run(count, *whole_picture, "--preview", 5, "--chunk_size", 2, "--output", tmp_path / f"{count}.mp4")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [str(tmp_path / f"{count}.png")]
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


@pytest.mark.slow
def test_a_manifest_by_two_processes_makes_the_results_of_one(whole_picture, tmp_path):
    results = {}
    for count in (1, 2):
        jobs = tmp_path / f"{count}.jsonl"
        targets = [tmp_path / f"{count}_{job}.mkv" for job in "ab"]
        jobs.write_text("".join(json.dumps({"output": str(path), "duration": 1}) + "\n" for path in targets))
        done = run(count, *whole_picture, "--manifest", jobs, "--chunk_size", 7)
        assert done.returncode == 0, done.stderr
        assert sorted(done.stdout.splitlines()) == list(map(str, targets))
        results[count] = [np.stack(list(VideoReader(path))) for path in targets]
    assert all((one == several).all() for one, several in zip(results[1], results[2], strict=True))


@pytest.mark.slow
def test_two_processes_share_the_jobs_of_a_manifest_and_tell_of_all_once(whole_picture, tmp_path):
    targets = [tmp_path / "out" / f"{job}.mkv" for job in range(5)]
    jobs = [{"output": str(path), "duration": 0.2} for path in targets]
    jobs[2]["source_image"] = str(tmp_path / "none.png")
    (tmp_path / "jobs.jsonl").write_text("".join(json.dumps(job) + "\n" for job in jobs))

    done = run(2, *whole_picture, "--manifest", tmp_path / "jobs.jsonl")

    whole = [path for number, path in enumerate(targets) if number != 2]
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()) == list(map(str, whole))
    assert ours(done)[0] == "fom: 1 of 5 jobs failed; the results of the others are there."
    assert len(ours(done)) == 2 and "jobs.jsonl, line 3: " in ours(done)[1]
    assert len([line for line in done.stderr.splitlines() if "4 of 5 jobs done by 2 processes (" in line]) == 1
    written = {path: path.stat().st_mtime_ns for path in whole}

    write_picture(tmp_path / "none.png", np.zeros((64, 64, 3), np.uint8))
    again = run(2, *whole_picture, "--manifest", tmp_path / "jobs.jsonl")

    assert (again.returncode, again.stdout.splitlines()) == (0, [str(targets[2])])
    assert {path: path.stat().st_mtime_ns for path in whole} == written


@pytest.mark.slow
def test_after_a_process_was_killed_the_same_command_goes_on_with_the_jobs_that_are_left(whole_picture, tmp_path):
    script = tmp_path / "dies.py"
    script.write_text(
        "import os, signal, sys\n"
        "from fom_core.cli import animate, main\n"
        "do = animate._animate\n"
        "def die(args, *rest):\n"
        "    if args.output.endswith('3.mkv') and not os.path.exists(sys.argv[0] + '.died'):\n"
        "        open(sys.argv[0] + '.died', 'w').close()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    do(args, *rest)\n"
        "animate._animate = die\n"
        "sys.exit(main())\n"
    )
    targets = [tmp_path / f"{job}.mkv" for job in range(6)]
    (tmp_path / "jobs.jsonl").write_text(
        "".join(json.dumps({"output": str(path), "duration": 0.2}) + "\n" for path in targets)
    )
    words = [*whole_picture, "--manifest", tmp_path / "jobs.jsonl"]

    done = run(2, *words, program=[script])
    made = [path for path in targets if path.exists()]
    again = run(2, *words, program=[script])

    assert done.returncode != 0 and made and targets[3] not in made
    assert again.returncode == 0
    assert sorted(again.stdout.splitlines()) == [str(path) for path in targets if path not in made]
    assert [path for path in tmp_path.iterdir() if ".tmp" in path.name] == []


@pytest.mark.slow
@pytest.mark.parametrize("manifest", [False, True])
def test_a_source_video_is_refused_by_several_processes_in_one_line(whole_picture, sound_clip, tmp_path, manifest):
    words = ["animate", "--source_video", sound_clip, *whole_picture[3:]]
    if manifest:
        (tmp_path / "jobs.jsonl").write_text(json.dumps({"source_video": str(sound_clip)}) + "\n")
        words = ["animate", "--manifest", tmp_path / "jobs.jsonl", *whole_picture[3:]]
    done = run(2, *words, "--output", tmp_path / "out.mp4")
    assert done.returncode != 0
    assert (
        len(ours(done)) == 1 and "A source video is animated by one process. Run it without torchrun." in ours(done)[0]
    )
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.slow
def test_one_process_that_fails_ends_all_with_its_line(whole_picture, tmp_path):
    """Only the first process writes, so only it can find the place unwritable."""
    (tmp_path / "file").write_text("")
    done = run(2, *whole_picture, "--output", tmp_path / "file" / "out.mp4")
    assert done.returncode != 0
    assert len(ours(done)) == 1 and "Cannot write" in ours(done)[0]


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all_with_one_line(whole_picture, tmp_path):
    script = tmp_path / "dies.py"
    script.write_text(
        "import os, signal, sys\n"
        "from fom_core import scaleout\n"
        "from fom_core.cli import main\n"
        "def die(chunk): os.kill(os.getpid(), signal.SIGKILL)\n"
        "scaleout._send = die\n"
        "sys.exit(main())\n"
    )
    done = run(2, *whole_picture, "--output", tmp_path / "out.mp4", program=[script])
    assert done.returncode != 0
    assert len(ours(done)) <= 1  # the launcher may end the first process before it can tell
    assert not (tmp_path / "out.mp4").exists()
    assert [path for path in tmp_path.iterdir() if ".tmp" in path.name] == []
