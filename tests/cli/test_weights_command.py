import functools
import hashlib
import json
import re
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

import pytest
import torch

from fom_core.cli import main, weights
from fom_core.weights.catalogue import Entry, catalogue
from fom_core.weights.load import load_module, save_model


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for weights."""
    folder = tmp_path / "weights"
    monkeypatch.setenv("FOM_MODELS", str(folder))
    return folder


@pytest.fixture
def published(tiny_model, tmp_path) -> Path:
    path = tmp_path / "tiny.pth.tar"
    networks = {"generator": tiny_model.generator, "kp_detector": tiny_model.keypoint_detector}
    states = {name: network.state_dict() for name, network in networks.items()}
    torch.save({**states, "optimizer_generator": {"m": torch.zeros(200_000)}}, path)
    return path


@pytest.fixture
def entry(published, monkeypatch):
    """A catalogue with one entry, served on this machine."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(published.parent)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/tiny.pth.tar"
    content = published.read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    entry = Entry("tiny", "model", "A test", "tiny.pth.tar", "MIT", "here", (url,), len(content), checksum)
    monkeypatch.setattr(weights, "catalogue", lambda: MappingProxyType({"tiny": entry}))
    yield entry
    server.shutdown()
    server.server_close()


def test_list_shows_every_entry_with_its_licence(capsys, folder):
    folder.mkdir()
    (folder / "vox-cpk.pth.tar").touch()
    assert main(["weights", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(catalogue())
    line = next(line for line in lines if line.startswith("vox-256 "))
    assert all(part in line for part in ("729 MB", "VoxCeleb", str(folder / "vox-cpk.pth.tar")))


def test_list_as_json_holds_the_whole_catalogue(capsys):
    assert main(["weights", "list", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(catalogue())


def test_download_says_size_and_licence_and_prints_the_path(capsys, entry, folder):
    assert main(["weights", "download", "tiny", "--yes"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(folder / "tiny.pth.tar")]
    assert "licence: MIT" in err
    assert "MB" in err
    assert (folder / "tiny.pth.tar").stat().st_size == entry.size


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("", 1), ("no", 1)])
def test_download_asks_on_a_terminal(monkeypatch, entry, folder, answer, status):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: answer)
    assert main(["weights", "download", "tiny"]) == status
    assert (folder / "tiny.pth.tar").exists() == (status == 0)


def test_download_into_another_folder(entry, tmp_path, capsys):
    assert main(["weights", "download", "tiny", "--yes", "--folder", str(tmp_path / "x")]) == 0
    assert (tmp_path / "x" / "tiny.pth.tar").exists()


def test_download_of_an_unknown_name_is_one_line_and_status_1(capsys):
    assert main(["weights", "download", "vox"]) == 1
    assert "no weights called 'vox'" in capsys.readouterr().err


def test_convert_writes_a_slim_file_that_gives_the_same_model(capsys, published, tmp_path):
    target = tmp_path / "tiny.safetensors"
    assert main(["weights", "convert", str(published), str(target)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(target)]
    assert target.stat().st_size < 0.7 * published.stat().st_size
    original, converted = load_module(published, device="cpu"), load_module(target, device="cpu")
    assert all(torch.equal(value, original.state_dict()[name]) for name, value in converted.state_dict().items())


def test_convert_to_half_or_int8_makes_the_file_smaller(published, tmp_path, capsys):
    sizes = []
    for flags in ([], ["--half"], ["--int8"]):
        assert main(["weights", "convert", str(published), str(tmp_path / "a.safetensors"), *flags]) == 0
        sizes.append((tmp_path / "a.safetensors").stat().st_size)
    assert sizes[1] < 0.7 * sizes[0]
    assert sizes[2] < 0.8 * sizes[1]


def test_convert_never_writes_over_its_source(tiny_model, tmp_path, capsys):
    path = save_model(tiny_model, tmp_path / "a.safetensors")
    before = path.read_bytes()
    assert main(["weights", "convert", str(path), str(path)]) == 2
    assert path.read_bytes() == before


def test_a_failed_convert_leaves_no_file(tmp_path, capsys):
    source = tmp_path / "page.pth.tar"
    source.write_text("<html>")
    assert main(["weights", "convert", str(source), str(tmp_path / "a.safetensors")]) == 1
    assert "web page" in capsys.readouterr().err
    assert not (tmp_path / "a.safetensors").exists()


def test_info_describes_a_file(capsys, published):
    assert main(["weights", "info", str(published)]) == 0
    out = capsys.readouterr().out
    assert all(part in out for part in ("torch-zip", "4, with jacobians", "align_corners yes", "border_blend no"))


def test_a_model_saved_at_another_size_opens_so_and_says_so(capsys, tiny_model, tmp_path):
    path = save_model(tiny_model.at_size(96), tmp_path / "a.safetensors")
    assert load_module(path, device="cpu").config == tiny_model.at_size(96).config
    assert main(["weights", "info", str(path)]) == 0
    assert "96x96, 3 channels; motion seen at 64x64" in capsys.readouterr().out


def test_info_as_json_holds_the_configuration(capsys, tiny_model, tmp_path):
    path = save_model(tiny_model, tmp_path / "a.safetensors")
    assert main(["weights", "info", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["config"]["image_size"] == [64, 64]
    counted = sum(value.numel() for value in load_module(path, device="cpu").parameters())
    assert facts["parameters"]["keypoint_detector"] + facts["parameters"]["generator"] >= counted


def test_info_of_what_is_not_here_is_what_the_catalogue_knows(capsys):
    assert main(["weights", "info", "gfpgan"]) == 0
    assert "not on this machine (349 MB)" in capsys.readouterr().out


def test_info_of_nothing_is_one_line_and_status_1(capsys):
    assert main(["weights", "info", "nothing.pth"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_slip_in_a_name_is_answered_with_the_name(fom):
    outcome = fom("weights", "download", "yunett", "--yes")

    assert outcome.status == 1
    assert outcome.messages[-1].endswith("Did you mean yunet?")


def test_where_one_download_fails_the_others_come_all_the_same(monkeypatch, capsys, entry, folder):
    lost = replace(entry, name="lost", file="lost.pth.tar", urls=(entry.urls[0].replace("tiny", "lost"),))
    monkeypatch.setattr(weights, "catalogue", lambda: MappingProxyType({"tiny": entry, "lost": lost}))
    assert main(["weights", "download", "lost", "vox", "tiny", "--yes"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(folder / "tiny.pth.tar")]
    told = [line for line in err.splitlines() if line.startswith("fom: ")]
    assert ["no weights called 'vox'" in told[0], "lost.pth.tar could not be downloaded" in told[1]] == [True, True]


@pytest.mark.parametrize(
    ("name", "size"), [("awing_fan", "about 194 MB"), ("mini", "MB"), ("paddlegan-vox-512", "not published")]
)
def test_list_and_info_tell_one_size(capsys, name, size):
    assert main(["weights", "list"]) == 0
    listed = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{name} "))
    assert main(["weights", "info", name]) == 0
    told = re.search(r"^file .*\((?:size )?(.*)\)$", capsys.readouterr().out, re.MULTILINE)
    assert told and told[1].endswith(size) and told[1] in listed
