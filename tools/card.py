"""The model card of the embedded model: what it was made of, how, and what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fom_core.files.paths import replacing
from fom_core.networks.model import MotionModel
from fom_core.training.data.frame_cache import FrameCache
from fom_core.training.figures import Figures

CARD = """# mini, the embedded model

A First Order Motion Model small enough to come with the project: {parameters:.2f} million parameters,
{height}x{width} pixels, {num_kp} keypoints with jacobians, float16.
Written by `python -m tools.export_mini`.
Configuration: `fom_core/configs/mini.yaml`.

## Data

{train}.
Validation, people who are not in the training data: {validation}.
Only files whose repository has a permissive licence (MIT, Apache-2.0, CC0, CC BY 4.0, BSL-1.0). Crops of 192 pixels
around one face, 25 frames a second. Eyes, nose and mouth corners of the training frames were found by YuNet
(Apache-2.0); they weigh the losses and hold the first keypoints near eyes, nose, lips and chin. YuNet is not part of
the model. Pictures were compared in pixels and in features of a random, untrained network.

## Training

{machine}.

| stage | picture | steps | pairs a step | minutes |
| --- | --- | --- | --- | --- |
{stages}
{note}
## Measured

On the validation clips, first frame of a clip as source, {frames} driving frames spread over the clips; the averaged
weights as embedded. L1 is the mean absolute difference of values in [0, 1]; the mouth is a square a quarter of the
picture wide around the mouth corners.

| | model | showing the source unmoved |
| --- | --- | --- |
| L1, whole crop | {l1:.4f} | {copy_l1:.4f} |
| L1, mouth | {mouth_l1:.4f} | {copy_mouth_l1:.4f} |
| PSNR | {psnr_db:.2f} dB | {copy_psnr_db:.2f} dB |
{tables}
## Known failures

{failures}

Good and bad, on twelve portraits: [results](../../docs/results.md).
{pictures}"""


TABLES = """By `fom evaluate`, which looks at more clips: also at those under other licences, which were not learnt
from. [Training and evaluation](../../docs/training.md) tells what its figures mean."""
IDENTITY = """\
`identity` by MobileFaceNet, see [Training and evaluation](../../docs/training.md#evaluation): 1 is the source's
face itself, and `driving` is the driver's: the same person in truth in reconstructions, somebody else in animations."""


@dataclass(frozen=True)
class StageFacts:
    """One line of the training table."""

    name: str
    size: int
    steps: int
    pairs: int
    minutes: float

    def row(self) -> str:
        return f"| {self.name} | {self.size} px | {self.steps} | {self.pairs} | {self.minutes:.1f} |"


def describe_frames(cache: FrameCache) -> str:
    """``101 videos of 55 people with 17771 frames, and 345 portraits of 222 people``."""
    parts = []
    for kind, name in (("video", "videos"), ("still", "portraits")):
        clips = [clip for clip in cache.clips if clip.kind == kind]
        frames = f" with {sum(clip.length for clip in clips)} frames" if kind == "video" else ""
        people = len(Counter(clip.identity for clip in clips))
        parts.append(f"{len(clips)} {name} of {people} people{frames}")
    return ", and ".join(parts)


def write_card(
    path: Path,
    model: MotionModel,
    figures: Figures,
    *,
    train: FrameCache,
    validation: FrameCache,
    stages: Sequence[StageFacts],
    machine: str,
    failures: Sequence[str],
    note: str = "",
    tables: str = "",
    pictures: Mapping[str, str] | None = None,
) -> None:
    """Write the card beside the weights.

    failures: what was seen in pictures, a sentence each.
    tables:   Markdown of :func:`.evaluation.evaluate_folder`.
    pictures: addresses, seen from the card, with what they show.
    """
    height, width = model.config.image_size
    explained = f"\n{IDENTITY}\n" if "identity" in tables else ""
    text = CARD.format(
        parameters=sum(parameter.numel() for parameter in model.parameters()) / 1e6,
        height=height,
        width=width,
        num_kp=model.config.keypoint_detector.num_kp,
        train=describe_frames(train),
        validation=describe_frames(validation),
        machine=machine,
        stages="\n".join(stage.row() for stage in stages),
        note=f"\n{note}\n" if note else "",
        tables=f"\n{TABLES}\n\n{tables.strip()}\n{explained}" if tables else "",
        failures="\n".join(f"- {failure}" for failure in failures),
        pictures="".join(f"\n![{shown}]({address})\n" for address, shown in (pictures or {}).items()),
        **figures.to_dict(),
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
