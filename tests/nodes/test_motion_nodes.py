"""Save Motion, Load Motion and Preview Keypoints."""

import pytest
import torch


@pytest.fixture
def motion(pack):
    """What travels on a FOM_MOTION socket: five frames of the tiny model's four keypoints."""
    from fom_pack.fom_core.types import Keypoints, Motion

    generator = torch.Generator().manual_seed(0)
    points = torch.rand(5, 4, 2, generator=generator) - 0.5
    return Motion(Keypoints(points, torch.eye(2).expand(5, 4, 2, 2).contiguous()), 12.5, "tiny", (64, 64))


@pytest.fixture
def listed(node):
    """What the menu of Load Motion shows now."""

    def names():
        schema = node("FOMLoadMotion").define_schema()
        return schema.inputs[0].options

    return names


@pytest.mark.parametrize(
    ("folder", "prefix", "name"),
    [
        ("models/fom_motions", "smile", "smile_00001_.safetensors"),
        ("output", "smile", "smile_00001_.safetensors [output]"),
        ("output", "people/nod", "people/nod_00001_.safetensors [output]"),
    ],
)
def test_a_saved_motion_is_listed_and_comes_back(execute, listed, motion, folder, prefix, name):
    import folder_paths

    execute("FOMSaveMotion", motion=motion, filename_prefix=prefix, folder=folder)
    folder_paths.filename_list_cache.clear()
    assert name in listed()
    loaded, fps, count = execute("FOMLoadMotion", motion_name=name).args
    assert torch.equal(loaded.keypoints.value, motion.keypoints.value)
    assert (fps, count, loaded.model) == (12.5, 5, "tiny")


def test_saving_twice_overwrites_nothing(execute, motion, comfyui):
    for _ in range(2):
        execute("FOMSaveMotion", motion=motion, filename_prefix="twice", folder="output")
    assert len(list((comfyui / "output").glob("twice_*.safetensors"))) == 2


def test_motions_of_the_pack_come_first_and_can_be_loaded(execute, listed):
    assert listed()[0] == "talk (embedded)"
    motion, fps, count = execute("FOMLoadMotion", motion_name=listed()[0]).args
    assert (motion.model, count) == ("mini", len(motion))
    assert fps == motion.fps > 0


def test_other_files_in_the_output_folder_are_not_listed(listed, comfyui):
    (comfyui / "output" / "lora.safetensors").write_bytes(b"not a motion")
    assert not any(name.startswith("lora") for name in listed())


@pytest.mark.parametrize("name", ["gone.safetensors", "gone.safetensors [output]", "gone (embedded)"])
def test_a_file_that_is_gone_is_named(execute, name):
    from fom_pack.fom_core.errors import FomError

    with pytest.raises(FomError, match="gone"):
        execute("FOMLoadMotion", motion_name=name)


def test_no_choice_leads_out_of_the_folders(execute, tmp_path, comfyui):
    from fom_pack.fom_core.errors import FomError

    (comfyui / "secret.safetensors").touch()
    for name in ("../../secret.safetensors", "../secret.safetensors [output]", "../secret (embedded)"):
        with pytest.raises(FomError):
            execute("FOMLoadMotion", motion_name=name)


def test_replacing_a_file_loads_it_again(execute, node, motion, comfyui):
    from dataclasses import replace

    from fom_pack.fom_core.motion import save_motion

    path = comfyui / "output" / "again.safetensors"
    save_motion(motion, path)
    before = node("FOMLoadMotion").fingerprint_inputs(motion_name="again.safetensors [output]")
    assert before == node("FOMLoadMotion").fingerprint_inputs(motion_name="again.safetensors [output]")
    save_motion(replace(motion, metadata={"note": "another"}), path)
    assert before != node("FOMLoadMotion").fingerprint_inputs(motion_name="again.safetensors [output]")


def test_a_motion_of_another_model_of_the_name_is_warned_of(execute, model, faces, motion, caplog):
    from dataclasses import replace

    show = {"model": model, "faces": faces, "frame_number": 4}
    execute("FOMPreviewKeypoints", **show, driver=motion)
    assert not caplog.records
    execute("FOMPreviewKeypoints", **show, driver=replace(motion, fingerprint=(0.9, -0.9) * 8))
    (line,) = caplog.messages
    assert line.startswith("This motion was read with another model that is called 'tiny' as well")


def test_a_moment_is_shown_with_flow_and_occlusion(execute, model, faces, driving):
    settings = {"model": model, "faces": faces, "driver": driving, "driving_crop": "none"}
    result = execute("FOMPreviewKeypoints", **settings, face_number=2, frame_number=7)
    keypoints, flow, occlusion, sheet, verdict = result.args
    assert keypoints.shape == (1, 384, 3 * 384, 3)
    assert flow.shape == (1, 384, 384, 3)
    assert occlusion.shape == (1, 64, 64)
    assert len(result.ui.as_dict()["images"]) == 1
    torch.testing.assert_close(sheet, torch.cat([keypoints, flow], dim=2))
    assert verdict == ""
    other = execute("FOMPreviewKeypoints", **settings, face_number=2, frame_number=2).args[0]
    assert not torch.equal(keypoints, other)
    torch.testing.assert_close(keypoints[:, :, :384], other[:, :, :384])


def test_a_look_at_the_whole_driver_gives_a_sheet_and_a_verdict(execute, model, faces, driving):
    settings = {"model": model, "faces": faces, "driver": driving, "driving_crop": "none", "inspect": True}
    *_, sheet, verdict = execute("FOMPreviewKeypoints", **settings, face_number=2).args
    *_, other_sheet, other = execute("FOMPreviewKeypoints", **settings, face_number=1).args
    assert sheet.shape[0] == 1 and sheet.shape[2:] == (1600, 3)
    assert all(line.endswith(".") for line in verdict.splitlines())
    assert "this is about number 2 from the left" in verdict
    assert "this is about number 1 from the left" in other
    assert sheet.shape != other_sheet.shape or not torch.equal(sheet, other_sheet)


def test_a_motion_without_pictures_is_shown_too(execute, model, faces, motion):
    keypoints, *_ = execute("FOMPreviewKeypoints", model=model, faces=faces, driver=motion, frame_number=4).args
    assert keypoints.shape == (1, 384, 3 * 384, 3)


def test_a_motion_of_another_model_counts_from_the_rest_that_it_is_carried_to(
    execute, model, faces, motion, monkeypatch
):
    from dataclasses import replace

    ours = replace(motion, neutral=motion.keypoints[:1])
    other = replace(ours, model="other", neutral=motion.keypoints[3:4])

    def fitting(_, given):
        return ours if given.model == "other" else given

    monkeypatch.setattr("fom_pack.fom_core.pipeline.fitting_motion", fitting)

    def shown(driver):
        return execute("FOMPreviewKeypoints", model=model, faces=faces, driver=driver, frame_number=4).args[0]

    assert not torch.equal(shown(ours), shown(replace(ours, neutral=other.neutral)))
    torch.testing.assert_close(shown(other), shown(ours))


def test_a_face_or_frame_that_is_not_there_is_refused(execute, model, faces, motion):
    with pytest.raises(Exception, match="no face 3"):
        execute("FOMPreviewKeypoints", model=model, faces=faces, driver=motion, face_number=3)
    with pytest.raises(Exception, match="no frame 5"):
        execute("FOMPreviewKeypoints", model=model, faces=faces, driver=motion, frame_number=5)
