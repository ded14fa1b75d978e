"""Many jobs in one call."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

import pytest

from fom_core.cli.animate_options import declare
from fom_core.cli.manifest import jobs_of
from fom_core.errors import FomError
from fom_core.media import VideoReader


@pytest.fixture
def manifest(tmp_path, picture_file, sound_clip):
    """Writes a manifest of jobs that differ in these options."""

    def write(*jobs: Any):
        path = tmp_path / "jobs.jsonl"
        common = {"source_image": str(picture_file), "driving_video": str(sound_clip)}
        lines = [job if isinstance(job, str) else json.dumps({**common, **job}) for job in jobs]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def words(tiny_weights):
    return ["--model", tiny_weights, "--source_crop", "none", "--driving_crop", "none", "--cpu"]


def test_every_line_is_a_job_and_the_command_line_holds_for_all(fom, manifest, words, tmp_path):
    still, moving = tmp_path / "still.mp4", tmp_path / "moving.mkv"
    path = manifest({"output": str(still), "gain": 0}, "", {"output": str(moving), "no-adapt-scale": True})

    outcome = fom("animate", "--manifest", path, *words, "--gain", 2)

    assert (outcome.status, outcome.results) == (0, [str(still), str(moving)])
    frames = [list(VideoReader(result)) for result in (still, moving)]
    assert len(frames[0]) == len(frames[1]) == 60
    assert (frames[0][0] == frames[0][-1]).mean() > (frames[1][0] == frames[1][-1]).mean()
    assert VideoReader(still).has_audio


def test_a_picture_that_every_line_replaces_is_told(fom, manifest, words, tmp_path, picture_file):
    path = manifest({"output": str(tmp_path / "a.mp4"), "duration": 0.1})

    outcome = fom("animate", "--manifest", path, *words, "-s", picture_file)

    told = "warning: --source_image has no effect: every line of the manifest names its own."
    assert (outcome.status, outcome.messages.count(told)) == (0, 1)


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({"output": "b.mp4", "gian": 1}, "jobs.jsonl, line 2: there is no option 'gian'. Did you mean gain?"),
        ({"output": "b.mp4", "gain": -1}, "jobs.jsonl, line 2: argument --gain: must be 0 or above, got -1"),
        ({"output": "b.mp4", "multi_person": "yes"}, "line 2: multi_person is true or false, not 'yes'."),
        ("not a job", "jobs.jsonl, line 2: this is no JSON"),
        ('{"gain": NaN}', "jobs.jsonl, line 2: this has to hold numbers only, found NaN."),
        ('{"gain": 1, "gain": 2}', "jobs.jsonl, line 2: this 'gain' was given twice."),
        ("[" * 5000 + "]" * 5000, "jobs.jsonl, line 2: this is nested more than 64 deep."),
        ({"chunk_size": 10**30}, "jobs.jsonl, line 2: this has to hold numbers of at most 64 bits, found one of 31"),
        ({"gain": None}, "line 2: values are texts, numbers or lists of these, not nothing."),
        ({"gain": [1, 2]}, "line 2: gain takes one value, not a list of 2."),
        (
            {"driving_video": ["-a.mp4"]},
            "line 2: driving_video: '-a.mp4' begins as options do. Write ./ before the name",
        ),
        ({"driving_video": [["a"]]}, "line 2: values are texts, numbers or lists of these, not a list of 1."),
        ({"output": ""}, "line 2: argument --output: wants a name, got nothing"),
        ({"output": " "}, "line 2: argument --output: wants a name, got blanks"),
        ({"source_image": "a\0b"}, "line 2: argument --source_image: holds a character that no file name has"),
        ({"model": "\ud800"}, "line 2: argument --model: holds a character that no file name has"),
        ({"output": "b.mp4", "source_image": None}, "line 2: values are texts"),
        ("[1]", "jobs.jsonl, line 2: a job looks like"),
    ],
)
def test_a_mistake_in_any_line_shows_before_the_work(fom, manifest, words, tmp_path, job, message):
    path = manifest({"output": str(tmp_path / "a.mp4")}, job)
    outcome = fom("animate", "--manifest", path, *words)
    assert outcome.status == 2
    assert message in outcome.messages[-1]
    assert not (tmp_path / "a.mp4").exists()


def test_a_job_that_fails_is_named_and_earlier_results_stay(fom, manifest, words, tmp_path):
    path = manifest({"output": str(tmp_path / "a.mp4")}, {"output": "b.mp4", "source_image": "none.png"})
    outcome = fom("animate", "--manifest", path, *words)
    assert outcome.status == 1
    assert "jobs.jsonl, line 2:" in outcome.messages[-1] and "none.png does not exist" in outcome.messages[-1]
    assert (tmp_path / "a.mp4").exists()


def test_without_picture_or_driver_one_line_says_what_is_missing(fom, picture_file):
    assert "--source_image is missing" in fom("animate").messages[-1]
    outcome = fom("animate", "--source_image", picture_file)
    assert outcome.status == 2
    assert outcome.messages[-1].endswith("--driving_video, --motion or --pose is missing. Many jobs: --manifest FILE.")


@pytest.mark.parametrize(
    "value", ["lots", "", "²", "1e5", "a,b", -1, 0.5, 10**18, True, None, [], [1, 2], ["a"], [["a"]], {}, {"a": 1}]
)
def test_values_of_another_kind_are_told_without_names_of_the_program(manifest, value):
    parser = argparse.ArgumentParser(add_help=False)
    declare(parser)
    leaks = re.compile(r"invalid \w+ value|unrecognized|NoneType|Namespace|object at|<|\b(dict|str|bool|int|float)\b")
    for option in (flag[2:] for action in parser._actions for flag in action.option_strings if flag.startswith("--")):
        args = argparse.Namespace(manifest=manifest({option: value}))
        try:
            jobs_of(args, declare)
        except FomError as error:
            assert str(error).startswith("jobs.jsonl, line 1: ")
            assert option in str(error) or "values are texts, numbers or lists" in str(error)
            assert not leaks.search(str(error).replace(option, "")), error


def test_an_option_whose_value_may_be_left_out_takes_true_and_false(manifest):
    path = manifest({"mark": True}, {"mark": False}, {"mark": "top left"})
    jobs = jobs_of(argparse.Namespace(manifest=path), declare)
    assert [job.mark for _, job in jobs] == ["bottom right", None, "top left"]


def test_two_options_that_exclude_one_another_are_named_by_their_long_names(manifest):
    with pytest.raises(
        FomError,
        match=r"--(motion|driving_video) and --(motion|driving_video) exclude each other: leave one of them out",
    ):
        jobs_of(argparse.Namespace(manifest=manifest({"motion": "a.safetensors"})), declare)


def test_an_empty_manifest_is_refused(fom, tmp_path):
    path = tmp_path / "jobs.jsonl"
    path.write_text("\n")
    assert "holds no job" in fom("animate", "--manifest", path).messages[-1]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"output": "a.mp4"}, {"output": "./sub/../a.mp4"}, "line 2: the output sub/../a.mp4 would take the place of "
         "the results of jobs.jsonl, line 1 (a.mp4)."),
        ({"output": "a.mp4"}, {"output": ".", "filename": "a.mp4"}, "line 2: the output a.mp4 would take the place of"),
        ({"output": "a.mp4"}, {"output": "b.mp4", "driving_video": "a.mp4"}, "line 1: the output a.mp4 would replace "
         "the input a.mp4 of jobs.jsonl, line 2."),
        ({"output": "a"}, {"output": "b.mp4", "driving_video": "a/result.mp4"}, "line 1: the output a/result.mp4 w"),
        ({"output": "a", "filename": "f.png"}, {"output": "b.mp4", "driving_video": "a"}, "line 1: the output a/f_%0"),
        ({"output": "a.mp4"}, {"output": "source.mp4", "source_image": "source.mp4"}, "line 2: the output source.mp4 "
         "would replace the input source.mp4."),
        ({"output": "a.mp4"}, {"output": "a.mp4/b.mp4"}, "line 2: the output a.mp4/b.mp4 would lie in the results"),
        ({"output": "a.mp4/b.mp4"}, {"output": "a.mp4"}, "line 2: the output a.mp4 would be a file, and the result"),
        ({"output": "a.mp4"}, {"output": "jobs.jsonl/b"}, "line 2: Cannot write jobs.jsonl/b: jobs.jsonl is a file"),
        ({"output": "a.mp4"}, {"output": "b.mpp"}, "line 2: --output b.mpp ends in .mpp, which is not written. Na"),
        ({"output": "a.mp4"}, {"source_image": "", "driving_video": []}, "line 2: argument --source_image"),
    ],
)  # fmt: skip
def test_jobs_that_would_spoil_one_another_are_refused_before_the_first(
    fom, manifest, words, tmp_path, monkeypatch, first, second, message
):
    monkeypatch.chdir(tmp_path)
    outcome = fom("animate", "--manifest", manifest(first, second), *words)
    assert outcome.status == (1 if "Cannot write" in message else 2)
    assert f"jobs.jsonl, {message}" in outcome.messages[-1]
    assert not (tmp_path / "a.mp4").exists()


def test_a_job_never_replaces_the_manifest_or_the_model(fom, manifest, words, tmp_path):
    path = manifest({"output": str(tmp_path / "jobs.mp4")}).rename(tmp_path / "jobs.mp4")
    assert "would replace the input" in fom("animate", "--manifest", path, *words).messages[-1]
    model = tmp_path / "model.mp4"
    model.write_bytes(words[1].read_bytes())
    again = manifest({"output": str(model)})
    assert "would replace the input" in fom("animate", "--manifest", again, "--model", model, *words[2:]).messages[-1]


def test_a_job_without_a_picture_is_told_before_the_first(fom, manifest, words, tmp_path):
    path = manifest({"output": str(tmp_path / "a.mp4")}, '{"output": "b.mp4"}')
    outcome = fom("animate", "--manifest", path, *words)
    assert outcome.status == 2 and "jobs.jsonl, line 2: A picture and what drives it" in outcome.messages[-1]
    assert not (tmp_path / "a.mp4").exists()
