"""Load FOM Model: the catalogue and the files of models/fom, opened safely and only downloaded when chosen."""

import http.server
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml


@pytest.fixture
def models(pack) -> Iterator[Path]:
    from fom_pack.nodes import host

    folder = host.folder("fom")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    for path in folder.iterdir():
        path.unlink()


@pytest.fixture
def published(models, tiny_model) -> Path:
    path = models / "tiny.pth.tar"
    networks = {"generator": tiny_model.generator, "kp_detector": tiny_model.keypoint_detector}
    torch.save({name: network.state_dict() for name, network in networks.items()}, path)
    return path


def options(node) -> list[str]:
    return node("LoadFOMModel").INPUT_TYPES()["required"]["model_name"][1]["options"]


def network(result):
    return result.args[0].model.network


def test_the_embedded_model_is_always_there_and_comes_first(node, execute):
    assert options(node)[0] == "mini"
    assert network(execute("LoadFOMModel")).name == "mini"


def test_files_and_what_can_be_downloaded_are_listed_but_no_twins(node, execute, published):
    execute("LoadFOMModel", model_name="tiny.pth.tar")
    assert published.with_name("tiny.pth.tar.safetensors").is_file()
    assert "tiny.pth.tar" in options(node) and "vox-adv-256" in options(node)
    assert "tiny.pth.tar.safetensors" not in options(node)


def test_the_menu_says_size_and_licence_before_a_download(node):
    tooltip = node("LoadFOMModel").INPUT_TYPES()["required"]["model_name"][1]["tooltip"]
    line = next(line for line in tooltip.splitlines() if "vox-adv-256" in line)
    assert "downloads 751 MB" in line and "licence" in line


def test_a_published_file_animates_like_its_own_weights(execute, published, tiny_model):
    loaded = network(execute("LoadFOMModel", model_name="tiny.pth.tar", precision="fp32", config_name="auto"))
    weights, expected = loaded.as_trained().generator.state_dict(), tiny_model.generator.state_dict()
    torch.testing.assert_close({key: weights[key] for key in expected}, dict(expected))


