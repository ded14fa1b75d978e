"""Options that change nothing beside others: a line for each, with the reason."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..compose.masks import FADING
from ..media import WRITTEN_SUFFIXES
from ..media.write import is_animated
from .jobs import Job
from .names import listed, output_names_file, output_path

log = logging.getLogger(__name__)
Reason = Callable[[argparse.Namespace], str | None]


@dataclass(frozen=True)
class Idle:
    """When an option is idle.

    name:   of its value.
    reason: why it changes nothing beside the other options; None where it does.
    flag:   how it is written, where that is not ``--name``.
    """

    name: str
    reason: Reason
    flag: str = ""


def tell_idle(jobs: Sequence[Job], declare: Callable[[argparse.ArgumentParser], None], rules: Sequence[Idle]) -> None:
    """One warning for each option that is given and idle, however many jobs share it.

    declare: adds the command's options to a parser. An option with its usual value is taken as not given.
    """
    parser = argparse.ArgumentParser(add_help=False)
    declare(parser)
    told: set[tuple[str, str]] = set()
    for name, job in jobs:
        for rule in rules:
            if getattr(job, rule.name) == parser.get_default(rule.name):
                continue
            flag, why = rule.flag or f"--{rule.name}", rule.reason(job)
            if why is not None and (flag, why) not in told:
                told.add((flag, why))
                log.warning("%s%s has no effect: %s.", f"{name}: " if name else "", flag, why)


def tell_overruled(args: argparse.Namespace, jobs: Sequence[Job]) -> None:
    """One warning for each input of the command line that every line of a manifest replaces."""
    for name in ("source_image", "source_video", "driving_video", "motion"):
        given = getattr(args, name)
        if given and all(getattr(job, name) is not given for _, job in jobs):
            log.warning("--%s has no effect: every line of the manifest names its own.", name)


def tell_return(args: argparse.Namespace, length_s: float) -> None:
    """A warning where ``--return`` takes more time than there is."""
    if args.return_s is not None and args.return_s > length_s:
        log.warning(
            "--return %.4g is longer than the result, %.4g s: all of it goes home to the picture, and little moves.",
            args.return_s, length_s,
        )  # fmt: skip


def tell_phase(args: argparse.Namespace, faces: int) -> None:
    """A warning where ``--phase`` has a single face to set apart."""
    if args.phase_s and faces == 1:
        log.warning("--phase has no effect: one face moves. --multi_person moves all.")


def _if(idle: Callable[[argparse.Namespace], object], why: str) -> Reason:
    return lambda args: why if idle(args) else None


def _any(*reasons: Reason) -> Reason:
    """The first reason there is."""
    return lambda args: next((why for reason in reasons if (why := reason(args)) is not None), None)


def _suffix(args: argparse.Namespace) -> str:
    return output_path(args).suffix.lower()


def _is_pictures(args: argparse.Namespace) -> bool:
    return _suffix(args) in WRITTEN_SUFFIXES and not is_animated(output_path(args))


_PREVIEW = _if(lambda args: args.preview is not None, "--preview writes a picture in place of a video")
_WHOLE = _if(lambda args: args.source_crop == "none", "with --source_crop none the picture moves as a whole")
_ABSOLUTE = _if(lambda args: not args.relative, "--no_relative copies poses, which count from no frame")
_SAVED = _if(lambda args: args.motion, "a saved motion was read already")
_NAMED = _if(lambda args: args.model is not None, "--model names the model")
_STILL = _if(lambda args: args.source_video is None, "it is for --source_video")
_CLIPS = _if(lambda args: not args.looks, "clips are looked at as a whole")
_LISTED = _if(
    lambda args: args.metadata is not None, "the metadata says what to cut, and its column partition for what"
)

ANIMATE = (
    Idle("filename", _if(output_names_file, "--output names the file")),
    Idle(
        "crf",
        _any(
            _PREVIEW,
            _if(lambda args: _suffix(args) == ".gif", "a GIF has 256 colours and no other quality; see --width"),
            _if(_is_pictures, "numbered pictures are not compressed as videos are"),
        ),
    ),
    Idle("encoder", _PREVIEW),
    Idle(
        "loop",
        _any(
            _PREVIEW,
            _if(
                lambda args: not is_animated(output_path(args)),
                "only GIFs and animated WebP and AVIF say how often they play; a video's player decides",
            ),
        ),
    ),
    Idle(
        "parsing",
        _any(_WHOLE, _if(lambda args: args.source_video is not None, "the heads of a video move out of any mask")),
    ),
    Idle("multi_person", _any(_WHOLE, _if(lambda args: args.faces is not None, "--faces says which faces move"))),
    Idle(
        "order",
        _any(
            _WHOLE,
            _if(
                lambda args: args.faces is None and len(args.driving_video or args.motion or ()) < 2,
                "it numbers faces for --faces and for several drivers",
            ),
        ),
    ),
    Idle("crop", _WHOLE),
    Idle("mask", _WHOLE),
    Idle("ratio", _any(_WHOLE, _if(lambda args: args.mask != "paddlegan", "it is the radius of --mask paddlegan"))),
    Idle(
        "feather",
        _any(_WHOLE, _if(lambda args: args.mask not in FADING, f"it is of --mask {listed(FADING, 'and')}")),
    ),
    Idle(
        "face_detector",
        _if(lambda args: args.source_crop == "none" and args.driving_crop != "face", "no face is looked for"),
    ),
    Idle(
        "enhancement_strength",
        _if(lambda args: not (args.face_enhancement or args.enhancer), "faces are restored with --face_enhancement"),
    ),
    Idle("initial_frame", _ABSOLUTE),
    Idle("best_frame", _any(_ABSOLUTE, _if(lambda args: args.initial_frame is not None, "--initial_frame says it"))),
    Idle(
        "find_best_frame",
        _any(
            _ABSOLUTE,
            _if(lambda args: args.initial_frame is not None, "--initial_frame says it"),
            _if(lambda args: args.best_frame is not None, "--best_frame says it"),
        ),
    ),
    Idle(
        "adapt_scale", _if(lambda args: not args.relative, "--no_relative copies poses as they are"), "--no_adapt_scale"
    ),
    Idle(
        "length",
        _if(
            lambda args: args.source_video is None and len(args.driving_video or args.motion or ()) < 2,
            "there is one driver, and it has one length",
        ),
    ),
    Idle("source_motion", _STILL),
    Idle("keep_head", _STILL, "--no_keep_head"),
    Idle(
        "head_gain",
        _if(
            lambda args: args.source_video is not None and args.keep_head,
            "heads of --source_video stay as they are; --no_keep_head moves them",
        ),
    ),
    Idle(
        "blend_s",
        _if(
            lambda args: args.play == "once" and not args.then and not args.phase_s,
            "no end goes over into a beginning without --play loop, --then or --phase",
        ),
        "--blend",
    ),
    Idle("phase_s", _WHOLE, "--phase"),
    Idle("driving_crop", _SAVED),
    Idle(
        "driving_face",
        _any(_SAVED, _if(lambda args: args.driving_crop == "none", "with --driving_crop none nobody looks for a face")),
    ),
    Idle("mobile_net", _NAMED),
    Idle("batch_size", _if(lambda args: args.chunk_size is not None, "--chunk_size says it")),
)

EVALUATE = (
    Idle("chunk_size", _CLIPS),
    Idle("batch_size", _CLIPS),
    Idle("slice_size", _CLIPS),
    Idle("mobile_net", _NAMED),
    Idle(
        "licence_class",
        _if(lambda args: not (args.data / "index.csv").is_file(), "the folder of the clips has no index.csv"),
    ),
)

PREPROCESS = (Idle("test_share", _LISTED), Idle("face_detector", _LISTED))
