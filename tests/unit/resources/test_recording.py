"""Recordings as CUDA graphs, with a stand-in for CUDA that notes operations and does them again on the same tensors."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fom_core.backends.pytorch.graphs import Graphs
from fom_core.resources.recording import Recording, held_copies, on_stream
from fom_core.training.data.augment import Pairs, Transform
from fom_core.training.recording import WARM_UP, RecordedStep


class Notes(TorchDispatchMode):
    """Every operation, and the tensors that it gave; what it wrote to is put back, for a card only notes it."""

    def __init__(self):
        super().__init__()
        self.done, self.before = [], []

    def put_back(self):
        for place, value in reversed(self.before):
            place.copy_(value)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        for given, told in zip(args, func._schema.arguments, strict=False):
            if told.alias_info is not None and told.alias_info.is_write:
                self.before.append((given, given.clone()))
        result = func(*args, **(kwargs or {}))
        self.done.append((func, args, kwargs or {}, result))
        return result


class StandInGraph:
    def __init__(self):
        self.notes = Notes()

    def replay(self):
        for func, args, kwargs, result in self.notes.done:
            for place, value in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(place, torch.Tensor) and place is not value:
                    place.copy_(value)


class StandInStream:
    device = torch.device("cpu")

    def __init__(self, device=None):
        self.waited = 0

    def wait_stream(self, other):
        self.waited += 1


@pytest.fixture
def cuda(monkeypatch):
    """What recordings use of torch.cuda; it counts the recordings made and their modes."""
    seen = SimpleNamespace(modes=[], current=StandInStream())

    @contextmanager
    def graph(recorded, stream=None, capture_error_mode="global"):
        seen.modes.append(capture_error_mode)
        with recorded.notes:
            yield
        recorded.notes.put_back()

    for name, value in {
        "CUDAGraph": StandInGraph,
        "graph": graph,
        "Stream": StandInStream,
        "stream": lambda stream: nullcontext(),
        "current_stream": lambda device=None: seen.current,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    return seen


def test_a_recording_follows_its_inputs_and_gives_the_same_tensors(cuda):
    recording = Recording(lambda x, y: {"sum": x + 2 * y}, [torch.ones(2), torch.ones(2)], torch.cuda.Stream())
    first = recording([torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0])])["sum"]
    assert first.tolist() == [21, 42]
    assert recording([torch.zeros(2), torch.ones(2)])["sum"] is first
    assert first.tolist() == [2, 2]


def test_a_recording_leaves_the_tensors_it_was_made_with_alone(cuda):
    given = torch.ones(2)
    Recording(lambda x: x + 1, [given], torch.cuda.Stream())([torch.full((2,), 5.0)])
    assert given.tolist() == [1, 1]


def test_work_on_another_stream_waits_for_this_one_and_is_waited_for(cuda):
    stream = torch.cuda.Stream()
    assert on_stream(stream, lambda: 7) == 7
    assert (vars(stream)["waited"], cuda.current.waited) == (1, 1)


def test_passes_are_recorded_on_their_second_call_and_give_tensors_of_the_callers_own(cuda):
    graphs = Graphs()
    found = [graphs.run("add", lambda x: [x + 1], [torch.full((2,), float(call))])[0] for call in range(4)]
    assert [values.tolist() for values in found] == [[1, 1], [2, 2], [3, 3], [4, 4]]
    assert cuda.modes == ["thread_local"]  # threads that fetch pictures may go on


@pytest.mark.parametrize(
    "warp", [Transform(torch.eye(2, 3)[None]), Transform.random(1, 0.1, 0.1, 3, torch.Generator())]
)
def test_a_recorded_training_step_learns_what_the_step_learns_by_itself(cuda, warp):
    batches = [_pairs(seed) for seed in range(WARM_UP + 4)]

    plain, recorded = _Learner(), _Learner()
    step = RecordedStep(recorded.step, torch.device("cpu"))
    for pairs in batches:
        wanted = plain.step(pairs, warp)["loss"].item()
        assert step(pairs, warp)["loss"].item() == wanted

    assert torch.equal(plain.weight, recorded.weight)
    assert recorded.calls == WARM_UP + 1
    assert cuda.modes == ["global"]


class _Learner:
    """Descends a slope that depends on the batch and its warp."""

    def __init__(self):
        self.weight, self.calls = torch.ones(3), 0

    def step(self, pairs, transform):
        self.calls += 1
        bend = 0 if transform.control_params is None else transform.control_params.sum()
        slope = pairs.source.mean() - pairs.still.float().mean() + transform.theta.sum() + bend
        self.weight.sub_(0.1 * slope * self.weight)
        return {"loss": self.weight.sum() * slope}


def _pairs(seed):
    random = torch.Generator().manual_seed(seed)
    (source, driving), eyes = torch.rand(2, 1, 3, 4, 4, generator=random), torch.rand(2, 1, 5, 2, generator=random)
    return Pairs(source, driving, eyes[0], eyes[1], torch.rand(1, generator=random) > 0.5)


def test_what_is_recorded_in_inference_mode_is_replayed_outside():
    with torch.inference_mode():
        (held,) = held_copies([torch.ones(2)])
        held.copy_(torch.zeros(2))
    with torch.no_grad():
        held.copy_(torch.full((2,), 3.0))
    assert held.tolist() == [3.0, 3.0]


def test_inputs_of_another_shape_than_recorded_are_refused(cuda):
    recording = Recording(lambda x: x + 1, [torch.ones(2, 3)], torch.cuda.Stream())
    for shape in ((1, 3), (3,), ()):
        with pytest.raises(ValueError, match=r"recorded for inputs of \[\(2, 3\)\]"):
            recording([torch.ones(shape)])
