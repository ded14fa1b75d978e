"""Recordings of passes, with what stands for CUDA's graphs where there is no card."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import torch

from fom_core.backends.pytorch import Plan
from fom_core.backends.pytorch.graphs import Graphs

from .painting import animate


class FakeRecording:
    """Stands for a CUDA graph where there is none: replays the work on copies held from the first call."""

    def __init__(self, work, inputs):
        self.work, self.held = work, [tensor.clone() for tensor in inputs]
        self.replays = 0

    def __call__(self, inputs):
        self.replays += 1
        for held, given in zip(self.held, inputs, strict=True):
            held.copy_(given)
        return [output.clone() for output in self.work(*self.held)]


def test_recorded_passes_follow_their_inputs(model, images):
    expected = animate(model.use(Plan()), images, size=1)
    model.use(Plan(graphs=True))
    model._ready().graphs = Graphs(FakeRecording)
    assert torch.equal(animate(model, images, size=1), expected)
    recordings = model._ready().graphs.recordings
    assert {key[0] for key in recordings} == {"detect", "generate"}
    assert all(isinstance(recording, FakeRecording) and recording.replays >= 3 for recording in recordings.values())
    assert torch.equal(animate(model, images.flip(0), size=1), animate(model.use(Plan()), images.flip(0), size=1))


def test_recordings_that_fail_leave_the_plain_pass(model, images, caplog, monkeypatch):
    def fail(work, inputs):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    expected = animate(model.use(Plan()), images, size=1)
    model.use(Plan(graphs=True))
    model._ready().graphs = Graphs(fail)
    assert torch.equal(animate(model, images, size=1), expected)
    assert len(caplog.records) == 1 and "capturing" in caplog.text and "more" not in caplog.text


def test_few_recordings_are_kept_and_only_of_shapes_that_come_again():
    graphs, work = Graphs(FakeRecording), lambda x: [x + 1]
    for length in range(1, 30):
        for _ in range(2 if length % 2 else 1):
            assert torch.equal(graphs.run("add", work, [torch.zeros(length)])[0], torch.ones(length))
    assert 0 < len(graphs.recordings) <= 8
    assert all(key[1][0][0] % 2 for key in graphs.recordings)


def test_threads_that_share_a_recording_get_the_results_of_their_own_inputs():
    filled, graphs, work = Event(), Graphs(FakeRecording), lambda x: [x + 1]
    for _ in range(2):
        graphs.run("add", work, [torch.zeros(1)])
    (recording,) = graphs.recordings.values()
    assert isinstance(recording, FakeRecording)

    def slowly(x):
        filled.set()
        time.sleep(0.1)  # in which another thread could fill the held inputs anew
        return [x + 1]

    recording.work = slowly
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(graphs.run, "add", work, [torch.full((1,), 1.0)])
        filled.wait()
        second = pool.submit(graphs.run, "add", work, [torch.full((1,), 5.0)])
        assert (first.result()[0].item(), second.result()[0].item()) == (2.0, 6.0)
