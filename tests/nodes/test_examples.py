"""The files that the example workflows open, in ComfyUI's input folder."""

from __future__ import annotations


def test_missing_files_are_placed_and_others_are_left_as_they_are(pack, tmp_path):
    from fom_pack.nodes import examples

    (tmp_path / "fom_group.jpg").write_bytes(b"the user's own")

    examples.place(tmp_path)

    names = ["fom_driving.mp4", "fom_driving_2.mp4", "fom_group.jpg", "fom_portrait.jpg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert (tmp_path / "fom_group.jpg").read_bytes() == b"the user's own"


def test_a_folder_that_cannot_be_written_does_not_stop_the_pack(pack, tmp_path):
    from fom_pack.nodes import examples

    (tmp_path / "input").write_bytes(b"a file where the folder should be")

    examples.place(tmp_path / "input")


def test_loading_the_pack_places_them(pack, comfyui):
    assert (comfyui / "input" / "fom_portrait.jpg").is_file()
