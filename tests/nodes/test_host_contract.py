"""What the pack relies on of its host, whichever one is there: ComfyUI, or the stand-in of these tests."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from tests.nodes import fake_host

NODES = Path(__file__).resolve().parents[2] / "nodes"
PUBLISHED = {"comfy_api.latest"}  # the interface for nodes
SERVICES = {"comfy", "folder_paths", "comfy_api", "comfy_execution", "server", "execution", "nodes"}


@pytest.fixture
def host(pack):
    from fom_pack.nodes import host

    return host


def test_no_other_file_of_the_nodes_touches_the_hosts_services():
    imported = {
        (file.name, name)
        for file in NODES.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in names_imported(node)
        if name.split(".")[0] in SERVICES and name not in PUBLISHED
    }
    assert {file for file, _ in imported} == {"host.py"}


def names_imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []


@pytest.mark.parametrize("service", ["folders", "memory", "new_patcher", "new_whole_patcher", "new_bar"])
def test_the_host_keeps_the_contract(host, service):
    from fom_pack.nodes import contract

    wanted = inspect.get_annotations(contract.Services, eval_str=True)[service]
    assert unmet(wanted, getattr(host, service)) == []


def unmet(wanted: Any, found: Any) -> list[str]:
    """What a protocol names and a thing lacks, or takes otherwise."""
    problems = [name for name in inspect.get_annotations(wanted) if not hasattr(found, name)]
    for name, method in vars(wanted).items():
        if not inspect.isfunction(method) or (name.startswith("_") and name != "__call__"):
            continue
        own = found if name == "__call__" else getattr(found, name, None)
        if own is None:
            problems.append(name)
            continue
        _, *asked = inspect.signature(method).parameters.values()
        takes = inspect.signature(own).parameters
        problems += [f"{name}({each.name})" for each in asked if each.name not in takes]
        needs = {each.name for each in takes.values() if each.default is each.empty and each.kind < each.VAR_POSITIONAL}
        problems += [f"{name}: {each}" for each in sorted(needs - {each.name for each in asked})]
    return problems


def test_files_are_listed_below_all_folders_of_a_kind_by_suffix_and_found(host, tmp_path):
    folders = host.folders
    for name in ("one/b.safetensors", "one/deep/c.safetensors", "two/a.SAFETENSORS", "two/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    folders.add_model_folder_path("contract", str(tmp_path / "one"))
    folders.add_model_folder_path("contract", str(tmp_path / "two"), is_default=True)
    paths, _ = folders.folder_names_and_paths["contract"]
    folders.folder_names_and_paths["contract"] = (paths, {".safetensors"})

    assert folders.get_folder_paths("contract") == [str(tmp_path / "two"), str(tmp_path / "one")]
    listed = folders.get_filename_list("contract")
    assert listed == ["a.SAFETENSORS", "b.safetensors", str(Path("deep", "c.safetensors"))]
    for name in listed:
        assert Path(folders.get_full_path_or_raise("contract", name)).is_file()
    folders.folder_names_and_paths.pop("contract")


def test_no_name_leads_out_of_the_folders(host, tmp_path):
    (tmp_path / "secret").write_bytes(b"1")
    host.folders.add_model_folder_path("contract", str(tmp_path / "inside"))
    for name in ("../secret", "gone"):
        with pytest.raises(FileNotFoundError):
            host.folders.get_full_path_or_raise("contract", name)
    host.folders.folder_names_and_paths.pop("contract")


def test_results_are_numbered_and_stay_inside(host, tmp_path):
    for number, expected in ((None, 1), (1, 2), (7, 8)):
        if number is not None:
            (tmp_path / "people" / f"nod_{number:05}_.png").touch()
        folder, name, found, *_ = host.folders.get_save_image_path("people/nod", str(tmp_path))
        assert (Path(folder), name, found) == (tmp_path / "people", "nod", expected)
    with pytest.raises(Exception, match=r"\.\./elsewhere|outside"):
        host.folders.get_save_image_path("../elsewhere/nod", str(tmp_path))


def test_cancelling_is_told_once(host):
    import comfy.model_management as mm

    mm.interrupt_current_processing(True)
    with pytest.raises(mm.InterruptProcessingException):
        host.memory.throw_exception_if_processing_interrupted()
    host.memory.throw_exception_if_processing_interrupted()


def test_a_managed_network_knows_its_size_and_goes_to_the_device_of_the_host(host):
    patcher = host.manage(nn.Linear(10, 10))

    network = host.on_device(patcher, 1000)

    assert isinstance(network, nn.Linear)
    assert network.weight.device.type == host.torch_device().type
    assert patcher.model_size() == 440
    patcher.detach()
    assert network.weight.device.type == host.memory.unet_offload_device().type


def test_a_managed_model_is_counted_by_its_weights_and_moved_by_its_own_means(host, tiny_model, monkeypatch):
    from fom_pack.fom_core.backends.pytorch import PyTorchModel

    model, asked = PyTorchModel.of(tiny_model), []
    patcher = host.manage_model(model)
    monkeypatch.setattr(model, "release", lambda: asked.append("release"))

    assert host.on_device(patcher, 1000) is model
    assert patcher.model_size() == model.weight_bytes > 0
    asked.clear()
    patcher.detach()
    assert asked == ["release"]


def test_the_help_pages_pictures_are_shared_through_the_server_where_there_is_one(host, monkeypatch):
    shared = {}
    routes = SimpleNamespace(static=shared.__setitem__)
    server = SimpleNamespace(PromptServer=SimpleNamespace(instance=SimpleNamespace(routes=routes)))

    monkeypatch.setitem(sys.modules, "server", server)
    host.share_help_pictures()
    assert shared == {f"/extensions/{NODES.parent.name}/images": NODES / "web" / "docs" / "images"}

    monkeypatch.delitem(sys.modules, "server")
    assert host.routes() is None
    host.share_help_pictures()


@pytest.mark.comfyui
def test_the_servers_routes_keep_the_contract(pack):
    from aiohttp import web

    from fom_pack.nodes import contract

    assert unmet(contract.Routes, web.RouteTableDef()) == []


@pytest.mark.comfyui
def test_the_servers_queue_keeps_the_contract(pack):
    from execution import PromptQueue

    from fom_pack.nodes import contract

    queue = PromptQueue(SimpleNamespace(queue_updated=lambda: None))
    queue.put((0, "an id", {"1": "a graph"}, {}, ["1"]))
    queue.get()

    assert unmet(contract.Queue, queue) == []
    assert queue.get_current_queue_volatile()[0][0][2] == {"1": "a graph"}


def test_the_graph_that_runs_is_told_where_one_runs(host, monkeypatch):
    running = []
    queue = SimpleNamespace(get_current_queue_volatile=lambda: (running, []))
    server = SimpleNamespace(PromptServer=SimpleNamespace(instance=SimpleNamespace(prompt_queue=queue)))

    monkeypatch.setitem(sys.modules, "server", server)
    assert host.running_graph() is None
    running.append((0, "an id", {"1": "a graph"}, {}, ["1"]))
    assert host.running_graph() == {"1": "a graph"}
    monkeypatch.delitem(sys.modules, "server")
    assert host.running_graph() is None


def test_results_are_kept_as_floats_somewhere_with_memory(host):
    device, dtype, free, most = host.room_for_results()

    assert isinstance(device, torch.device) and dtype in (torch.float32, torch.float16)
    assert 0 < free <= most


def test_a_bar_takes_previews(host):
    bar = host.new_bar(10)
    bar.update_absolute(3, 12, ("JPEG", None, 512))
    assert (bar.current, bar.total) == (3, 12)


KINDS = ["Boolean", "String", "Int", "Float", "Combo", "BoundingBox", "Image", "Mask", "MultiType", "DynamicCombo"]


@pytest.mark.comfyui
@pytest.mark.parametrize("kind", [*KINDS, "Autogrow"])
def test_the_stand_ins_inputs_take_what_comfyuis_take(pack, kind):
    from comfy_api.latest import io

    real = inspect.signature(getattr(io, kind).Input.__init__).parameters
    assert set(getattr(fake_host.io, kind).Input.takes) <= set(real)


@pytest.mark.comfyui
@pytest.mark.parametrize("name", ["Schema", "NodeOutput"])
def test_the_stand_ins_schemas_and_outputs_take_what_comfyuis_take(pack, name):
    from comfy_api.latest import io

    mine, real = (set(inspect.signature(getattr(module, name)).parameters) for module in (fake_host.io, io))
    assert mine <= real


@pytest.mark.comfyui
def test_the_stand_ins_hidden_values_and_folders_are_comfyuis(pack):
    from comfy_api.latest import io

    for name in ("Hidden", "FolderType"):
        for each in getattr(fake_host.io, name):
            assert getattr(getattr(io, name), each.name).value == each.value
