"""What every command has in common."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from fom_core.cli import build_parser, with_underscores
from fom_core.cli.names import output_path
from fom_core.cli.progress import ProgressBar, how_many, one_line, progress_line
from fom_core.cli.verbs import wanted
from fom_core.documents.times import duration_text, moment_text

ROOT = Path(__file__).resolve().parents[2]


def test_words_of_an_option_may_be_joined_by_hyphens_and_values_are_left_alone():
    words = ["animate", "--adapt-scale", "--source-image=a-b--c.png", "--output", "my-dir", "-x-y", "--", "--as-it-is"]

    assert with_underscores(words) == [
        "animate", "--adapt_scale", "--source_image=a-b--c.png", "--output", "my-dir", "-x-y", "--", "--as-it-is",
    ]  # fmt: skip


def test_progress_shows_speed_and_time_left():
    line = progress_line("animating", 300, 600, 12.5)

    assert line == "animating [############------------] 300/600  24.0 frames/s  0:12 left"


def test_progress_without_a_known_end_shows_the_speed_alone():
    assert progress_line("reading", 50, None, 2.0) == "reading 50  25.0 frames/s"


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (65.4, "1:05"), (3661, "1:01:01")])
def test_clocks_read_like_clocks(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00.0"), (1.26, "0:01.3"), (59.97, "1:00.0"), (3661, "1:01:01.0")])
def test_moments_are_told_to_the_tenth_of_a_second(seconds, text):
    assert moment_text(seconds) == text


def test_one_is_not_told_as_many():
    assert [how_many(number, "face") for number in (0, 1, 2)] == ["0 faces", "1 face", "2 faces"]


def test_messages_are_one_line_without_control_characters():
    assert one_line("a name:\n \x1b[2Jevil Zoë") == "a name: ?[2Jevil Zoë"


@pytest.mark.parametrize("verb", ["animate", "demo", "faces", "crop_video", "motion", "weights", "train"])
def test_every_command_explains_itself(fom, verb):
    outcome = fom(verb, "--help")

    assert outcome.status == 0
    assert outcome.results[0].startswith(f"usage: fom {verb}")


def test_the_version_is_a_result(fom):
    pyproject = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")

    (result,) = fom("--version").results

    assert f'version = "{result.removeprefix("fom ")}"' in pyproject.splitlines()


def test_bad_usage_is_status_2(fom):
    assert fom("animate", "--source_image", "a.png").status == 2
    assert fom("dance").status == 2


def test_an_unexpected_error_is_one_line_and_debug_adds_the_traceback(fom, monkeypatch):
    def broken(*_):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("fom_core.cli.motion.open_video", broken)

    plain = fom("motion", "a.mp4", "--output", "b.safetensors")
    debug = fom("motion", "a.mp4", "--output", "b.safetensors", "--debug")

    assert (plain.status, debug.status) == (1, 1)
    assert plain.messages == [
        "fom: unexpected error (RuntimeError: first line second line). Run again with --debug to see where."
    ]
    assert debug.messages[0].startswith("Traceback")
    assert debug.messages[-1] == plain.messages[-1]


PADDLEGAN_COMMANDS = (
    "--driving_video ../docs/imgs/fom_dv.mp4 --source_image ../docs/imgs/fom_source_image.png --ratio 0.4 --relative "
    "--adapt_scale --image_size 512 --face_enhancement --multi_person",
    "--driving_video ../docs/imgs/mayiyahei.MP4 --source_image ../docs/imgs/father_23.jpg "
    "--config ../configs/firstorder_vox_mobile_256.yaml --ratio 0.4 --relative --adapt_scale --mobile_net",
    "--driving_video a.mp4 --source_image b.png --output out --filename c.mp4 --weight_path d.pdparams "
    "--find_best_frame --best_frame 3 --face_detector sfd --batch_size 4 --cpu --slice_size 0",
)


@pytest.mark.parametrize("options", PADDLEGAN_COMMANDS)
def test_paddlegans_commands_are_understood_as_they_stand(options):
    args = build_parser().parse_args(["animate", *options.split()])

    assert args.relative
    assert args.adapt_scale
    assert [Path(video).suffix.lower() for video in args.driving_video] == [".mp4"]


@pytest.mark.parametrize("options", [
    "--config config/vox-256.yaml --driving_video a.mp4 --source_image b.png --checkpoint d.pth.tar --relative "
    "--adapt_scale --result_video c.mp4 --audio --find_best_frame --img_shape 256,256",
    "-s b.png -d a.mp4 --checkpoint d.pth.tar --result-video c.mp4 --img-shape (256,256) --cpu --best_frame 3",
])  # fmt: skip
def test_the_authors_commands_are_understood_as_they_stand(options):
    args = build_parser().parse_args(["animate", *with_underscores(options.split())])

    assert (args.source_image, args.driving_video, args.model) == (["b.png"], ["a.mp4"], "d.pth.tar")
    assert (output_path(args), args.image_size) == (Path("c.mp4"), 256)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("animate --gian 2", "fom animate: there is no option --gian. Did you mean --gain? Usage: fom animate --help"),
        ("animate --driving a.mp4", "fom animate: there is no option --driving. Did you mean --driving_video?"),
        ("animate --flag-relative-motion", "there is no option --flag_relative_motion. Did you mean --relative?"),
        ("motion a.mp4 --output b --flag_relative_motion", "fom motion: there is no option --flag_relative_motion. Us"),
        ("animat -s a.png", "fom: there is no command animat. Did you mean animate? Usage: fom --help"),
        ("xyzzy", "fom: there is no command xyzzy. There are animate, inspect, live"),
        ("animate --motion talk -d a.mp4", " exclude each other: leave one of them out. Usage: fom animate --help"),
        ("live -s a.png --motion nod", "fom live: there is no option --motion. Usage: fom live --help"),
        ("animate --xyzzy", "fom animate: there is no option --xyzzy. Usage: fom animate --help"),
        ("animate extra", "fom animate: too many words: extra. Usage: fom animate --help"),
        ("animate --gain much", "argument --gain: must be a number, got 'much'. Usage: fom animate --help"),
        ("animate --img_shape 256,128", "argument --img_shape: must be a square such as 256,256, got 256,128."),
        ("motion", "fom motion: the following are required: VIDEO, a motion or --pose; and --output."),
        ("motion a.mp4", "fom motion: the following arguments are required: --output. Usage: fom motion --help"),
    ],
)
def test_wrong_usage_is_a_line_that_says_what_was_meant_and_where_to_look(fom, words, message):
    outcome = fom(*words.split())
    assert (outcome.status, outcome.results, len(outcome.messages)) == (2, [], 1)
    assert message in outcome.messages[0]


def test_the_pace_is_that_of_this_call_and_slow_steps_are_told_in_seconds():
    assert "2.0 steps/s  0:05 left" in progress_line("motion", 90, 100, 20.0, "steps", begun_with=50)
    assert "20.0 s/step  3:20 left" in progress_line("motion", 90, 100, 20.0, "steps", begun_with=89)


def test_lines_come_while_nothing_gets_done(monkeypatch, capsys):
    monkeypatch.setattr("fom_core.cli.progress.FIRST_S", 0.01)
    monkeypatch.setattr("fom_core.cli.progress.LINE_S", 0.02)

    with ProgressBar("cutting", 3, "videos", beats=True):
        time.sleep(0.3)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("cutting [") and "0/3" in line and line.endswith("so far") for line in lines)


def test_the_line_of_progress_ends_with_what_has_begun(capsys, monkeypatch):
    monkeypatch.setattr("fom_core.cli.progress.FIRST_S", 0.01)
    bar = ProgressBar("exporting", 8, "files")
    bar.begin("writing generator.tflite")
    time.sleep(0.05)

    bar(3)

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("exporting [#########---------------] 3/8") and line.endswith("  writing generator.tflite")


def test_help_and_version_do_without_pytorch():
    for words in (["--help"], ["--version"]):
        program = (
            "import sys; from fom_core.cli import main\n"
            f"try: main({words})\n"
            "except SystemExit: print('torch' in sys.modules, 'numpy' in sys.modules)"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
        assert said.stdout.endswith("False False\n")


@pytest.mark.parametrize("words", [["--help"], ["bench", "--help"], ["animat"]])
def test_the_parser_of_one_command_says_what_that_of_all_says(words, capsys):
    said = []
    for parser in (build_parser(wanted(words)), build_parser()):
        with pytest.raises(SystemExit):
            parser.parse_args(words)
        said.append(capsys.readouterr())
    assert said[0] == said[1] and said[0] != ("", "")