@pytest.mark.parametrize(
    ("precision", "dtype"), [("auto", None), ("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_the_precision_is_that_of_inference_and_the_weights_stay_whole(execute, precision, dtype):
    loaded = network(execute("LoadFOMModel", precision=precision))
    assert loaded.precision is dtype
    assert {weights.dtype for weights in loaded.as_trained().parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("name", "chosen", "size"),
    [("mini", "auto", 128), ("mini", "256", 256), ("tiny.pth.tar", "auto", 256), ("tiny.pth.tar", "512", 512)],
)
def test_faces_are_painted_at_the_chosen_size_or_the_models_own(execute, published, name, chosen, size):
    loaded = network(execute("LoadFOMModel", model_name=name, image_size=chosen))
    learnt = 128 if name == "mini" else 256  # without a configuration
    assert (loaded.config.image_size, loaded.config.learnt_size) == ((size, size), (learnt, learnt))


def test_a_yaml_in_the_folder_can_say_what_weights_do_not_tell(execute, node, models, published):
    hourglass = {"block_expansion": 8, "max_features": 16, "num_blocks": 2, "scale_factor": 0.25}
    generator = {"block_expansion": 8, "max_features": 16, "num_down_blocks": 1, "num_bottleneck_blocks": 1}
    common = {"num_kp": 4, "num_channels": 3, "estimate_jacobian": True}
    detector = {**hourglass, "temperature": 0.25}
    generator |= {"estimate_occlusion_map": True, "dense_motion_params": hourglass}
    parts = {"common_params": common, "kp_detector_params": detector, "generator_params": generator}
    values = {"dataset_params": {"frame_shape": [64, 64, 3]}, "model_params": parts}
    (models / "tiny.yaml").write_text(yaml.safe_dump(values))
    assert "tiny.yaml" in node("LoadFOMModel").INPUT_TYPES()["required"]["config_name"][1]["options"]
    loaded = network(execute("LoadFOMModel", model_name="tiny.pth.tar", config_name="tiny.yaml"))
    assert loaded.config.keypoint_detector.temperature == 0.25


def test_a_file_that_is_no_model_is_refused_in_a_sentence_and_runs_nothing(execute, models, tmp_path):
    from fom_pack.fom_core.errors import UnsupportedModel

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    (models / "evil.pth.tar").write_bytes(pickle.dumps(Evil()))
    (models / "words.safetensors").write_text("no tensors here")
    for name in ("evil.pth.tar", "words.safetensors"):
        with pytest.raises(UnsupportedModel, match=name):
            execute("LoadFOMModel", model_name=name)
    assert not (tmp_path / "ran").exists()
    assert not list(models.glob("*.pth.tar.safetensors"))


@pytest.mark.parametrize("name", ["gone.safetensors", "../../secret.pth"])
def test_a_file_that_is_gone_or_elsewhere_is_refused(execute, models, name):
    from fom_pack.fom_core.errors import UnsupportedModel

    with pytest.raises(UnsupportedModel, match="models/fom"):
        execute("LoadFOMModel", model_name=name)


def test_a_replaced_file_is_loaded_again(node, published):
    fingerprint = node("LoadFOMModel").fingerprint_inputs
    before = fingerprint(model_name="tiny.pth.tar")
    assert fingerprint(model_name="tiny.pth.tar") == before
    published.write_bytes(published.read_bytes() + b"0")
    assert fingerprint(model_name="tiny.pth.tar") != before


def test_replacing_a_config_loads_it_again(node, models):
    config = models / "changing.yaml"
    config.write_text("a: 1")
    before = node("LoadFOMModel").fingerprint_inputs(model_name="mini", config_name="changing.yaml")
    config.write_text("a: 10")
    assert node("LoadFOMModel").fingerprint_inputs(model_name="mini", config_name="changing.yaml") != before


def test_a_folder_of_another_pack_that_lists_every_file_goes_on_doing_so(pack, comfyui, monkeypatch):
    import folder_paths

    from fom_pack.nodes import host

    place = str(comfyui / "models" / "facerestore_models")
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "facerestore_models", ([place], set()))
    host.register_folders()
    assert folder_paths.folder_names_and_paths["facerestore_models"] == ([place], set())


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


@pytest.fixture
def served(tmp_path, tiny_model, monkeypatch, pack):
    """A catalogue entry whose file lies on a server of this machine."""
    from fom_core.weights.load import save_model
    from fom_pack.fom_core.files.paths import sha256_of
    from fom_pack.fom_core.weights.catalogue import catalogue
    from fom_pack.nodes import load_model as node_file

    (tmp_path / "www").mkdir()
    file = save_model(tiny_model, tmp_path / "www" / "served.safetensors", name="served")
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = Server(("127.0.0.1", 0), lambda *a: handler(*a, directory=str(tmp_path / "www")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    entry = replace(
        catalogue()["vox-256"],
        name="served",
        file="served.safetensors",
        urls=(f"http://127.0.0.1:{server.server_port}/served.safetensors",),
        size=file.stat().st_size,
        sha256=sha256_of(file),
        config=None,
        image_size=64,
    )
    monkeypatch.setattr(node_file, "catalogue", lambda: {**catalogue(), "served": entry})
    yield server
    server.shutdown()


def test_a_chosen_entry_is_downloaded_once_and_listed_all_along(node, execute, models, served):
    assert "served" in options(node) and not list(models.iterdir())
    assert network(execute("LoadFOMModel", model_name="served")).name == "served"
    assert (models / "served.safetensors").is_file()
    served.shutdown()
    assert network(execute("LoadFOMModel", model_name="served")).name == "served"


def test_a_failed_download_says_where_to_put_the_file(execute, models, served):
    from fom_pack.fom_core.errors import DownloadError

    served.shutdown()
    served.server_close()
    with pytest.raises(
        DownloadError, match=r"^served.safetensors could not be downloaded: .* put it into .* model mini"
    ) as failure:
        execute("LoadFOMModel", model_name="served")
    assert str(failure.value).count("could not be downloaded") == 1
    assert not (models / "served.safetensors").exists()


def test_another_file_under_a_catalogue_name_is_refused_by_name_and_taken_by_file(execute, models, served, tiny_model):
    from fom_core.weights.load import save_model
    from fom_pack.fom_core.errors import DownloadError

    save_model(tiny_model, models / "served.safetensors", name="mine", half=True)
    with pytest.raises(DownloadError, match=r"served\.safetensors is not the file that the catalogue promises"):
        execute("LoadFOMModel", model_name="served")
    assert network(execute("LoadFOMModel", model_name="served.safetensors")).name == "mine"


def test_the_host_is_asked_for_room_for_all_faces_of_a_chunk(model, monkeypatch):
    from fom_pack.nodes import host

    asked = []
    monkeypatch.setattr(host, "on_device", lambda patcher, room: asked.append(room) or patcher.model.network)
    for faces in (0, 1, 3):
        host.motion_model(model, 4, faces)
    host.motion_model(model, 12)
    assert asked[0] == asked[1] < asked[2] == asked[3]


def test_the_room_asked_for_holds_what_a_graphics_cards_form_takes_beyond_the_weights(model, monkeypatch):
    from fom_pack.fom_core.backends.pytorch import Plan, PyTorchModel
    from fom_pack.nodes import host

    asked = []
    monkeypatch.setattr(host, "on_device", lambda patcher, room: asked.append(room) or patcher.model.network)
    monkeypatch.setattr(host, "COPIES", 0)
    network = host.motion_model(model, 1)
    form = PyTorchModel.of(network.as_trained()).use(Plan(graphs=True))._ready().form

    taken = sum(tensor.nbytes for tensor in form.state_dict().values())
    assert network.weight_bytes < taken <= network.weight_bytes + asked[0]


def test_nothing_that_was_made_for_speed_stays_when_comfyui_takes_the_model_off_the_device(model):
    from fom_pack.nodes import host

    network = host.motion_model(model, 1)
    with torch.inference_mode():
        network.detect_keypoints(torch.rand(1, 3, 64, 64, device=network.device))
    assert network._running is not None

    model.detach()

    assert network._running is None
