import re

import pytest

from fom_core.errors import UnsupportedModel
from fom_core.files.paths import CONFIGS
from fom_core.weights.catalogue import catalogue, entry_for_file, preferred, size_text
from fom_core.weights.config_file import read_config
from fom_core.weights.store import best_on_disk, locate, models_dir, path_on_disk

MODELS = [entry for entry in catalogue().values() if entry.kind == "model"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("entry", catalogue().values(), ids=lambda entry: entry.name)
def test_every_entry_is_complete(entry):
    assert entry.licence
    assert entry.title
    assert all(re.match(r"https://|hf://[^/]+/[^/]+/.", url) for url in entry.urls)
    assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)
    assert entry.sha256_start in entry.file, "torchvision's names carry the first digits"
    assert entry.config is None or read_config(CONFIGS / entry.config).image_size[0] == entry.image_size
    assert entry.file not in [other.file for other in catalogue().values() if other is not entry]


def test_every_published_configuration_belongs_to_an_entry():
    known = {entry.config for entry in MODELS}
    assert {path.name for path in (CONFIGS).glob("*.yaml")} - known <= {"mini.yaml", "vox-128.yaml"}


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_only_paddlegans_weights_blend_the_border(entry):
    assert entry.conventions.border_blend == entry.file.endswith(".pdparams")
    assert entry.conventions.align_corners


def test_a_published_file_is_known_by_its_name():
    entry = entry_for_file("vox-cpk-512.pdparams")
    assert entry is not None
    assert entry.conventions.image_size == (512, 512)


@pytest.mark.parametrize(
    ("options", "first"),
    [({}, "vox-adv-256"), ({"image_size": 512}, "paddlegan-vox-512"), ({"mobile": True}, "paddlegan-vox-mobile-256")],
)
def test_the_preferred_model_fits_the_task(options, first):
    assert preferred("model", **options)[0].name == first


def test_models_of_other_things_are_never_preferred_for_faces():
    assert not {"taichi-256", "bair-256"} & {entry.name for entry in preferred("model")}


def test_the_best_on_disk_is_used(folder):
    (folder / "vox-cpk.pdparams").touch()
    assert best_on_disk("model").name == "paddlegan-vox-256"
    (folder / "vox-cpk.pth.tar").touch()
    assert best_on_disk("model").name == "vox-256"


def test_a_converted_copy_is_preferred(folder):
    entry = catalogue()["vox-256"]
    assert path_on_disk(entry) is None
    (folder / "vox-cpk.pth.tar").touch()
    assert path_on_disk(entry) == folder / "vox-cpk.pth.tar"
    (folder / "vox-256.safetensors").touch()
    assert path_on_disk(entry) == folder / "vox-256.safetensors"


def test_several_folders_are_searched_in_order(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    entry = catalogue()["vox-256"]
    (second / entry.file).touch()
    assert path_on_disk(entry, [first, second]) == second / entry.file
    (first / entry.file).touch()
    assert path_on_disk(entry, [first, second]) == first / entry.file


def test_weights_live_in_the_users_cache_unless_told_otherwise(monkeypatch, folder):
    assert models_dir() == folder
    monkeypatch.delenv("FOM_MODELS")
    assert models_dir().parts[-2:] == (".cache", "fom")


def test_what_is_not_here_comes_with_size_licence_and_command():
    with pytest.raises(UnsupportedModel, match=r"729 MB; licence: .*VoxCeleb.*fom weights download vox-256$"):
        locate("vox-256")


def test_what_cannot_be_downloaded_says_where_to_put_it(folder):
    with pytest.raises(UnsupportedModel, match=rf"no stable public copy .*fashion\.pth\.tar.*{folder}"):
        locate("fashion-256")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnsupportedModel, match=r"Known models: .*vox-256"):
        locate("vox-257")


@pytest.mark.parametrize(("size", "text"), [(728766691, "729 MB"), (317466, "0.3 MB"), (None, "size not published")])
def test_sizes_are_written_for_people(size, text):
    assert size_text(size) == text


def test_a_size_that_is_known_roughly_is_told_so_and_once():
    assert "): about 194 MB; licence: " in catalogue()["awing_fan"].summary
    assert not any("not published" in entry.summary and " MB" in entry.summary for entry in catalogue().values())
