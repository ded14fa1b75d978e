"""Pose Face, and what Load Motion and the nodes that animate do to motions."""

import pytest
import torch


def test_sliders_hold_a_pose_for_two_seconds(execute):
    motion, fps, count = execute("FOMPoseFace", yaw=10.0, smile=0.5).args
    shift = motion.keypoints.value - motion.neutral.value
    assert (fps, count, motion.model) == (25.0, 50, "mini")
    assert shift[0].norm(dim=-1).max() > 0.05
    assert torch.equal(shift[0], shift[-1])


def test_key_frames_move_and_other_controls_keep_their_slider(execute):
    motion, _, count = execute("FOMPoseFace", key_frames="0:yaw=0\n1:yaw=10", roll=10.0).args
    still, *_ = execute("FOMPoseFace", roll=10.0).args
    torch.testing.assert_close(motion.keypoints.value[0], still.keypoints.value[0])
    assert count == 38  # half a second more than to the last key frame
    assert (motion.keypoints.value[-1] - motion.keypoints.value[0]).norm(dim=-1).max() > 0.05


def test_a_pose_comes_on_top_of_a_motion_and_is_as_long(execute):
    nod, fps, frames = execute("FOMLoadMotion", motion_name="nod (embedded)").args
    both, *told = execute("FOMPoseFace", motion=nod, shift_x=0.2).args
    beside = (both.keypoints.value - nod.keypoints.value).mean(dim=(0, 1))
    assert told == [fps, frames]
    assert beside[0] > 0.15


def test_a_length_beside_a_motion_is_refused(execute):
    from fom_pack.fom_core.errors import UsageError

    nod, *_ = execute("FOMLoadMotion", motion_name="nod (embedded)").args
    with pytest.raises(UsageError, match="as long as the motion"):
        execute("FOMPoseFace", motion=nod, seconds=3.0)


def test_the_sliders_end_where_the_pictures_break(node):
    from fom_pack.fom_core.motion import load_directions

    sliders = {given.id: given for given in node("FOMPoseFace").define_schema().inputs}
    limits = load_directions("mini").limits
    assert {name: (sliders[name].min, sliders[name].max) for name in limits} == dict(limits)


def test_load_motion_plays_mixes_and_joins(execute):
    smile, *_ = execute("FOMLoadMotion", motion_name="smile (embedded)").args
    plain, _, frames = execute("FOMLoadMotion", motion_name="nod (embedded)").args
    fast, *_ = execute("FOMLoadMotion", motion_name="nod (embedded)", speed=2.0).args
    looped, _, count = execute("FOMLoadMotion", motion_name="nod (embedded)", play="loop", seconds=8.0).args
    mixed, *_ = execute("FOMLoadMotion", motion_name="nod (embedded)", mix=smile, mix_share=0.5).args
    joined, *_ = execute("FOMLoadMotion", motion_name="nod (embedded)", then=smile, blend_s=0.0).args
    assert len(fast) == round(frames / 2)
    assert (count, looped.neutral is None) == (200, False)
    assert len(joined) == frames + len(smile)
    assert (mixed.keypoints.value - plain.keypoints.value).norm(dim=-1).max() > 0.01


def test_motions_of_two_models_are_not_mixed(execute, model, faces, driving):
    from fom_pack.fom_core.errors import UsageError

    tiny = execute("FOMAnimateFace", model=model, faces=faces, drivers={"driver1": driving}, driving_crop="none").args[
        3
    ]
    with pytest.raises(UsageError, match="read by one model"):
        execute("FOMLoadMotion", motion_name="nod (embedded)", mix=tiny[0])


def test_with_a_phase_the_second_face_is_ahead_and_the_first_is_not(execute, model, faces, driving):
    settings = {"model": model, "faces": faces, "drivers": {"driver1": driving}, "driving_crop": "none"}
    together = execute("FOMAnimateFace", **settings, frames="as painted").args[0]
    apart = execute("FOMAnimateFace", **settings, frames="as painted", phase_s=0.2).args[0]
    assert [len(each) for each in apart] == [len(each) for each in together]
    assert (apart[1][6] - together[1][6]).abs().max() > 1e-3


def test_a_pose_comes_on_top_of_the_drivers(execute, model, faces, driving):
    settings = {"model": model, "faces": faces, "drivers": {"driver1": driving}, "driving_crop": "none"}
    plain = execute("FOMAnimateFace", **settings, frames="as painted").args
    same = execute("FOMAnimateFace", **settings, frames="as painted", pose=plain[3][0]).args[0]
    assert (same[0][6] - plain[0][0][6]).abs().max() > 1e-3


def test_on_a_video_whose_heads_are_kept_a_pose_loses_what_it_does_to_them(pack, execute, caplog):
    from fom_pack.nodes import motions

    talk, *_ = execute("FOMLoadMotion", motion_name="talk (embedded)").args
    turned, *_ = execute("FOMPoseFace", yaw=8.0, smile=0.5).args
    smiling, *_ = execute("FOMPoseFace", smile=0.5).args

    (kept,) = motions.posed([talk], turned, "medoid", keep_head=True)
    (expected,) = motions.posed([talk], smiling, "medoid")

    torch.testing.assert_close(kept.keypoints.value, expected.keypoints.value, rtol=0, atol=1e-4)
    assert "so yaw of the pose is left out. --no_keep_head (keep_head off)" in caplog.text
