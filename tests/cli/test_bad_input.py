"""Mistakes end in one clear line and status 1, and leave no file behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fom_core.faces.detection import Detection
from fom_core.media import VideoReader, VideoWriter, write_picture

ROOT = Path(__file__).resolve().parents[2]


class Blind:
    """A detector that never sees a face."""

    name = "fake"

    def detect(self, image: np.ndarray) -> list[Detection]:
        return []


def swapped(words: list[object], option: str, value: object) -> list[object]:
    """The command with another value of one option."""
    at = words.index(option)
    return [*words[: at + 1], value, *words[at + 2 :]]


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def refused(fom, tmp_path):
    """Runs a command that must fail in one line; gives the line."""

    def run(words: list[object], status: int = 1) -> str:
        outcome = fom(*words, "--output", tmp_path / "out")
        errors = [line for line in outcome.messages if line.startswith("fom: ")]
        assert outcome.status == status
        assert outcome.results == []
        assert errors == outcome.messages[-1:]
        assert not (tmp_path / "out").exists()
        return errors[0]

    return run


@pytest.mark.parametrize("option", ["--source_image", "--driving_video", "--model"])
def test_missing_files_are_named(refused, whole_picture, tmp_path, option):
    line = refused(swapped(whole_picture, option, tmp_path / "nowhere.bin"))

    assert "nowhere.bin" in line


@pytest.mark.parametrize("option", ["--source_image", "--driving_video", "--model"])
def test_files_with_other_content_are_named(refused, whole_picture, tmp_path, option):
    path = tmp_path / "words.mp4"
    path.write_text("these are words\n" * 100)

    line = refused(swapped(whole_picture, option, path))

    assert "words.mp4" in line


def test_a_video_without_frames_is_refused(refused, whole_picture, tmp_path, ffmpeg):
    path = tmp_path / "empty.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:duration=1", "-frames:v", "0", path)
    assert path.is_file()

    assert "empty.mp4" in refused(swapped(whole_picture, "--driving_video", path))


def test_a_truncated_video_is_used_up_to_the_damage_with_a_warning(fom, whole_picture, tmp_path, sound_clip):
    path = tmp_path / "cut.mp4"
    path.write_bytes(sound_clip.read_bytes()[: int(sound_clip.stat().st_size * 0.7)])

    outcome = fom(*swapped(whole_picture, "--driving_video", path), "--output", tmp_path / "out")

    frames = VideoReader(tmp_path / "out" / "result.mp4").frame_count
    warnings = [line for line in outcome.messages if line.startswith("warning: ")]
    assert outcome.status == 0
    assert 0 < frames < 60
    assert warnings == [f"warning: {path} is damaged: {frames} of about 60 frames could be read and are used."]


def test_a_picture_without_a_face_is_refused(refused, whole_picture, monkeypatch):
    monkeypatch.setattr("fom_core.cli.common.load_detector", lambda name, **_: Blind())

    line = refused(swapped(whole_picture, "--source_crop", "face"))

    assert "No face was found" in line
    assert "picture.png" in line


def test_a_damaged_checkpoint_is_refused(refused, whole_picture, tmp_path, tiny_weights):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(tiny_weights.read_bytes()[:2000])

    assert "damaged.safetensors" in refused(swapped(whole_picture, "--model", path))


def test_an_unwritable_output_is_refused_before_the_work(fom, whole_picture, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("fom_core.cli.common.open_model", lambda _: pytest.fail("work has started"))

    outcome = fom(*whole_picture, "--output", tmp_path / "file")

    assert outcome.status == 1
    assert [line[:17] for line in outcome.messages] == ["fom: Cannot write"]
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_result_never_replaces_its_input(fom, whole_picture, sound_clip):
    before = sound_clip.read_bytes()

    outcome = fom(*whole_picture, "--output", sound_clip)

    assert outcome.status == 2
    assert "would replace the input" in outcome.messages[-1]
    assert sound_clip.read_bytes() == before


def test_numbered_pictures_never_replace_the_source(fom, whole_picture, picture_file):
    source = picture_file.rename(picture_file.with_name("frame_000007.png"))
    words = swapped(whole_picture, "--source_image", source)

    outcome = fom(*words, "--output", source.with_name("frame.png"))

    assert outcome.status == 2
    assert [path.name for path in source.parent.iterdir()] == [source.name]


@pytest.mark.parametrize("option", ["--json", "--output"])
def test_faces_never_replace_their_picture(fom, picture_file, option):
    before = picture_file.read_bytes()

    outcome = fom("faces", picture_file, "--face_detector", "embedded", option, picture_file)

    assert outcome.status == 2
    assert picture_file.read_bytes() == before


def test_results_of_a_command_do_not_replace_one_another(fom, picture_file, tmp_path):
    words = ["faces", picture_file, "--face_detector", "embedded", "--json", tmp_path / "x.png"]
    outcome = fom(*words, "--output", picture_file.parent / ".." / "x.png")
    assert outcome.status == 2
    assert "x.png would take the place of another result" in outcome.messages[-1]
    assert not (tmp_path / "x.png").exists()
    figures = fom("bench", "--json", tmp_path / "x", "--plot", tmp_path / "x")
    assert figures.status == 2 and "would take the place of another result" in figures.messages[-1]


def test_weights_are_not_replaced_by_what_is_made_with_them(fom, tiny_weights, sound_clip, tmp_path):
    weights = tmp_path / "tiny.safetensors"
    weights.write_bytes(tiny_weights.read_bytes())
    plain = weights.with_suffix("")
    plain.write_bytes(tiny_weights.read_bytes())
    configured = ["--model", weights, "--driving_crop", "none"]
    for words in (
        ["motion", sound_clip, "--output", weights, *configured],
        ["bench", "--json", weights, "--model", weights],
        ["weights", "convert", weights, weights.parent / "." / weights.name],
        ["export", plain, "--output", plain],
    ):
        outcome = fom(*words)
        assert outcome.status == 2
        assert "would replace the input" in outcome.messages[-1]
    assert weights.read_bytes() == plain.read_bytes() == tiny_weights.read_bytes()


def test_a_training_replaces_none_of_its_files(fom, tiny_weights, tmp_path):
    weights, videos = tmp_path / "mini.safetensors", tmp_path / "videos"
    weights.write_bytes(tiny_weights.read_bytes())
    (videos / "data").mkdir(parents=True)
    for words in (
        ["train", videos, "-o", "name=mini", "--vgg", weights, "--output", tmp_path],
        ["compress", videos, "--teacher", "mini", "--vgg", weights, "-o", "name=mini", "--output", tmp_path],
        ["preprocess", videos, "--output", videos / "data" / "new"],
        ["preprocess", videos, "--output", tmp_path / "data", "--metadata", tmp_path / "data" / "report.csv"],
    ):
        outcome = fom(*words, *(["--yunet", tiny_weights] if words[0] != "preprocess" else []))
        assert outcome.status == 2
        assert "would replace the input" in outcome.messages[-1] or "lies in" in outcome.messages[-1]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "mini.safetensors", "videos"]


@pytest.mark.parametrize(
    "words",
    [
        ["animate", "--source_image"], ["animate", "--driving_video"], ["animate", "--motion"], ["animate", "--output"],
        ["animate", "--filename"], ["animate", "--manifest"], ["animate", "--model"], ["animate", "--config"],
        ["animate", "--enhancer"], ["demo", "--output"], ["faces"], ["faces", "a.png", "--json"],
        ["faces", "a.png", "--output"], ["motion"], ["motion", "a.mp4", "--output"], ["weights", "convert", "mini"],
        ["weights", "convert"], ["weights", "info"], ["weights", "download", "--folder"], ["export"],
        ["export", "mini", "--output"], ["export", "mini", "--frames"], ["bench", "--json"], ["bench", "--plot"],
        ["bench", "--driving_video"], ["evaluate", "--output"], ["evaluate", "--pairs"], ["train", "--config"],
        ["train", "--output"], ["train", "--init_from"], ["train"],
        ["compress", "--teacher"], ["compress", "--student"], ["preprocess"],
        ["preprocess", "a", "--output"], ["preprocess", "a", "--metadata"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["", " \t"])
def test_every_option_that_names_a_file_wants_a_name(fom, words, name):
    outcome = fom(*words, name)
    assert outcome.status == 2
    assert "wants a name, got" in outcome.messages[-1]


@pytest.mark.parametrize(
    "words",
    [["animate", "--source_image", "a.png", "--driving_video", "a.mp4"], ["motion", "a.mp4", "--output", "m"],
     ["evaluate", "clips"], ["export", "mini"], ["weights", "info", "mini"], ["weights", "info", "yunet"],
     ["weights", "convert", "mini", "m.safetensors"], ["bench", "--model", "mini"]],
)  # fmt: skip
@pytest.mark.parametrize(
    ("name", "found"), [("none.yaml", "does not exist"), ("folder", "is a folder"), ("empty.yaml", "is empty")]
)
def test_a_configuration_is_looked_at_even_where_the_model_needs_none(fom, tmp_path, monkeypatch, words, name, found):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.yaml").touch()
    outcome = fom(*words, "--config", name)
    assert outcome.status == 1
    assert f"The configuration {name} {found}" in outcome.messages[-1]


@pytest.mark.parametrize("option", ["--json", "--output"])
def test_a_folder_is_no_place_for_a_file(fom, picture_file, tmp_path, option):
    folder = tmp_path / "folder.png"
    folder.mkdir()
    outcome = fom("faces", picture_file, "--face_detector", "embedded", option, folder)
    assert outcome.status == 1
    assert outcome.messages[-1] == f"fom: Cannot write {folder}: it is a folder. Give the name of a file."


@pytest.mark.parametrize(
    "words",
    [["crop_video", "a.mp4"], ["export", "mini"], ["evaluate"], ["train"], ["compress", "--teacher", "mini"],
     ["preprocess", "a"]],
)  # fmt: skip
def test_a_folder_of_results_does_not_end_like_a_file(fom, words):
    outcome = fom(*words, "--output", "b.mp4")
    assert outcome.status == 2
    assert "names the folder of the results, and b.mp4 ends like a file: leave .mp4 out, or" in outcome.messages[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["motion", "a.mp4", "--output", "b.mp4"], "A motion is no .mp4 file. Name it b.safetensors."),
        (["bench", "--plot", "b.png"], "A plot is an SVG, no .png file. Name it b.svg."),
        (["faces", "a.png", "--output", "b.xyz"], "Cannot write b.xyz: .xyz is no picture format. Use .png, .jpg or"),
        (["faces", "a.png", "--output", "b"], "Cannot write b: its name has no ending. Use .png, .jpg or .webp."),
    ],
)
def test_the_ending_of_a_result_says_what_it_is(fom, words, message):
    assert message in fom(*words).messages[-1]


def test_a_motion_never_replaces_its_video(fom, sound_clip, tiny_weights):
    before = sound_clip.read_bytes()

    outcome = fom("motion", sound_clip, "--output", sound_clip, "--model", tiny_weights, "--driving_crop", "none")

    assert outcome.status == 2
    assert sound_clip.read_bytes() == before


def test_an_absent_device_is_named(refused, whole_picture, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert "cuda:1 is not ready" in refused([*whole_picture[:-1], "--device", "cuda:1"], status=2)


def test_an_initial_frame_beyond_the_video_is_refused(refused, whole_picture):
    assert "0 to 59" in refused([*whole_picture, "--best_frame", "60"], status=2)


def test_an_initial_frame_far_beyond_the_video_is_refused_before_it_is_read(refused, whole_picture, monkeypatch):
    monkeypatch.setattr("fom_core.cli.drivers.read_driver", lambda *_, **__: pytest.fail("it was read"))
    assert "0 to 59; got 99" in refused([*whole_picture, "--best_frame", "99"], status=2)


@pytest.mark.parametrize("option", ["--gain", "--head_gain", "--expression_gain"])
def test_gains_without_relative_motion_are_refused(refused, whole_picture, option):
    line = refused([*whole_picture, option, "2", "--no_relative"], status=2)
    assert line == f"fom: {option} weighs relative motion, and --no_relative is given. Leave one of them out."


def test_numbers_that_nobody_counts_to_are_refused(fom, whole_picture):
    for option in ("--chunk_size", "--image_size", "--best_frame", "--slice_size", "--initial_frame"):
        for number in ("9" * 5000, "9" * 20):
            outcome = fom(*whole_picture, option, number)
            assert outcome.status == 2
            assert f"argument {option}: must be" in outcome.messages[-1]


@pytest.mark.parametrize("option", ["--feather", "--colour_match"])
def test_shares_beyond_one_are_refused(fom, whole_picture, option):
    outcome = fom(*whole_picture, option, "1.5")
    assert outcome.status == 2
    assert f"{option}: must be from 0 to 1, got 1.5" in outcome.messages[-1]


def test_a_picture_of_too_many_pixels_is_refused_until_more_are_allowed(fom, refused, whole_picture, tmp_path):
    with_option = [*whole_picture, "--max_pixels", "100"]

    line = refused(with_option)

    assert "--max_pixels" in line
    assert "FOM_MAX_PIXELS" not in os.environ
    assert fom(*whole_picture, "--max-pixels", "100000", "--output", tmp_path / "out").status == 0


@pytest.mark.parametrize(
    ("filename", "keeps"), [("a.mp4", False), ("a.gif", False), ("a.webm", True), ("a.webp", True)]
)
def test_transparency_that_the_result_does_not_keep_is_told_of(fom, whole_picture, tmp_path, filename, keeps):
    source = tmp_path / "clear.png"
    write_picture(source, np.dstack([np.full((64, 64, 3), 90, np.uint8), np.full((64, 64), 128, np.uint8)]))

    outcome = fom(*swapped(whole_picture, "--source_image", source), "--output", tmp_path, "--filename", filename)

    told = [line for line in outcome.messages if "is transparent, which" in line]
    assert outcome.status == 0
    assert len(told) == (0 if keeps else 1)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT as a terminal does")
def test_ctrl_c_stops_at_once_and_leaves_nothing(whole_picture, tmp_path):
    driver, output = tmp_path / "long.mp4", tmp_path / "out"
    with VideoWriter(driver, 25) as writer:
        for _ in range(40):
            writer.write(np.zeros((50, 64, 64, 3), np.uint8))
    words = [*swapped(whole_picture, "--driving_video", driver), "--output", output]
    process = subprocess.Popen(
        [sys.executable, "-m", "fom_core", *map(str, words)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - ignored by runners in the background
    )  # fmt: skip

    while process.poll() is None and not (output.is_dir() and any(output.iterdir())):
        time.sleep(0.05)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    results, messages = process.communicate(timeout=20)

    assert process.returncode == 130
    assert messages.splitlines()[-1] == "Stopped."
    assert results == ""
    assert files_under(output) == []


@pytest.mark.parametrize(
    "words",
    [
        ["faces", "a.png", "--output", "-"],
        ["faces", "a.png", "--parsing", "--parts", "-"],
        ["motion", "nod", "--output", "-"],
        ["animate", "--source_image", "a.png", "--motion", "nod", "--output", "-"],
        ["export", "mini", "--output", "-"],
        ["demo", "--output", "-"],
        ["crop_video", "a.mp4", "--json", "-"],
        ["workflow", "convert", "a.json", "--output", "-"],
        ["weights", "convert", "mini", "-"],
    ],
    ids=" ".join,
)
def test_a_pipe_is_no_file(fom, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    outcome = fom(*words)
    assert outcome.status == 2
    assert "one called - is ./-" in outcome.messages[-1]
    assert not list(tmp_path.iterdir())
