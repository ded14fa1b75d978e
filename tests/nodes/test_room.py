"""What is too large for memory is said before the work begins."""

from __future__ import annotations

import logging

import pytest

GB = 2**30


@pytest.fixture
def memory(pack, monkeypatch):
    """Sets how much memory the host has: free, all of it, and swap on the disk."""
    from fom_pack.nodes import host, room

    def have(free: int, total: int = 16 * GB, swap: int = 0) -> None:
        monkeypatch.setattr(host.memory, "get_free_memory", lambda *_: free)
        monkeypatch.setattr(host.memory, "get_total_memory", lambda *_: total)
        monkeypatch.setattr(room.psutil, "swap_memory", lambda: type("Swap", (), {"total": swap}))

    return have


def warnings(caplog) -> list[str]:
    told = [record for record in caplog.records if record.name.endswith("nodes.room")]
    return [record.getMessage() for record in told if record.levelno == logging.WARNING]


def test_pictures_of_more_than_half_the_free_memory_are_announced(memory, caplog):
    from fom_pack.nodes.room import foresee

    memory(free=16 * GB)
    shapes = [(1000, 1024, 1024, 3), (1000, 256, 256)]
    foresee("Animate Face", shapes, "Use fewer.")
    assert warnings(caplog) == [
        "Animate Face makes 1000 pictures, up to 1024x1024 pixels: 12.0 GB of memory, of which 16.0 GB are free. "
        "Use fewer."
    ]


def test_what_fits_is_not_spoken_of(memory, caplog):
    from fom_pack.nodes.room import foresee

    memory(free=25 * GB)
    foresee("Animate Face", [(1000, 1024, 1024, 3)], "Use fewer.")
    assert not warnings(caplog)


def test_pictures_larger_than_all_memory_are_refused_and_swap_counts(memory):
    from fom_pack.fom_core.errors import OutOfMemory
    from fom_pack.nodes.room import foresee

    memory(free=2 * GB, total=8 * GB)
    with pytest.raises(OutOfMemory, match=r": 11\.7 GB of memory, more than the 8\.0 GB that there are\. Use fewer\."):
        foresee("Animate Face", [(1000, 1024, 1024, 3)], "Use fewer.")
    memory(free=2 * GB, total=8 * GB, swap=8 * GB)
    foresee("Animate Face", [(1000, 1024, 1024, 3)], "Use fewer.")


def test_the_nodes_say_it_before_they_begin(memory, execute, model, faces, driving, picture, caplog):
    memory(free=100)
    animated = execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}).args[0]
    execute("FOMPasteFaces", image=[picture], faces=[faces], animated_faces=animated)

    told = warnings(caplog)
    assert [line.split(" makes ")[0] for line in told] == ["Animate Face", "Paste Faces"]
    assert " makes 24 pictures, " in told[0]
    assert " makes 12 pictures, up to 128x96 pixels: " in told[1]
    height, width = animated[0].shape[1:3]
    assert f"{width}x{height} pixels" in told[0] or f"{animated[1].shape[2]}x{animated[1].shape[1]} pixels" in told[0]


def test_enhance_face_says_it_too(memory, execute, monkeypatch, caplog, picture):
    from fom_pack.fom_core.errors import OutOfMemory
    from fom_pack.nodes import enhance_face

    monkeypatch.setattr(enhance_face, "place_of", lambda *_: type("Place", (), {"scale": 4.0}))
    memory(free=100, total=200)
    with pytest.raises(OutOfMemory, match=r"Enhance Face makes 1 pictures, up to 512x384 pixels: .* 'as the input'"):
        execute("FOMEnhanceFace", images=[picture], restorer=["GFPGANv1.4.pth"])
