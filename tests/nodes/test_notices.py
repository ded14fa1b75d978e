"""What the library warns of shows on the node that runs; and what a node says of faces that are too small."""

import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch


@pytest.fixture
def shown(pack, monkeypatch):
    """What is shown on nodes, (text, id), while node 7 runs."""
    from fom_pack.nodes import host

    texts = []
    server = SimpleNamespace(send_progress_text=lambda text, node_id: texts.append((text, node_id)))
    monkeypatch.setattr(host, "server", lambda: server)
    monkeypatch.setattr(host, "running_node", lambda: "7")
    return texts


def test_a_driver_in_which_nothing_moves_is_told_on_the_node_without_options_of_the_command(
    execute, model, faces, driving, shown
):
    still = driving[:1].repeat(4, 1, 1, 1)
    for _ in range(2):  # the second time the driver is not read again
        shown.clear()
        execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": still})

        text, node_id = shown[-1]
        assert node_id == "7" and "Nothing in the driver moves" in text
        assert "relative_motion" in text and "--" not in text


def test_a_warning_is_gone_with_the_next_run_that_has_none(shown):
    from fom_pack.nodes import notices

    notices._shown.clear()
    with notices.collected("7"):
        logging.getLogger("fom_pack.fom_core.faces.tracking").warning("No face was found; the whole frame drives.")
    with notices.collected("7"):
        pass

    assert shown == [("No face was found; the whole frame drives.", "7"), ("", "7")]


def test_the_running_node_is_the_hosts(pack, monkeypatch):
    from fom_pack.nodes import host

    context = SimpleNamespace(get_executing_context=lambda: SimpleNamespace(node_id="3"))
    monkeypatch.setitem(sys.modules, "comfy_execution.utils", context)
    assert host.running_node() == "3"


@pytest.mark.parametrize("batch", ["pictures", "frames of one video"])
def test_faces_below_min_size_are_told_with_the_largest(execute, picture, monkeypatch, batch):
    from fom_pack.fom_core.errors import NoFaceFound
    from fom_pack.fom_core.faces.detection import Detection
    from fom_pack.nodes import detect_faces

    faces = [Detection((10.0, 10, 40, 40), 0.95), Detection((60.0, 10, 80, 30), 0.95)]
    monkeypatch.setattr(
        detect_faces, "open_detector", lambda *_, **__: SimpleNamespace(name="squares", detect=lambda _: faces)
    )
    image = picture if batch == "pictures" else picture.repeat(4, 1, 1, 1)
    with pytest.raises(
        NoFaceFound, match=r"All 2 faces found are smaller than min_size, 50 pixels: the largest has 30"
    ):
        execute("FOMDetectFaces", image=image, batch=batch, min_size=50)


def test_boxes_below_min_size_are_told(execute, picture):
    from fom_pack.fom_core.errors import NoFaceFound

    box = {"x": 10, "y": 10, "width": 20, "height": 30}
    with pytest.raises(NoFaceFound, match=r"one face found is smaller than min_size, 50 pixels: it has 30"):
        execute("FOMDetectFaces", image=picture, bboxes=[box], min_size=50)


def test_a_processor_paints_few_large_frames_at_once(pack):
    from fom_pack.fom_core.resources import threads
    from fom_pack.nodes import host

    def at_once(side, device="cpu"):
        network = SimpleNamespace(config=SimpleNamespace(image_size=(side, side)))
        patcher = SimpleNamespace(load_device=torch.device(device), model=SimpleNamespace(network=network))
        return host.frames_at_once(patcher, 64)

    assert at_once(256) == at_once(1024, "cuda") == 64
    assert at_once(1024) == max(threads.most(), 4)
    assert np.diff([at_once(side) for side in (64, 256, 512, 1024)]).max() <= 0
