"""Nodes whose memory or graphics card gives out: one sentence on the node, and the next run is as ever."""

from __future__ import annotations

import pytest
import torch

LOST = RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported")


def on_a_card() -> Exception:
    """As ComfyUI knows it, too."""
    import comfy.model_management as mm

    return mm.OOM_EXCEPTION("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.fixture
def animate(execute, model, faces, driving):
    """Runs Animate Face: frames of each face."""

    def run():
        model.model.kept.clear()  # so that every stage is reached
        settings = {"driving_crop": "none"}  # where the driver's face is does not matter here
        return execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}, **settings).args[0]

    return run


@pytest.fixture(scope="module")
def frames():
    """What a run without trouble gave, made by the first test that asks."""
    return []


@pytest.fixture
def expected(animate, frames):
    """What a run without trouble gives."""
    frames[:] = frames or animate()
    return frames


def owners() -> dict[str, tuple[object, str]]:
    """Where each stage's work is done, by the stage's name."""
    from fom_pack.fom_core.backends.pytorch import PyTorchModel
    from fom_pack.fom_core.compose.host import HostPainter
    from fom_pack.nodes import host

    return {
        "encoding": (PyTorchModel, "encode_source"),
        "reading": (PyTorchModel, "detect_keypoints"),
        "generating": (PyTorchModel, "generate"),
        "composing": (HostPainter, "begin"),
        "handing out": (host, "fill"),
        "room for the result": (host, "new_images"),
    }


STAGES = ["encoding", "reading", "generating", "composing", "handing out", "room for the result"]


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize("stage", STAGES)
def test_want_of_memory_is_one_sentence_which_the_host_understands(pack, animate, expected, monkeypatch, stage):
    import comfy.model_management as mm

    from fom_pack.fom_core.errors import FomError

    with monkeypatch.context() as patch:
        patch.setattr(*owners()[stage], failing(on_a_card()))
        with pytest.raises(
            FomError, match=r"^The graphics card's memory ran out: 2\.0 GB more were wanted\."
        ) as caught:
            animate()

    assert mm.is_oom(caught.value)  # then it takes all models off the card
    assert all(torch.equal(*pair) for pair in zip(animate(), expected, strict=True))


@pytest.mark.parametrize("stage", STAGES)
def test_a_lost_device_is_told_as_such(pack, animate, expected, monkeypatch, stage):
    from fom_pack.fom_core.errors import DeviceLost

    with monkeypatch.context() as patch:
        patch.setattr(*owners()[stage], failing(LOST))
        with pytest.raises(DeviceLost, match="stopped working"):
            animate()

    assert all(torch.equal(*pair) for pair in zip(animate(), expected, strict=True))


@pytest.mark.parametrize("most", [1, 3])
def test_canvases_are_the_same_where_memory_is_short(pack, animate, expected, monkeypatch, most):
    owner, name = owners()["composing"]
    real, refused = getattr(owner, name), []

    def cramped(self, courses, painted):
        if len(painted[0]) > most:
            refused.append(len(painted[0]))
            raise MemoryError
        return real(self, courses, painted)

    monkeypatch.setattr(owner, name, cramped)

    found = animate()

    assert refused
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


def test_finding_and_pasting_faces_say_it_too(pack, execute, faces, picture, animate, monkeypatch):
    from fom_pack.fom_core.errors import OutOfMemory
    from fom_pack.nodes import detect_faces, paste_faces

    animated = animate()
    monkeypatch.setattr(detect_faces, "detect_faces", failing(MemoryError("Unable to allocate 7.45 GiB for an array")))
    with pytest.raises(OutOfMemory, match="RAM"):
        execute("FOMDetectFaces", image=picture)
    monkeypatch.setattr(paste_faces, "open_paster", failing(MemoryError()))
    with pytest.raises(OutOfMemory, match="RAM"):
        execute("FOMPasteFaces", image=[picture], faces=[faces], animated_faces=animated)


def test_every_node_speaks_so(pack):
    from fom_pack.nodes import NODES
    from fom_pack.nodes.base import Node

    assert all(issubclass(node, Node) and hasattr(node.execute, "__wrapped__") for node in NODES)


def test_the_host_may_clone_and_lock_a_node(pack, node):
    from comfy_api.internal import lock_class, shallow_clone_class

    from fom_pack.nodes import NODES

    for each in NODES:
        clone = shallow_clone_class(each)
        assert clone.execute.__func__ is each.execute.__func__
        lock_class(shallow_clone_class(lock_class(clone)))
